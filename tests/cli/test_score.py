"""nmt score: one line a pair, in the order of the pairs."""

import json

import pytest
import tiny_bundle
from tiny_bundle import TEXT
from typer.testing import CliRunner

from nmt import Translator
from nmt.cli.app import app


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_bundle.save(tmp_path_factory.mktemp("bundle") / "model")


@pytest.fixture
def pairs(tmp_path):
    sources, targets = [*TEXT, "word " * 200, ""], [*TEXT[::-1], "a", "Nobody."]
    (tmp_path / "source").write_bytes("".join(f"{line}\n" for line in sources).encode())
    (tmp_path / "target").write_bytes("".join(f"{line}\n" for line in targets).encode())
    (tmp_path / "both.tsv").write_bytes("".join(f"{a}\t{b}\n" for a, b in zip(sources, targets, strict=True)).encode())
    return list(zip(sources, targets, strict=True))


def run(model, *arguments):
    return CliRunner().invoke(app, ["score", "--model", str(model), "--device", "cpu", *map(str, arguments)])


def test_an_ensemble(model, pairs, tmp_path):
    result = run(model, "--model", model, "--tsv", tmp_path / "both.tsv")
    assert result.exit_code == 0, result.stderr
    alone = run(model, "--tsv", tmp_path / "both.tsv")
    for together, one in zip(result.stdout.split(), alone.stdout.split(), strict=True):
        assert float(together) == pytest.approx(float(one), abs=1e-3, nan_ok=True)


def test_a_pair_a_line(model, pairs, tmp_path):
    result = run(model, "--source", tmp_path / "source", "--target", tmp_path / "target", "--batch-tokens", 50)
    assert result.exit_code == 0, result.stderr
    assert result.stderr == "note: 1 pair is too long for the model and not scored (nan)\n"
    expected = Translator.load(model, device="cpu", precision="float32").score(pairs)
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert len(rows) == len(pairs) and rows[4] == ["nan", "nan"]
    for row, each in zip(rows, expected, strict=True):
        if each.tokens:
            assert float(row[0]) == pytest.approx(each.log_probability, abs=1e-3)
            assert float(row[1]) == pytest.approx(each.log_probability / len(each.tokens), abs=1e-4)


def test_tsv_json_and_a_file_say_the_same(model, pairs, tmp_path):
    plain = run(model, "--source", tmp_path / "source", "--target", tmp_path / "target").stdout
    assert run(model, "--tsv", tmp_path / "both.tsv").stdout == plain
    assert run(model, "--tsv", tmp_path / "both.tsv", "--output", tmp_path / "out").stdout == ""
    assert (tmp_path / "out").read_text(encoding="utf-8") == plain
    values = [json.loads(line) for line in run(model, "--tsv", tmp_path / "both.tsv", "--json").stdout.splitlines()]
    for value, row in zip(values, plain.splitlines(), strict=True):
        if value["log_probability"] is None:
            assert row == "nan\tnan" and value["tokens"] == []
            continue
        assert f"{value['log_probability']:.6f}\t{value['mean']:.6f}" == row
        assert len(value["tokens"]) == len(value["token_log_probabilities"])
        assert sum(value["token_log_probabilities"]) == pytest.approx(value["log_probability"], abs=1e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "--source and --target"),
        (["--source", "source"], "--source and --target"),
        (["--tsv", "both.tsv", "--source", "source"], "--source and --target"),
        (["--source", "source", "--target", "missing"], "missing: no such file"),
        (["--source", "source", "--target", "shorter"], "has 6 lines"),
        (["--tsv", "source"], "1 column"),
        (["--tsv", "both.tsv", "--batch-tokens", 0], "batch_tokens: "),
        (["--tsv", "both.tsv", "--output", "both.tsv"], "both input and output"),
    ],
)
def test_a_bad_option_is_named(model, pairs, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shorter").write_bytes(b"one\n")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    result = run(model, *options)
    assert result.exit_code == 1 and message in result.stderr and "hint: " in result.stderr
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
