"""nmt info as a user runs it."""

import json
import shutil

import pytest
from copy_task import config_of
from typer.testing import CliRunner

from nmt.cli.app import app
from nmt.training import train


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train(config_of(tmp_path_factory.mktemp("info"), training={"steps": 2})).folder


def nmt_info(*arguments) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["info", *map(str, arguments), "--device", "cpu"])
    return result.exit_code, result.stdout, result.stderr


def test_it_tells_what_a_bundle_is(run):
    code, shown, _ = nmt_info(run)
    assert code == 0
    for fact in ("a -> b", "transformer", "parameters", "MB", "pieces, shared", "1,500 training pairs", "BLEU"):
        assert fact in shown


def test_json_is_for_programs(run):
    code, shown, _ = nmt_info(run, "--json")
    facts = json.loads(shown)
    assert code == 0 and facts["card"]["training"]["steps"] == 2 and facts["config"]["model"]["width"] == 32
    assert facts["bytes"] > 1000


def test_a_copied_bundle_is_the_same(run, tmp_path):
    copied = shutil.copytree(run / "model", tmp_path / "copy")
    ours, its = nmt_info(run)[1].splitlines(), nmt_info(copied)[1].splitlines()
    assert ours[1:] == its[1:] and its[0] == str(copied)


def test_a_damaged_bundle_is_one_line_and_a_hint(run, tmp_path):
    copied = shutil.copytree(run / "model", tmp_path / "copy")
    (copied / "model.safetensors").write_bytes(b"")
    code, shown, told = nmt_info(copied)
    assert (code, shown) == (1, "")
    assert told.count("\n") == 2 and told.startswith("error: ") and "\nhint: " in told and "Traceback" not in told


def test_no_bundle_at_all(tmp_path):
    code, _, told = nmt_info(tmp_path / "nowhere")
    assert code == 1 and "no such folder" in told
