"""The options of a search, which `nmt translate` and `nmt eval` share."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from nmt.cli.common import Options
from nmt.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Search(Options):
    """What is None stays as the model's config says."""

    beam: Annotated[int | None, typer.Option(help="Hypotheses kept a sentence; 1 is greedy search.")] = None
    length_penalty: Annotated[float | None, typer.Option(help="alpha in score = log p / length^alpha.")] = None
    min_length: Annotated[int | None, typer.Option(help="Fewest pieces of a translation.")] = None
    max_length: Annotated[int | None, typer.Option(help="Most pieces of a translation.")] = None
    no_repeat_ngram: Annotated[
        int | None, typer.Option(help="Repeat no n-gram of this many pieces; 0: repeat any.")
    ] = None
    repetition_guard: Annotated[
        bool | None, typer.Option("--repetition-guard/--no-repetition-guard", help="Search again if a phrase repeats.")
    ] = None
    n_best: Annotated[int | None, typer.Option(help="Translations a sentence, to show or to choose from.")] = None
    mbr: Annotated[
        Literal["none", "chrf", "bleu"] | None, typer.Option(help="Choose the hypothesis that is most like the others.")
    ] = None
    rerank: Annotated[
        list[str] | None, typer.Option(metavar="MODEL[:WEIGHT]", help="Choose with this model too; repeatable.")
    ] = None
    sample: Annotated[bool | None, typer.Option("--sample/--search", help="Draw translations, or search.")] = None
    temperature: Annotated[float | None, typer.Option(help="Sampling: divides the logits.")] = None
    top_k: Annotated[int | None, typer.Option(help="Sampling: among the k likeliest pieces.")] = None
    top_p: Annotated[float | None, typer.Option(help="Sampling: among the likeliest with this probability.")] = None
    seed: Annotated[int | None, typer.Option(help="Sampling: the random seed.")] = None
    replace_unknown: Annotated[
        bool | None, typer.Option("--replace-unknown/--keep-unknown", help="Copy source words for unknown ones.")
    ] = None
    split: Annotated[
        Literal["auto", "always", "never"] | None, typer.Option(help="Translate several sentences one by one.")
    ] = None
    batch_tokens: Annotated[int | None, typer.Option(help="Source pieces a batch, padding and beams included.")] = None

    def settings(self) -> dict[str, Any]:
        """Those of SearchConfig that were given."""
        return {name: value for name, value in self.given().items() if name != "rerank"}

    def rerankers(self) -> dict[Path, float]:
        """What each model's word counts. Raises ConfigError for a model that is named twice."""
        return _weights(self.rerank or ())


def _weights(given: Iterable[str]) -> dict[Path, float]:
    weights = {}
    for path, weight in map(_weighted, given):
        if path in weights:
            raise ConfigError(f"--rerank: {path} is named twice", hint="one weight a model: --rerank MODEL:WEIGHT")
        weights[path] = weight
    return weights


def _weighted(text: str) -> tuple[Path, float]:
    """MODEL:WEIGHT, or MODEL alone, in whose path there may be a colon."""
    path, colon, weight = text.rpartition(":")
    if not colon or Path(text).exists():
        return Path(text), 1.0
    try:
        return Path(path), float(weight)
    except ValueError as error:
        hint = "MODEL:WEIGHT, and the weight is a number, such as runs/x:0.5"
        raise ConfigError(f"--rerank: {text}: no such model", hint=hint) from error
