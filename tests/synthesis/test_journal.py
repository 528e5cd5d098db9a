"""A corpus that was begun: what was translated is kept, and going on gives what an undisturbed run gives."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import tiny_runs
from tiny_commands import on_one_thread
from typer.testing import CliRunner

from nmt import Translator, backtranslate, distill
from nmt.cli.app import app
from nmt.config import ParallelText
from nmt.decoding import windows
from nmt.errors import ConfigError, DataError, NMTError
from nmt.synthesis import corpus, translating

LINES = 40
WINDOW = 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("journal")
    tiny_runs.make(folder)
    for side in ("de", "en"):
        lines = (folder / f"text.{side}").read_text(encoding="utf-8").splitlines()[: LINES - 1]
        (folder / f"few.{side}").write_text("".join(f"{line}\n" for line in [*lines[:5], "", *lines[5:]]), "utf-8")
    return folder


@pytest.fixture(autouse=True)
def _small_windows(monkeypatch):
    monkeypatch.setattr(windows, "READ_AHEAD", WINDOW)


def works(folder: Path) -> dict:
    """Ways to make a corpus, each a function of its place."""
    run = folder / "runs" / "learnt"
    text = ParallelText(source=(folder / "few.de",), target=(folder / "few.en",))
    return {
        "searched": partial(backtranslate, run, folder / "few.de", beam=2),
        "drawn": partial(backtranslate, run, folder / "few.de", sample=True, seed=3, packed=True),
        "nearest": partial(distill, run, text=text, nearest="chrf", beam=3),
    }


def contents(place: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in place.iterdir()}


def stop_after(monkeypatch, lines: int) -> None:
    """Ctrl-C while the translator gives its next line."""
    translations = Translator.translations

    def stopping(self, *arguments, **options):
        for number, each in enumerate(translations(self, *arguments, **options)):
            if number == lines:
                raise KeyboardInterrupt
            yield each

    monkeypatch.setattr(Translator, "translations", stopping)


def begin(work, place: Path, lines: int, **options) -> Path:
    """A corpus that is stopped after so many lines; returns its journal."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stop_after(patch, lines)
        work(folder=place, **options)
    return place.with_name(f".{place.name}.part")


MORE = pytest.mark.soak


@pytest.mark.parametrize("name", ["searched", "drawn", "nearest"])
@pytest.mark.parametrize(
    "lines", [pytest.param(0, marks=MORE), pytest.param(5, marks=MORE), WINDOW, 21, pytest.param(LINES - 1, marks=MORE)]
)
def test_going_on_gives_what_was_never_stopped(folder, tmp_path, name, lines, monkeypatch):
    work = works(folder)[name]
    whole = work(folder=tmp_path / "whole")
    kept = begin(work, tmp_path / "stopped", lines)
    assert kept.exists() == (lines >= WINDOW) and not (tmp_path / "stopped").exists()
    asked, translations = [], Translator.translations

    def counting(self, given, **options):
        return translations(self, (asked.append(each) or each for each in given), **options)

    monkeypatch.setattr(Translator, "translations", counting)
    made = work(folder=tmp_path / "stopped", resume=True)
    assert len(asked) == LINES - lines // WINDOW * WINDOW, "what was done is not done again"
    assert contents(tmp_path / "stopped") == contents(tmp_path / "whole")
    assert made[2:5] == whole[2:5] and not kept.exists()


def test_stopped_again_and_again(folder, tmp_path):
    work = works(folder)["searched"]
    work(folder=tmp_path / "whole")
    begin(work, tmp_path / "stopped", WINDOW + 1)
    for _ in range(3):
        kept = begin(work, tmp_path / "stopped", WINDOW + 1, resume=True)
    assert len(kept.read_bytes().splitlines()) == 1 + 4
    work(folder=tmp_path / "stopped", resume=True)
    assert contents(tmp_path / "stopped") == contents(tmp_path / "whole")


def test_a_journal_that_was_cut_anywhere_will_do(folder, tmp_path):
    work = works(folder)["searched"]
    work(folder=tmp_path / "whole")
    kept = begin(work, tmp_path / "stopped", 3 * WINDOW)
    written = kept.read_bytes()
    ends = [0, *(at + 1 for at, byte in enumerate(written) if byte == ord("\n"))]
    for end in sorted({*ends, *(each + 30 for each in ends[:-1]), len(written) - 1}):
        kept.write_bytes(written[:end])
        work(folder=tmp_path / "stopped", resume=True)
        assert contents(tmp_path / "stopped") == contents(tmp_path / "whole")
        (tmp_path / "stopped").rename(tmp_path / f"cut-{end}")


def test_what_was_begun_is_neither_lost_nor_mixed(folder, tmp_path):
    work, place = works(folder)["searched"], tmp_path / "bt"
    kept = begin(work, place, 20)
    before = kept.read_bytes()
    with pytest.raises(NMTError, match="bt: was begun") as caught:
        work(folder=place)
    assert caught.value.hint == "--resume goes on, --force starts anew"
    with pytest.raises(ConfigError, match="exclude each other"):
        work(folder=place, resume=True, force=True)
    for other in ({"beam": 1}, {"length_penalty": 0.5}):
        with pytest.raises(NMTError, match="another model, search or nmt"):
            work(folder=place, resume=True, **other)
    with pytest.raises(NMTError, match="another model, search or nmt"):
        backtranslate(folder / "runs" / "fresh", folder / "few.de", place, beam=2, resume=True)
    for other in ("float32", "bfloat16"):
        if other != engine_of(folder).precision:
            with pytest.raises(NMTError, match="another model, search or nmt"):
                work(folder=place, resume=True, machine=translating.Machine(precision=other))
    lines = (folder / "few.de").read_text(encoding="utf-8").splitlines()
    for other in ([*lines[:9], "ein anderer.", *lines[10:]], lines[:9]):
        (tmp_path / "other.de").write_text("".join(f"{line}\n" for line in other), encoding="utf-8")
        with pytest.raises(DataError, match="line 10 is another than it was"):
            backtranslate(folder / "runs" / "learnt", tmp_path / "other.de", place, beam=2, resume=True)
    assert kept.read_bytes() == before and not place.exists()
    assert work(folder=place, resume=True, batch_tokens=500).read == LINES, "as one does when memory was short"
    assert not kept.exists()


def engine_of(folder: Path):
    return Translator.load(folder / "runs" / "learnt").engine


@pytest.mark.parametrize(("old", "new"), [(b"house", b"horse"), (b'", null]', b'" null]'), (b"null, ", b"nill, ")])
def test_damage_is_told(folder, tmp_path, old, new):
    kept = begin(works(folder)["searched"], tmp_path / "bt", 20)
    facts, *windows = kept.read_bytes().splitlines(keepends=True)
    damaged = [each.replace(old, new, 1) for each in windows]
    assert damaged != windows
    kept.write_bytes(b"".join([facts, *damaged]))
    with pytest.raises(DataError, match=r"\.bt\.part\S* is damaged") as caught:
        works(folder)["searched"](folder=tmp_path / "bt", resume=True)
    assert caught.value.hint == "--force starts anew" and not (tmp_path / "bt").exists()


@pytest.mark.parametrize("name", ["searched", "nearest"])
def test_a_job_script_may_always_resume(folder, tmp_path, name):
    work, place = works(folder)[name], tmp_path / "job"
    first = work(folder=place, resume=True)
    before = contents(place)
    again = work(folder=place, resume=True)
    assert first.new and not again.new and again[:6] == first[:6] and contents(place) == before
    with pytest.raises(NMTError, match="job: is whole, by another model or search"):
        work(folder=place, resume=True, length_penalty=0.5)
    assert contents(place) == before


@pytest.mark.parametrize("name", ["bt.de", "bt.en"])
def test_what_is_whole_has_the_files_that_the_command_names(folder, tmp_path, name):
    work = partial(works(folder)["searched"], folder=tmp_path / "job", resume=True)
    work()
    with pytest.raises(NMTError, match=r"job: has no bt\.en\.gz, which this command writes"):
        work(packed=True)
    (tmp_path / "job" / name).unlink()
    with pytest.raises(NMTError, match=f"job: has no {name}"):
        work()


@pytest.mark.parametrize("damage", ["", "[]", '{"read": 3}'])
def test_facts_that_are_damaged_are_told(folder, tmp_path, damage):
    work = partial(works(folder)["searched"], folder=tmp_path / "job")
    work()
    (tmp_path / "job" / "corpus.json").write_text(damage, encoding="utf-8")
    with pytest.raises(NMTError, match=r"corpus\.json: is damaged") as caught:
        work(resume=True)
    assert caught.value.hint == "--force makes the corpus anew" and work(force=True).new


def test_a_root_is_no_place_for_a_corpus(folder):
    with pytest.raises(NMTError, match="/: is a root"):
        works(folder)["searched"](folder=Path("/"))


@pytest.mark.parametrize("options", [{"beam": 1}, {"beam": 3, "n_best": 1}])
def test_the_nearest_is_chosen_among_some(folder, tmp_path, options):
    text = ParallelText(source=(folder / "few.de",), target=(folder / "few.en",))
    with pytest.raises(ConfigError, match="nearest: there is one translation to choose from"):
        distill(folder / "runs" / "learnt", tmp_path / "x", text=text, nearest="bleu", **options)


@pytest.mark.parametrize("way", ["backtranslated", "distilled"])
@pytest.mark.parametrize("change", [lambda lines: lines[:-1], lambda lines: [*lines, "a"], lambda lines: lines[::-1]])
def test_what_is_whole_is_not_taken_for_that_of_another_text(folder, tmp_path, way, change):
    text, lines = tmp_path / "mono", (folder / "few.de").read_text(encoding="utf-8").splitlines()
    run = folder / "runs" / "learnt"
    work = {
        "backtranslated": partial(backtranslate, run, text, tmp_path / "job", resume=True),
        "distilled": partial(distill, run, tmp_path / "job", source=text, resume=True),
    }[way]
    text.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    work(beam=1)
    before = contents(tmp_path / "job")
    text.write_text("".join(f"{line}\n" for line in change(lines)), encoding="utf-8")
    with pytest.raises(NMTError, match="job: is whole, of another text"):
        work(beam=1)
    assert contents(tmp_path / "job") == before


def test_force_starts_anew_and_an_older_corpus_stays_until_the_new_one_is_whole(folder, tmp_path):
    works_by_name, place = works(folder), tmp_path / "bt"
    works_by_name["drawn"](folder=place)
    older = contents(place)
    begin(works_by_name["searched"], place, 20, force=True)
    assert contents(place) == older
    begin(works_by_name["searched"], place, 20, force=True)
    works_by_name["searched"](folder=place, resume=True)
    works_by_name["searched"](folder=tmp_path / "whole")
    assert contents(place) == contents(tmp_path / "whole")


def test_the_command_says_how_to_go_on(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "_EVERY", 1)
    given = ["--source", folder / "few.de", "--output", tmp_path / "kd", "--beam", 2]
    command = on_one_thread("distill", "--model", folder / "runs" / "learnt", *given)
    with pytest.MonkeyPatch.context() as patch:
        stop_after(patch, 20)
        stopped = CliRunner().invoke(app, command)
    assert stopped.exit_code == 130 and "kd: what was translated is kept, and --resume goes on" in stopped.stderr
    refused = CliRunner().invoke(app, command)
    assert refused.exit_code == 1 and "--resume goes on, --force starts anew" in refused.stderr
    assert "is kept" not in refused.stderr
    assert CliRunner().invoke(app, [*command, "--resume"]).exit_code == 0


@MORE
def test_a_kill_loses_no_finished_window(folder, tmp_path):
    """A real SIGKILL, of the command, with windows of their usual size."""
    text = (folder / "text.de").read_text(encoding="utf-8")
    (tmp_path / "mono.de").write_text(text * 15, encoding="utf-8")
    words = ["backtranslate", "--model", folder / "runs" / "learnt", "--input", "mono.de", "--device", "cpu"]
    command = [sys.executable, "-m", "nmt", *map(str, words), "--threads", "1", "--beam", "1", "--output"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    kept, killed = tmp_path / ".bt.part", False
    process = subprocess.Popen([*command, "bt"], cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
    while process.poll() is None and not killed:
        if kept.exists() and kept.read_bytes().count(b"\n") >= 3:
            process.send_signal(signal.SIGKILL)
            killed = True
        time.sleep(0.002)
    process.wait()
    assert killed and not (tmp_path / "bt").exists()
    done = len(kept.read_bytes().splitlines()) - 1
    finished = subprocess.run([*command, "bt", "--resume"], cwd=tmp_path, env=environment, capture_output=True)
    assert finished.returncode == 0, finished.stderr
    facts = json.loads((tmp_path / "bt" / "corpus.json").read_text(encoding="utf-8"))
    assert done >= 2 and facts["read"] == 15 * text.count("\n")
    subprocess.run([*command, "whole"], cwd=tmp_path, env=environment, check=True, capture_output=True)
    assert contents(tmp_path / "bt") == contents(tmp_path / "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bt", "mono.de", "whole"]
