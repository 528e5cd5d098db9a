"""nmt train --extend: a finished run makes more updates, if its schedule allows any."""

import json

import pytest
from copy_task import value_of, write_text
from typer.testing import CliRunner

from nmt.cli.app import app
from nmt.training.checkpoint import read_state

FEW = {"steps": 3, "evaluate_every": 1, "log_every": 1}


def nmt(*arguments):
    return CliRunner().invoke(app, ["train", "--config", "config.yaml", *map(str, arguments)])


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_text(tmp_path, pairs=60)
    return tmp_path


def write_config(folder, **training):
    (folder / "config.yaml").write_text(json.dumps(value_of(training={**FEW, **training})), encoding="utf-8")


def test_a_finished_run_is_extended_again_and_again(folder):
    write_config(folder)
    assert nmt().exit_code == 0
    for step in (5, 7):
        result = nmt("--extend", 2)
        assert result.exit_code == 0, result.stderr
        assert read_state(folder / "run" / "last").step == step
    assert "steps: 7" in (folder / "run" / "config.yaml").read_text(encoding="utf-8")


def test_patience_does_not_end_an_extension(folder):
    write_config(folder, steps=60, patience=2, lr=1.0, warmup=0, schedule="constant")
    assert "stopped early" in nmt().stderr
    step = read_state(folder / "run" / "last").step
    assert nmt("--extend", 4).exit_code == 0
    assert read_state(folder / "run" / "last").step == step + 4 < 60


def test_a_schedule_that_ended_at_0_points_to_finetuning(folder):
    write_config(folder, schedule="cosine", warmup=1)
    assert nmt().exit_code == 0
    result = nmt("--extend", 2)
    assert result.exit_code == 1 and "ends with rate 0 at update 3" in result.stderr
    assert "nmt finetune --model" in result.stderr and read_state(folder / "run" / "last").step == 3


def test_what_cannot_be_extended(folder):
    write_config(folder)
    assert "no checkpoint to extend" in nmt("--extend", 2).stderr
    assert nmt("training.steps=2").exit_code == 0
    config = folder / "run" / "config.yaml"
    config.write_text(config.read_text(encoding="utf-8").replace("steps: 2", "steps: 9"), encoding="utf-8")
    result = nmt("--extend", 2)
    assert result.exit_code == 1 and "the run is not over: 2 of 9 updates are done" in result.stderr
    assert "--resume training.steps=9" in result.stderr
    assert nmt("--extend", 2, "--force").exit_code == 2
