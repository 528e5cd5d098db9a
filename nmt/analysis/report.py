"""Models side by side: everything that is measured and read for a comparison, as facts.

    facts = gather(["runs/gru", "runs/transformer"])
    facts.comparison, facts.groups, facts.entropies, ...

What is shown of them, and how, is for sections.py to say.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from nmt import runtime
from nmt.analysis import cost, entropy, quality, runs, seeds
from nmt.analysis.cost import Decoding
from nmt.analysis.entropy import Entropy
from nmt.analysis.quality import Bucket, Example, Matrix
from nmt.analysis.runs import Run
from nmt.analysis.seeds import Difference, Group
from nmt.data.prepare import OnProgress
from nmt.decoding.translator import Translator
from nmt.errors import DataError, NMTError
from nmt.evaluation import compare, testset
from nmt.evaluation.compare import Comparison
from nmt.evaluation.testset import TestSet

METRICS = ("bleu", "chrf")
WORST = 5
"""Lines to look at per run."""
TURNS = 3
"""In decoding, of which the median counts."""


class Facts(NamedTuple):
    """One entry a run, in the order given, in every list that is not said to be another."""

    runs: list[Run]
    groups: list[Group]
    """Runs whose seeds alone differ; one a configuration."""
    differences: list[Difference]
    """One a setting that differs."""
    test: TestSet
    comparison: Comparison
    """Scores with intervals, all translations, checks and lines to look at."""
    p_values: dict[str, Matrix]
    """Of each metric, between all pairs of runs."""
    buckets: list[Bucket]
    """One a range of lengths of the source."""
    entropies: list[Entropy | None]
    """Of the attention to the source; None for a model that has none or cannot show it."""
    decodings: list[Decoding]
    """None at all where it was not to be measured."""
    sentence_chrf: list[list[float]]
    """Of each line's translation."""
    examples: list[Example]
    """One a chosen line."""
    machine: dict[str, Any]
    """Where all this was measured, see runtime.describe."""


def gather(
    paths: Sequence[str | Path],
    *,
    source: str | Path | None = None,
    references: Iterable[str | Path] = (),
    tokenize: str | None = None,
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    tag: str | None = None,
    turns: int = TURNS,
    worst: int = WORST,
    seed: int = 1,
    on_note: Callable[[str], None] = lambda text: None,
    on_progress: OnProgress | None = None,
    **search: Any,
) -> Facts:
    """Read run folders, bundles or exports, translate the test set with each, and measure.

    The test set is `source` and `references`, else what the runs' configs name, which must be one and the same. `turns`
    are those of decoding, 0 leaves its speed and memory out; `worst` is the number of lines to look at per run; `seed`
    draws the examples. The rest is as in nmt.evaluate. `on_note` hears what begins.

    Raises an NMTError for whatever is missing or damaged or does not fit together, as early as it can be known.
    """
    paths = [Path(path) for path in paths]
    if not paths:
        raise NMTError("there is nothing to compare", hint="name run folders or model bundles")
    read = runs.read(paths)
    given = [Path(path) for path in references]
    test, named = _test(read, source, given, on_progress)
    where = {"device": device, "precision": precision, "threads": threads}
    compared = compare.evaluate(
        paths, config=named, source=source, references=given, metric=METRICS, tokenize=tokenize, confidence=True,
        worst=worst, tag=tag, on_system=lambda name: on_note(f"{name} translates"), on_progress=on_progress,
        **where, **search,
    )  # fmt: skip
    outputs = [system.hypotheses for system in compared.systems]
    tags = [system.model.tag for system in compared.systems]
    on_note("scores: significance, lengths, examples")
    scores = quality.sentence_scores(outputs, test.references)
    settings = compared.settings
    pairwise = {name: quality.pairwise(name, outputs, test.references, settings=settings) for name in METRICS}
    return Facts(
        runs=read, groups=seeds.groups(read), differences=seeds.differences(read), test=test, comparison=compared,
        p_values=pairwise, buckets=quality.by_length(test.source, outputs, test.references, settings=settings),
        entropies=_entropies(read, tags, test, device, threads, on_note),
        decodings=cost.in_turns(
            paths, test.source, turns=turns, where=where, search=search, tags=tags,
            on_turn=lambda turn, number: on_note(f"decoding, turn {turn + 1} of {turns}: {read[number].name}"),
        ),
        sentence_chrf=scores.tolist(), examples=quality.examples(scores, seed=seed),
        machine=runtime.describe(runtime.choose_device(device)),
    )  # fmt: skip


def _test(
    read: Sequence[Run], source: str | Path | None, references: Sequence[Path], on_progress: OnProgress | None
) -> tuple[TestSet, Path | None]:
    """The test set, and the config that names it; None for files. Of the same text with a tag and without it is the one
    with the tag, which models without any leave aside.

    Raises DataError where the runs' configs name different ones, or none.
    """
    if source is not None or references:
        return testset.find([run.path for run in read], None, source, references, ()), None
    configs = [run.config for run in read if run.config is not None]
    if not configs:
        raise DataError("a model bundle names no test text", hint="give --source and --reference")
    found = [(testset.find((), config, None, (), (), on_progress), config) for config in configs]
    first, named = next((each for each in found if each[0].tag is not None), found[0])
    for other, config in found:
        if other not in (first, first._replace(tag=None)):
            raise DataError(
                f"{named} and {config} name different test text", hint="give --source and --reference for all runs"
            )
    return first, named


def _entropies(
    read: Sequence[Run], tags: Sequence[str | None], test: TestSet, device: str, threads: int | None,
    on_note: Callable[[str], None],
) -> list[Entropy | None]:  # fmt: skip
    """In float32, whose digits an entropy near 0 needs."""
    found: list[Entropy | None] = []
    for run, tag in zip(read, tags, strict=True):
        if run.exported:
            found.append(None)
            continue
        on_note(f"attention of {run.name}")
        translator = Translator.load(run.path, device=device, precision="float32", threads=threads, tag=tag)
        found.append(entropy.of_translator(translator, test.source, test.references[0]))
    return found
