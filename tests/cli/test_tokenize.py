"""nmt tokenize as a user runs it: text -> pieces or ids -> text, line by line."""

import subprocess
import sys
from itertools import pairwise

import pytest
from toy_text import sentences
from typer.testing import CliRunner

from nmt.cli.app import app
from nmt.config import TokenizerConfig
from nmt.data.tokenizer import Tokenizers, load_tokenizers, save_tokenizers
from nmt.data.tokenizer_training import train_tokenizer

runner = CliRunner()
STRANGE = "eins zwei\n\n   \n😀\nnul\0nul\na\u2028b\r\n<s> </s>\n" + "drei " * 10_000 + "\nlast"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A run folder with a vocabulary for each side."""
    run = tmp_path_factory.mktemp("run")
    (run / "model").mkdir()
    sides = zip(*sentences(100), strict=True)
    trained = (train_tokenizer(side, TokenizerConfig(vocabulary=298 + number)) for number, side in enumerate(sides))
    save_tokenizers(run / "model", Tokenizers(*trained))
    return run


def tokenize(model, *options, text=None):
    return runner.invoke(app, ["tokenize", "--model", str(model), *map(str, options)], input=text)


@pytest.mark.parametrize("format", ["pieces", "ids"])
@pytest.mark.parametrize("side", ["source", "target"])
def test_there_and_back_from_file_to_file(model, tmp_path, format, side):
    paths = [tmp_path / name for name in ("text", "cut", "back")]
    paths[0].write_bytes(STRANGE.encode())
    for decode, (source, output) in zip(([], ["--decode"]), pairwise(paths), strict=True):
        result = tokenize(model, "--side", side, "--format", format, *decode, "--input", source, "--output", output)
        assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    tokenizer = getattr(load_tokenizers(model / "model"), side)
    lines = STRANGE.replace("\r\n", "\n").split("\n")
    assert paths[1].read_bytes().count(b"\n") == len(lines)
    assert paths[2].read_text(encoding="utf-8").split("\n") == [*map(tokenizer.normalise, lines), ""]


def test_pieces_and_ids_of_stdin(model):
    tokenizer = load_tokenizers(model / "model").source
    (ids,) = tokenizer.encode(["eins zwei"])
    assert tokenize(model, text="eins zwei\n").stdout == " ".join(tokenizer.pieces(ids)) + "\n"
    assert tokenize(model, "--format", "ids", text="eins zwei\n").stdout == " ".join(map(str, ids)) + "\n"


def test_a_bundle_itself_will_do(model):
    assert tokenize(model / "model", text="eins\n").stdout == tokenize(model, text="eins\n").stdout


def test_output_appears_while_input_still_comes(model):
    command = [sys.executable, "-m", "nmt", "tokenize", "--model", str(model), "--format", "ids"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        for text in (b"eins\n", b"\n", b"zwei\n"):
            process.stdin.write(text)
            process.stdin.flush()
            assert process.stdout.readline().endswith(b"\n")
        process.stdin.close()
        assert process.wait() == 0


def test_a_line_break_spelled_in_bytes_breaks_no_line(model):
    newline = load_tokenizers(model / "model").source.id_of("<0x0A>")
    result = tokenize(model, "--decode", "--format", "ids", text=f"{newline} {newline}\n")
    assert result.stdout.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "text", "told"),
    [
        (["--decode"], "e\nnonsense\n", 'stdin:2: "nonsense" is no piece'),
        (["--decode", "--format", "ids"], "5 99999\n", 'stdin:1: "99999" is no id below 298'),
        (["--decode", "--format", "ids"], "5 -1\n", '"-1" is no id'),
        (["--decode", "--format", "ids"], "5 ²\n", '"²" is no id'),
        (["--decode", "--format", "ids"], f"{'9' * 5000}\n", "is no id"),
        ([], b"gut\n\xff\n", "stdin:2: not UTF-8"),
        (["--input", "nothing.txt"], "", "nothing.txt: no such file"),
    ],
)
def test_bad_input_is_one_line(model, options, text, told):
    result = tokenize(model, *options, text=text)
    assert result.exit_code == 1
    assert told in result.stderr and result.stderr.count("error: ") == 1 and "hint: " in result.stderr


def test_a_folder_without_tokenizer(tmp_path):
    for folder in (tmp_path, tmp_path / "nothing"):
        result = tokenize(folder, text="")
        assert result.exit_code == 1 and str(folder) in result.stderr and "hint: " in result.stderr


def test_a_file_in_place_of_the_folder(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    result = tokenize(tmp_path / "file", text="a")
    assert result.exit_code == 1 and "file: is a file, not a folder" in result.stderr
