"""The benchmark on models of 16 units: that it measures, not what."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_bundle import save
from toy_text import sentences, toy_config

from nmt import config as settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run_benchmark(tmp_path):
    """Run it on a toy text; -> what it prints, and its figures."""
    (tmp_path / "toy.yaml").write_text(settings.dump(toy_config(tmp_path, sentences(200))), encoding="utf-8")

    def run(*arguments: str) -> tuple[str, dict]:
        command = [sys.executable, str(ROOT / "scripts" / "benchmark"), "--tiny", "--repeats", "1", "--seconds", "0.1"]
        command += ["--warmup", "1", "--threads", "1", "--batch-tokens", "600", "--config", str(tmp_path / "toy.yaml")]
        command += ["--work", str(tmp_path / "work"), "--json", str(tmp_path / "figures.json"), *arguments]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=ROOT)
        assert done.returncode == 0, done.stderr
        return done.stdout, json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))["figures"]

    return run


def faults(figures: dict) -> dict[str, str]:
    return {name: each["fault"] for part in figures.values() for name, each in part.items() if each["fault"]}


@pytest.mark.soak
def test_our_training(run_benchmark):
    text, figures = run_benchmark("--only", "train", "--model", "transformer", "--system", "nmt float32")
    assert not faults(figures)
    measured = figures["train transformer"]
    assert list(measured) == ["limits", "nmt float32"]
    (turn,) = measured["nmt float32"]["turns"]
    assert turn["rate"] == turn["tokens"] / turn["seconds"] > 0
    assert "| nmt float32 | " in text and "GFLOP/s bfloat16" in text


def test_systems_that_do_not_exist_are_told(run_benchmark):
    with pytest.raises(AssertionError, match=r"none of 'nmt'\s+hint: there are nmt float32, plain torch"):
        run_benchmark("--only", "train", "--model", "base", "--system", "nmt")


@pytest.mark.soak
def test_everything_that_needs_no_peer(run_benchmark, tmp_path):
    text, figures = run_benchmark("--run", str(save(tmp_path / "bundle")))
    assert not faults(figures)
    parts = {"train transformer", "train attention_rnn", "train gru", "greedy", "beam 5", "start", "prepare"}
    assert set(figures) == parts
    assert {"plain torch float32", "plain torch bfloat16", "nmt bfloat16"} < set(figures["train attention_rnn"])
    for title in ("Training: gru", "Decoding: beam 5", "Start-up", "Preparing", "Conditions"):
        assert f"### {title}\n" in text


def test_the_work_of_a_transformer(monkeypatch):
    """256 wide, 3 + 3 layers, 8,000 pieces: counted by hand, matrix by matrix."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts" / "benchmark"))
    import sizes

    square, inner = 256 * 256, 256 * 1024
    source = 3 * (4 * square + 2 * inner) + 3 * 2 * square
    target = 3 * (4 * square + 2 * square + 2 * inner) + 256 * 8000
    assert sizes.weights(sizes.MODELS["transformer"], 8000) == (source, target)
    assert sizes.training_flops(sizes.MODELS["transformer"], 8000, source=16, target=16) == 6 * (source + target)
    assert round(6 * (source + target) / 1e6) == 45
