"""The share of lines that are a reference, character by character: what counts where a task has one right answer.

A metric of sacreBLEU's kind, so that it comes with the same confidence intervals, tests and signatures.
"""

from collections.abc import Sequence

from sacrebleu.metrics.base import Metric, Score


class Exact(Metric):
    """100 * lines that are identical to a reference / lines."""

    def _preprocess_segment(self, sent: str) -> str:
        return sent

    def _extract_reference_info(self, refs: Sequence[str]) -> dict:
        return {"references": refs}

    def _compute_segment_statistics(self, hypothesis: str, ref_kwargs: dict) -> list[int]:
        return [int(hypothesis in ref_kwargs["references"]), 1]

    def _aggregate_and_compute(self, stats: list[list[int]]) -> Score:
        return self._compute_score_from_stats([sum(column) for column in zip(*stats, strict=True)])

    def _compute_score_from_stats(self, stats: Sequence[int]) -> Score:
        identical, lines = stats
        return Score("exact", 100 * identical / lines)
