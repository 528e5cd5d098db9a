"""A trained model in the form of another engine: written, compared with the original, then put in its place."""

from nmt.export.agreement import Agreement
from nmt.export.ctranslate2 import QUANTIZATIONS
from nmt.export.run import Exported, export

__all__ = ["QUANTIZATIONS", "Agreement", "Exported", "export"]
