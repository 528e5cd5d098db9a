"""nmt translate as it is used: one line in is one line out, whatever the line holds and wherever it comes from."""

import gzip
import json
import lzma
import math
import os
import subprocess
import sys
import threading
import time

import pytest
import tiny_bundle
from tiny_bundle import TEXT
from typer.testing import CliRunner

from nmt import Translator
from nmt.cli.app import app
from nmt.cli.lines import windows

ODD = [
    "", "   ", "word " * 10_000, "x" * 3000, "😀 👩‍👩‍👧 ‏", "a\u2028b", "\x85\u2029", "nul \0 nul", "\0",
    "\ufeffbom inside", "carriage\rreturn", "\t", "tab\tbed", "A normal line.", "\x1c\x1d\v\f",
    "<s> </s> ▁", "e\u0301" * 400,
]  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_bundle.save(tmp_path_factory.mktemp("bundle") / "model")


@pytest.fixture(scope="module")
def expected(model):
    return Translator.load(model, device="cpu").translate(TEXT)


def run(model, *arguments, stdin: bytes | str = b""):
    return CliRunner().invoke(
        app, ["translate", "--model", str(model), "--device", "cpu", *map(str, arguments)], input=stdin
    )


def lines(result) -> list[str]:
    assert result.exit_code == 0, result.stderr
    assert result.stdout_bytes == b"" or result.stdout_bytes.endswith(b"\n")
    return result.stdout_bytes.decode("utf-8").split("\n")[:-1]


def test_stdin_to_stdout(model, expected):
    assert len(set(expected)) == len(TEXT)
    assert lines(run(model, stdin="\n".join(TEXT))) == expected  # the last line without LF
    assert lines(run(model, stdin="".join(f"{line}\r\n" for line in TEXT))) == expected
    assert lines(run(model, stdin=b"\xef\xbb\xbf" + "\n".join(TEXT).encode())) == expected
    assert lines(run(model, stdin=b"")) == []


@pytest.mark.parametrize(("suffix", "opener"), [("txt", open), ("gz", gzip.open), ("xz", lzma.open)])
def test_file_to_file(model, expected, tmp_path, suffix, opener):
    source, target = tmp_path / f"in.{suffix}", tmp_path / "deep" / "out"
    with opener(source, "wb") as file:
        file.write("\n".join(TEXT).encode() + b"\n")
    result = run(model, "--input", source, "--output", target)
    assert lines(result) == [] and "error" not in result.stderr
    assert target.read_bytes() == "".join(f"{line}\n" for line in expected).encode()
    assert list(target.parent.iterdir()) == [target]
    same = target.with_name(f"out.{suffix}")
    assert run(model, "--input", source, "--output", same).exit_code == 0
    with opener(same, "rb") as file:
        assert file.read() == target.read_bytes(), "a name says how a file is packed, when it is written too"


def test_one_line_in_is_one_line_out(model, tmp_path):
    text = "".join(f"{line}\n" for line in ODD)
    result = run(model, "--beam", 1, stdin=text)
    found = lines(result)
    assert len(found) == len(ODD)
    assert [bool(line) for line in found[:2]] == [False, False]
    assert all(len(line.splitlines()) <= 1 for line in found)
    first = result.stderr.partition("\n")[0]
    assert first == "note: 3 lines have a sentence longer than the model takes, which was cut inside it"
    (tmp_path / "in").write_bytes(text.encode())
    assert lines(run(model, "--beam", 1, "--input", tmp_path / "in")) == found


def test_several_sentences_on_a_line(model, tmp_path):
    """A model of single sentences translates each by itself, and paragraphs keep their shape."""
    single = tiny_bundle.changed(model, tmp_path / "single", "several: 1.0", "several: 0.0")
    sentences = [TEXT[1], TEXT[3], "Nobody climbs.", "Something is near.", "Many bushes!"]
    alone = dict(zip(sentences, lines(run(single, stdin="\n".join(sentences))), strict=True))
    sentences = [sentence for sentence, text in alone.items() if text][:3]
    one, two, three = (alone[sentence] for sentence in sentences)
    shaped = f"\t{sentences[0]} {sentences[1]}  {sentences[2]} \n\n   \n  {sentences[2]}\n\n"
    result = run(single, stdin=shaped)
    assert lines(result) == [f"\t{one} {two}  {three}", "", "", f"  {three}", ""]
    note = "note: 1 line was split into 3 parts at sentence ends; --split never keeps lines whole\n"
    assert result.stderr.startswith(note)
    whole = run(single, "--split", "never", stdin=shaped)
    assert lines(whole) == lines(run(model, stdin=shaped)) != lines(result) and "split into" not in whole.stderr
    assert [line.startswith("\t") for line in lines(whole)] == [True, *[False] * 4]
    always = run(model, "--split", "always", "--json", stdin=shaped)
    assert [json.loads(line)["parts"] for line in lines(always)] == [3, 0, 0, 1, 0] and always.stderr.startswith(note)
    fault = run(single, "--split", "off", stdin=shaped)
    assert fault.exit_code == 2 and "'auto', 'always', 'never'" in fault.stderr


def test_json_tells_everything(model, expected):
    found = [
        json.loads(line)
        for line in lines(run(model, "--json", "--n-best", 2, "--attention", stdin="\n".join([*TEXT, ""])))
    ]
    assert [each["translation"] for each in found] == expected
    for line, each in zip(TEXT, found, strict=True):
        assert each["source"] == line and each["parts"] == 1
        assert len(each["hypotheses"]) == 2
        best, second = each["hypotheses"]
        assert best["text"] == each["translation"] and best["score"] > second["score"]
        assert len(best["tokens"]) == len(best["token_log_probabilities"])
        assert sum(best["token_log_probabilities"]) == pytest.approx(best["log_probability"], abs=1e-3)
        assert best["score"] == pytest.approx(best["log_probability"] / len(best["tokens"]))
        (attention,) = each["attention"]  # of the line's only part
        assert len(attention) == len(best["tokens"])
        assert all(len(row) == len(each["source_tokens"]) for row in attention)
        assert all(math.isclose(sum(row), 1, abs_tol=0.01) for row in attention)


def test_json_is_a_line_for_every_reader(model):
    found = lines(run(model, "--json", "--beam", 1, stdin="a\u2028b\x85c\n\n"))
    assert [len(line.splitlines()) for line in found] == [1, 1]
    first, blank = map(json.loads, found)
    assert first["source"] == "a\u2028b\x85c"
    assert blank["translation"] == "" and blank["parts"] == 0 and "attention" not in blank


def test_settings_of_the_search_reach_it(model, expected):
    text = "\n".join(TEXT)
    translator = Translator.load(model, device="cpu")
    assert lines(run(model, "--beam", 1, stdin=text)) == translator.translate(TEXT, beam=1)
    assert lines(run(model, "--max-length", 2, stdin=text)) == translator.translate(TEXT, max_length=2) != expected
    assert lines(run(model, "--min-length", 40, stdin=text)) == translator.translate(TEXT, min_length=40) != expected
    assert lines(run(model, "--length-penalty", 0, stdin=text)) == translator.translate(TEXT, length_penalty=0)
    assert lines(run(model, "--batch-tokens", 1, "--threads", 1, stdin=text)) == expected
    sampling = {"sample": True, "temperature": 0.7, "top_k": 30, "top_p": 0.9, "seed": 5}
    options = ["--sample", "--temperature", 0.7, "--top-k", 30, "--top-p", 0.9, "--seed", 5]
    assert lines(run(model, *options, stdin=text)) == translator.translate(TEXT, **sampling)
    assert lines(run(model, *options[:-1], 6, stdin=text)) != translator.translate(TEXT, **sampling)


def test_models_that_help(model, expected, tmp_path):
    """An ensemble, minimum Bayes risk and reranking are what the Translator makes of them."""
    text = "\n".join(TEXT)
    other = tiny_bundle.save(tmp_path / "C:other", scale=4)
    found = Translator.load([model, other], device="cpu").translate(TEXT)
    assert lines(run(model, "--model", other, stdin=text)) == found != expected
    options = ["--sample", "--n-best", 9, "--mbr", "chrf"]
    found = Translator.load(model, device="cpu").translate(TEXT, sample=True, n_best=9, mbr="chrf")
    assert lines(run(model, *options, stdin=text)) == found != expected
    best = json.loads(lines(run(model, *options, "--json", stdin=TEXT[0]))[0])["hypotheses"]
    assert len(best) > 1 and best[0]["text"] == found[0] and 0 < best[0]["score"] <= 100
    for given, weight in ((other, 1), (f"{other}:0.25", 0.25)):
        found = Translator.load(model, device="cpu", rerank={other: weight}, n_best=3).translate(TEXT)
        assert lines(run(model, "--rerank", given, "--n-best", 3, stdin=text)) == found


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        (["--mbr", "chrf"], "mbr chooses among n_best hypotheses", ""),
        (["--rerank", "missing:0.5"], "missing: no such folder", ""),
        (["--rerank", "a", "--rerank", "a:0.5"], "--rerank: a is named twice", "one weight a model"),
        (["--mbr", "chrf", "--n-best", 3, "--attention", "--json"], "something else is chosen", "nmt attend"),
        (["--n-best", 2], "--n-best 2", "--json"),
        (["--attention"], "--attention", "--json"),
        (["--beam", 0], "beam: ", ""),
        (["--n-best", 9, "--json"], "n_best (9) must not be larger than beam (3)", ""),
        (["--temperature", 0.5], "set sample", ""),
        (["--top-p", 2, "--sample"], "top_p: ", ""),
        (["--input", "missing.txt"], "missing.txt: no such file", ""),
    ],
)
def test_a_bad_option_is_named(model, tmp_path, monkeypatch, options, message, hint):
    monkeypatch.chdir(tmp_path)
    result = run(model, *options, "--output", "out", stdin=TEXT[0])
    assert result.exit_code == 1
    assert message in result.stderr and hint in result.stderr and "hint: " in result.stderr
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_missing_model_is_named(tmp_path):
    result = run(tmp_path / "nothing", stdin="a")
    assert result.exit_code == 1 and "nothing: no such folder" in result.stderr


def test_a_fault_in_the_input_leaves_the_old_output(model, tmp_path):
    source, target = tmp_path / "in", tmp_path / "out"
    source.write_bytes(TEXT[0].encode() + b"\n\xff\n")
    target.write_text("old", encoding="utf-8")
    result = run(model, "--input", source, "--output", target)
    assert result.exit_code == 1 and f"{source}:2: not UTF-8" in result.stderr
    assert target.read_text(encoding="utf-8") == "old"
    assert sorted(tmp_path.iterdir()) == [source, target]


def test_a_fault_in_stdin_comes_after_the_lines_before_it(model, expected):
    result = run(model, stdin=TEXT[0].encode() + b"\n\xff\n")
    assert result.exit_code == 1 and "stdin:2: not UTF-8" in result.stderr
    assert result.stdout == expected[0] + "\n"


def test_the_input_is_not_overwritten(model, tmp_path):
    source = tmp_path / "text"
    source.write_text(TEXT[0], encoding="utf-8")
    for output in (source, tmp_path):
        result = run(model, "--input", source, "--output", output)
        assert result.exit_code == 1 and "hint: " in result.stderr
        assert source.read_text(encoding="utf-8") == TEXT[0]


def start(model, *options) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "nmt", "translate", "--model", str(model), "--device", "cpu", *options]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment)


def test_a_pipe_gets_its_output_while_input_still_comes(model, expected):
    process = start(model)
    answers = []
    for line in TEXT:
        process.stdin.write(line.encode() + b"\n")
        process.stdin.flush()
        answers.append(process.stdout.readline().decode("utf-8").rstrip("\n"))
    assert answers == expected
    process.stdin.write("Ünïcödé 😀".encode())
    rest, errors = process.communicate(timeout=60)
    assert rest.count(b"\n") == 1 and errors.count(b"note: ") == errors.count(b"\n") and process.returncode == 0


def test_a_reader_that_leaves_ends_it_quietly(model):
    process = start(model, "--beam", "1")
    process.stdin.write(TEXT[0].encode() + b"\n")
    process.stdin.flush()
    process.stdout.readline()
    process.stdout.close()
    process.stdin.write(TEXT[0].encode() + b"\n")
    process.stdin.close()
    assert process.wait(timeout=60) == 1
    assert process.stderr.read() == b""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT between processes")
def test_ctrl_c_while_waiting_for_input_ends_it(model):
    import signal

    process = start(model)
    process.stdin.write(TEXT[0].encode() + b"\n")
    process.stdin.flush()
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert process.stderr.read() == b"stopped\n"


def test_lines_that_come_together_are_taken_together():
    go_on = threading.Event()

    def slow():
        yield from "abc"
        go_on.wait(10)
        yield "d"

    groups = windows(slow(), 10)
    begin = time.monotonic()
    assert next(groups) == ["a", "b", "c"]
    assert time.monotonic() - begin < 5
    go_on.set()
    assert list(groups) == [["d"]]


def test_no_line_waits_for_too_many_others():
    text = [str(number) for number in range(1000)]
    groups = list(windows(iter(text), 200))
    assert [each for group in groups for each in group] == text
    assert len(groups[0]) <= 64 and max(map(len, groups)) <= 200
