"""`nmt config --settings`: every setting there is, as a config has it."""

import json
from pathlib import Path

from typer.testing import CliRunner

from nmt.cli.app import app
from nmt.config import TokenizerConfig, TrainingConfig, schema, yaml
from nmt.config.reference import described


def test_every_setting_is_there_and_explained():
    known = {place for section in described() for place in section.places}
    names = {setting.name for section in described() for setting in section.settings}
    for section in [schema(), *schema()["$defs"].values()]:
        for name in section["properties"]:
            assert name in names or any(name in place.split(".") for place in known)
    unexplained = {setting.name for section in described() for setting in section.settings if not setting.line}
    assert unexplained == {"type"}


def test_what_is_shown_are_a_configs_own_lines(tmp_path):
    shown = CliRunner().invoke(app, ["config", "--settings"]).stdout
    for name, section in {"training": TrainingConfig(), "tokenizer": TokenizerConfig()}.items():
        (block,) = [each for each in shown.split("\n\n") if each.startswith(f"{name}  ")]
        lines = [line for line in block.splitlines()[1:] if line[2] != " "]
        (tmp_path / "section.yaml").write_text("\n".join(line.split("    (")[0] for line in lines), encoding="utf-8")
        value = json.loads(json.dumps(section.model_dump(mode="json")))
        assert yaml.read(tmp_path / "section.yaml") == {**value, **({"horizon": None} if "horizon" in value else {})}


def test_choices_and_what_must_be_given_are_told():
    shown = CliRunner().invoke(app, ["config", "--settings"]).stdout
    assert "  optimizer: adamw    (adamw | muon)\n" in shown
    assert "  source_language: ...\n" in shown
    assert "data.dev and data.test    Pairs taken away" in shown
    assert shown.count("  type: ") == 4


def test_a_config_is_read_once_as_it_may_be_a_pipe(monkeypatch):
    read, paths = yaml.read, []
    monkeypatch.setattr(yaml, "read", lambda path: paths.append(path) or read(path))
    path = Path(__file__).parents[1] / "configs" / "quickstart" / "gru.yaml"
    assert CliRunner().invoke(app, ["config", str(path)]).exit_code == 0
    assert paths == [path]
