"""Systems side by side: each translates the same test set, or hands in its translations, and all get the same scores.

    evaluate(["runs/gru", "runs/transformer"], paired="bs")
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from nmt import files
from nmt.data.prepare import OnProgress
from nmt.errors import ConfigError, DataError
from nmt.evaluation import metrics, moses, systems, testset
from nmt.evaluation.metrics import Lines, Score, Significance, Test
from nmt.evaluation.systems import Ready, System
from nmt.evaluation.testset import TestSet

RESAMPLES = 1000
"""Of the test set, for a confidence interval."""


class Column(NamedTuple):
    """One score of all systems."""

    key: str
    """The metric's name in METRICS, or `tokenized`."""
    scores: list[Score]
    significance: Significance | None
    """Against the first system; None unless asked for."""


class Comparison(NamedTuple):
    """Systems as rows, scores as columns."""

    systems: list[System]
    columns: list[Column]
    sentences: int
    references: int


class Switches(NamedTuple):
    """How a column is scored."""

    lowercase: bool
    tokenize: str
    resamples: int
    paired: Test | None


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
    tokenize: str = "13a",
    confidence: bool = False,
    paired: Test | None = None,
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
    lower-cased BLEU of many papers (see moses.py) in the target `language`, by default the models', and so do
    `tokenized_references`, the corpus' own in that form. `tag` is put before each source, by default that of the config
    that names the test set (see systems.choose_tag). `confidence` adds 95% intervals, `paired` a test against the first
    system. `search` replaces settings of the models' search, `rerank`, `threads` and `workers` are those of Translator.
    `on_test` hears the test set, `on_system` each model's name before it translates, `on_progress` what `prepare` does
    where it holds the test set out anew.

    Raises an NMTError for whatever is missing or damaged or does not fit together, as early as it can be known.
    """
    groups = [files.paths(each) for each in ([models] if isinstance(models, str | Path) else models)]
    models, written = list(dict.fromkeys(chain.from_iterable(groups))), files.paths(hypotheses)
    metric = [metric] if isinstance(metric, str) else metric
    switches = Switches(lowercase, tokenize, RESAMPLES if confidence else 0, paired)
    of_models = {**search, "rerank": rerank, "tag": tag}
    asked = [name for name, value in of_models.items() if value is not None]
    _check(len(groups), len(written), asked, metric, switches)
    if language and not (tokenized or tokenized_references):
        raise ConfigError("language: says nothing", hint="it belongs to --tokenized and --tokenized-reference")
    names = dict(zip(models, systems.names(models), strict=True))
    how = {"where": {"device": device, "precision": precision, "threads": threads}, "search": search, "rerank": rerank}
    ready = [systems.load(paths, "+".join(names[path] for path in paths), **how) for paths in groups]
    test = testset.find(models, config, source, files.paths(references), files.paths(tokenized_references), on_progress)
    on_test(test)
    systems.check_directions(ready, test)
    systems.choose_tag(ready, asked=tag, test=test)
    given = [systems.read(path, test) for path in written]
    scored_as_papers = tokenized or bool(test.tokenized)
    if scored_as_papers:
        language = language or _language(ready)
        moses.tokenise([], language)  # a missing package is told before the models translate
    translated = []
    for each in ready:
        on_system(each.name)
        translated.append(systems.translate(each, test.source, workers=workers))
    compared = [*translated, *given]
    outputs = [system.hypotheses for system in compared]
    columns = [_column(name, outputs, test.references, switches) for name in metric]
    if scored_as_papers:
        columns.append(_tokenised(outputs, test, language, switches))
    return Comparison(compared, columns, len(test.references[0]), len(test.references))


def _check(models: int, written: int, asked: Sequence[str], metric: Sequence[str], switches: Switches) -> None:
    """What can be known of so many systems before any file is read; `asked` is what says something of models alone."""
    if not models and not written:
        raise DataError("there is nothing to score", hint="give --model or --hypothesis")
    if asked and not models:
        raise ConfigError(f"{asked[0]}: no model is there to translate", hint="give --model, or leave it out")
    if switches.paired and models + written < 2:
        raise ConfigError("paired: a test compares two systems or more", hint="give another --model or --hypothesis")
    for name in metric:
        metrics.named(name, lowercase=switches.lowercase, tokenize=switches.tokenize)


def _column(metric: str, outputs: list[Lines], references: Sequence[Lines], switches: Switches) -> Column:
    options = {"lowercase": switches.lowercase, "tokenize": switches.tokenize}
    scores = [metrics.score(metric, lines, *references, resamples=switches.resamples, **options) for lines in outputs]
    significance = None
    if switches.paired and len(outputs) > 1:
        significance = metrics.significance(metric, outputs, *references, test=switches.paired, **options)
    return Column(metric, scores, significance)


def _tokenised(outputs: list[Lines], test: TestSet, language: str, switches: Switches) -> Column:
    outputs = [moses.tokenise(lines, language) for lines in outputs]
    references = test.tokenized or [moses.tokenise(lines, language) for lines in test.references]
    column = _column("bleu", outputs, references, switches._replace(lowercase=False, tokenize="none"))
    signature = moses.signature(language, official=bool(test.tokenized))
    scores = [
        score._replace(name="BLEU tok-lc", signature=f"{score.signature}|{signature}") for score in column.scores
    ]
    return Column("tokenized", scores, column.significance)


def _language(models: list[Ready]) -> str:
    """The target language, which a model knows; of several it is the tag that tells."""
    if models:
        known, tag = models[0].bundles[0].config.target_language, models[0].translator.tag
        if "+" not in known:
            return known
        if tag in known.split("+"):
            return tag
    raise DataError("the target language is not known", hint="give --language, such as de")
