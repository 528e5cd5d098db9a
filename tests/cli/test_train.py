"""nmt train as a user runs it."""

import json
import signal
import subprocess
import sys

import pytest
from copy_task import config_of, value_of, write_text
from typer.testing import CliRunner

from nmt import bundle, locks
from nmt.cli.app import app

FEW = {"steps": 4, "evaluate_every": 2, "log_every": 1}


@pytest.fixture
def config(tmp_path):
    """The path of a config beside its text."""
    write_text(tmp_path, pairs=200)
    path = tmp_path / "c.yaml"
    path.write_text(json.dumps(value_of(training=FEW)), encoding="utf-8")
    return path


def nmt_train(config, *arguments: str):
    return CliRunner().invoke(app, ["train", "--config", str(config), "--device", "cpu", "--threads", "1", *arguments])


def test_training_shows_its_course_and_ends_with_the_model(config):
    result = nmt_train(config)
    assert result.exit_code == 0, result.stderr
    assert "training pairs read" in result.stderr and "parameters" in result.stderr
    assert "tokens/s" in result.stderr and "left" in result.stderr
    assert "2: dev loss" in result.stderr and "BLEU" in result.stderr and "<- best" in result.stderr
    assert str(config.parent / "run" / "model") in result.stdout and "nmt translate --model" in result.stdout
    assert "\r" not in result.stderr  # no terminal
    bundle.load(config.parent / "run")


def test_an_override_goes_through_the_same_check_as_the_file(config):
    result = nmt_train(config, "training.steps=2", "run=" + str(config.parent / "other"))
    assert result.exit_code == 0, result.stderr
    assert bundle.load(config.parent / "other").card["training"]["steps"] == 2
    result = nmt_train(config, "training.stpes=2")
    assert result.exit_code == 1 and 'did you mean "steps"' in result.stderr


def test_an_existing_run_is_kept_unless_a_word_is_given(config):
    assert nmt_train(config).exit_code == 0
    before = (config.parent / "run" / "log.jsonl").read_bytes()
    result = nmt_train(config)
    assert result.exit_code == 1
    assert "the run exists" in result.stderr and "--resume" in result.stderr and "--force" in result.stderr
    assert (config.parent / "run" / "log.jsonl").read_bytes() == before
    assert nmt_train(config, "--force").exit_code == 0


def test_a_finished_run_says_so_and_goes_on_when_steps_are_raised(config):
    assert nmt_train(config).exit_code == 0
    result = nmt_train(config, "--resume")
    assert result.exit_code == 0 and "training is over: its 4 updates are done" in result.stderr
    assert "going on" not in result.stderr
    result = nmt_train(config, "--resume", "training.steps=6")
    assert result.exit_code == 0 and "going on after update 4 of 6" in result.stderr
    assert bundle.load(config.parent / "run").card["training"]["steps"] == 6


def test_a_run_that_left_nothing_is_begun_by_resuming_it_and_says_so_first(config):
    result = nmt_train(config, "--resume")
    told = f"{config.parent / 'run'}: no checkpoint there yet, so the run starts from the beginning\n"
    assert result.exit_code == 0 and told in result.stderr.partition("training pairs read")[0], result.stderr
    bundle.load(config.parent / "run")


def test_damaged_data_are_made_anew_and_the_run_goes_on(config):
    assert nmt_train(config).exit_code == 0
    (ids,) = config.parent.glob("prepared/*/train/source.ids.npy")
    content = ids.read_bytes()
    ids.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    result = nmt_train(config, "--resume", "training.steps=6")
    assert result.exit_code == 0 and "was damaged or incomplete, and has been made anew" in result.stderr
    assert ids.read_bytes() == content
    assert "made anew" not in nmt_train(config, "--resume", "training.steps=8").stderr


def test_a_second_training_in_the_same_folder_is_refused(config):
    assert nmt_train(config).exit_code == 0
    with locks.lock(config.parent / "run" / ".lock"):
        for word in ("--resume", "--force"):
            result = nmt_train(config, word)
            assert result.exit_code == 1 and "another training writes here" in result.stderr
    assert nmt_train(config, "--resume").exit_code == 0


def test_resume_and_force_together_are_wrong_usage(config):
    result = nmt_train(config, "--resume", "--force")
    assert result.exit_code == 2 and "one of them" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["data.train.source=nowhere.txt"], "nowhere.txt"),
        (["tokenizer.kind=bpe", "tokenizer.vocabulary=9999"], "the largest possible is"),
        (["model.heads=3"], "heads (3) must divide width (32)"),
    ],
)
def test_a_users_fault_is_one_line_and_a_hint_and_leaves_no_run(config, arguments, told):
    result = nmt_train(config, *arguments)
    assert result.exit_code == 1 and told in result.stderr
    assert "\nhint: " in result.stderr and "Traceback" not in result.stderr
    assert not (config.parent / "run").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no such signals")
@pytest.mark.parametrize(
    ("number", "code"),
    [("SIGTERM", 143), *(pytest.param(*each, marks=pytest.mark.soak) for each in (("SIGINT", 130), ("SIGHUP", 129)))],
)
def test_a_signal_leaves_a_run_that_resume_continues(config, number, code):
    command = [sys.executable, "-m", "nmt", "train", "--config", str(config), "--device", "cpu", "--threads", "1"]
    steps = ["training.steps=100000", "training.evaluate_every=100000"]
    with subprocess.Popen([*command, *steps], stderr=subprocess.PIPE, encoding="utf-8") as process:
        lines = iter(process.stderr.readline, "")
        assert any("tokens/s" in line for line in lines)
        process.send_signal(getattr(signal, number))
        rest = process.stderr.read()
    assert process.returncode == code
    assert "saved after update" in rest and rest.endswith("--device cpu --threads 1 --resume\nstopped\n")
    done = json.loads((config.parent / "run" / "last" / "state.json").read_text(encoding="utf-8"))["step"]
    result = nmt_train(config, "--resume", f"training.steps={done + 1}")
    assert result.exit_code == 0, result.stderr
    assert f"going on after update {done:,} of {done + 1:,}" in result.stderr


def test_the_run_can_be_used_from_python_too(tmp_path):
    import nmt

    finished = nmt.train(config_of(tmp_path, training=FEW), device="cpu")
    assert finished.step == 4 and isinstance(nmt.Translator.load(finished.folder).translate(["a b"])[0], str)
