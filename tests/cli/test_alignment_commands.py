"""Word alignments as they are used: nmt translate --alignments and nmt eval --alignment."""

import json
import os
import re
import shutil

import pytest
import tiny_bundle
from tiny_bundle import TEXT
from tiny_commands import on_one_thread
from typer.testing import CliRunner

from nmt import Translator, bundle, checksums
from nmt.analysis.aligner import aligned
from nmt.analysis.alignment import Reading, of_translation, parse, pharaoh
from nmt.cli.app import app

LINES = [TEXT[0], "", "  ", " ".join(TEXT * 2), "a\u2028b", *TEXT[1:]]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Models, of which one has no attention and two have directions of their own, text, and gold links."""
    folder = tmp_path_factory.mktemp("alignment")
    tiny_bundle.save(folder / "one")
    for name, kind in (("other", "attention_rnn"), ("blind", "gru")):
        tiny_bundle.save(folder / name, type=kind, embedding=8, hidden=8, tied_embeddings="all")
    for name, (source, target) in {"ahead": ("en", "de"), "back": ("de", "en")}.items():
        shutil.copytree(folder / "one", folder / name)
        config = (folder / name / "config.yaml").read_text(encoding="utf-8")
        config = config.replace("source_language: en", f"source_language: {source}")
        config = config.replace("target_language: en", f"target_language: {target}")
        (folder / name / "config.yaml").write_text(config, encoding="utf-8")
        checksums.write(folder / name, sorted(set(os.listdir(folder / name)) - {checksums.NAME, *bundle.DESCRIPTIONS}))
    pairs = ["a man in an orange hat", "two white males", "there is nobody near", "no"] * 3
    gold = [" ".join(f"{word}-{word}" for word in range(1, len(line.split()) + 1)) for line in pairs]
    possible = [*gold[:-1], gold[-1].replace("-", "p")]
    files = {"src": pairs, "tgt": pairs, "gold": gold, "possible": possible, "in": LINES, "bad": ["1-9"] * 12}
    for name, lines in (*files.items(), ("few", gold[:8])):
        (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def _inside(place, monkeypatch):
    monkeypatch.chdir(place)


def invoke(line: str, **options):
    return CliRunner().invoke(app, on_one_thread(*line.split()), **options)


def done(line: str, **options) -> str:
    result = invoke(line, **options)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def written(path) -> list[str]:
    text = path.read_bytes().decode("utf-8")
    assert text.endswith("\n")
    return text.split("\n")[:-1]


@pytest.mark.parametrize("reading", [None, "1.2.shifted.target"])
def test_a_line_of_links_for_every_line(place, tmp_path, reading):
    links, chosen = tmp_path / "links", f"--alignment-reading {reading}" if reading else ""
    plain = done("translate --model one --input in")
    assert done(f"translate --model one --input in --alignments {links} {chosen}") == plain
    reading = parse(reading) if reading else Reading()
    found = list(Translator.load("one", device="cpu").translations(LINES, attention=True, heads=reading.heads))
    assert written(links) == [pharaoh(of_translation(each, reading)) for each in found]
    assert written(links)[1:3] == ["", ""] and found[3].parts > 1
    from_pipe = tmp_path / "piped"
    text = (place / "in").read_bytes()
    assert done(f"translate --model one --alignments {from_pipe} {chosen}", input=text) == plain
    assert from_pipe.read_bytes() == links.read_bytes()
    done(f"translate --model one --input in --json --output out --alignments {from_pipe} {chosen}")
    assert from_pipe.read_bytes() == links.read_bytes()


def test_with_a_model_of_the_other_direction(tmp_path):
    both = tmp_path / "both"
    options = "--alignment-reverse other --alignment-reading mean.mean.plain.target,mean.mean.plain.source"
    done(f"translate --model one --input in --alignments {both} {options} --alignment-symmetry union")
    reading, other = Reading(decision="target"), Reading(decision="source")
    found = Translator.load("one", device="cpu").translations(LINES, attention=True)
    reverse = (Translator.load("other", device="cpu"), other)
    assert written(both) == [pharaoh(each) for _, each in aligned(found, reading, reverse=reverse, symmetry="union")]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("--model blind --alignments links", "has no attention to align by\nhint: "),
        ("--model one --alignments links --alignment-reverse blind", "has no attention to align by\nhint: "),
        ("--model one --alignments links --alignment-reading 2.mean.plain.both", "layer 2: attention to the source "),
        ("--model one --alignments links --alignment-reading 1.3.plain.both", "head 3: attention to the source has "),
        ("--model one --alignments links --alignment-reading best", "'best' is not of the form LAYER.HEAD.STEP"),
        ("--model one --alignments links --alignment-reading a,b,c", "'a' is not of the form"),
        ("--model one --alignments links --json --attention", "--attention is the mean of all heads"),
        ("--model one --alignments out", "out: translations and alignments in one file?"),
        ("--model one --alignments in", "in: is both input and output"),
        ("--model one --alignments -", "-: is no name for a file here"),
        ("--model one --alignment-reading 1.1.plain.both", "--alignment-reading: of which alignments?"),
        ("--model one --alignments links --alignment-symmetry union", "--alignment-symmetry: of which alignments?"),
        ("--model one --alignments links --alignment-reading 1.1.plain.both,9.9.plain.both", "more than 1\nhint: "),
        ("--model one --alignments links --alignment-reverse ahead", "ahead translates en-de, and the links are en-en"),
        ("--model ahead --alignments links --alignment-reverse ahead", "translates en-de, and the links are en-de"),
        ("--model blind --json --attention", "has no attention to show\nhint: "),
    ],
)
def test_what_cannot_be_aligned(place, line, told):
    before = {path.name for path in place.iterdir()}
    text = (place / "in").read_bytes()
    result = invoke(f"translate --input in --output out {line}")
    assert result.exit_code == 1 and told in result.stderr and "hint: " in result.stderr
    assert {path.name for path in place.iterdir()} == before and (place / "in").read_bytes() == text


def table(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]


def test_figures_of_every_system():
    text = done("eval --model one --model blind --source src --reference tgt --alignment gold")
    header, _, one, blind = table(text)
    assert header == ["system", "alignment", "precision", "recall", "AER", "95%"]
    assert one[:2] == ["one", "mean.mean.plain.both"] and blind == ["blind", "no attention", "", "", "", ""]
    assert 0 < float(one[4]) < 100 and re.fullmatch(r"\d+\.\d to \d+\.\d", one[5])
    assert "\nalignment: 12 pairs; gold; 95% of 1,000 resamples of the pairs\ncommand: nmt" in text
    both = done("eval --model one --source src --reference tgt --alignment gold --metric bleu")
    heads = [row[1] for row in table(both) if row[0] == "system"]
    assert heads == ["BLEU", "repetitive lines", "alignment"]
    assert both.count("\ncommand: ") == 1 and one in table(both)


def test_the_first_pairs_choose_and_the_others_tell():
    line = "eval --model one --source src --reference tgt --alignment possible --alignment-choose 4"
    found = json.loads(done(f"{line} --json"))["alignment"]
    assert (found["pairs"], found["chosen_on"]) == (12, 4)
    (system,) = found["systems"]
    rates = [method["choosing"]["error_rate"] for method in system["methods"]]
    assert len(rates) == 18 and rates == sorted(rates) and rates[0] < rates[-1]
    best = system["methods"][0]
    assert system["interval"][0] <= best["error_rate"] <= system["interval"][1]
    text = done(line)
    assert table(text)[2][:2] == ["one", best["name"]]
    assert "\nalignment: pairs 5 to 12; the 4 before them chose; possible; " in text
    header, *rows = table(text)[3:]
    assert header[:2] == ["AER of one", "plain.target"] and [row[0] for row in rows[1:]] == ["1.1", "1.2", "1.mean"]
    shown = {f"{row[0]}.{step}": cell for row in rows[1:] for step, cell in zip(header[1:], row[1:], strict=True)}
    assert shown == {each["name"]: f"{100 * each['error_rate']:.1f}" for each in system["methods"]}
    assert f"\none: AER on the first 4: {best['name']} {100 * rates[0]:.1f}, " in text
    alone = f"eval --model one --source src --reference tgt --alignment gold --alignment-reading {best['name']}"
    assert table(done(alone))[2][1] == best["name"]


def test_a_model_of_the_other_direction_and_both_together():
    line = "eval --model one --source src --reference tgt --alignment gold --alignment-reverse other"
    rows = table(done(line))[2:]
    assert [row[:2] for row in rows] == [
        ["one", "mean.mean.plain.both"], ["other", "mean.mean.plain.both"],
        ["one + other", "mean.mean.plain.both mean.mean.plain.both grow-diag"],
    ]  # fmt: skip
    union, common = (table(done(f"{line} --alignment-symmetry {each}"))[4] for each in ("union", "intersection"))
    assert float(union[3]) >= float(rows[0][3]) >= float(common[3])
    chosen = json.loads(done(f"{line} --alignment-choose 4 --json"))["alignment"]["systems"][2]["methods"]
    assert {method["name"].split()[-1] for method in chosen} == {"intersection", "union", "grow-diag",
                                                                 "grow-diag-final-and"}  # fmt: skip


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("--hypothesis tgt --reference tgt --alignment gold", "there is no model that aligns"),
        ("--model one --reference tgt --alignment gold", "--reference is half of a test set"),
        ("--model one --source src --reference tgt --alignment none", "none: no such file"),
        ("--model one --source src --reference tgt --alignment bad", "bad:1: 1-9, but the source has 6 words"),
        ("--model one --source src --reference tgt --alignment few", "few has 8 lines but there are 12 pairs"),
        ("--model one --source src --reference tgt --alignment gold --alignment-choose 12", "none is left"),
        ("--model one --source src --reference tgt --alignment gold --alignment-choose 1 --alignment-reading x",
         "--alignment-reading is what --alignment-choose is to find"),
        ("--model one --source src --reference tgt --alignment gold --alignment-choose 1 --alignment-symmetry union "
         "--alignment-reverse other", "--alignment-symmetry is what --alignment-choose is to find"),
        ("--model ahead --source src --reference tgt --alignment gold --alignment-reverse ahead",
         "ahead translates en-de, and the links are en-de"),
        ("--model ahead --model back --source src --reference tgt --alignment gold", "score each direction by itself"),
        ("--model one --source src --reference tgt --alignment gold --alignment-first 0", "gold:1: 6-6, but"),
        ("--model one --source src --reference tgt --alignment-choose 3", "--alignment-choose: of which alignments?"),
        ("--model one --source src --reference tgt --alignment gold --confidence", "--confidence: says nothing about"),
        ("--model one --hypothesis tgt --source src --reference tgt --alignment gold", "--hypothesis: says nothing"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_a_hint(line, told):
    result = invoke(f"eval {line}")
    assert result.exit_code == 1 and result.stdout == ""
    assert told in result.stderr and "\nhint: " in result.stderr and "Traceback" not in result.stderr


def test_an_exported_model_shows_no_attention(tmp_path):
    pytest.importorskip("ctranslate2", reason="CTranslate2 is not installed: pip install ctranslate2")
    done(f"export --to ctranslate2 --model one --input src {tmp_path / 'exported'}")
    for line in (
        f"translate --model {tmp_path / 'exported'} --input in --output out --alignments links",
        f"eval --model {tmp_path / 'exported'} --source src --reference tgt --alignment gold",
    ):
        result = invoke(line)
        assert result.exit_code == 1 and "does not show the attention" in result.stderr and "hint: " in result.stderr
