"""Training: from a config to a run folder with the finished model."""

from nmt.training.events import Event, Finished
from nmt.training.finetuning import configure
from nmt.training.run import finetune, rehearse, train

__all__ = ["Event", "Finished", "configure", "finetune", "rehearse", "train"]
