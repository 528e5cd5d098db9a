"""A first config for a text: the sizes that suit it, written down with the reasons beside them."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from nmt.config import ParallelText
from nmt.data import sizes
from nmt.data.sizes import Family, Sizes
from nmt.data.survey import Survey
from nmt.escapes import shell, visible, visible_line


def fit(seen: Survey, model: Family) -> Sizes:
    """The sizes for a text."""
    return sizes.fit(model, pairs=seen.kept, pieces=seen.pieces, types=seen.types)


def suggest(
    seen: Survey, *, train: ParallelText, given: Mapping[str, ParallelText], languages: tuple[str, str], model: Family,
    path: Path, size: Sizes | None = None,
) -> str:  # fmt: skip
    """The YAML text of a config that will lie at `path`; `given` are the texts of dev and test that there are.

    `size` replaces the sizes that suit the text.
    """
    size = size or fit(seen, model)
    sections = [
        _head(seen, languages, model, path), _data(seen, train, given, languages, path.absolute().parent),
        _tokenizer(seen), _model(seen, size, model), _training(size),
    ]  # fmt: skip
    return "\n".join(sections)


def _head(seen: Survey, languages: tuple[str, str], model: str, path: Path) -> str:
    (source, target), file = languages, visible_line(shell(path.name))
    return f"""\
# {source} -> {target}, made by `nmt init` after a look at {seen.read:,} pairs. In the mean a source sentence has
# {seen.words[0]:.1f} words, a target sentence {seen.words[1]:.1f}. Every figure is a first guess and yours to change.
# `nmt config {file}` shows the settings that are not here, and `nmt config --settings` explains them all.
#
#   nmt prepare --config {file}     what cleaning drops, and why
#   nmt train --config {file}

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
        paths = [_quoted(relative(each, folder)) for each in getattr(text, name)]
        if paths:
            parts.append(f"{name}: {paths[0] if len(paths) == 1 else '[' + ', '.join(paths) + ']'}")
    if text.tsv and text.columns != (1, 2):
        parts.append(f"columns: {json.dumps(text.columns, ensure_ascii=False)}")
    return "{" + ", ".join(parts) + "}"


def _quoted(text: str) -> str:
    """JSON's strings are YAML's too."""
    return visible(json.dumps(text, ensure_ascii=False))


def relative(path: Path, folder: Path) -> str:
    """A path as a config in `folder` names it."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive of Windows
        return path.as_posix()


def _tokenizer(seen: Survey) -> str:
    whose = "both languages together" if seen.shared else "each language"
    why = "one vocabulary for both sides" if seen.shared else "a vocabulary per side, as their scripts differ"
    return f"""\
tokenizer:
  kind: bpe  # or unigram, or char
  vocabulary: {seen.vocabulary}  # ids of {whose}; more text bears more
  shared: {json.dumps(seen.shared)}  # {why}
"""


def _model(seen: Survey, size: Sizes, model: Family) -> str:
    layers = f"  encoder_layers: {size.layers}\n  decoder_layers: {size.layers}\n"
    recurrent = f"  embedding: {size.width // 2}\n  hidden: {size.width}\n"
    shape = {
        "transformer": f"  width: {size.width}\n  heads: {size.width // 64}\n  feed_forward: {4 * size.width}\n",
        "attention_rnn": f"{recurrent}  attention: {size.width}\n",
        "gru": recurrent,
    }[model]
    tied = "" if seen.shared else "  tied_embeddings: target  # source and target embeddings differ\n"
    longest = min(max(64, 1 << (2 * seen.longest - 1).bit_length()), 1 << 14)
    return f"""\
model:
  type: {model}  # or {" or ".join(each for each in ("transformer", "attention_rnn", "gru") if each != model)}
{shape}{layers}{tied}  dropout: {size.dropout}  # the less text, the more
  max_length: {longest}  # pieces, and nearly all sentences here have at most {seen.longest}; longer pairs are dropped
"""


def _training(size: Sizes) -> str:
    accumulate = f"  accumulate: {size.accumulate}  # batches per update; memory holds one at a time\n"
    return f"""\
training:
  steps: {size.steps}  # updates; about {round(size.passes):,} passes over the text
  batch_tokens: {size.batch_tokens}  # rows times the longest sentence; small batches suit little text
{accumulate if size.accumulate > 1 else ""}\
  lr: {size.lr}  # the peak; halve it if the loss jumps
  warmup: {sizes.WARMUP}  # share of the updates until the peak
  schedule: cosine  # from the peak down to 0 at the last update
  average: ema  # evaluate and ship a moving average of the weights
  ema_decay: {size.ema_decay}  # reaches back over {sizes.MEMORY:.0%} of the updates
  evaluate_every: {1 / sizes.EVALUATIONS}  # share of the updates
  evaluate_sentences: 500  # translate so many for BLEU each time
  patience: {sizes.PATIENCE}  # stop after so many evaluations without a better one
  log_every: {10 if size.steps < 5_000 else 50}
"""
