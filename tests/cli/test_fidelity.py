"""Line fidelity of `nmt translate`: lines of any kind, readers, writers and terminals of any kind, any number of them.

SOAK_LINES and SOAK_STOPS say how long `make soak` goes on.
"""

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from itertools import islice, pairwise
from pathlib import Path

import pytest
import tiny_bundle
from odd_lines import MARKED, odd_lines
from typer.testing import CliRunner

from nmt import Translator
from nmt.cli.app import app
from nmt.decoding import windows
from nmt.errors import CheckpointError

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="pipes, terminals and signals of POSIX")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads memory from /proc")
SOAK_LINES = int(os.environ.get("SOAK_LINES", 1_000_000))
SOAK_STOPS = int(os.environ.get("SOAK_STOPS", 40))
QUICK = ("--beam", "1", "--max-length", "4")
DRAWN = ("--sample", "--temperature", "5", "--max-length", "4")
"""Each line's content draws its translation, so that hardly two are alike."""
BREAKS = set("\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_bundle.save(tmp_path_factory.mktemp("bundle") / "model")


@pytest.fixture(scope="module")
def translations(model):
    """What becomes of each marked line, found in another order and other batches."""
    translator = Translator.load(model, device="cpu", sample=True, temperature=5, max_length=4, batch_tokens=100)
    found = dict(zip(MARKED[::-1], translator.translate(MARKED[::-1]), strict=True))
    assert len(set(found.values())) > 950
    return found


class Watch:
    """Takes outputs in order and holds them against the lines they must come from."""

    def __init__(self, lines, translations):
        self.lines, self.translations = lines, translations
        self.count = self.marked = self.wrong = 0

    def see(self, output: str) -> None:
        line = next(self.lines)
        self.count += 1
        assert not BREAKS & set(output)
        assert bool(output) <= bool(line.strip())
        if line in self.translations:
            self.marked += 1
            self.wrong += output != self.translations[line]

    def finish(self) -> None:
        assert next(self.lines, None) is None
        # Arithmetic in another batch may decide otherwise between two pieces that are nearly equal.
        assert self.marked > 0 and self.wrong <= self.marked // 1000


def run(model, *arguments, stdin: bytes = b""):
    return CliRunner().invoke(app, ["translate", "--model", str(model), "--device", "cpu", *arguments], input=stdin)


def only_notes(errors: bytes) -> bool:
    """Whether stderr holds nothing but notes, such as on lines that hit the length limit: the model learned nothing."""
    return all(line.startswith(b"note: ") for line in errors.splitlines())


def start(model, *options, **streams) -> subprocess.Popen:
    command = [sys.executable, "-m", "nmt", "translate", "--model", str(model), "--device", "cpu", *options]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, **{"stdin": pipe, "stdout": pipe, "stderr": pipe, **streams})


def write(path: Path, count: int, **options) -> Path:
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in odd_lines(count, **options))
    return path


@pytest.mark.parametrize("from_file", [False, True])
def test_odd_lines_keep_their_places(model, translations, tmp_path, from_file):
    path = write(tmp_path / "in", 2500, longest=500)
    result = run(model, *DRAWN, *(("--input", str(path)) if from_file else ()), stdin=path.read_bytes())
    assert result.exit_code == 0, result.stderr
    watch = Watch(odd_lines(2500, longest=500), translations)
    for line in result.stdout_bytes.decode("utf-8").split("\n")[:-1]:
        watch.see(line)
    watch.finish()


def test_json_gives_every_line_back(model, tmp_path):
    path = write(tmp_path / "in", 1000, seed=2, longest=10)
    result = run(model, *QUICK, "--json", "--input", str(path))
    assert result.exit_code == 0, result.stderr
    sources = [json.loads(line)["source"] for line in result.stdout_bytes.decode("utf-8").split("\n")[:-1]]
    assert sources == [line.removesuffix("\r") for line in odd_lines(1000, seed=2, longest=10)]


def test_a_line_of_ten_thousand_words_with_its_attention(model):
    result = run(model, *QUICK, "--json", "--attention", stdin=b"word " * 10_000 + b"\n")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert len(found["attention"]) == found["parts"] > 100
    assert sum(map(len, found["attention"])) == len(found["hypotheses"][0]["tokens"])
    assert sum(len(part[0]) for part in found["attention"]) == len(found["source_tokens"])
    assert len(result.stdout) < 5_000_000  # in proportion to the line and not to its square


def test_several_processes_give_the_same_bits(model, monkeypatch):
    monkeypatch.setattr(windows, "READ_AHEAD", 64)
    translator = Translator.load(model, device="cpu", beam=2, n_best=2, max_length=4)
    lines = list(odd_lines(300, seed=3, longest=100))

    def found(workers, **settings):
        return [each.hypotheses for each in translator.translations(lines, workers=workers, **settings)]

    assert found(2) == found(1)
    assert found(None) == found(1)  # on one thread


def test_processes_do_not_load_another_model(tmp_path):
    translator = Translator.load(tiny_bundle.save(tmp_path / "model"), device="cpu")
    tiny_bundle.save(tmp_path / "model")  # as a training that goes on
    with pytest.raises(CheckpointError, match="changed while it was read"):
        list(translator.translations(["A line."], workers=2))


@pytest.mark.soak
@pytest.mark.parametrize("workers", [2, 3, 5])
def test_no_number_of_processes_changes_a_bit(model, workers):
    translator = Translator.load(model, device="cpu", max_length=4)
    lines = list(odd_lines(9 * windows.READ_AHEAD + 1, seed=4, longest=100))
    pairs = list(pairwise(lines))
    for settings in ({}, {"sample": True, "beam": 1}, {"n_best": 2}):
        one, many = (list(translator.translations(lines, workers=number, **settings)) for number in (1, workers))
        assert [each.hypotheses for each in one] == [each.hypotheses for each in many]
    assert str(list(translator.scores(pairs, workers=workers))) == str(translator.score(pairs))  # nan != nan


@POSIX
def test_a_reader_that_wants_one_line_gets_it_and_the_rest_is_not_done(model, tmp_path):
    process = start(model, *QUICK, "--input", str(write(tmp_path / "in", 100_000)), "--workers", "1")
    assert process.stdout.readline()
    begin = time.monotonic()
    process.stdout.close()
    assert process.wait(timeout=60) == 1
    assert process.stderr.read() == b""
    assert time.monotonic() - begin < 20  # 100,000 lines take minutes


@POSIX
def test_a_line_typed_at_a_terminal_is_answered_before_the_next(model, translations):
    import pty
    import termios

    terminal, inner = pty.openpty()
    mode = termios.tcgetattr(inner)
    mode[3] &= ~termios.ECHO
    mode[1] &= ~termios.OPOST
    termios.tcsetattr(inner, termios.TCSANOW, mode)
    process = start(model, *DRAWN, stdin=inner, stdout=inner)
    os.close(inner)
    waits = []
    with os.fdopen(terminal, "rb", buffering=0) as screen:
        for line in MARKED[:6]:
            os.write(terminal, line.encode() + b"\n")
            begin = time.monotonic()
            answer = b""
            while not answer.endswith(b"\n"):
                answer += screen.read(100)
            waits.append(time.monotonic() - begin)
            assert answer.decode() == translations[line] + "\n"
        os.write(terminal, b"\x04")  # Ctrl-D
        assert process.wait(timeout=60) == 0 and only_notes(process.stderr.read())
    assert max(waits[1:]) < 20  # the model had to be loaded for the first


@POSIX
def test_pipes_that_do_not_block(model):
    theirs, ours = os.pipe()
    answers, out = os.pipe()
    os.set_blocking(theirs, False)
    os.set_blocking(out, False)
    process = start(model, "--beam", "3", "--json", "--n-best", "3", "--max-length", "40", stdin=theirs, stdout=out)
    for end in (theirs, out):
        os.close(end)
    text = "".join(f"{line}\n" for line in MARKED[:100])
    os.write(ours, text.encode()[:1000])
    with os.fdopen(answers, "rb") as reader:
        first = reader.readline()
        time.sleep(0.1)
        os.write(ours, text.encode()[1000:])
        os.close(ours)
        time.sleep(2)  # meanwhile the pipe, which holds 64 KiB, is full
        found = [first, *reader]
    assert process.wait(timeout=60) == 0 and only_notes(process.stderr.read())
    assert sum(map(len, found)) > 1 << 17
    assert [json.loads(line)["source"] for line in found] == MARKED[:100]


@POSIX
@pytest.mark.parametrize(("closed", "told"), [("<&-", "no stdin to read from"), (">&-", "no stdout to write to")])
def test_a_closed_stream_is_named(model, closed, told):
    command = f'exec "{sys.executable}" -m nmt translate --model "{model}" --device cpu {closed}'
    done = subprocess.run(["sh", "-c", command], stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8")
    assert done.returncode == 1 and told in done.stderr and "Traceback" not in done.stderr


@POSIX
@pytest.mark.parametrize("command", ["--input text >> text", "< text --output text", "< text >> text"])
def test_what_is_read_is_not_written(model, tmp_path, command):
    (tmp_path / "text").write_text("A line.\n", encoding="utf-8")
    command = f'exec "{sys.executable}" -m nmt translate --model "{model}" --device cpu {command}'
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8")
    assert done.returncode == 1 and "is both input and output" in done.stderr
    assert (tmp_path / "text").read_text(encoding="utf-8") == "A line.\n"


def stop(model, path: Path, number: int, *, after: float, workers: int) -> float:
    """Signal a translation and all its processes, as a terminal does; -> seconds until it has ended."""
    process = start(model, *QUICK, "--input", str(path), "--workers", str(workers), start_new_session=True)
    threading.Thread(target=process.stdout.read, daemon=True).start()
    time.sleep(after)
    begin = time.monotonic()
    os.killpg(process.pid, number)
    assert process.wait(timeout=60) == 128 + number
    assert process.stderr.read() == b"stopped\n"  # when the last process has closed it
    return time.monotonic() - begin


@POSIX
@pytest.mark.soak
def test_a_stop_at_any_moment(model, tmp_path):
    path, chance = write(tmp_path / "in", 500_000), random.Random(1)
    for _ in range(SOAK_STOPS):
        number = chance.choice([signal.SIGINT, signal.SIGTERM])
        assert stop(model, path, number, after=chance.uniform(1, 8), workers=chance.choice([1, 2, 3])) < 10


def memory(process: int) -> int:
    """Resident bytes of a process and its children, 0 of one that has ended."""
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split()
        status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    own = re.search(r"VmRSS:\s+(\d+) kB", status)
    return (1024 * int(own[1]) if own else 0) + sum(memory(int(child)) for child in children)


def feed(process: subprocess.Popen, lines, fed: list[int]) -> None:
    """Write lines to a process, counting them, from a thread of its own."""

    def write() -> None:
        with suppress(BrokenPipeError), process.stdin:
            for line in lines:
                process.stdin.write(line.encode() + b"\n")
                fed[0] += 1

    threading.Thread(target=write, daemon=True).start()


@LINUX
@pytest.mark.soak
@pytest.mark.parametrize("workers", [1, 2])
def test_a_million_lines(model, translations, tmp_path, workers):
    """One process reads a pipe, two read a file."""
    if workers == 1:
        process = start(model, *DRAWN, "--threads", "1")
        feed(process, odd_lines(SOAK_LINES), [0])
    else:
        path = write(tmp_path / "in", SOAK_LINES)
        process = start(model, *DRAWN, "--threads", "2", "--workers", str(workers), "--input", str(path))
    watch, used = Watch(odd_lines(SOAK_LINES), translations), []
    for line in process.stdout:
        watch.see(line.decode("utf-8").removesuffix("\n"))
        if watch.count % (SOAK_LINES // 20) == 0 and watch.count < SOAK_LINES:
            used.append(memory(process.pid) >> 20)
    assert process.wait(timeout=60) == 0, process.stderr.read()
    watch.finish()
    print(f"{watch.count:,} lines, {watch.marked:,} with known translations, {watch.wrong} other; MiB: {used}")
    assert max(used[5:]) < 1.2 * max(used[:5])


@LINUX
@pytest.mark.soak
def test_a_reader_that_rests_stops_the_reading(model):
    process, fed = start(model, *QUICK, "--threads", "1"), [0]
    feed(process, (MARKED[n % 1000] for n in range(10**7)), fed)
    process.stdout.readline()
    before, after = -1, fed[0]
    while after > before:
        time.sleep(5)
        before, after = after, fed[0]
    assert after < 30_000  # what pipes, queues and one window hold
    used = memory(process.pid)
    for _ in islice(process.stdout, 100_000):
        pass
    assert memory(process.pid) < 1.2 * used
    process.kill()
    process.wait()
