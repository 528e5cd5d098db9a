"""The moving line on a terminal, and what a file gets instead."""

import sys

import pytest

from nmt.cli import progress
from nmt.cli.progress import Progress, duration


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def on(monkeypatch, *, terminal: bool) -> Progress:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    return Progress()


def test_on_a_terminal_states_overwrite_each_other_and_notes_stay(monkeypatch, capsys, clock):
    line = on(monkeypatch, terminal=True)
    for text in ("one of many", "too soon", "two"):
        clock[0] += 0.0 if text == "too soon" else 1.0
        line.move(text)
    line.note("done")
    assert capsys.readouterr().err == "\rone of many\r\rtwo        \r\r   \rdone\n"


def test_on_a_terminal_a_state_never_wraps(monkeypatch, capsys, clock):
    monkeypatch.setenv("COLUMNS", "20")
    line = on(monkeypatch, terminal=True)
    line.move("x" * 100, now=True)
    assert capsys.readouterr().err == f"\r{'x' * 19}\r"


def test_in_a_file_a_state_is_a_line_now_and_then(monkeypatch, capsys, clock):
    line = on(monkeypatch, terminal=False)
    for second in range(25):
        clock[0] = 100.0 + second
        line.move(f"{second}")
    line.clear()
    assert capsys.readouterr().err == "10\n20\n"


def test_durations_are_read_at_a_glance():
    assert [duration(seconds) for seconds in (7, 187.2, 3723)] == ["0:07", "3:07", "1:02:03"]
