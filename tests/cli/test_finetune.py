"""nmt finetune as a user runs it."""

import json
import shutil

import pytest
import tiny_bundle
from copy_task import value_of, write_text
from typer.testing import CliRunner

from nmt import bundle
from nmt.cli.app import app
from nmt.config import yaml

FEW = {"steps": 2, "evaluate_every": 2, "log_every": 1, "precision": "float32"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A finished run and a config without model and tokenizer."""
    folder = tmp_path_factory.mktemp("finetune")
    write_text(folder, pairs=100)
    value = value_of(training=FEW)
    (folder / "base.yaml").write_text(json.dumps(value), encoding="utf-8")
    assert nmt("train", "--config", folder / "base.yaml").exit_code == 0
    data = {name: value["data"][name] for name in ("train", "dev", "cleaning")}
    new = {"run": "new", "data": data, "training": {**value["training"], **FEW}}
    (folder / "new.yaml").write_text(json.dumps(new), encoding="utf-8")
    return folder


def nmt(command: str, *arguments):
    given = [command, *map(str, arguments), "--device", "cpu", "--threads", "1"]
    return CliRunner().invoke(app, given)


def finetune(folder, *arguments, model="run"):
    return nmt("finetune", "--model", folder / model, "--config", folder / "new.yaml", *arguments)


def test_its_config_is_checked_with_what_the_model_brings(folder):
    result = CliRunner().invoke(app, ["config", str(folder / "new.yaml"), f"finetune.model={folder / 'run'}"])
    assert result.exit_code == 0, result.stderr
    checked = yaml.parse(result.stdout, "nmt config")
    assert checked["model"]["type"] == value_of()["model"]["type"] and len(checked["finetune"]["checksum"]) == 64
    missing = CliRunner().invoke(app, ["config", str(folder / "new.yaml"), f"finetune.model={folder / 'nowhere'}"])
    assert missing.exit_code == 1 and "nowhere" in missing.stderr


def test_text_without_the_tags_that_the_model_knows_is_told(folder):
    tags = ["data.train.tag=news", "data.dev.tag=news"]
    base = ["--config", folder / "base.yaml", f"run={folder / 'tagged'}", "tokenizer.spare=2", *tags]
    assert nmt("train", *base).exit_code == 0
    told = "note: data.train: no tag, where each source in the model's training had one: news"
    for options, expected in (((), True), (tags, False)):
        result = finetune(folder, f"run={folder / 'on'}", "--dry-run", *options, model="tagged")
        assert result.exit_code == 0 and (told in result.stderr) == expected, result.stderr
    assert told not in finetune(folder, f"run={folder / 'on'}", "--dry-run").stderr


@pytest.mark.parametrize("value", ["3", "[encoder, decoder]"])
def test_a_section_that_is_none_is_refused(folder, value):
    result = finetune(folder, f"finetune={value}", "run=never")
    assert result.exit_code == 1 and "finetune" in result.stderr and not (folder / "never").exists()


def test_it_trains_on_and_says_from_what(folder):
    result = finetune(folder, "finetune.freeze=[encoder]")
    assert result.exit_code == 0, result.stderr
    assert f"going on from {folder / 'run'}" in result.stderr and "of the parameters are frozen" in result.stderr
    assert str(folder / "new" / "model") in result.stdout
    assert bundle.load(folder / "new").card["finetuned"]["name"] == "run"
    shown = CliRunner().invoke(app, ["info", str(folder / "new")]).stdout
    assert "goes on from" in shown and "run (" in shown
    again = finetune(folder, "finetune.freeze=[encoder]", "training.steps=3", "--resume")
    assert again.exit_code == 0 and "going on after update 2 of 3" in again.stderr
    other = finetune(folder, "finetune.freeze=[decoder]", "--resume")
    assert other.exit_code == 1 and "the settings have changed" in other.stderr


def test_a_dry_run_leaves_nothing(folder):
    result = finetune(folder, f"run={folder / 'dry'}", "--dry-run")
    assert result.exit_code == 0 and "nothing was trained or kept" in result.stdout
    assert not (folder / "dry").exists()


def test_the_config_may_name_the_model(folder):
    over = [f"run={folder / 'named'}", f"finetune.model={folder / 'run'}"]
    result = nmt("finetune", "--config", folder / "new.yaml", *over)
    assert result.exit_code == 0, result.stderr
    result = nmt("finetune", "--config", folder / "new.yaml", f"run={folder / 'nameless'}")
    assert result.exit_code == 1 and "which model shall be finetuned?" in result.stderr


def test_an_exported_model_is_refused(folder):
    exported = folder / "exported"
    shutil.copytree(tiny_bundle.save(folder / "tiny"), exported)
    (exported / "model.safetensors").rename(exported / "model.bin")
    result = finetune(folder, f"run={folder / 'never'}", "finetune.pieces=5", model="exported")
    assert result.exit_code == 1 and "is an exported model" in result.stderr
    assert "hint: finetune the bundle that it was exported from" in result.stderr
    assert not (folder / "never").exists()


@pytest.mark.parametrize(("arguments", "fault"), [
    (["finetune.freze=[encoder]"], 'did you mean "freeze"'), (["finetune.freeze=encoder"], "must be a list"),
    (["model.type=gru"], "model.type: gru, but it has transformer"), (["--force", "--resume"], "give one of them"),
])  # fmt: skip
def test_faults_are_one_clear_line(folder, arguments, fault):
    result = finetune(folder, f"run={folder / 'never'}", *arguments)
    assert result.exit_code in (1, 2) and fault in result.stderr and "Traceback" not in result.stderr
    assert not (folder / "never").exists()


def test_a_folder_without_model_is_told(folder):
    result = finetune(folder, f"run={folder / 'never'}", model="nowhere")
    assert result.exit_code == 1 and "no such folder" in result.stderr
