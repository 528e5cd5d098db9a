"""Corpus scores with signatures, computed by sacreBLEU: strings in, `Score` out.

- BLEU: geometric mean of the precisions of 1- to 4-grams, times a penalty for brevity (Papineni 2002).
- chrF: F-score (beta 2) of character n-grams up to 6 (Popovic 2015); chrF++ adds words and pairs of words
  (Popovic 2017).
- TER: edits per word of the reference, shifts of phrases among them (Snover 2006); lower is better.
- exact: share of lines that are identical to a reference.

Confidence intervals and significance: Koehn 2004 (paired bootstrap) and Riezler and Maxwell 2005 (paired approximate
randomisation).
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple

from sacrebleu.metrics import BLEU, CHRF, TER
from sacrebleu.metrics.base import Metric
from sacrebleu.significance import PairedTest

from nmt.errors import DataError, NMTError
from nmt.evaluation import plugins, tokenizers
from nmt.evaluation import references as present
from nmt.evaluation.exact import Exact

Lines = Sequence[str]
Test = Literal["bs", "ar"]

MOST_WORDS = 500
"""Words of a line for which TER can be computed: its search for shifts took 6 seconds for a line of 400."""
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


class Settings(NamedTuple):
    """How metrics read text; each uses the settings that it has."""

    lowercase: bool = False
    """BLEU and chrF ignore case. TER always does."""
    tokenize: str = tokenizers.USUAL
    """BLEU: sacreBLEU's tokenizer."""
    asian: bool = False
    """TER: Chinese and Japanese characters are words."""


def bleu(
    hypotheses: Lines, *references: Lines, lowercase: bool = False, tokenize: str = tokenizers.USUAL, resamples: int = 0
) -> Score:
    """BLEU over the words of sacreBLEU's tokenizer `tokenize`.

    Each of `references` holds one line per hypothesis; a blank one among several is no reference for its line.
    `resamples` above 1 adds a confidence interval.

    Raises DataError if the counts of lines differ or there are none.
    """
    return score(named("bleu", Settings(lowercase, tokenize)), hypotheses, references, resamples=resamples)


def chrf(
    hypotheses: Lines, *references: Lines, lowercase: bool = False, plus: bool = False, resamples: int = 0
) -> Score:
    """chrF2, or with `plus` chrF2++; other arguments and errors as for `bleu`."""
    metric = named("chrf++" if plus else "chrf", Settings(lowercase))
    return score(metric, hypotheses, references, resamples=resamples)


def ter(hypotheses: Lines, *references: Lines, asian: bool = False, resamples: int = 0) -> Score:
    """TER, which ignores case; `asian` counts Chinese and Japanese characters as words. Errors as for `bleu`."""
    return score(named("ter", Settings(asian=asian)), hypotheses, references, resamples=resamples)


def exact(hypotheses: Lines, *references: Lines, resamples: int = 0) -> Score:
    """The share of lines that are identical to a reference, in per cent; errors as for `bleu`."""
    return score(named("exact"), hypotheses, references, resamples=resamples)


def score(metric: Metric, hypotheses: Lines, references: Sequence[Lines], *, resamples: int = 0) -> Score:
    """The corpus score, with a confidence interval if `resamples` is above 1; errors as for `bleu`."""
    _check(hypotheses, references)
    metric.n_bootstrap = metric.seed = None  # a metric that was used before would name them in its signature
    result = metric.corpus_score(hypotheses, present.streams(references), n_bootstrap=max(resamples, 1))
    interval = Interval(float(result._mean), float(result._ci)) if resamples > 1 else None
    return Score(result.name, float(result.score), str(metric.get_signature()), interval)


def significance(
    metric: Metric, systems: Sequence[Lines], references: Sequence[Lines], *, test: Test
) -> Significance:
    """Compare each system with the first: paired bootstrap (bs) or paired approximate randomisation (ar)."""
    for hypotheses in systems:
        _check(hypotheses, references)
    metric.n_bootstrap = metric.seed = None
    names = [(str(number), hypotheses) for number, hypotheses in enumerate(systems)]
    signatures, results = PairedTest(names, {"": metric}, present.streams(references), test_type=test)()
    (name,) = signatures  # sacreBLEU's own name of the metric
    first, *others = results[name]
    # sacreBLEU counts differences above the one seen, which makes equal systems differ at p = 0.001.
    p_values = (1.0 if other.score == first.score else other.p_value for other in others)
    return Significance((None, *p_values), str(signatures[name]))


def too_long(ter: Metric, texts: Iterable[Lines]) -> str | None:
    """Name a line for which TER would take too long, with its number and length; None if there is none."""
    for lines in texts:
        for number, line in enumerate(lines, start=1):
            if len(line) > MOST_WORDS and (words := len(ter._preprocess_segment(line).split())) > MOST_WORDS:
                return f"line {number} has {words:,} words; TER takes minutes for lines of more than {MOST_WORDS}"
    return None


def sentence_chrf(hypotheses: Lines, references: Sequence[Lines]) -> list[float]:
    """chrF2 of each line; errors as for `bleu`."""
    _check(hypotheses, references)
    metric, texts = CHRF(), present.of_lines(references)
    return [float(metric.sentence_score(*pair).score) for pair in zip(hypotheses, texts, strict=True)]


def words(settings: Settings) -> Callable[[str], str]:
    """Text with blanks between the words that BLEU counts."""
    return _bleu(settings)._preprocess_segment


def _bleu(settings: Settings) -> Metric:
    tokenizers.require(settings.tokenize)
    # force: no warning by sacreBLEU itself about text that looks tokenised
    return BLEU(lowercase=settings.lowercase, tokenize=settings.tokenize, force=True)


METRICS: dict[str, Callable[[Settings], Metric]] = {
    "bleu": _bleu,
    "chrf": lambda settings: CHRF(lowercase=settings.lowercase),
    "chrf++": lambda settings: CHRF(lowercase=settings.lowercase, word_order=2),
    "ter": lambda settings: TER(normalized=settings.asian, asian_support=settings.asian),
    "exact": lambda settings: Exact(),
}
"""Names for `nmt eval --metric`, and functions that make sacreBLEU's metrics."""


def check_name(metric: str) -> None:
    """Raise NMTError unless there is such a metric, here or as a plug-in."""
    name = metric.partition("=")[0]
    if metric not in METRICS and (name in METRICS or name not in plugins.names()):
        known = ", ".join([*METRICS, *(f"{each}=..." for each in plugins.names())])
        raise NMTError(f"metric: {metric!r} is none of {known}", hint="separate several by commas")


def named(metric: str, settings: Settings = Settings(), sources: Lines | None = None) -> Metric:
    """The metric as one of sacreBLEU's; a plug-in is `name` or `name=argument` and may read the sources.

    Raises NMTError if there is no such metric or tokenizer, or a package is missing.
    """
    check_name(metric)
    found = METRICS[metric](settings) if metric in METRICS else plugins.load(metric, sources)
    compute = found._compute_score_from_stats

    def compute_float(statistics):
        """sacreBLEU has 0.0 for resamples without any match and float32 for others, of which it can make no mean."""
        result = compute(statistics)
        result.score = float(result.score)
        return result

    found._compute_score_from_stats = compute_float
    return found


def _check(hypotheses: Lines, references: Sequence[Lines]) -> None:
    if not references or not hypotheses:
        raise DataError("there are no lines to score", hint="give at least one hypothesis and one reference")
    for lines in references:
        if len(lines) != len(hypotheses):
            raise DataError(
                f"{len(hypotheses)} hypotheses but {len(lines)} references", hint="line n is scored against line n"
            )
