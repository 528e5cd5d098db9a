"""Commands as documents and configs give them: made small, and run in this process or in a shell."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import yaml
from typer.testing import CliRunner

from nmt.cli.app import app

FEW = "training.steps=2 training.warmup=1 training.evaluate_every=2 search.repetition_guard=false"
SHRUNK = {
    "gru": "model.hidden=16 model.embedding=16",
    "attention_rnn": "model.hidden=16 model.embedding=16 model.attention=16",
    "transformer": "model.width=16 model.feed_forward=16 model.encoder_layers=1 model.decoder_layers=1",
}


def on_one_thread(*words: object) -> list[str]:
    """The command on one thread of the CPU, where it computes at all."""
    command = [str(each) for each in words]
    if command[0] in ("config", "init"):
        return command
    device = [] if command[0] in ("export", "prepare", "tokenize") else ["--device", "cpu"]
    return [*command, *device, "--threads", "1"]


def blocks(page: Path, *languages: str) -> list[str]:
    """The fenced blocks of a page that are in one of these languages; "" is none."""
    found = re.findall(r"^ *```(\w*)\n(.*?)^ *```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [text for language, text in found if language in languages]


def first_lines(config: Path) -> list[str]:
    """The commands in a config's comments."""
    return re.findall(r"^# (nmt .*)$", config.read_text(encoding="utf-8"), re.MULTILINE)


def shrunk(command: str) -> str:
    """The same with a tiny model, few pairs held out and two updates; comparing without timing."""
    if command.startswith("nmt finetune"):
        return f"{command} {FEW}"
    if command.startswith("nmt train"):
        config = yaml.safe_load(Path(re.search(r"--config (\S+)", command)[1]).read_text(encoding="utf-8"))
        name = config["model"]["type"]
        heads = " model.heads=2" if name == "transformer" and "heads=" not in command else ""
        splits = [name for name, text in config["data"].items() if text and "held_out" in text]
        held = "".join(f" data.{split}.held_out=20" for split in splits)
        return f"{command} tokenizer.vocabulary=400 {FEW} {SHRUNK[name]}{heads}{held}"
    return f"{command} --turns 0" if command.startswith("nmt compare") else command


def run_within(command: str, folder: Path) -> str:
    """In this process, without a shell: `echo TEXT | nmt ...`, `echo TEXT > FILE`, `nmt ... || true` and `nmt ...`.

    Returns what it printed.
    """
    words = shlex.split(command)
    text = f"{words[1]}\n" if words[0] == "echo" else None
    if words[2:3] == [">"]:
        (folder / words[3]).write_text(text, encoding="utf-8")
        return ""
    may_fail = words[-2:] == ["||", "true"]
    words = words[words.index("nmt") + 1 : -2 if may_fail else None]
    done = CliRunner().invoke(app, words, input=text)
    assert done.exit_code == (1 if may_fail else 0), f"{command}\n{done.output}"
    check_files(command, folder)
    return done.stdout


def run(command: str, folder: Path) -> None:
    """In a shell."""
    shell = re.sub(r"\bnmt (?=[a-z])", lambda _: f'"{sys.executable}" -m nmt ', command)
    done = subprocess.run(shell, shell=True, cwd=folder, capture_output=True, encoding="utf-8")
    assert not done.returncode, f"{command}\n{done.stdout}\n{done.stderr}"
    check_files(command, folder)


def check_files(command: str, folder: Path) -> None:
    for name in re.findall(r"--(?:output|alignments) (\S+)", command):
        assert (folder / name).exists()
