"""The tuning script: corpora and grids become trainings, and finished ones a table."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from toy_text import sentences, write

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts/tuning"))

import corpora  # noqa: E402
import grid  # noqa: E402
import report  # noqa: E402
import trials  # noqa: E402

from nmt import config as settings  # noqa: E402
from nmt.errors import NMTError  # noqa: E402


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "toy"
    folder.mkdir()
    write(folder, "train", sentences(200))
    write(folder, "dev", sentences(20, seed=2))
    return corpora.prepare(f"{folder}:de-en", 150, tmp_path / "corpora")


def planned(corpus, tmp_path, **changes):
    return trials.plan(corpus, "gru", changes, 1, tmp_path)


def test_every_combination_once():
    assert grid.combinations([], []) == [{}]
    found = grid.combinations([{"lr": [0.1, 0.2]}], [["passes=1,2", "lr=0.1"], ["lr=0.2"]])
    assert found == [{"lr": 0.1}, {"lr": 0.2}, {"passes": 1, "lr": 0.1}, {"passes": 2, "lr": 0.1}]


@pytest.mark.parametrize("text", ["lr", "=3", "rate=0.1"])
def test_a_grid_of_something_else_is_rejected(text):
    with pytest.raises(NMTError):
        grid.combinations([], [[text]])


def test_the_bundled_plan_can_be_trained(corpus, tmp_path):
    plan = grid.read_plan(str(ROOT / "scripts/tuning/plan.yaml"))
    for family, grids in plan.items():
        for changes in grid.combinations(grids[:1], [])[:2]:
            trials.plan(corpus, family, changes, 1, tmp_path)


def test_a_corpus_is_found_and_drawn(corpus, tmp_path):
    assert corpus.name == "toy-de-en-150" and corpus.languages == ("de", "en")
    lines = [path.read_text(encoding="utf-8").splitlines() for path in corpus.train.files]
    whole = dict(sentences(200))
    assert [len(side) for side in lines] == [150, 150]
    assert all(whole[source] == target for source, target in zip(*lines, strict=True))
    rows = "".join(f"{source}\t{target}\n" for source, target in sentences(30))
    (tmp_path / "pairs.de-en.tsv").write_text(rows, encoding="utf-8")
    assert corpora.prepare(str(tmp_path / "pairs.de-en.tsv"), 0, tmp_path / "more").dev is None
    with pytest.raises(NMTError, match="no training text found"):
        corpora.prepare(f"{tmp_path}/toy:fr-en", 0, tmp_path / "more")


def test_a_trial_is_the_rules_with_changes(corpus, tmp_path):
    changes = ({}, {"batch_tokens": 1024}, {"steps": 7, "vocabulary": 400})
    rules, double, few = (planned(corpus, tmp_path, **each) for each in changes)
    assert len({rules.key, double.key, few.key}) == 3 and planned(corpus, tmp_path).key == rules.key
    assert double.sizes.steps == pytest.approx(rules.sizes.steps / 2, rel=0.05), "as many passes"
    loaded = settings.load(few.config)
    assert (loaded.training.steps, loaded.tokenizer.vocabulary, loaded.run) == (7, 400, few.run)


def result(trial, **values):
    evaluations = [{"step": 7, "minutes": 0.5, "loss": 2.0, "bleu": 12.0, "chrf": 30.0}]
    return {**trial._asdict(), "config": "", "run": "", "sizes": trial.sizes._asdict(), "cut": 0, "failed": 0,
            "evaluations": evaluations, **values}  # fmt: skip


def test_what_is_finished_is_not_trained_again(corpus, tmp_path):
    results = trials.Results(tmp_path / "results.jsonl")
    chosen = [planned(corpus, tmp_path, steps=steps) for steps in (7, 8, 9)]
    for trial, values in zip(chosen, ({}, {"cut": 2.0}, {"failed": 1}), strict=True):
        results.add(result(trial, **values))
    assert results.missing(chosen, 2.0) == [chosen[2]]
    assert results.missing(chosen, 3.0) == chosen[1:]


def test_the_report_has_a_row_for_each_setting(corpus, tmp_path):
    better, failed = planned(corpus, tmp_path, steps=7), planned(corpus, tmp_path, steps=8)
    found = [result(failed, failed=1, evaluations=[]), result(better), result(better, seed=2)]
    text = report.write(found, tmp_path / "r.md")
    rows = [line for line in text.splitlines() if line.startswith("| steps")]
    assert "12.00" in rows[0] and "2 seeds" in rows[0] and "failed with code 1" in rows[1]
    assert (tmp_path / "r.md").read_text(encoding="utf-8") == text


@pytest.mark.soak
def test_training_and_calling_again(corpus, tmp_path):
    command = [
        sys.executable, str(ROOT / "scripts/tuning"), "--corpus", f"{tmp_path / 'toy'}:de-en", "--pairs", "100",
        "--model", "gru", "--grid", "steps=4", "training.evaluate_every=2", "--output", str(tmp_path / "tuning"),
    ]  # fmt: skip
    for finished in ("1 of them", "0 of them"):
        done = subprocess.run(command, capture_output=True, encoding="utf-8")
        assert done.returncode == 0 and f"1 trainings, {finished}" in done.stdout, done.stderr
    (line,) = (tmp_path / "tuning" / "results.jsonl").read_text(encoding="utf-8").splitlines()
    assert [each["step"] for each in json.loads(line)["evaluations"]] == [2, 4]
