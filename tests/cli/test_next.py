"""Commands and lines of a config that the program shows can be copied, whatever the names in them are."""

import re
import shlex
from pathlib import Path

import pytest
import tiny_bundle
from typer.testing import CliRunner

from nmt.cli.app import app
from nmt.config import yaml

ODD = "it's #1: \"ä\" -> {b}"
CPU = ["--device", "cpu", "--threads", "1"]
LINES = [f"{line} {number}" for number, line in enumerate(tiny_bundle.TEXT * 5)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Text and a bundle whose names a shell and YAML would take apart."""
    folder = tmp_path_factory.mktemp("next")
    (folder / f"{ODD}.en").write_text("".join(f"{line}\n" for line in LINES), encoding="utf-8")
    (folder / f"{ODD}.de").write_text("".join(f"Ein {line.upper()}\n" for line in LINES), encoding="utf-8")
    tiny_bundle.save(folder / ODD, tags=["tag"])
    return folder


@pytest.fixture(autouse=True)
def _inside(folder, monkeypatch):
    monkeypatch.chdir(folder)


def ok(*arguments: str) -> str:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.stderr
    return done.stdout


def command(printed: str) -> list[str]:
    return shlex.split(re.search(r"^next: (nmt .*)$", printed, re.MULTILINE)[1])


@pytest.mark.parametrize("output", [f"{ODD}.yaml", "-c.yaml"])
def test_init_and_the_config_that_it_writes(output):
    printed = ok("init", "--source", f"{ODD}.en", "--target", f"{ODD}.de", "--output", output, *CPU)
    name, train, option, config = command(printed)
    assert (name, train, option) == ("nmt", "train", "--config") and Path(config) == Path(output)
    shown = re.findall(r"^#   (nmt \w+ --config .*)$", Path(output).read_text(encoding="utf-8"), re.MULTILINE)
    assert len(shown) == 2 and all(Path(shlex.split(each)[3]) == Path(output) for each in shown)
    assert yaml.read(Path(output))["data"]["train"] == {"source": f"{ODD}.en", "target": f"{ODD}.de"}


def test_export():
    pytest.importorskip("ctranslate2", reason="CTranslate2 is not installed: pip install ctranslate2")
    printed = ok("export", f"{ODD} out", "--model", ODD, "--input", f"{ODD}.en", "--threads", "1")
    assert command(printed) == ["nmt", "translate", "--model", f"{ODD} out", "--input", "FILE"]


def test_backtranslate_and_distill(folder):
    made = ok("backtranslate", "--model", ODD, "--input", f"{ODD}.en", "--output", f"{ODD} back", "--tag", "tag", *CPU)
    (text,) = yaml.parse(re.search(r"^ +(- .*)$", made, re.MULTILINE)[1], "stdout")
    assert all(Path(text[side]).parent == folder / f"{ODD} back" for side in ("source", "target"))
    assert (text["tag"], text["weight"]) == ("bt", 1.0)
    made = ok("distill", "--model", ODD, "--source", f"{ODD}.en", "--output", f"{ODD} new", "--tag", "tag", *CPU)
    (text,) = yaml.parse(re.search(r"^ +(train: .*)$", made, re.MULTILINE)[1], "stdout").values()
    assert all(Path(text[side]).parent == folder / f"{ODD} new" for side in ("source", "target"))


def test_train_and_the_refusal_of_a_finished_run():
    Path("train.yaml").write_text(
        yaml.dump({
            "run": f"{ODD} run",
            "data": {
                "source_language": "en", "target_language": "de",
                "train": {"source": f"{ODD}.en", "target": f"{ODD}.de"}, "dev": {"held_out": 3},
            },
            "tokenizer": {"vocabulary": 340}, "model": {"type": "gru", "hidden": 8, "embedding": 8},
            "training": {"steps": 2, "evaluate_every": 1, "batch_tokens": 500}, "search": {"beam": 1, "max_length": 4},
        }),
        encoding="utf-8",
    )  # fmt: skip
    printed = ok("train", "--config", "train.yaml", *CPU)
    first, second = re.search(r"^next: (.*), or (.*)$", printed, re.MULTILINE).groups()
    assert Path(shlex.split(first)[3]).name == Path(shlex.split(second)[3]).name == f"{ODD} run"
    done = CliRunner().invoke(app, ["train", "--config", "train.yaml", "--resume", "training.lr=1e-5", *CPU])
    hint = re.search(r"(nmt finetune --model .*)$", done.stderr, re.MULTILINE)[1]
    assert done.exit_code == 1 and Path(shlex.split(hint)[3]).name == f"{ODD} run"
