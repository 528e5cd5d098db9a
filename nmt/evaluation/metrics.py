"""Corpus scores with signatures, all in sacreBLEU's way: strings in, `Score` out.

BLEU is the geometric mean of the precisions of 1- to 4-grams, times a penalty for brevity (Papineni 2002); chrF the
F-score (beta 2) of character n-grams up to 6 (Popovic 2015); TER the edits, shifts of phrases among them, per word of
the reference (Snover 2006), of which fewer are better; exact the share of lines that are the reference itself.
Confidence intervals and significance: Koehn 2004 (paired bootstrap) and Riezler and Maxwell 2005 (paired approximate
randomisation).
"""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from sacrebleu.metrics import BLEU, CHRF, TER
from sacrebleu.metrics.base import Metric
from sacrebleu.significance import PairedTest

from nmt.errors import DataError, NMTError
from nmt.evaluation.exact import Exact

Lines = Sequence[str]
Test = Literal["bs", "ar"]

SIGNIFICANT = 0.05
"""Below it a p-value is starred."""


class Interval(NamedTuple):
    """95% of the bootstrap resamples score within `mean` plus or minus `half_width`."""

    mean: float
    half_width: float


class Score(NamedTuple):
    """A corpus score, in per cent as papers print it, and sacreBLEU's account of how it came about."""

    name: str
    value: float
    signature: str
    interval: Interval | None = None

    def as_text(self) -> str:
        """As tables show it, such as 34.06 ± 1.20."""
        return f"{self.value:.2f}" + (f" ± {self.interval.half_width:.2f}" if self.interval else "")


class Significance(NamedTuple):
    """How likely a difference as large as the one seen would be if a system were as good as the first."""

    p_values: tuple[float | None, ...]
    """One a system; the first has none."""
    signature: str


def bleu(
    hypotheses: Lines, *references: Lines, lowercase: bool = False, tokenize: str = "13a", resamples: int = 0
) -> Score:
    """BLEU, case and all unless `lowercase`, words as sacreBLEU's `tokenize` cuts them.

    Each of `references` holds a line for each hypothesis; `resamples` above 1 adds a confidence interval.

    Raises DataError when the counts of lines differ or there are none.
    """
    return _score(_bleu(lowercase, tokenize), hypotheses, references, resamples)


def chrf(hypotheses: Lines, *references: Lines, lowercase: bool = False, resamples: int = 0) -> Score:
    """chrF2; arguments and errors as for `bleu`."""
    return _score(_chrf(lowercase, ""), hypotheses, references, resamples)


def ter(hypotheses: Lines, *references: Lines, resamples: int = 0) -> Score:
    """TER, which as usual does not look at case; arguments and errors as for `bleu`."""
    return _score(_ter(True, ""), hypotheses, references, resamples)


def exact(hypotheses: Lines, *references: Lines, resamples: int = 0) -> Score:
    """The share of lines that are a reference, in per cent; arguments and errors as for `bleu`."""
    return _score(_exact(False, ""), hypotheses, references, resamples)


def score(
    metric: str, hypotheses: Lines, *references: Lines, lowercase: bool, tokenize: str, resamples: int = 0
) -> Score:
    """The score that `metric` names (see METRICS); switches that it does not have are left aside."""
    return _score(named(metric, lowercase=lowercase, tokenize=tokenize), hypotheses, references, resamples)


def significance(
    metric: str, systems: Sequence[Lines], *references: Lines, lowercase: bool, tokenize: str, test: Test
) -> Significance:
    """Compare each system with the first: paired bootstrap (bs) or paired approximate randomisation (ar)."""
    for hypotheses in systems:
        _check(hypotheses, references)
    names = [(str(number), hypotheses) for number, hypotheses in enumerate(systems)]
    metrics = {metric: named(metric, lowercase=lowercase, tokenize=tokenize)}
    signatures, results = PairedTest(names, metrics, references, test_type=test)()
    (name,) = signatures  # sacreBLEU's own name of the metric
    first, *others = results[name]
    # sacreBLEU counts differences above the one seen, which makes equal systems differ at p = 0.001.
    p_values = (1.0 if other.score == first.score else other.p_value for other in others)
    return Significance((None, *p_values), str(signatures[name]))


def _bleu(lowercase: bool, tokenize: str) -> Metric:
    if tokenize not in BLEU.TOKENIZERS:
        names = ", ".join(sorted(BLEU.TOKENIZERS))
        raise NMTError(f"tokenize: {tokenize!r} is none of {names}", hint="13a is what papers use")
    try:
        return BLEU(lowercase=lowercase, tokenize=tokenize, force=True)  # force: no warning when text looks tokenised
    except (ImportError, RuntimeError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise NMTError(f"tokenize: {tokenize} needs a package that is missing", hint=lines[-1]) from error


def _chrf(lowercase: bool, _tokenize: str) -> Metric:
    return CHRF(lowercase=lowercase)


def _ter(_lowercase: bool, _tokenize: str) -> Metric:
    return TER()


def _exact(_lowercase: bool, _tokenize: str) -> Metric:
    return Exact()


METRICS: dict[str, Callable[[bool, str], Metric]] = {"bleu": _bleu, "chrf": _chrf, "ter": _ter, "exact": _exact}
"""What `nmt eval --metric` names; each makes sacreBLEU's metric from (lowercase, tokenize)."""


def named(metric: str, *, lowercase: bool, tokenize: str) -> Metric:
    """sacreBLEU's metric. Raises NMTError when there is no such metric or tokenizer, or a package is missing."""
    if metric not in METRICS:
        raise NMTError(f"metric: {metric!r} is none of {', '.join(METRICS)}", hint="separate several by commas")
    return METRICS[metric](lowercase, tokenize)


def _score(metric: Metric, hypotheses: Lines, references: Sequence[Lines], resamples: int) -> Score:
    _check(hypotheses, references)
    compute = metric._compute_score_from_stats

    def compute_float(statistics):
        """Resamples without any match are 0.0 and others a float32: of both sacreBLEU can make no mean."""
        found = compute(statistics)
        found.score = float(found.score)
        return found

    metric._compute_score_from_stats = compute_float
    result = metric.corpus_score(hypotheses, references, n_bootstrap=max(resamples, 1))
    interval = Interval(float(result._mean), float(result._ci)) if resamples > 1 else None
    return Score(result.name, float(result.score), str(metric.get_signature()), interval)


def _check(hypotheses: Lines, references: Sequence[Lines]) -> None:
    if not references or not hypotheses:
        raise DataError("there are no lines to score", hint="give at least one hypothesis and one reference")
    for lines in references:
        if len(lines) != len(hypotheses):
            raise DataError(
                f"{len(hypotheses)} hypotheses but {len(lines)} references", hint="line n is scored against line n"
            )
