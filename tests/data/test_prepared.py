"""From text to corpora and back, and when that is done again."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

import pytest
from outcome import tree
from toy_text import sentences, toy_config, write

from nmt import config as settings
from nmt import locks
from nmt.config import Config, TokenizerConfig, check
from nmt.data import encode
from nmt.data.overlap import Overlap
from nmt.data.prepare import prepare
from nmt.data.tokenizer_training import train_tokenizer
from nmt.errors import ConfigError, DataError

PAIRS = sentences(150)


def text_of(prepared, corpus):
    source, target = prepared.tokenizers
    sources = source.decode([corpus.source(row) for row in range(len(corpus))])
    targets = target.decode([corpus.target(row) for row in range(len(corpus))])
    return list(zip(sources, targets, strict=True))


def stages(config):
    """What prepare does, step by step."""
    told = []
    prepare(config, on_progress=lambda stage, done: told.append(stage))
    return list(dict.fromkeys(told))


def changed(config, **sections):
    value = config.model_dump()
    for name, section in sections.items():
        value[name].update(section)
    return check(Config, value, name="changed")


def test_everything_is_there(tmp_path):
    dirty = [*PAIRS, ("", "empty"), PAIRS[0], ("drei " * 80, "three " * 80), (" null null", "null null ")]
    prepared = prepare(toy_config(tmp_path, dirty, model={"max_length": 60}))
    assert text_of(prepared, prepared.train) == PAIRS
    assert text_of(prepared, prepared.dev) == sentences(20, seed=2)
    assert list(zip(*prepared.dev_text, strict=True)) == sentences(20, seed=2)
    assert list(zip(*prepared.test_text, strict=True)) == sentences(10, seed=3)
    report = prepared.report
    assert report.dropped == {"empty": 1, "duplicate": 1, "identical": 1, "too many pieces": 1}
    assert (report.read, report.train.pairs, report.test_pairs) == (154, 150, 10)
    assert report.overlap == {"dev": Overlap(), "test": Overlap()}
    assert report.train.source.words == sum(len(source.split()) for source, _ in PAIRS)
    assert report.train.target.pieces == prepared.train.lengths[:, 1].sum()
    assert report.train.source.longest == prepared.train.lengths[:, 0].max()
    assert json.loads((prepared.folder / "report.json").read_text(encoding="utf-8"))["read"] == 154
    assert prepared.folder.parent == tmp_path / "runs" / "prepared"


def test_the_report_as_lines(tmp_path):
    pairs = [*PAIRS, ("", "x"), sentences(20, seed=2)[3]]
    lines = prepare(toy_config(tmp_path, pairs, data={"overlap": "keep"})).report.lines()
    text = "\n".join(lines)
    assert "training pairs read" in lines[0] and lines[0].endswith(" 152")
    assert "  empty                            1     0.7%" in lines
    assert "  dev                              1           0           0" in lines
    assert "warning: 1 training pair" in text and "data.overlap" in text


def test_separate_vocabularies(tmp_path):
    prepared = prepare(toy_config(tmp_path, PAIRS, tokenizer={"shared": False, "vocabulary": 300, "kind": "unigram"}))
    source, target = prepared.tokenizers
    assert source.vocabulary != target.vocabulary and not prepared.report.shared
    assert text_of(prepared, prepared.train) == PAIRS


def test_a_second_run_only_looks_at_the_files(tmp_path):
    config = toy_config(tmp_path, PAIRS)
    assert stages(config) == ["checking files", "cleaning", "training the tokenizer", "encoding"]
    assert stages(config) == ["checking files"]
    first = prepare(config)
    os.utime(tmp_path / "train.de")
    assert prepare(config).report == first.report


@pytest.mark.parametrize(
    "sections",
    [
        {"model": {"max_length": 30}},
        {"tokenizer": {"vocabulary": 310}},
        {"tokenizer": {"sampling": 0.1}},
        {"tokenizer": {"seed": 2}},
        {"data": {"overlap": "all"}},
        {"data": {"cleaning": {"max_words": 6}}},
        {"data": {"source_language": "fr"}},  # by which sentences are counted
        {"data": {"test": None}},
        {"data": {"test": {"held_out": 5}}},
    ],
)
def test_a_setting_that_matters_is_noticed(tmp_path, sections):
    config = toy_config(tmp_path, PAIRS)
    first = prepare(config)
    second = prepare(changed(config, **sections))
    assert second.key != first.key and second.folder != first.folder
    assert prepare(config).key == first.key


def test_other_settings_do_not_matter(tmp_path):
    config = toy_config(tmp_path, PAIRS, tokenizer={"sampling": 0.1})
    prepare(config)
    others = {"training": {"lr": 0.1}, "tokenizer": {"sampling": 0.5}, "data": {"target_language": "no"}}
    other = changed(config, model={"hidden": 3}, **others)
    assert stages(other) == ["checking files"]
    assert prepare(other).train.sampling.alpha == 0.5


def test_a_changed_file_is_noticed(tmp_path):
    config = toy_config(tmp_path, PAIRS)
    before = prepare(config).key
    for seed, name in enumerate(("train", "dev", "test"), start=9):
        write(tmp_path, name, sentences(151, seed=seed))
        assert prepare(config).key != before
        before = prepare(config).key


def test_a_damaged_cache_is_made_again(tmp_path):
    """Cut, emptied, removed or with one bit flipped: each file becomes what it was, byte for byte."""
    config = toy_config(tmp_path, PAIRS[:60], tokenizer={"sampling": 0.1, "vocabulary": 300})
    folder = prepare(config).folder
    assert not prepare(config).mended
    whole, draw = tree(folder), random.Random(1)
    for number, name in enumerate(sorted(name for name, content in whole.items() if content is not None)):
        path, content = folder / name, whole[name]
        match number % 4:
            case 0:
                path.unlink()
            case 1:
                path.write_bytes(content[: len(content) // 2])
            case _:
                bit = draw.randrange(8 * len(content))
                flipped = content[bit // 8] ^ 1 << bit % 8
                path.write_bytes(content[: bit // 8] + bytes([flipped]) + content[bit // 8 + 1 :])
        assert prepare(config).mended, name
        assert tree(folder) == whole, name
    assert not prepare(config).mended


def test_an_interrupted_run_leaves_nothing(tmp_path):
    config = toy_config(tmp_path, PAIRS)

    def stop(stage, done):
        if stage == "encoding":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(config, on_progress=stop)
    assert not (tmp_path / "runs").exists()
    assert len(prepare(config).train) == 150


def test_workers_do_not_change_a_byte(tmp_path, monkeypatch):
    monkeypatch.setattr(encode, "_CHUNK", 16)
    long = ("eins " * 100, "one " * 100)
    config = toy_config(
        tmp_path, [*PAIRS[:70], long, *PAIRS[70:]], model={"max_length": 60}, tokenizer={"sampling": 0.1}
    )

    def prepared(**options):
        folder = prepare(changed(config, data={"cache": str(tmp_path / str(options))}), **options).folder
        return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}

    alone = prepared(cores=1)
    assert len(alone) == 23
    assert prepared(cores=4) == prepared(workers=None, cores=2) == prepared(workers=3) == alone


def test_held_out_pairs(tmp_path):
    config = toy_config(tmp_path, PAIRS, data={"dev": {"held_out": 12}, "test": {"held_out": 8}})
    prepared = prepare(config)
    dev, test = (list(zip(*text, strict=True)) for text in (prepared.dev_text, prepared.test_text))
    assert (len(dev), len(test), len(prepared.train)) == (12, 8, 130)
    assert sorted([*dev, *test, *text_of(prepared, prepared.train)]) == sorted(PAIRS)
    assert prepared.report.dropped == {"held out": 20}
    assert prepare(changed(config, tokenizer={"seed": 2})).dev_text != prepared.dev_text


@pytest.mark.parametrize(("overlap", "kept"), [("keep", 152), ("sources", 151), ("all", 150)])
def test_overlap(tmp_path, overlap, kept):
    (source, _), (_, target) = sentences(20, seed=2)[0], sentences(10, seed=3)[0]
    pairs = [*PAIRS, (source, "quite another number of mine"), ("eine ganz andere Zahl", target)]
    report = prepare(toy_config(tmp_path, pairs, data={"overlap": overlap})).report
    assert report.overlap == {"dev": Overlap(sources=1), "test": Overlap(targets=1)}
    assert sum("data.overlap" in each for each in report.warnings()) == (overlap == "keep")
    assert report.train.pairs == kept


def test_the_cache_may_be_elsewhere(tmp_path):
    prepared = prepare(toy_config(tmp_path, PAIRS, data={"cache": str(tmp_path / "cache")}))
    assert prepared.folder.parent == tmp_path / "cache"


def test_text_with_anything_in_it(tmp_path):
    strange = [("nul\0nul a", "b\u2028c"), ("😀 d", "<s> </s>"), ("▁ e", "f\rg"), ("h\x85i", "\u200bj")]
    data = {"dev": write(tmp_path, "dev2", strange), "overlap": "keep"}
    prepared = prepare(toy_config(tmp_path, PAIRS + strange, data=data))
    assert list(zip(*prepared.dev_text, strict=True)) == strange
    source, target = prepared.tokenizers
    normalised = [(source.normalise(a), target.normalise(b)) for a, b in strange]
    assert text_of(prepared, prepared.train)[-4:] == normalised == text_of(prepared, prepared.dev)


def test_long_development_pairs_count_for_scores_only(tmp_path):
    long = ("eins " * 100, "one " * 100)
    dev = write(tmp_path, "dev2", [*sentences(5, seed=4), long])
    prepared = prepare(toy_config(tmp_path, PAIRS, data={"dev": dev}, model={"max_length": 60}))
    assert (len(prepared.dev), len(prepared.dev_text.source), prepared.report.dev.too_long) == (5, 6, 1)
    assert any("longer than model.max_length" in each for each in prepared.report.warnings())


@pytest.mark.parametrize(
    ("pairs", "data", "sections", "fault", "told"),
    [
        ([], {}, {}, DataError, "data.train: the training text has no lines"),
        ([("", "")] * 3, {}, {}, DataError, r"of 3 training pairs none is left \(empty: 3\)"),
        (PAIRS, {"dev": {"held_out": 150}}, {}, DataError, "data.dev.held_out: 150 pairs are asked for"),
        (PAIRS, {}, {"model": {"max_length": 2}}, DataError, "data.train: every pair is longer than model.max_length"),
        (PAIRS, {}, {"tokenizer": {"vocabulary": 9000}}, ConfigError, "9000 is too large for this text.* possible is"),
        (PAIRS, {}, {"tokenizer": {"vocabulary": 9000, "shared": False}}, ConfigError, "too large for the source text"),
        (PAIRS, {}, {"tokenizer": {"vocabulary": 281}}, ConfigError, "281 is too small"),
    ],
)
def test_faults(tmp_path, pairs, data, sections, fault, told):
    with pytest.raises(fault, match=told):
        prepare(toy_config(tmp_path, pairs, data=data, **sections))
    assert not (tmp_path / "runs").exists()


def test_an_empty_development_text(tmp_path):
    with pytest.raises(DataError, match=r"data\.dev: the development text has no lines"):
        prepare(toy_config(tmp_path, PAIRS, data={"dev": write(tmp_path, "none", [])}))


def test_a_missing_file_is_found_before_any_work(tmp_path):
    config = toy_config(tmp_path, PAIRS)
    (tmp_path / "test.en").unlink()
    with pytest.raises(DataError, match=r"test\.en: no such file"):
        prepare(config)
    assert not (tmp_path / "runs").exists()


@pytest.mark.soak
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
def test_memory_grows_by_a_few_bytes_a_pair(tmp_path):
    def peak(count):
        folder = tmp_path / str(count)
        folder.mkdir()
        numbers = ((f"Zahl {n} " + "und so weiter " * 10, f"number {n} " + "and so on " * 12) for n in range(count))
        config = toy_config(folder, numbers, tokenizer={"sample": 1000})
        (folder / "config.yaml").write_text(settings.dump(config), encoding="utf-8")
        code = (
            "import re, sys; from nmt import config; from nmt.data.prepare import prepare;"
            "prepare(config.load(sys.argv[1]));"
            "print(re.search('VmHWM: *(.+) kB', open('/proc/self/status').read())[1])"
        )
        command = [sys.executable, "-c", code, str(folder / "config.yaml")]
        return 1024 * int(subprocess.run(command, capture_output=True, check=True).stdout)

    few, many = 50_000, 350_000
    growth = (peak(many) - peak(few)) / (many - few)
    assert growth < 100  # bytes; the text has 300 a pair


def test_what_killed_processes_left_in_the_cache_is_cleared_away(tmp_path):
    config = toy_config(tmp_path, PAIRS)
    cache = tmp_path / "runs" / "prepared"
    living, dead = ("0" * 16, "1" * 16)
    for key in (living, dead):
        (cache / f".{key}.0123abcd.tmp").mkdir(parents=True)
    (cache / f".{dead}.lock").touch()
    (cache / ".mine").touch()
    with locks.lock(cache / f".{living}.lock"):
        prepared = prepare(config)
        left = sorted(path.name for path in cache.iterdir())
    assert left == sorted([f".{living}.0123abcd.tmp", f".{living}.lock", ".mine", prepared.key])
    (cache / f".{prepared.key}.lock").touch()  # killed when all was done
    prepare(config)
    assert sorted(path.name for path in cache.iterdir()) == [".mine", prepared.key]


def test_two_that_need_the_same_data_make_it_once(tmp_path):
    config = toy_config(tmp_path, PAIRS)
    began, told = threading.Event(), {"first": [], "second": []}

    def tell(name):
        def listen(stage, _done):
            told[name].append(stage)
            if stage == "cleaning":
                began.set()
                time.sleep(0.5)

        return listen

    first = threading.Thread(target=prepare, args=(config,), kwargs={"on_progress": tell("first")})
    first.start()
    began.wait(20)
    prepared = prepare(config, on_progress=tell("second"))
    first.join()
    assert "encoding" in told["first"] and "encoding" not in told["second"]
    assert "waiting for another process that prepares the same text" in told["second"]
    assert [path.name for path in prepared.folder.parent.iterdir()] == [prepared.key]


def test_a_signal_ends_the_training_of_a_tokenizer(tmp_path):
    """It takes minutes in one call of SentencePiece's, which hears nothing."""
    lines = [" ".join("".join(random.choices("abcdefghijklm", k=6)) for _ in range(12)) for _ in range(20_000)]
    began = time.monotonic()
    threading.Timer(0.3, signal.raise_signal, [signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        train_tokenizer(lines, TokenizerConfig(vocabulary=8000))
        pytest.fail("it was done before the signal came")
    assert time.monotonic() - began < 10
