"""Scores against sacreBLEU's own command, known cases, and a slow oracle; significance and intervals; bad input."""

import math
import subprocess
import sys
from collections import Counter

import pytest

from nmt.errors import DataError, NMTError
from nmt.evaluation import metrics
from nmt.evaluation.metrics import Settings

REFERENCES = ["The cat sat on the mat.", "A dog barks loudly in here!", "Nobody knows the answer yet."] * 10
HYPOTHESES = ["The cat sat on a mat.", "A dog barks very loudly in here!", "nobody knows the answer yet."] * 10
WORSE = ["A cat was on a mat.", "Some dog barks there!", "Nobody has answers."] * 10


def bleu_by_hand(hypotheses: list[str], references: list[str]) -> float:
    """BLEU of blank-separated words from its definition, without smoothing (Papineni and others 2002)."""
    logs, lengths = 0.0, [0, 0]
    for order in range(1, 5):
        hits = total = 0
        for hypothesis, reference in zip(hypotheses, references, strict=True):
            h, r = hypothesis.split(), reference.split()
            grams, known = (Counter(zip(*(words[n:] for n in range(order)), strict=False)) for words in (h, r))
            hits += sum(min(count, known[gram]) for gram, count in grams.items())
            total += sum(grams.values())
            if order == 1:
                lengths = [lengths[0] + len(h), lengths[1] + len(r)]
        logs += math.log(hits / total) / 4
    return 100 * min(1.0, math.exp(1 - lengths[1] / lengths[0])) * math.exp(logs)


@pytest.mark.parametrize("hypotheses", [HYPOTHESES, WORSE + HYPOTHESES[:3]])
def test_bleu_is_its_definition(hypotheses):
    references = REFERENCES[: len(hypotheses)] + REFERENCES[: max(0, len(hypotheses) - len(REFERENCES))]
    score = metrics.bleu(hypotheses, references, tokenize="none")
    assert score.value == pytest.approx(bleu_by_hand(hypotheses, references))


@pytest.mark.parametrize(
    ("metric", "options", "arguments"),
    [
        ("bleu", {}, []),
        ("bleu", {"lowercase": True, "tokenize": "intl"}, ["--lowercase", "--tokenize", "intl"]),
        ("chrf", {}, []),
        ("chrf", {"lowercase": True}, ["--chrf-lowercase"]),
        ("chrf", {"plus": True}, ["--chrf-word-order", "2"]),
        ("ter", {}, []),
        ("ter", {"asian": True}, ["--ter-normalized", "--ter-asian-support"]),
    ],
)
def test_scores_and_signatures_are_those_of_sacrebleu(metric, options, arguments, tmp_path):
    (tmp_path / "h").write_text("\n".join(HYPOTHESES) + "\n", encoding="utf-8")
    (tmp_path / "r").write_text("\n".join(REFERENCES) + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "sacrebleu", str(tmp_path / "r"), "-i", str(tmp_path / "h"), "-m", metric]
    done = subprocess.run([*command, "-w", "6", *arguments], capture_output=True, encoding="utf-8", check=True)
    score = getattr(metrics, metric)(HYPOTHESES, REFERENCES, **options)
    assert f'"score": {score.value:.6f}'.rstrip("0") in done.stdout
    assert f'"signature": "{score.signature}"' in done.stdout
    name = "chrf++" if options.pop("plus", False) else metric
    assert score == metrics.score(metrics.named(name, Settings(**options)), HYPOTHESES, [REFERENCES])


def test_perfect_and_hopeless():
    assert metrics.bleu(REFERENCES, REFERENCES).value == pytest.approx(100)
    assert metrics.chrf(REFERENCES, REFERENCES).value == pytest.approx(100)
    assert metrics.ter(REFERENCES, REFERENCES).value == 0
    nothing = [""] * len(REFERENCES)
    assert metrics.bleu(nothing, REFERENCES).value == metrics.chrf(nothing, REFERENCES).value == 0
    assert metrics.ter(nothing, REFERENCES).value == 100


def test_case_counts_only_where_it_should():
    shouted = [line.upper() for line in REFERENCES]
    assert metrics.bleu(shouted, REFERENCES).value < 10
    assert metrics.bleu(shouted, REFERENCES, lowercase=True).value == pytest.approx(100)
    assert metrics.chrf(shouted, REFERENCES, lowercase=True).value == pytest.approx(100)
    assert metrics.ter(shouted, REFERENCES).value == 0


def test_another_reference_can_only_help():
    others = ["Something else.", HYPOTHESES[1], "Something else."] * 10
    both = metrics.bleu(HYPOTHESES, REFERENCES, others)
    assert both.value > max(metrics.bleu(HYPOTHESES, REFERENCES).value, metrics.bleu(HYPOTHESES, others).value)
    assert "nrefs:2" in both.signature


def test_an_interval_is_seeded_and_holds_the_score():
    score = metrics.bleu(WORSE, REFERENCES, resamples=200)
    assert score == metrics.bleu(WORSE, REFERENCES, resamples=200)
    assert abs(score.value - score.interval.mean) < score.interval.half_width
    assert "bs:200|seed:12345" in score.signature
    assert metrics.bleu(WORSE, REFERENCES).interval is None


@pytest.mark.parametrize("metric", [metrics.bleu, metrics.chrf, metrics.ter])
def test_an_interval_of_a_system_that_has_hardly_a_word_right(metric):
    """Some resamples have nothing in common with the reference at all."""
    score = metric(["xyz", "The cat sat on a hat", "q"], ["The cow", "The cat sat on a mat", "z"], resamples=200)
    assert score.interval.half_width > 0


@pytest.mark.parametrize("test", ["bs", "ar"])
@pytest.mark.parametrize("metric", metrics.METRICS)
def test_a_clear_difference_is_significant_and_none_is_not(metric, test):
    good, bad = HYPOTHESES + REFERENCES, WORSE * 2
    found = metrics.significance(metrics.named(metric), [good, bad, list(good)], [REFERENCES * 2], test=test)
    first, worse, same = found.p_values
    assert first is None and worse < 0.01 and same == 1
    assert f"{test}:" in found.signature and "seed:" in found.signature


def test_a_metric_that_was_used_before_names_only_what_it_does_now():
    metric = metrics.named("bleu")
    assert "bs:200" in metrics.score(metric, WORSE, [REFERENCES], resamples=200).signature
    assert "bs:" not in metrics.significance(metric, [WORSE, HYPOTHESES], [REFERENCES], test="ar").signature
    assert "bs:" not in metrics.score(metric, WORSE, [REFERENCES]).signature


def test_chance_is_not_significant():
    half = [h if n % 2 else w for n, (h, w) in enumerate(zip(HYPOTHESES, WORSE, strict=True))]
    other = [w if n % 2 else h for n, (h, w) in enumerate(zip(HYPOTHESES, WORSE, strict=True))]
    found = metrics.significance(metrics.named("bleu"), [half, other], [REFERENCES], test="ar")
    assert found.p_values[1] > 0.05


def test_exact_counts_lines_that_are_a_reference():
    assert metrics.exact(["a b", "a b ", "A b", "a"], ["a b"] * 4).value == 25
    assert metrics.exact(["a b", "c"], ["a b", "a"], ["x", "c"]).value == 100
    half = metrics.exact(["a", "b"] * 50, ["a"] * 100, resamples=200)
    assert half.value == 50 and 5 < half.interval.half_width < 15 and "nrefs:1" in half.signature


def test_unequal_counts_name_both():
    with pytest.raises(DataError, match="29 hypotheses but 30 references"):
        metrics.bleu(HYPOTHESES[:-1], REFERENCES)
    with pytest.raises(DataError, match="30 hypotheses but 29 references"):
        metrics.ter(HYPOTHESES, REFERENCES, REFERENCES[:-1])
    with pytest.raises(DataError, match="29 hypotheses but 30 references"):
        metrics.significance(metrics.named("bleu"), [HYPOTHESES, WORSE[:-1]], [REFERENCES], test="bs")


@pytest.mark.parametrize("arguments", [([], []), ([],), (HYPOTHESES,)])
def test_nothing_to_score(arguments):
    with pytest.raises(DataError, match="no lines to score"):
        metrics.chrf(*arguments)


def test_unknown_names_list_the_known():
    with pytest.raises(NMTError, match=r"bleu, chrf, chrf\+\+, ter, exact"):
        metrics.named("meteor")
    with pytest.raises(NMTError, match=r"13a.*intl"):
        metrics.bleu(HYPOTHESES, REFERENCES, tokenize="14a")


def test_a_tokenizer_whose_package_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "MeCab", None)
    monkeypatch.delitem(sys.modules, "sacrebleu.tokenizers.tokenizer_ja_mecab", raising=False)
    with pytest.raises(NMTError) as caught:
        metrics.bleu(HYPOTHESES, REFERENCES, tokenize="ja-mecab")
    assert "pip install" in caught.value.hint


def test_text_that_looks_tokenised_brings_no_warning(capfd):
    lines = ["a b c ."] * 200
    assert metrics.bleu(lines, lines).value == pytest.approx(100)
    assert capfd.readouterr() == ("", "")
