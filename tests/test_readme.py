"""docs/tree.md names every file of the package, and the README's commands and pages are the ones there are."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TREE = (ROOT / "docs" / "tree.md").read_text(encoding="utf-8")


def test_the_tree_has_a_line_for_every_file():
    missing = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "nmt").rglob("*.py")
        if ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) and f"  {path.name:<18} " not in TREE
    ]
    assert not missing


def test_every_command_is_described():
    from nmt.cli.app import app

    assert not [command.name for command in app.registered_commands if f"`nmt {command.name}`" not in README]


def test_every_page_is_linked():
    assert not [path.name for path in (ROOT / "docs").glob("*.md") if f"](docs/{path.name})" not in README]


@pytest.mark.soak
def test_the_python_example_runs(tmp_path, monkeypatch, capsys):
    """As written, but for the size of the model and of the training."""
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    run = str(tmp_path / "short")
    small = ["training.steps=4", "model.width=16", "model.heads=2", "model.feed_forward=16", f"run={run}"]
    example = re.sub(r'\["training.steps=500".*?\]', repr(small), example).replace("runs/short", run)
    monkeypatch.chdir(ROOT)
    exec(compile(example, "README.md", "exec"), {})
    assert "tok:13a" in capsys.readouterr().out
