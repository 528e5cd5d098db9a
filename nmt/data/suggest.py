"""A first config for a text: sizes that have worked for as much text, written down with the reasons beside them."""

import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from nmt.config import ParallelText
from nmt.data.survey import Survey

_PACKED = (".gz", ".xz")
_CODE = re.compile(r"[a-z]{2,3}([-_][A-Za-z]{2,4})?")
_NO_CODES = ("src", "tgt", "trg", "ref", "raw", "tok", "txt", "tsv")


class _Size(NamedTuple):
    """What suits fewer than so many pairs."""

    pairs: float
    width: int  # of the Transformer; 64 a head
    layers: int
    embedding: int  # of the recurrent models
    hidden: int
    dropout: float
    batch_tokens: int
    accumulate: int
    lr: float
    epochs: int


_SIZES = (
    _Size(3_000, 128, 2, 128, 256, 0.3, 2048, 1, 1e-3, 60),
    _Size(50_000, 256, 3, 256, 512, 0.3, 4096, 1, 1e-3, 30),
    _Size(500_000, 384, 4, 256, 512, 0.2, 4096, 2, 1e-3, 20),
    _Size(math.inf, 512, 6, 512, 1024, 0.1, 4096, 8, 7e-4, 10),
)


def language_of(path: Path) -> str | None:
    """The language that a file's name ends in: train.de.gz -> de."""
    name = _unpacked(path).removesuffix(".txt").rpartition(".")[2]
    return name if _CODE.fullmatch(name) and name not in _NO_CODES else None


def languages_of(path: Path) -> tuple[str | None, str | None]:
    """The languages that are part of a TSV file's name: train.de-en.tsv.gz -> (de, en)."""
    found = re.search(r"(?:^|[._])([a-z]{2,3})-([a-z]{2,3})(?:[._]|$)", _unpacked(path))
    return (found[1], found[2]) if found else (None, None)


def _unpacked(path: Path) -> str:
    return path.stem if path.suffix.lower() in _PACKED else path.name


def suggest(
    seen: Survey, *, train: ParallelText, given: Mapping[str, ParallelText], languages: tuple[str, str], model: str,
    path: Path,
) -> str:
    """The YAML text of a config that will lie at `path`; `given` are the texts of dev and test that there are."""
    size = next(each for each in _SIZES if seen.kept < each.pairs)
    sections = [
        _head(seen, languages, model, path), _data(seen, train, given, languages, path.absolute().parent),
        _tokenizer(seen), _model(seen, size, model), _training(seen, size),
    ]  # fmt: skip
    return "\n".join(sections)


def _head(seen: Survey, languages: tuple[str, str], model: str, path: Path) -> str:
    source, target = languages
    return f"""\
# {source} -> {target}, made by `nmt init` after a look at {seen.read:,} pairs. In the mean a source sentence has
# {seen.words[0]:.1f} words, a target sentence {seen.words[1]:.1f}. Every figure is a first guess and yours to change.
# `nmt config {path.name}` shows the settings that are not here, and `nmt config --settings` explains them all.
#
#   nmt prepare --config {path.name}     what cleaning drops, and why
#   nmt train --config {path.name}

run: {_quoted(f"runs/{source}-{target}-{model}")}  # the folder for log, checkpoints and the finished model
"""


def _data(
    seen: Survey, train: ParallelText, given: Mapping[str, ParallelText], languages: tuple[str, str], folder: Path
) -> str:
    lines = [
        "data:",
        f"  source_language: {_quoted(languages[0])}",
        f"  target_language: {_quoted(languages[1])}",
        f"  # {seen.read:,} pairs, of which {seen.kept:,} are left to train on",
        f"  train: {_text(train, folder)}",
    ]
    for split, use in (("dev", "chooses the best checkpoint"), ("test", "for `nmt eval` alone")):
        if split in given:
            lines += [f"  # {seen.given[split]:,} pairs: {use}", f"  {split}: {_text(given[split], folder)}"]
        else:
            lines += [f"  # pairs taken from the training text: {use}", f"  {split}: {{held_out: {seen.held_out}}}"]
    return "\n".join(lines) + "\n"


def _text(text: ParallelText, folder: Path) -> str:
    """As a flow mapping, paths relative to the config's folder."""
    parts = []
    for name in ("source", "target", "tsv"):
        paths = [_quoted(_relative(each, folder)) for each in getattr(text, name)]
        if paths:
            parts.append(f"{name}: {paths[0] if len(paths) == 1 else '[' + ', '.join(paths) + ']'}")
    if text.tsv and text.columns != (1, 2):
        parts.append(f"columns: {list(text.columns)}")
    return "{" + ", ".join(parts) + "}"


def _quoted(text: str) -> str:
    """JSON's strings are YAML's too, whatever they hold."""
    return json.dumps(text, ensure_ascii=False)


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive of Windows
        return path.as_posix()


def _tokenizer(seen: Survey) -> str:
    return f"""\
tokenizer:
  kind: bpe  # or unigram, or char
  vocabulary: {seen.vocabulary}  # ids of both languages together; more text bears more
  shared: true  # one vocabulary for both sides; false suits languages with different scripts
"""


def _model(seen: Survey, size: _Size, model: str) -> str:
    layers = f"  encoder_layers: {size.layers if model == 'transformer' else 1}\n"
    layers += layers.replace("encoder", "decoder")
    shape = {
        "transformer": f"  width: {size.width}\n  heads: {size.width // 64}\n  feed_forward: {4 * size.width}\n",
        "attention_rnn": f"  embedding: {size.embedding}\n  hidden: {size.hidden}\n  attention: {size.hidden}\n",
        "gru": f"  embedding: {size.embedding}\n  hidden: {size.hidden}\n",
    }[model]
    longest = min(max(64, 1 << (2 * seen.longest - 1).bit_length()), 1 << 14)
    return f"""\
model:
  type: {model}  # or {" or ".join(each for each in ("transformer", "attention_rnn", "gru") if each != model)}
{shape}{layers}  dropout: {size.dropout}  # the less text, the more
  max_length: {longest}  # pieces, and nearly all sentences here have at most {seen.longest}; longer pairs are dropped
"""


def _training(seen: Survey, size: _Size) -> str:
    updates = max(1.0, seen.kept * seen.pieces / (size.batch_tokens * size.accumulate))  # an epoch
    steps = _rounded(min(max(size.epochs * updates, 300), 100_000))
    evaluate = _rounded(max(steps / 15, 20))
    accumulate = f"  accumulate: {size.accumulate}  # batches an update; memory holds one at a time\n"
    return f"""\
training:
  steps: {steps}  # updates; about {round(steps / updates):,} passes over the text
  batch_tokens: {size.batch_tokens}  # rows times the longest sentence; halve it when memory runs out
{accumulate if size.accumulate > 1 else ""}\
  lr: {size.lr}  # the peak; halve it when the loss jumps
  warmup: {min(_rounded(steps / 10), 4000)}  # updates until the peak
  schedule: cosine  # from the peak down to 0 at the last step
  average: ema  # evaluate and ship a moving average of the weights
  ema_decay: {0.99 if steps < 2000 else 0.995 if steps < 10_000 else 0.999}
  evaluate_every: {evaluate}  # updates
  evaluate_sentences: 500  # are translated for BLEU each time
  patience: 5  # stop when as many evaluations in a row bring nothing better
  log_every: {10 if steps < 2000 else 50}
"""


def _rounded(value: float) -> int:
    """To two digits, so that nobody takes it for exact."""
    unit = 10 ** max(0, len(str(int(value))) - 2)
    return round(value / unit) * unit
