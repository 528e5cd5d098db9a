"""Metrics of other packages: a real distribution on the path, its scores with intervals and tests, and its faults."""

import statistics
import sys

import pytest

from nmt import evaluate
from nmt.errors import NMTError
from nmt.evaluation import metrics

PACKAGE = '''
class Overlap:
    """Share of the source's words in the hypothesis, plus a bonus for each reference."""

    def __init__(self, argument):
        self.bonus = float(argument or 0)
        self.signature = f"overlap:words|bonus:{self.bonus:g}"
        self.calls = 0

    def score(self, sources, hypotheses, references):
        self.calls += 1
        return [
            100 * len(set(source.split()) & set(text.split())) / len(source.split()) + self.bonus * len(given)
            for source, text, given in zip(sources, hypotheses, references)
        ]


class Broken:
    signature = "broken:yes"

    def __init__(self, argument):
        self.argument = argument

    def score(self, sources, hypotheses, references):
        return {"few": [1.0], "nan": [float("nan")] * len(hypotheses), "text": ["x"] * len(hypotheses)}[self.argument]


def unmade(argument):
    raise RuntimeError("no weights\\nhere")
'''
POINTS = """[nmt.metrics]
overlap = my_metrics:Overlap
broken = my_metrics:Broken
unmade = my_metrics:unmade
gone = my_missing:Metric
bleu = my_metrics:Broken
"""
SOURCES = [f"a{row} b{row} c{row} d{row}" for row in range(40)]
HALF = [f"a{row} b{row}" for row in range(40)]
NEAR = [f"a{row} b{row} c{row}" if row % 3 else f"a{row}" for row in range(40)]
MOST = [f"a{row} b{row} c{row}" if row % 4 else f"a{row}" for row in range(40)]


@pytest.fixture(autouse=True)
def _installed(tmp_path, monkeypatch):
    (tmp_path / "my_metrics.py").write_text(PACKAGE, encoding="utf-8")
    information = tmp_path / "my_metrics-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: my-metrics\nVersion: 1.0\n", encoding="utf-8")
    (information / "entry_points.txt").write_text(POINTS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("my_metrics", None)


def write(folder, **texts):
    for name, lines in texts.items():
        (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return {"source": folder / "source", "references": [folder / "reference"]}


def test_the_score_is_the_mean_of_the_segments():
    metric = metrics.named("overlap=2", sources=SOURCES)
    score = metrics.score(metric, MOST, [SOURCES, [""] * 40])
    assert score.name == "overlap" and score.value == pytest.approx(100 * (0.75 * 30 + 0.25 * 10) / 40 + 2)
    assert score.signature.startswith("nrefs:1|version:") and score.signature.endswith("|overlap:words|bonus:2")
    assert metrics.score(metrics.named("overlap", sources=SOURCES), HALF, [SOURCES]).value == 50


def test_intervals_and_tests_come_from_resampled_segments():
    metric = metrics.named("overlap", sources=SOURCES)
    score = metrics.score(metric, MOST, [SOURCES], resamples=1000)
    error = statistics.pstdev([25.0 if row % 4 == 0 else 75.0 for row in range(40)]) / 40**0.5
    assert score.interval.mean == pytest.approx(score.value, abs=1)
    assert score.interval.half_width == pytest.approx(1.96 * error, rel=0.1) and "bs:1000" in score.signature
    for test in ("bs", "ar"):
        found = metrics.significance(metric, [MOST, SOURCES, NEAR], [SOURCES], test=test)
        better, worse = found.p_values[1:]
        assert better < 0.01 < 0.05 < worse and f"{test}:" in found.signature
    assert metric.scorer.calls == 3, "translations are scored once"


def test_nmt_eval_shows_it_beside_the_others(tmp_path):
    texts = write(tmp_path, source=SOURCES, reference=SOURCES, one=MOST, two=HALF)
    hypotheses = [tmp_path / "one", tmp_path / "two"]
    found = evaluate(hypotheses=hypotheses, metric=["chrf", "overlap=1"], confidence=True, paired="bs", **texts)
    chrf, overlap = found.columns
    assert overlap.key == "overlap=1" and [score.value for score in overlap.scores] == [63.5, 51.0]
    assert overlap.scores[0].interval.half_width > 0 and overlap.significance.p_values[1] is not None
    assert chrf.scores[0].value == metrics.chrf(MOST, SOURCES).value


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ("broken=few", "broken must return 40 finite scores; it returned 1, of which 1 are finite"),
        ("broken=nan", "it returned 40, of which 0 are finite"),
        ("broken=text", "broken failed: ValueError: could not convert"),
        ("broken", "broken failed: KeyError: None"),
        ("unmade", "unmade failed: RuntimeError: no weights$"),
        ("gone=x", "gone failed: ModuleNotFoundError: No module named 'my_missing'"),
        ("bleu=x", "'bleu=x' is none of bleu, chrf, .*exact, .*overlap="),
        ("nothing=x", "'nothing=x' is none of"),
    ],
)
def test_faults_are_one_line(metric, message):
    with pytest.raises(NMTError, match=message) as caught:
        metrics.score(metrics.named(metric, sources=SOURCES), MOST, [SOURCES])
    assert caught.value.hint


def test_a_plugin_takes_no_name_of_ours():
    assert metrics.bleu(SOURCES, SOURCES).value == pytest.approx(100)
