"""Language identification, by the optional package py3langid (Lui and Baldwin 2012).

Its model comes with it and is a plain array since version 0.4; older ones unpickle theirs.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from nmt import packages
from nmt.errors import DataError

SURE = 0.9
"""Probability from which an identified language is believed."""
_SHORTEST = 30  # characters; shorter lines fit several languages

Identify = Callable[[str], str | None]


def code_of(language: str) -> str:
    """The two-letter part of a code: pt for pt-BR. Norwegian has several codes, and the model knows three."""
    code = language.lower().replace("_", "-").partition("-")[0]
    return {"nb": "no", "nn": "no", "cmn": "zh", "yue": "zh", "iw": "he", "in": "id"}.get(code, code)


def identifier(*, needed: bool = False) -> Identify | None:
    """A function from a line to its language's code, or None if it cannot be sure.

    If the package is not installed, returns None, or raises DataError if it is `needed`.
    """
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError as error:
        if needed:
            hint = packages.install("langid")
            raise DataError("language identification needs the package py3langid", hint=hint) from error
        return None
    return _of(LanguageIdentifier, MODEL_FILE)


@lru_cache(maxsize=1)
def _of(kind: Any, model: str) -> Identify:
    classifier = kind.from_model_file(model, norm_probs=True)

    def identify(line: str) -> str | None:
        if len(line) < _SHORTEST:
            return None
        language, probability = classifier.classify(line)
        return code_of(language) if probability >= SURE else None

    return identify
