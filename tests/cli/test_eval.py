"""nmt eval as it is used: the table, the JSON, and bad input."""

import json
import re
import shutil
import subprocess
import sys

import pytest
import tiny_runs
from typer.testing import CliRunner

from nmt import evaluate
from nmt.cli.app import app
from nmt.evaluation import metrics
from nmt.version import __version__

REFERENCES = ["The cat sat on the mat.", "A dog barks loudly in here!", "Nobody knows the answer yet."] * 10
HYPOTHESES = ["The cat sat on a mat.", "A dog barks very loudly in here!", "nobody knows the answer yet."] * 10
WORSE = ["A cat was on a mat.", "Some dog barks there!", "Nobody has answers."] * 10


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("eval")
    for name, lines in (("ref", REFERENCES), ("hyp", HYPOTHESES), ("worse", WORSE)):
        (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def runs(place):
    return tiny_runs.make(place)


@pytest.fixture(autouse=True)
def _inside(place, monkeypatch):
    monkeypatch.chdir(place)


def invoke(line: str):
    return CliRunner().invoke(app, ["eval", "--device", "cpu", *line.split()])


def output(line: str) -> str:
    result = invoke(line)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def table(text: str) -> list[list[str]]:
    """The rows of the Markdown table of scores, without the rule."""
    first = text.split("\n\n")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in first]
    assert all(re.fullmatch(r"-+:?", cell) for cell in rows[1])
    return [rows[0], *rows[2:]]


def test_a_file_of_translations():
    text = output("--hypothesis hyp --reference ref")
    scores = [metric(HYPOTHESES, REFERENCES).value for metric in (metrics.bleu, metrics.chrf, metrics.ter)]
    assert table(text) == [["system", "BLEU", "chrF2", "TER"], ["hyp", *(f"{score:.2f}" for score in scores)]]
    assert "\n30 sentences, 1 reference\nBLEU: nrefs:1|case:mixed|eff:no|tok:13a|" in text
    scores, checks = text.split("\n\n")[:2]
    for grid in (scores, checks):
        assert len({len(line) for line in grid.splitlines()}) == 1, "the columns are aligned"
    assert checks.splitlines()[-1].split() == ["|", "hyp", "|", "0/30", "|", "0/30", "|", "1.03", "|"]


def test_the_switches():
    line = "--hypothesis hyp --reference ref --reference worse --metric bleu,chrf --lowercase --tokenize intl"
    text = output(line)
    assert table(text)[0] == ["system", "BLEU", "chrF2"]
    assert "30 sentences, 2 references" in text and "BLEU: nrefs:2|case:lc|eff:no|tok:intl" in text
    assert "chrF2: nrefs:2|case:lc" in text


def test_intervals_and_significance():
    text = output("--hypothesis hyp --hypothesis worse --reference ref --metric bleu --confidence --paired bs")
    header, first, second = table(text)
    assert header == ["system", "BLEU", "p"]
    assert re.fullmatch(r"\d\d\.\d\d ± \d\.\d\d", first[1]) and first[2] == ""
    assert second[2] == "0.0010*"
    assert "as from hyp (paired|bs:1000|seed:12345); * below 0.05" in text


def test_models_show_what_they_cost(runs, place):
    text = output("--model runs/learnt --model runs/fresh --metric bleu --output-folder kept")
    header, learnt, fresh = table(text)
    assert header == ["system", "BLEU", "parameters", "training", "tokens/s", "decoding", "sentences/s"]
    assert (learnt[0], fresh[0]) == ("learnt", "fresh") and float(learnt[1]) > float(fresh[1])
    assert re.fullmatch(r"0\.0\d M", learnt[2]) and learnt[3].endswith(" min") and learnt[5].endswith(" s")
    how = r"model:transformer\|beam:2\|alpha:1\|engine:torch\|precision:\w+"
    assert re.search(rf"\nlearnt: {how}\|seed:1\|config:\w+\|nmt:{__version__}\n", text)
    for name, score in (("learnt", learnt[1]), ("fresh", fresh[1])):
        kept = place / "kept" / f"{name}.txt"
        assert kept.read_bytes().count(b"\n") == 30
        assert table(output(f"--hypothesis {kept} --config {name}.yaml --metric bleu"))[1][1] == score


def test_translations_of_models_whose_names_are_alike_as_files_are_all_kept(runs, place):
    (place / "inside").mkdir()
    shutil.copytree(place / "runs" / "learnt", place / "inside" / "learnt")
    shutil.copytree(place / "runs" / "fresh", place / "learnt")
    rows = table(output("--model inside/learnt --model inside/../learnt --metric bleu --output-folder both"))
    kept = sorted(path.name for path in (place / "both").iterdir())
    assert len(kept) == len(rows) - 1 == 2


def test_where_translations_cannot_be_kept_nothing_is_translated(runs):
    result = invoke("--model runs/learnt --output-folder hyp")
    assert result.exit_code == 1 and "hyp is no folder" in result.stderr and "translates" not in result.stderr


@pytest.mark.parametrize("members", ["runs/learnt", "runs/learnt,", ",", "runs/learnt,,runs/learnt"])
def test_an_ensemble_has_members(runs, members):
    result = invoke(f"--ensemble {members}")
    assert result.exit_code == 1 and f"--ensemble {members}: which models?" in result.stderr and "hint" in result.stderr


def test_an_ensemble_is_one_system(runs):
    text = output("--model runs/learnt --ensemble runs/learnt,runs/learnt --metric bleu")
    _, alone, together = table(text)
    assert together[0] == "learnt+learnt" and together[1] == alone[1]
    assert re.search(r"\nlearnt\+learnt: model:transformer\+transformer\|.*\|seed:1\+1\|config:(\w+)\+\1\|", text)
    result = invoke("--ensemble runs/learnt,runs/fresh --metric bleu,chrf")
    assert result.exit_code == 0 and "| learnt+fresh |" in result.stdout, result.stderr


def test_minimum_bayes_risk_is_named_in_the_signature(runs):
    found = evaluate(["runs/learnt"], metric=["bleu"], sample=True, n_best=5, mbr="chrf", device="cpu")
    (system,) = found.systems
    assert "|sample:1|temperature:1|mbr:chrf|candidates:5|" in system.model.signature


def test_what_else_chooses_is_named_and_counted(runs):
    line = "--model runs/learnt --metric bleu --beam 3 --n-best 3"
    text = output(f"{line} --rerank runs/learnt:0.5 --rerank runs/fresh")
    plain = {name: output(f"--model runs/{name} --metric bleu") for name in tiny_runs.STEPS}
    digests = {name: re.search(r"config:(\w+)", each)[1] for name, each in plain.items()}
    chosen = f"0.5*transformer(seed=1,config={digests['learnt']})+1*gru(seed=1,config={digests['fresh']})"
    assert f"|beam:3|alpha:1|rerank:{chosen}|candidates:3|engine:torch|" in text
    alone, together = (float(table(each)[1][2].split()[0]) for each in (plain["learnt"], text))
    assert together > alone, "rerankers have parameters too"
    assert "|beam:3|alpha:1|mbr:chrf|candidates:3|" in output(f"{line} --mbr chrf")


def test_what_reranking_chooses_is_what_translate_gives(runs, place):
    how = ["--beam", "3", "--n-best", "3", "--rerank", "runs/fresh:100"]
    output(f"--model runs/learnt --source ref --reference ref --metric bleu --output-folder reranked {' '.join(how)}")
    result = CliRunner().invoke(app, ["translate", "--device", "cpu", "--model", "runs/learnt", "--input", "ref", *how])
    assert result.exit_code == 0, result.stderr
    kept = (place / "reranked" / "learnt.txt").read_text(encoding="utf-8")
    assert kept == result.stdout
    output("--model runs/learnt --source ref --reference ref --metric bleu --output-folder plain")
    assert kept != (place / "plain" / "learnt.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--model runs/learnt --rerank runs/fresh", "rerank: there is one hypothesis to choose from"),
        ("--model runs/learnt --rerank runs/fresh --rerank runs/fresh", "--rerank: runs/fresh is named twice"),
        ("--model runs/learnt --n-best 2", "n_best: one translation a line is scored"),
        ("--hypothesis hyp --reference ref --beam 3", "beam: no model is there to translate"),
        ("--hypothesis hyp --reference ref --rerank runs/fresh", "rerank: no model is there to translate"),
        ("--hypothesis hyp --reference ref --tag en", "tag: no model is there to translate"),
        ("--model runs/learnt --config learnt.yaml --source ref --reference ref", "which test set: that of the config"),
        ("--hypothesis hyp --config none.yaml --reference ref", "which test set: that of the config, or the files?"),
        ("--hypothesis hyp --reference ref --output-folder kept", "--output-folder: no model is there to translate"),
        ("--hypothesis hyp --reference ref --paired bs", "paired: a test compares two systems or more"),
        ("--model runs/learnt --rerank runs/fresh:x", "--rerank: runs/fresh:x: no such model"),
        ("--model runs/learnt --config swapped.yaml", "learnt translates de-en, and the test set is en-de"),
    ],
)
def test_what_says_nothing_is_told_before_anything_is_translated(runs, place, line, message):
    text = (place / "learnt.yaml").read_text(encoding="utf-8").replace("_language: de", "_language: xx")
    text = text.replace("_language: en", "_language: de").replace("_language: xx", "_language: en")
    (place / "swapped.yaml").write_text(text, encoding="utf-8")
    result = invoke(line)
    assert result.exit_code == 1 and message in result.stderr and "hint:" in result.stderr
    assert "note: " not in result.stderr


@pytest.mark.parametrize(
    "line",
    [
        "--hypothesis {} --source ref --reference ref", "--source {} --reference ref", "--source ref --reference {}",
        "--tokenized-reference {} --source ref --reference ref",
    ],
)  # fmt: skip
def test_no_text_that_is_read_is_written_over(runs, place, line):
    (place / "own").mkdir(exist_ok=True)
    shutil.copy(place / "hyp", place / "own" / "learnt.txt")
    before = (place / "own" / "learnt.txt").read_bytes()
    result = invoke(f"--model runs/learnt --metric bleu --output-folder own {line.format('own/learnt.txt')}")
    assert result.exit_code == 1 and "own/learnt.txt: is both input and output" in result.stderr
    assert (place / "own" / "learnt.txt").read_bytes() == before and "translates" not in result.stderr


@pytest.mark.parametrize("named", ["by a config", "by the run"])
def test_no_text_that_a_config_names_is_written_over(runs, place, named):
    (place / named).mkdir()
    for name in ("learnt.txt", "other.txt"):
        shutil.copy(place / "ref", place / named / name)
    text = (place / "learnt.yaml").read_text(encoding="utf-8")
    test = f"test: {{source: '{place}/{named}/learnt.txt', target: '{place}/{named}/other.txt'}}"
    changed = text.replace("test: {held_out: 30}", test)
    assert changed != text
    (place / "named.yaml").write_text(changed, encoding="utf-8")
    arguments = ["--model", "runs/learnt", "--config", "named.yaml"]
    if named != "by a config":
        shutil.copytree(place / "runs" / "learnt", place / "named" / "learnt")
        (place / "named" / "learnt" / "config.yaml").write_text(changed, encoding="utf-8")
        arguments = ["--model", "named/learnt"]
    command = ["eval", "--device", "cpu", *arguments, "--metric", "bleu", "--output-folder", named]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 1 and f"{named}/learnt.txt: is both input and output" in result.stderr, result.output
    assert (place / named / "learnt.txt").read_bytes() == (place / "ref").read_bytes()


def test_what_was_asked_for_without_effect_is_told(runs):
    result = invoke("--model runs/learnt --metric bleu --seed 7")
    assert result.exit_code == 0 and "note: learnt: seed: 7 has no effect: sample is false, not true" in result.stderr
    result = invoke("--model runs/learnt --metric bleu --sample --beam 3")
    assert result.exit_code == 0 and "note: learnt: beam: 3 has no effect: sample is true" in result.stderr


def test_a_name_can_be_longer_than_that_of_a_file(runs, place):
    (place / ("x" * 150)).mkdir()
    shutil.copytree(place / "runs" / "learnt", place / ("x" * 150) / "learnt")
    members = ",".join(["runs/learnt", f"{'x' * 150}/learnt", f"{'x' * 150}/../{'x' * 150}/learnt"])
    output(f"--ensemble {members} --metric bleu --output-folder long")
    (kept,) = (place / "long").iterdir()
    assert len(kept.read_text(encoding="utf-8").splitlines()) == 30


def test_a_reranker_of_another_engine_says_so(runs):
    pytest.importorskip("ctranslate2")
    line = "--model runs/learnt --beam 3 --n-best 3 --metric bleu --rerank"
    for quantization in ("float32", "int8"):
        command = ["export", "--model", "runs/learnt", quantization, "--quantization", quantization]
        assert CliRunner().invoke(app, command).exit_code == 0
    signatures = {output(f"{line} {each}").split("learnt: ")[1].splitlines()[0] for each in
                  ("runs/learnt", "float32", "int8")}  # fmt: skip
    assert len(signatures) == 3
    assert sum(",engine=ctranslate2" in each and ",precision=" in each for each in signatures) == 2


def test_lengths_of_another_search_are_named(runs):
    assert "|beam:2|alpha:1|max_length:7|engine:torch|" in output("--model runs/learnt --metric bleu --max-length 7")


def test_json_has_everything(runs):
    result = invoke("--model runs/learnt --hypothesis ref --source ref --reference ref --confidence --paired ar --json")
    found = json.loads(result.stdout)
    assert found["nmt"] == __version__ and found["sentences"] == 30 and found["references"] == 1
    model, file = found["systems"]
    assert set(model["scores"]) == set(file["scores"]) == {"bleu", "chrf", "ter"}
    bleu = file["scores"]["bleu"]
    assert bleu["value"] == pytest.approx(100) and "case:mixed" in bleu["signature"] and bleu["interval"]["mean"] > 99
    assert bleu["p_value"] < 0.05 and "ar:10000" in bleu["p_value_signature"]
    assert model["scores"]["bleu"]["p_value"] is None and file["model"] is None
    assert model["model"]["signature"].startswith("model:transformer|") and model["model"]["parameters"] > 0


def test_the_command_is_shown_as_it_was_given(place):
    command = ["eval", "--hypothesis", "my hyp", "--reference", "ref", "--metric", "chrf"]
    (place / "my hyp").write_bytes((place / "hyp").read_bytes())
    done = subprocess.run([sys.executable, "-m", "nmt", *command], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.endswith("\ncommand: nmt eval --hypothesis 'my hyp' --reference ref --metric chrf\n")
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", "error: there is nothing to score\nhint: "),
        ("--hypothesis hyp", "error: there is no reference"),
        ("--hypothesis nothing --reference ref", "error: nothing: no such file\nhint: "),
        ("--model nothing --source ref --reference ref", "error: nothing: no such folder\nhint: "),
        ("--hypothesis hyp --reference ref --metric bleu,meteor", "error: metric: 'meteor' is none of bleu, chrf, "),
        ("--hypothesis hyp --reference ref --tokenize 14a", "error: tokenize: '14a' is none of 13a, "),
        ("--hypothesis hyp --reference short", "has 30 lines but the test set has 29\nhint: "),
        ("--hypothesis empty --reference empty", "error: there are no lines to score\nhint: "),
        ("--hypothesis latin --reference ref", "error: latin:1: not UTF-8"),
        ("--hypothesis hyp --config broken.yaml", "error: broken.yaml: "),
    ],
)
def test_bad_input_is_one_line_and_a_hint(place, line, told):
    (place / "short").write_text("".join(f"{line}\n" for line in REFERENCES[1:]), encoding="utf-8")
    (place / "empty").write_bytes(b"")
    (place / "latin").write_bytes("ä\n".encode("latin-1") * 30)
    (place / "broken.yaml").write_text("run: x\n", encoding="utf-8")
    result = invoke(line)
    assert result.exit_code == 1 and result.stdout == ""
    assert told in result.stderr and "\nhint: " in result.stderr and "Traceback" not in result.stderr


def test_wrong_usage():
    assert invoke("--hypothesis hyp --reference ref --paired maybe").exit_code == 2
