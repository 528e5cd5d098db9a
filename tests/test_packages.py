"""The packages that hints name are those of pyproject.toml."""

import re
from pathlib import Path

from nmt import packages

ROOT = Path(__file__).parents[1]
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
TEXTS = [ROOT / "README.md"] + [
    path
    for folder in ("nmt", "scripts", "docs", "data", "configs")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".py", ".md", ".yaml", ".html")
]
DEVELOPMENT = ("lint", "matrix")  # the extra `test` has lines of its own


def test_the_extras_are_those_of_the_project():
    section = PROJECT.split("[project.optional-dependencies]\n")[1].split("\n[")[0]
    found = re.findall(r"^(\w+) = \[(.+)\]", section, re.MULTILINE)
    extras = {name: tuple(re.findall(r'"([^";]+)[^"]*"', listed)) for name, listed in found if name not in DEVELOPMENT}
    assert extras == packages.EXTRAS


def test_a_hint_names_the_package_with_its_bound():
    assert packages.install("moses") == 'pip install "sacremoses>=0.1.1"'
    assert packages.install("comet") == 'pip install "unbabel-comet>=2.2.2" "setuptools<81"'


def test_no_text_installs_the_package_of_another_project():
    for path in TEXTS:
        assert not re.search(r"nmt\[|pip3? install [\"']?nmt\b", path.read_text(encoding="utf-8")), path
