"""What the documentation tells people to type is what the program takes: commands, their options, configs."""

import re
import shlex
from pathlib import Path
from textwrap import dedent

import pytest
import typer
from tiny_commands import blocks, first_lines

from nmt import config as settings
from nmt.cli.app import app

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NEEDED = {"run": "runs/new", "model": {"type": "transformer"}}
NEEDED_DATA = {
    "source_language": "de", "target_language": "en", "train": {"tsv": "pairs.tsv"}, "dev": {"held_out": 100},
}  # fmt: skip
"""What the parts of a config that are shown leave out."""


YAML = [(path, text) for path in PAGES for text in blocks(path, "yaml")]
CONFIGS = sorted((ROOT / "configs").rglob("*.yaml"))


def commands(path: Path) -> list[str]:
    """Those of a config, or the lines of a page that begin with nmt, those that go on joined."""
    if path.suffix == ".yaml":
        return first_lines(path)
    text = "\n".join(blocks(path, "", "sh")).replace("\\\n", " ")
    return re.findall(r"^(?:\w+=\S+ )*(nmt .*)$", text, re.MULTILINE)


@pytest.mark.parametrize(("path", "text"), YAML, ids=[f"{path.stem}-{n}" for n, (path, _) in enumerate(YAML)])
def test_a_config_that_is_shown_is_one(path, text, tmp_path):
    (tmp_path / path.name).write_text(dedent(text), encoding="utf-8")
    value = settings.read(tmp_path / path.name)
    value = value if value.keys() <= settings.Config.model_fields.keys() else {"data": value}
    whole = {**NEEDED, **value, "data": {**NEEDED_DATA, **value.get("data", {})}}
    settings.check(settings.Config, whole, name=path.name, folder=ROOT)


@pytest.mark.parametrize("path", [*PAGES, *CONFIGS], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_command_that_is_shown_has_these_options(path):
    group = typer.main.get_command(app)
    for line in commands(path):
        words = shlex.split(line, comments=True)
        ends = [at for at, word in enumerate(words) if word in ("|", ">", ">>", "&&", "<", "2>", ";")]
        _, name, *arguments = words[: min(ends, default=None)]
        if name == "--help":
            continue
        command = group.commands[name]
        command.make_parser(command.context_class(command, info_name=name)).parse_args(list(arguments))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_of_the_project_that_is_named_is_there(path):
    text = path.read_text(encoding="utf-8")
    links = (target for target in re.findall(r"\]\(([^)#]+)", text) if "://" not in target)
    missing = [target for target in links if not (path.parent / target).exists()]
    named = re.findall(r"\b(?:configs|scripts)/[\w./-]+\.(?:yaml|py)\b", text)
    missing += [target for target in named if not (ROOT / target).exists()]
    assert not missing
