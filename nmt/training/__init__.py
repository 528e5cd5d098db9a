"""Training: from a config to a run folder with the finished model."""

from nmt.training.events import Event, Finished
from nmt.training.run import rehearse, train

__all__ = ["Event", "Finished", "rehearse", "train"]
