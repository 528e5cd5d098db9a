"""The recipes' first lines are commands that work: with tiny models and little text here, the files those that the
scripts of scripts/data write."""

import gzip
import re
import shutil
import sys
from importlib import import_module
from pathlib import Path

import archives
import pytest
import yaml
from tiny_commands import first_lines, run_within, shrunk

ROOT = Path(__file__).parents[1]
RECIPES = sorted((ROOT / "configs/recipes").rglob("*.yaml"), key=lambda path: path.with_suffix("").parts)
"""In their order, a stage after the one that it goes on from."""
PAIRS = 300


def name(recipe: Path) -> str:
    return recipe.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def sentences():
    """The first pairs of the bundled corpus, by language."""
    text = gzip.decompress((ROOT / "data/quickstart/train.de-en.tsv.gz").read_bytes()).decode("utf-8")
    pairs = [line.split("\t") for line in text.split("\n")[:PAIRS]]
    return dict(zip(("de", "en"), map(list, zip(*pairs, strict=True)), strict=True))


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder like the project's, its configs and no data."""
    shutil.copytree(ROOT / "configs/recipes", tmp_path / "configs/recipes")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def script(place, monkeypatch):
    """A function that imports a script of scripts/data, for the folder, its command line given."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts/data"))
    imported = ["common"]

    def script(name: str, *line: str):
        imported.append(name)
        module = import_module(name)
        monkeypatch.setattr(module, "ROOT", place / "data")
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *line])
        return module

    yield script
    for each in imported:
        sys.modules.pop(each, None)


def iwslt(script, sentences, place) -> None:
    archives.pack(place / "data/iwslt14/de-en.tgz", archives.iwslt("14", sentences))
    script("iwslt", "--year", "14").main()


def tatoeba(script, sentences, place) -> None:
    pairs = zip(sentences["en"], sentences["de"], strict=True)
    lines = "".join(f"{english}\t{german}\tCC-BY 2.0\n" for english, german in pairs)
    archives.pack(place / "data/tatoeba/deu-eng.zip", {"deu.txt": lines})
    script("tatoeba").main()


def multi30k(script, sentences, place) -> None:
    """The files that it would download: all of them for training, else a few lines."""
    folder = place / "data/multi30k"
    folder.mkdir(parents=True)
    for path in (folder / name.split("/")[1] for name in script("multi30k").FILES):
        language = path.name.removesuffix(".gz").rsplit(".", 1)[1]
        lines = sentences[language] if path.name.startswith("train") else sentences[language][:20]
        text = "".join(f"{line}\n" for line in lines).encode("utf-8")
        path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)


@pytest.mark.parametrize("recipe", RECIPES, ids=name)
def test_a_recipe_begins_with_its_commands_and_says_what_they_gave(recipe):
    first, *others = recipe.read_text(encoding="utf-8").split("\n")
    command = "finetune" if "finetune" in yaml.safe_load("\n".join(others)) else "train"
    assert first == f"# nmt {command} --config {name(recipe)}"
    comments = [line for line in others if line.startswith("# ") and not line.startswith("# nmt ")]
    fetched = re.findall(r"python (scripts/data/\w+\.py)(?: --year 14)? fetches", "\n".join(comments))
    assert command == "finetune" or (len(fetched) == 1 and (ROOT / fetched[0]).is_file())
    assert any(re.match(r"# (not trained yet: |.*\d (minutes|hours) on )", line) for line in comments)


def test_bi_simcut_on_iwslt_from_the_archive_to_the_score_of_papers(script, sentences, place):
    iwslt(script, sentences, place)
    stages = [recipe for recipe in RECIPES if recipe.parent.name == "iwslt14-de-en-bi-simcut"]
    assert len(stages) == 2
    printed = [run_within(shrunk(command), place) for stage in stages for command in first_lines(stage)]
    table, signatures = printed[-1].split("\n\n", 1)
    assert [cell.strip() for cell in table.split("\n")[0].split("|")][2:5] == ["BLEU", "chrF2", "BLEU tok-lc"]
    assert "10 sentences, 1 reference" in signatures
    assert "case:lc" in signatures and "moses:lc.norm.tok-en|references:made|" in signatures


@pytest.mark.soak
def test_all_recipes_work(script, sentences, place):
    for fetch in (iwslt, tatoeba, multi30k):
        fetch(script, sentences, place)
    for recipe in RECIPES:
        for command in first_lines(recipe):
            printed = run_within(shrunk(command), place)
            assert command.split()[1] != "eval" or "|moses:lc.norm.tok-" in printed
