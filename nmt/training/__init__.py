"""Training: from a config to a run folder with the finished model."""

from nmt.training.events import Event, Finished
from nmt.training.trainer import train

__all__ = ["Event", "Finished", "train"]
