"""Systems side by side: each translates the same test set, or hands in its translations, and all get the same scores.

    evaluate(["runs/gru", "runs/transformer"], paired="bs")
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from sacrebleu.metrics.base import Metric

from nmt import files
from nmt.data.prepare import OnProgress
from nmt.errors import ConfigError, DataError
from nmt.evaluation import checks, metrics, moses, notes, systems, testset, tokenizers, unseen
from nmt.evaluation import references as references_of
from nmt.evaluation.checks import Checks, Worst
from nmt.evaluation.metrics import Lines, Score, Settings, Significance, Test
from nmt.evaluation.systems import Ready, System
from nmt.evaluation.testset import TestSet

RESAMPLES = 1000
"""Of the test set, for a confidence interval."""


class Column(NamedTuple):
    """One score of all systems."""

    key: str
    """The metric as it was asked for, or `tokenized`."""
    scores: list[Score]
    significance: Significance | None
    """Against the first system; None unless asked for."""


class Comparison(NamedTuple):
    """Systems as rows, scores as columns."""

    systems: list[System]
    columns: list[Column]
    sentences: int
    references: int
    settings: Settings
    """How all scores but the tokenised one read text."""
    notes: list[str]
    """Reasons not to believe the scores as they are."""
    checks: list[Checks]
    """One per system: what the scores hide."""
    worst: list[list[Worst]]
    """Per system the lines to look at, as many as were asked for."""


class Statistics(NamedTuple):
    """Options of the evaluation that go beyond the scores themselves."""

    resamples: int
    paired: Test | None
    worst: int = 0
    """Lines to look at per system."""


def evaluate(
    models: str | Path | Iterable[str | Path | Iterable[str | Path]] = (),
    *,
    hypotheses: Iterable[str | Path] = (),
    config: str | Path | None = None,
    source: str | Path | None = None,
    references: Iterable[str | Path] = (),
    tokenized: bool = False,
    tokenized_references: Iterable[str | Path] = (),
    language: str | None = None,
    tag: str | None = None,
    metric: str | Sequence[str] = ("bleu", "chrf", "ter"),
    lowercase: bool = False,
    tokenize: str | None = None,
    confidence: bool = False,
    paired: Test | None = None,
    worst: int = 0,
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    workers: int | None = 1,
    rerank: Mapping[str | Path, float] | None = None,
    on_test: Callable[[TestSet], None] = lambda test: None,
    on_system: Callable[[str], None] = lambda name: None,
    on_progress: OnProgress | None = None,
    **search: Any,
) -> Comparison:
    """Score models (run folders, bundles or exports) and then files of hypotheses, all on one test set.

    Among the models a list of paths is one system, their ensemble: [a, b, [a, b]] are three. The test set is `source`
    and `references`, else what `config` names, else what the first run's config names. `tokenized` adds the tokenised,
    lower-cased BLEU of many papers (see moses.py), and so do `tokenized_references`, the corpus' own in that form.
    BLEU's tokenizer follows the target `language` (see tokenizers.py), by default that of the test set's config or of
    the models, unless `tokenize` names one. `tag` is put before each source, by default that of the config that names
    the test set (see systems.choose_tag). `confidence` adds 95% intervals, `paired` a test against the first system,
    `worst` so many lines to look at per system. `search` replaces settings of the models' search, `rerank`, `threads`
    and `workers` are those of Translator.
    `on_test` hears the test set, `on_system` each model's name before it translates, `on_progress` what `prepare` does
    where it holds the test set out anew.

    Raises an NMTError for whatever is missing or damaged or does not fit together, as early as it can be known.
    """
    groups = [files.paths(each) for each in ([models] if isinstance(models, str | Path) else models)]
    models, written = list(dict.fromkeys(chain.from_iterable(groups))), files.paths(hypotheses)
    metric = [metric] if isinstance(metric, str) else metric
    statistics = Statistics(RESAMPLES if confidence else 0, paired, worst)
    of_models = {**search, "rerank": rerank, "tag": tag}
    asked = [name for name, value in of_models.items() if value is not None]
    _check(len(groups), len(written), asked, paired)
    for name in metric:
        metrics.check_name(name)
    tokenizers.require(tokenize or tokenizers.USUAL)
    names = dict(zip(models, systems.names(models), strict=True))
    how = {"where": {"device": device, "precision": precision, "threads": threads}, "search": search, "rerank": rerank}
    ready = [systems.load(paths, "+".join(names[path] for path in paths), **how) for paths in groups]
    test = testset.find(models, config, source, files.paths(references), files.paths(tokenized_references), on_progress)
    on_test(test)
    systems.check_directions(ready, test)
    systems.choose_tag(ready, asked=tag, test=test)
    given = [systems.read(path, test) for path in written]
    language = language or _language(ready, test)
    choice = tokenizers.choose(language, test.references, asked=tokenize)
    settings = Settings(lowercase, choice.tokenize, choice.asian)
    made = {name: metrics.named(name, settings, test.source) for name in metric}
    scored_as_papers = tokenized or bool(test.tokenized)
    if scored_as_papers:
        if language is None:
            raise DataError("the target language is not known", hint="give --language, such as de")
        moses.tokenise([], language)  # a missing package is found before the models translate
    translated = []
    for each in ready:
        on_system(each.name)
        translated.append(systems.translate(each, test.source, workers=workers))
    scored = _scored([*translated, *given], test, made, settings, statistics, language if scored_as_papers else None)
    unseen_words = [*unseen.shares(groups, test.source), *(None for _ in given)]
    return scored._replace(
        notes=[*choice.notes, *scored.notes],
        checks=[each._replace(unseen=share) for each, share in zip(scored.checks, unseen_words, strict=True)],
    )


def _scored(
    compared: list[System], test: TestSet, made: Mapping[str, Metric], settings: Settings, statistics: Statistics,
    language: str | None,
) -> Comparison:  # fmt: skip
    """All scores, notes and checks; with `language` also the tokenised BLEU."""
    outputs = [system.hypotheses for system in compared]
    no_ter = metrics.too_long(made["ter"], [*outputs, *test.references]) if "ter" in made else None
    if no_ter:
        made = {name: metric for name, metric in made.items() if name != "ter"}
        if not made:
            raise DataError(no_ter, hint="use another --metric, such as bleu,chrf, or split the line")
    columns = [_column(name, each, outputs, test.references, statistics) for name, each in made.items()]
    if language:
        columns.append(_tokenised(outputs, test, language, statistics))
    lines = checks.lines(test.source, test.references)
    return Comparison(
        compared, columns, len(test.references[0]), len(test.references), settings,
        notes=[*_notes(compared, test, settings, bleu="bleu" in made), *([f"no TER: {no_ter}"] if no_ter else [])],
        checks=[checks.check(each, lines) for each in outputs],
        worst=[checks.worst(each, lines, test.references, statistics.worst) for each in outputs],
    )  # fmt: skip


def _notes(compared: Sequence[System], test: TestSet, settings: Settings, *, bleu: bool) -> list[str]:
    """Notes on the test set, then on each system by its name; `bleu` is whether there is BLEU to explain."""
    words = metrics.words(settings) if bleu else None
    given = references_of.of_lines(test.references)
    found = notes.of_references(given, words)
    for system in compared:
        found += [f"{system.name}: {note}" for note in notes.of_system(test.source, system.hypotheses, given, words)]
    return found


def _check(models: int, written: int, asked: Sequence[str], paired: Test | None) -> None:
    """What can be known of so many systems before any file is read; `asked` is what says something of models alone."""
    if not models and not written:
        raise DataError("there is nothing to score", hint="give --model or --hypothesis")
    if asked and not models:
        raise ConfigError(f"{asked[0]}: no model is there to translate", hint="give --model, or leave it out")
    if paired and models + written < 2:
        raise ConfigError("paired: a test compares two systems or more", hint="give another --model or --hypothesis")


def _column(
    key: str, metric: Metric, outputs: list[Lines], references: Sequence[Lines], statistics: Statistics
) -> Column:
    scores = [metrics.score(metric, lines, references, resamples=statistics.resamples) for lines in outputs]
    significance = None
    if statistics.paired and len(outputs) > 1:
        significance = metrics.significance(metric, outputs, references, test=statistics.paired)
    return Column(key, scores, significance)


def _tokenised(outputs: list[Lines], test: TestSet, language: str, statistics: Statistics) -> Column:
    outputs = [moses.tokenise(lines, language) for lines in outputs]
    references = test.tokenized or [moses.tokenise(lines, language) for lines in test.references]
    column = _column("bleu", metrics.named("bleu", Settings(tokenize="none")), outputs, references, statistics)
    signature = moses.signature(language, official=bool(test.tokenized))
    scores = [
        score._replace(name="BLEU tok-lc", signature=f"{score.signature}|{signature}") for score in column.scores
    ]
    return Column("tokenized", scores, column.significance)


def _language(models: Sequence[Ready], test: TestSet) -> str | None:
    """The target language of the test set's config, else of the first model; among several languages the tag
    names it. None if it is unknown."""
    tag = models[0].translator.tag if models else test.tag
    if test.languages:
        known = test.languages[1]
    elif models:
        known = models[0].bundles[0].config.target_language
    else:
        return None
    codes = known.split("+")
    return known if len(codes) == 1 else tag if tag in codes else None
