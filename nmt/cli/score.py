"""nmt score: how probable a model finds given translations."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nmt.cli import lines
from nmt.cli.common import Machine, command

if TYPE_CHECKING:
    from nmt.decoding.translator import Score


@command
def score(
    *,
    model: lines.Models,
    source: Annotated[Path | None, typer.Option(help="Source text, one sentence a line; also .gz and .xz.")] = None,
    target: Annotated[Path | None, typer.Option(help="Its translation, line by line.")] = None,
    tsv: Annotated[Path | None, typer.Option(help="Instead: source and target in one file, a tab between.")] = None,
    tag: lines.Tag = None,
    output: Annotated[Path | None, typer.Option(help="Where the scores go [stdout].")] = None,
    batch_tokens: Annotated[int | None, typer.Option(help="Pieces a batch, padding included.")] = None,
    precision: lines.Precision = "float32",
    workers: lines.Workers = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines, with each token's log-probability.")] = False,
    machine: Machine,
) -> None:
    """Print log p(target | source) of each pair and, after a tab, its mean over the tokens; natural logarithms."""
    from nmt import runtime
    from nmt.config import ParallelText
    from nmt.data.text import read_pairs
    from nmt.decoding.translator import Translator
    from nmt.errors import ConfigError

    if (source is None, target is None) != (tsv is not None,) * 2:
        raise ConfigError("which pairs?", hint="give --source and --target, or --tsv")
    text = ParallelText(tsv=tsv) if tsv else ParallelText(source=source, target=target)
    overrides = {} if batch_tokens is None else {"batch_tokens": batch_tokens}
    runtime.keep_freed_memory()
    where = {"precision": precision, "tag": tag, **machine.given()}
    translator = Translator.load(model, **where, **overrides)
    lines.note_missing_tags(translator.origin, translator.missing_tags)
    with lines.writer(output, inputs=(source, target, tsv)) as write:
        unscored = 0
        for each in translator.scores(read_pairs(text, note=lines.note), workers=workers):
            write(_json(each) if as_json else f"{each.log_probability:.6f}\t{_mean(each):.6f}")
            unscored += not each.tokens
    if unscored:
        are = "pair is" if unscored == 1 else "pairs are"
        lines.note(f"{unscored} {are} too long for the model and not scored (nan)")


def _mean(score: "Score") -> float:
    return score.log_probability / max(1, len(score.tokens))


def _json(score: "Score") -> str:
    if not score.tokens:
        return lines.as_json({"log_probability": None, "mean": None, "tokens": [], "token_log_probabilities": []})
    value = score._asdict()
    return lines.as_json({"log_probability": value.pop("log_probability"), "mean": _mean(score), **value})
