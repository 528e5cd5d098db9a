"""Killed or stopped at any point and resumed, a run gives the weights and the log of one that was never interrupted."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from copy_task import config_of, value_of, write_text
from outcome import outcome

from nmt import config as settings
from nmt.training import train
from nmt.training.events import Evaluated, Evaluating, Progress, Stopped, Updated

SHORT = {"steps": 36, "evaluate_every": 15, "log_every": 7, "warmup": 10, "accumulate": 2, "batch_tokens": 96}
TEXT = {"source": "train.txt", "target": "train.txt"}
VARIANTS = {
    "plain": {},
    "ema": {"training": {"average": "ema", "schedule": "cosine"}},
    "last": {"training": {"average": "last", "average_last": 2, "measure": "chrf", "schedule": "plateau"}},
    "bfloat16": {"training": {"precision": "bfloat16"}, "model": {"type": "gru", "embedding": 16, "hidden": 16}},
    "r_drop": {"training": {"r_drop": 2.0, "cutoff": 0.1, "word_dropout": 0.1, "optimizer": "muon"},
               "model": {"dropout": 0.2, "layer_dropout": 0.1, "stochastic_depth": 0.1}},
    "sampling": {"tokenizer": {"kind": "unigram", "sampling": 0.3}},
    "texts": {
        "tokenizer": {"kind": "unigram", "sampling": 0.3, "vocabulary": 22, "spare": 2},
        "data": {"train": [{**TEXT, "weight": 0.5, "tag": "copy"}, {**TEXT, "weight": 1.25}]},
    },
}


def config_for(folder: Path, variant: str, *, run: str = "run"):
    sections = VARIANTS[variant]
    model = sections.get("model", {"dropout": 0.2})
    if "type" in model:
        write = config_of(folder, run=run, training={**SHORT, **sections["training"]})
        plain = {**write.model_dump(mode="json"), "model": {**model, "dropout": 0.2, "max_length": 20}}
        return settings.check(settings.Config, plain, name="copy task")
    return config_of(
        folder, run=run, model=model, training={**SHORT, **sections.get("training", {})},
        tokenizer=sections.get("tokenizer", {}), data=sections.get("data", {}),
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("resume")
    write_text(folder, pairs=300)  # an epoch is about 15 updates
    return folder


@pytest.fixture(scope="module")
def uninterrupted(folder):
    """variant -> what its run leaves when nothing happens."""
    done = {}

    def of(variant: str) -> dict:
        if variant not in done:
            config = config_for(folder, variant, run=f"whole-{variant}")
            train(config)
            done[variant] = outcome(config.run)
        return done[variant]

    return of


class Killed(Exception):
    pass


MORE = pytest.mark.soak


def killed_after(events: int):
    """A listener that lets so many events pass."""
    passed = iter(range(events))

    def listen(_event) -> None:
        if next(passed, None) is None:
            raise Killed

    return listen


@pytest.mark.parametrize(
    "variant", [pytest.param(each, marks=[MORE] if each in ("r_drop", "bfloat16", "last") else []) for each in VARIANTS]
)
def test_killed_and_resumed_is_uninterrupted(folder, uninterrupted, variant):
    config, draw = config_for(folder, variant, run=f"killed-{variant}"), random.Random(variant)
    kills = 0
    while True:
        try:
            train(config, resume=kills > 0, on_event=killed_after(draw.randint(12, 50)))
            break
        except Killed:
            kills += 1
    assert kills >= 1
    assert outcome(config.run) == uninterrupted(variant)


@pytest.mark.parametrize(
    ("number", "when"),
    [
        (signal.SIGINT, Updated), (signal.SIGINT, Evaluating),
        *(pytest.param(*each, marks=MORE) for each in ((signal.SIGTERM, Progress), (signal.SIGINT, Evaluated))),
    ],
)
def test_stopped_by_a_signal_and_resumed_is_uninterrupted(folder, uninterrupted, number, when):
    config = config_for(folder, "ema", run=f"stopped-{when.__name__}")
    events, signalled = [], set()

    def listen(event) -> None:
        events.append(event)
        if isinstance(event, when) and event.step in (3, 14, 15, 21, 28, 30) and event.step not in signalled:
            signalled.add(event.step)
            signal.raise_signal(number)

    def terminated(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, terminated)
    try:
        stops = 0
        while True:
            try:
                train(config, resume=stops > 0, on_event=listen)
                break
            except KeyboardInterrupt:
                stops += 1
                assert isinstance(events[-1], Stopped)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert stops >= 2
    assert outcome(config.run) == uninterrupted("ema")


def test_a_signal_that_ends_the_program_in_an_evaluation_saves_first(folder):
    config, events = config_for(folder, "plain", run="ended"), []

    def listen(event) -> None:
        events.append(event)
        if isinstance(event, Evaluating):
            signal.raise_signal(signal.SIGTERM)

    def leave(*_):
        raise SystemExit

    before = signal.signal(signal.SIGTERM, leave)
    try:
        with pytest.raises(SystemExit):
            train(config, on_event=listen)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert isinstance(events[-1], Stopped)
    assert json.loads((config.run / "last" / "state.json").read_text(encoding="utf-8"))["step"] == 15


def test_killed_between_best_and_last_evaluates_again(folder, uninterrupted, monkeypatch):
    """The worst moment: best/ and model/ are new, last/ is old."""
    config = config_for(folder, "plain", run="between")
    from nmt import bundle

    save = bundle.save

    def save_and_die(folder, **keywords):
        save(folder, **keywords)
        if folder.parent == config.run:  # and not of the preflight
            raise Killed

    monkeypatch.setattr(bundle, "save", save_and_die)
    with pytest.raises(Killed):
        train(config)
    monkeypatch.undo()
    train(config, resume=True)
    assert outcome(config.run) == uninterrupted("plain")


def test_a_checkpoint_comes_before_the_first_model(folder, uninterrupted):
    """So a run folder with a model and none has lost it. The average of the last must not count an evaluation twice."""
    config, seen = config_for(folder, "last", run="first"), []

    def listen(event) -> None:
        if isinstance(event, Evaluating):
            seen.append(sorted(path.name for path in config.run.iterdir() if path.is_dir()))
            raise Killed

    with pytest.raises(Killed):
        train(config, on_event=listen)
    assert seen == [["last"]]
    train(config, resume=True)
    assert outcome(config.run) == uninterrupted("last")


def kill_for_real(folder: Path, config_path: Path, run: Path, *, resume: bool, wait: float) -> None:
    """Start `nmt train` and SIGKILL it `wait` seconds after its log has begun, or grown since."""
    log = run / "log.jsonl"
    size = log.stat().st_size if log.exists() else 0
    command = [sys.executable, "-m", "nmt", "train", "--config", str(config_path), "--threads", "1", "--device", "cpu"]
    process = subprocess.Popen([*command, *(["--resume"] if resume else [])], stderr=subprocess.DEVNULL, cwd=folder)
    while process.poll() is None and not (log.exists() and log.stat().st_size > size):
        time.sleep(0.01)
    time.sleep(wait)
    process.kill()
    process.wait()


@pytest.mark.parametrize("waits", [[0.15], pytest.param([0.0, 0.05, 0.1, 0.2, 0.3, 0.4], marks=pytest.mark.soak)])
def test_really_killed(folder, uninterrupted, waits):
    config = config_for(folder, "plain", run=f"really-{len(waits)}")
    path = folder / f"really-{len(waits)}.yaml"
    value = value_of(run=config.run.name, training=SHORT, model={"dropout": 0.2})
    path.write_text(json.dumps(value), encoding="utf-8")  # JSON is YAML
    for count, wait in enumerate(waits):
        kill_for_real(folder, path, config.run, resume=count > 0, wait=wait)
    train(config, resume=True)
    assert outcome(config.run) == uninterrupted("plain")


@pytest.mark.parametrize("variant", ["texts", pytest.param("sampling", marks=MORE)])
def test_processes_that_draw_segmentations_change_nothing(folder, uninterrupted, variant):
    config = config_for(folder, variant, run=f"drawn-{variant}")
    train(config, workers=2)
    assert outcome(config.run) == uninterrupted(variant)
