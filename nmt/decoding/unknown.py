"""Unknown words in translations: each becomes the source word that the model attends to there (Luong 2015; Jean 2015).

Only a vocabulary without `byte_fallback` has an unknown piece. Among the source's own unknown pieces, if it has some,
the one with the largest attention weight is copied; otherwise the whole word with the largest weight.
"""

import re
from collections.abc import Iterator, Sequence

import numpy as np

from nmt.decoding.engine import Engine
from nmt.decoding.explanation import check_explains
from nmt.decoding.translation import Span, Translation
from nmt.errors import ConfigError

_WORD = re.compile(r"\w(?:[\w'’-]*\w)?|\S")


def check(engine: Engine) -> None:
    """Raises ConfigError for a model without attention to the source, and NMTError for an engine that hides it."""
    check_explains(engine)
    (maps,) = engine.explain([[]], [[]])
    if maps.cross is None:
        raise ConfigError(
            "replace_unknown needs attention to the source, which this model lacks",
            hint="take an attention_rnn or a transformer, or train with tokenizer.byte_fallback",
        )


def replaced(translation: Translation, unknown: str) -> Translation:
    """The translation with the unknown pieces of its first hypothesis replaced; `unknown` is their name.

    It needs attention and places, and has none afterwards: they belong to the text before.
    """
    best, *others = translation.hypotheses
    text, indentation = best.text, translation.text.removesuffix(best.text)
    if translation.places is not None and unknown in best.tokens:
        for (begin, end), word in reversed(list(_words(translation, unknown))):
            text = text[:begin] + word + text[end:]
    hypotheses = [best._replace(text=text), *others]
    return translation._replace(text=indentation + text, hypotheses=hypotheses, attention=None, places=None)


def _words(translation: Translation, unknown: str) -> Iterator[tuple[Span, str]]:
    """Where each unknown piece is in the text, and what it becomes."""
    tokens, source_tokens = iter(translation.hypotheses[0].tokens), iter(translation.source_tokens)
    for weights, source, target in zip(translation.attention, *translation.places, strict=True):
        names = [next(source_tokens) for _ in range(weights.shape[1])]
        marks = int(translation.tagged)  # pieces before the text
        for row, span in zip(weights, [*target, None], strict=True):
            if next(tokens) == unknown:
                yield span, _word(translation.source, row[marks:-1], names[marks:-1], source[marks:], unknown)


def _word(line: str, weights: np.ndarray, names: Sequence[str], places: Sequence[Span], unknown: str) -> str:
    own = [number for number, name in enumerate(names) if name == unknown]
    if own:
        begin, end = places[max(own, key=lambda number: weights[number])]
        return line[begin:end]
    end = places[int(weights.argmax())][1]
    return next((word.group() for word in _WORD.finditer(line) if word.end() >= end), "")
