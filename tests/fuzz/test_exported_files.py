"""Exported models: every file that CTranslate2 would believe is what the config and the tokenizers ask for, or is
refused before CTranslate2 sees it."""

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_bundle
from exported import VALUES, attacked, changed, fields
from hypothesis import given
from hypothesis import strategies as st
from law import COUNTS, LONG, SEED, holds, tries

from nmt import Translator, bundle
from nmt.config import yaml
from nmt.decoding import ctranslate2_check
from nmt.errors import CheckpointError
from nmt.export import export, run

pytest.importorskip("ctranslate2", reason="CTranslate2 is not installed: pip install nmt[ctranslate2]")

CHILD = Path(__file__).with_name("exported.py")
MODELS = {
    "float32": {"tied_embeddings": "none", "positions": "rotary", "norm": "pre", "key_value_heads": 1},
    "int8": {"tied_embeddings": "all", "positions": "sinusoidal", "activation": "swiglu"},
    "bfloat16": {"tied_embeddings": "target", "positions": "learned"},
}


@pytest.fixture(scope="module", params=MODELS)
def whole(request, tmp_path_factory) -> dict[str, bytes]:
    """The files of an exported model."""
    folder = tmp_path_factory.mktemp("whole")
    model = tiny_bundle.save(folder / "model", **MODELS[request.param])
    export(model, folder / "out", lines=tiny_bundle.TEXT[:1], quantization=request.param, threads=1)
    return {path.name: path.read_bytes() for path in (folder / "out").iterdir()}


@pytest.fixture
def write(whole, tmp_path):
    """Write the exported model with some files replaced and others removed (None), with right sums."""

    def write(changed: dict[str, bytes | None]) -> Path:
        folder = tmp_path / "model"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, content in {**whole, **changed}.items():
            if content is not None:
                (folder / name).write_bytes(content)
        run._sum(folder)
        return folder

    return write


def check(folder: Path) -> bool:
    """Whether the files pass all checks before CTranslate2 is called."""

    def work() -> bool:
        described = bundle.read(folder)
        ctranslate2_check.check(folder, described.config.model, described.tokenizers)
        return True

    return holds(work, folder=folder) is not None


def test_the_whole_model_passes(write):
    assert check(write({}))


@tries(25)
@given(data=st.data())
def test_every_field_is_checked(whole, write, data):
    content, draw = whole["model.bin"], random.Random(data.draw(st.integers(0, 2**32)))
    field = data.draw(st.sampled_from([each for each in fields(content) if each.name != "numbers"]))
    broken = changed(content, field, data.draw(st.sampled_from(VALUES)), draw)
    assert check(write({"model.bin": broken})) == (broken == content)


@tries(25)
@given(seed=st.integers(0, 2**32))
def test_no_attack_on_the_table_passes(whole, write, seed):
    content = whole["model.bin"]
    every = [*fields(content)]
    broken = attacked(content, every, random.Random(seed))
    table = [slice(each.begin, each.begin + each.size) for each in every if each.name != "numbers"]
    same = len(broken) == len(content) and all(broken[part] == content[part] for part in table)
    assert same or not check(write({"model.bin": broken}))


@pytest.mark.parametrize("count", [1, 3, 10_000])
def test_a_truncated_or_lengthened_file_is_refused(whole, write, count):
    for broken in (whole["model.bin"][:-count], whole["model.bin"] + b"\0" * count, b""):
        assert not check(write({"model.bin": broken}))


def test_an_embedding_of_fewer_rows_than_pieces_is_named(whole, write):
    content = whole["model.bin"]
    rows = next(each for each in fields(content) if each.name == "size")
    with pytest.raises(CheckpointError, match=r"expected decoder/embeddings/weight \(.*\), found .*\(\w+, 7x16"):
        Translator.load(write({"model.bin": changed(content, rows, 7, random.Random(1))}))


def test_a_setting_is_named(whole, write):
    content = whole["model.bin"]
    field = next(each for each in fields(content) if each.name == "setting")
    broken = content[: field.begin] + b"\x09" + content[field.begin + 1 :]
    with pytest.raises(CheckpointError, match=r"decoder/activation: expected [023], found 9"):
        Translator.load(write({"model.bin": broken}))


@pytest.mark.parametrize("kind", [b"\xff\xff\xff\xff", b"\x80\x7f\x80\x7f"])  # not a number, and an infinity
def test_numbers_that_are_not_finite_are_named(whole, write, kind):
    content = whole["model.bin"]
    names = {each.name: each for each in fields(content)}
    last = names["numbers"]  # of encoder/layer_norm/gamma, or of another vector
    form = next(reversed([each for each in fields(content) if each.name == "format" and each.begin < last.begin]))
    if content[form.begin] == 0:
        kind = bytes(2) + kind[2:]
        kind = b"\x00\x00\x80\x7f" if kind.endswith(b"\x80\x7f") else b"\x00\x00\xc0\x7f"
    broken = content[: last.begin] + kind + content[last.begin + 4 :]
    with pytest.raises(CheckpointError, match=r"model\.bin: encoder/\S+ holds an infinity"):
        Translator.load(write({"model.bin": broken}))


@pytest.mark.parametrize("setting, value", [
    ("width", 32), ("heads", 4), ("feed_forward", 8), ("encoder_layers", 2), ("max_length", 95), ("norm", "post"),
    ("activation", "gelu"), ("positions", "relative"), ("key_value_heads", 2), ("type", "gru"), ("score", "dot"),
])  # fmt: skip
def test_a_config_of_another_model_is_refused(whole, write, setting, value):
    """Except where both have the same table: a length is no size of a model whose positions are angles."""
    config = yaml.parse(whole["config.yaml"].decode(), "x")
    if setting == "type":
        config["model"] = {}
    config["model"][setting] = value
    is_fine = (setting, config["model"].get("positions")) == ("max_length", "rotary")
    assert check(write({"config.yaml": json.dumps(config).encode()})) == is_fine


def test_companions_are_those_of_the_tokenizers(whole, write):
    for name in [name for name in whole if name.endswith("vocabulary.json") or name == "config.json"]:
        for content in (b"[]", b"{}", whole[name] + b" ", whole[name].replace(b"man", b"nam"), b"[" * 100_000, None):
            if content != whole[name]:
                assert not check(write({name: content}))


@pytest.mark.parametrize("name", ["vmap.txt", "shared_vocabulary.txt", "source_1_vocabulary.json"])
def test_files_that_would_be_read_besides_are_refused(write, name):
    with pytest.raises(CheckpointError, match=f"{name}: CTranslate2 would read"):
        Translator.load(write({name: b"[]"}))
    assert check(write({"notes.txt": b"mine"}))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
@pytest.mark.parametrize("name", ["model.bin", "config.json"])
@pytest.mark.parametrize("form", ["folder", "pipe", "device", "link"])
def test_only_plain_files_are_read(write, tmp_path, name, form):
    folder = write({})
    path = folder / name
    path.rename(tmp_path / "moved")
    match form:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case _:
            path.symlink_to("/dev/zero" if form == "device" else tmp_path / "moved")
    with pytest.raises(CheckpointError, match=f"{name}: expected a plain file, found a"):
        described = bundle.read(folder)
        ctranslate2_check.check(folder, described.config.model, described.tokenizers)


def test_a_sparse_file_of_a_terabyte_is_not_read(write):
    folder = write({})
    os.truncate(folder / "model.bin", 1 << 40)
    assert not check(folder)


def load_attacked(folder: Path, *, cases: int, seed: int = SEED if LONG else 1) -> None:
    """In another process, which no attack may kill."""
    done = subprocess.run(
        [sys.executable, CHILD, folder, str(seed), str(cases)], capture_output=True, encoding="utf-8", timeout=600
    )
    assert done.returncode == 0, (done.stdout.splitlines()[-1:], done.stderr[-2000:])
    loaded = int(done.stdout.splitlines()[-1].removeprefix("loaded "))
    COUNTS.update(cases=cases, refused=cases - loaded)


def test_no_attack_kills_a_process(write):
    load_attacked(write({}), cases=1500 if LONG else 15)


@pytest.mark.soak
def test_many_attacks_kill_no_process(write):
    load_attacked(write({}), cases=2000)
