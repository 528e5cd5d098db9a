"""Source words of a test set that a run never saw in training."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from nmt import bundle
from nmt import config as settings
from nmt.config import Config
from nmt.data import prepare
from nmt.data.prepare import Prepared
from nmt.errors import NMTError
from nmt.evaluation import writing_systems

_MOST = 50_000_000
"""Source pieces of a training text up to which it is read: two million pairs, half a minute."""
_CHUNK = 10_000
"""Pairs that are read at once."""
_UNKNOWN = "\u2047"
"""SentencePiece's mark for a character that is not in the vocabulary."""
_WORD = re.compile(r"[^\W\d_]+")


def shares(groups: Sequence[Sequence[Path]], source: Sequence[str] | None) -> list[float | None]:
    """Return for each model the share of the words of `source` that its training text does not have, in any case.

    `groups` are the paths of each system's models. None stands for a system whose training text is not known: an
    ensemble, a bundle, a finetuned model, a run whose prepared data is gone or large, or writing without blanks.
    """
    known: dict[Path, float] = {}
    found: list[float | None] = []
    for paths in groups:
        data = _prepared(paths) if source and not writing_systems.without_blanks("".join(source)) else None
        if data and data.folder not in known:
            known[data.folder] = _share(data, source)
        found.append(known[data.folder] if data else None)
    return found


def _prepared(paths: Sequence[Path]) -> Prepared | None:
    if len(paths) > 1 or bundle.locate(paths[0]) == paths[0]:
        return None
    config = _config(paths[0])
    data = prepare.find(config) if config and not config.finetune else None
    return data if data and len(data.train.ids[0].values) <= _MOST else None


def _config(run: Path) -> Config | None:
    try:
        return settings.load(run / "config.yaml")
    except (NMTError, OSError):
        return None


def _share(data: Prepared, source: Sequence[str]) -> float:
    """Both texts pass the tokenizer, so that both are normalised alike; words that it cannot read are unseen."""
    tokenizer = data.tokenizers.source
    counts = Counter(word for line in source for word in _words(line))
    read = tokenizer.decode(tokenizer.encode(list(counts)))
    forms = {word: {*_words(text)} for word, text in zip(counts, read, strict=True) if _UNKNOWN not in text}
    left = set().union(*forms.values())
    for lines in _training_lines(data):
        left.difference_update(*map(_words, lines))
        if not left:
            break
    seen = sum(counts[word] for word, form in forms.items() if not form & left)
    return 1 - seen / counts.total() if counts else 0.0


def _training_lines(data: Prepared) -> Iterator[list[str]]:
    for begin in range(0, len(data.train), _CHUNK):
        rows = range(begin, min(begin + _CHUNK, len(data.train)))
        yield data.tokenizers.source.decode([data.train.source(row).tolist() for row in rows])


def _words(line: str) -> list[str]:
    return _WORD.findall(line.casefold())
