"""Metrics of other packages: entry points of the group `nmt.metrics`.

    [project.entry-points."nmt.metrics"]
    mine = "my_package:Mine"

`nmt eval --metric mine=ARGUMENT` calls `Mine("ARGUMENT")`, or `Mine(None)` without an argument. The object scores
segments, see SegmentMetric; the corpus score is their mean. Confidence intervals and paired tests resample segments, as
for any other metric.
"""

import math
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol

from sacrebleu.metrics.base import Metric, Score, Signature

from nmt.errors import NMTError

GROUP = "nmt.metrics"


class SegmentMetric(Protocol):
    """The object that an entry point's factory returns."""

    signature: str
    """All that the scores depend on, as name:value parts with | between them, such as model:x|version:1.2."""

    def score(
        self, sources: Sequence[str] | None, hypotheses: Sequence[str], references: Sequence[Sequence[str]]
    ) -> Sequence[float]:
        """Return one score per hypothesis, on a scale for which two decimals are enough.

        `references` are those of each line, at least one; `sources` is None if the test set has none.
        """


class PluginSignature(Signature):
    """sacreBLEU's signature, which counts references and resamples, and the metric's own."""

    def __init__(self, args: dict):
        super().__init__(args)
        self.own = args["scorer"].signature

    def format(self, short: bool = False) -> str:
        return f"{super().format(short)}|{self.own}"


class Plugin(Metric):
    """A segment metric as one of sacreBLEU's: the statistics of a segment are its score and a 1 to count it."""

    _SIGNATURE_TYPE = PluginSignature

    def __init__(self, name: str, scorer: SegmentMetric, sources: Sequence[str] | None):
        super().__init__()
        self.name, self.scorer, self.sources = name, scorer, sources
        self.known: dict[tuple[str, ...], list[float]] = {}
        """Scores of translations that were scored before, because a test needs those of the table again."""

    def _preprocess_segment(self, sent: str) -> str:
        return sent

    def _extract_reference_info(self, refs: Sequence[str]) -> dict:
        return {"references": refs}

    def _compute_segment_statistics(self, hypothesis: str, ref_kwargs: dict) -> list[float]:
        raise NotImplementedError("segments are scored together")

    def _extract_corpus_statistics(self, hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> list:
        texts = [each["references"] for each in self._cache_references(references)]
        key = tuple(hypotheses)
        if key not in self.known:
            self.known[key] = self._scores(hypotheses, texts)
        return [[score, 1.0] for score in self.known[key]]

    def _aggregate_and_compute(self, stats: list[list[float]]) -> Score:
        return self._compute_score_from_stats([sum(column) for column in zip(*stats, strict=True)])

    def _compute_score_from_stats(self, stats: Sequence[float]) -> Score:
        total, segments = stats
        return Score(self.name, total / segments)

    def _scores(self, hypotheses: Sequence[str], references: list[list[str]]) -> list[float]:
        try:
            scores = [float(each) for each in self.scorer.score(self.sources, hypotheses, references)]
        except NMTError:
            raise
        except Exception as error:  # of a package that we do not know
            raise _failed(self.name, error) from error
        if len(scores) != len(hypotheses) or not all(map(math.isfinite, scores)):
            raise NMTError(
                f"metric: {self.name} must return {len(hypotheses):,} finite scores; it returned {len(scores):,}, of "
                f"which {sum(map(math.isfinite, scores)):,} are finite",
                hint="report this to the authors of its package",
            )
        return scores


def names() -> list[str]:
    """Return the names of all installed plug-ins."""
    return sorted({each.name for each in entry_points(group=GROUP)})


def load(metric: str, sources: Sequence[str] | None) -> Plugin:
    """Make the metric `name` or `name=argument`. Raises NMTError if its package fails to make it."""
    name, _, argument = metric.partition("=")
    found: EntryPoint = next(each for each in entry_points(group=GROUP) if each.name == name)
    try:
        scorer = found.load()(argument or None)
    except NMTError:
        raise
    except Exception as error:
        raise _failed(name, error) from error
    return Plugin(name, scorer, sources)


def _failed(name: str, error: Exception) -> NMTError:
    reason = (str(error).strip() or "no message").splitlines()[0]
    return NMTError(
        f"metric: {name} failed: {type(error).__name__}: {reason}", hint="--debug shows where; it is a plug-in"
    )
