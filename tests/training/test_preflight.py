"""Before a run: everything is done once, nothing stays, and what cannot go well is told at once."""

import shutil

import pytest
import torch
from copy_task import config_of

from nmt.errors import NMTError
from nmt.models.transformer import Transformer
from nmt.training import loss, rehearse, train
from nmt.training.events import Checked, Split, Started


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("preflight")


def events_of(work, config) -> list:
    events = []
    work(config, on_event=events.append)
    return events


def forecast_of(config):
    return next(event.forecast for event in events_of(rehearse, config) if isinstance(event, Checked))


def test_a_dry_run_leaves_a_folder_that_was_there(folder, monkeypatch):
    config, asked, usage = config_of(folder, run="empty"), [], shutil.disk_usage
    config.run.mkdir()
    monkeypatch.setattr(shutil, "disk_usage", lambda path: asked.append(path) or usage(path))
    forecast_of(config)
    assert config.run.is_dir() and list(config.run.iterdir()) == []
    assert asked == [config.run], "a link or a mount point there has a disk of its own"


def test_what_a_killed_trial_left_is_cleared_away(folder):
    config = config_of(folder, run="killed", training={"steps": 2})
    for name in (".preflight", "..preflight.00000001.tmp"):
        (config.run / name / "last").mkdir(parents=True)
    train(config)
    assert not list(config.run.glob(".*"))


@pytest.mark.parametrize("average", ["none", "ema", "last"])
def test_a_dry_run_leaves_nothing_and_tells_what_to_expect(folder, average):
    config = config_of(folder, run=f"dry-{average}", training={"steps": 100, "average": average})
    found = forecast_of(config)
    assert not config.run.exists() and not list(folder.glob(f".{config.run.name}*"))
    assert found.rows * (max(found.source, found.target)) <= config.training.batch_tokens
    assert 0 < found.seconds < 100
    assert found.memory is None or found.memory > 1e6
    train(config)
    written = sum(path.stat().st_size for path in config.run.rglob("*") if path.is_file())
    assert written <= found.disk <= 4 * written


def test_what_is_left_of_a_resumed_run_is_told(folder):
    long = {"steps": 3000, "evaluate_every": 1000}
    whole = forecast_of(config_of(folder, run="left", training=long)).seconds
    train(config_of(folder, run="left", training={**long, "steps": 2}))
    events = []
    rehearse(config_of(folder, run="left", training={**long, "steps": 6}), resume=True, on_event=events.append)
    left = next(event.forecast for event in events if isinstance(event, Checked)).seconds
    assert left < whole / 5, "4 updates and an evaluation instead of 3,000 and 3; a busy machine varies"


def test_training_begins_with_the_same_checks_and_they_change_nothing(folder, monkeypatch):
    config = config_of(folder, run="checked", training={"steps": 3, "evaluate_every": 3}, model={"dropout": 0.3})
    kinds = [type(event) for event in events_of(train, config)]
    assert kinds.index(Checked) < kinds.index(Started)
    weights = (config.run / "last" / "weights.safetensors").read_bytes()
    monkeypatch.setattr("nmt.training.trainer.Trainer.check", lambda trainer: None)
    train(config, force=True)
    assert (config.run / "last" / "weights.safetensors").read_bytes() == weights


def test_the_largest_batch_is_computed(folder, monkeypatch):
    config, seen = config_of(folder, run="largest"), []
    forward_backward = loss.forward_backward

    def watched(model, batch, **options):
        seen.append(batch.src.shape)
        return forward_backward(model, batch, **options)

    monkeypatch.setattr(loss, "forward_backward", watched)
    found = forecast_of(config)
    assert (found.rows, found.source) in seen
    assert max(width for _, width in seen) == 13  # six letters, a blank before each, and the end mark


def test_both_passes_are_computed(folder, monkeypatch):
    config, seen, forward = config_of(folder, run="twice", training={"r_drop": 5.0}), [], Transformer.forward

    def watched(model, src, *rest):
        seen.append(src.shape)
        return forward(model, src, *rest)

    monkeypatch.setattr(Transformer, "forward", watched)
    found = forecast_of(config)
    assert (2 * found.rows, found.source) in seen


def test_a_disk_that_is_too_small_is_told_before_the_run(folder, monkeypatch):
    usage = shutil.disk_usage(folder)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    config = config_of(folder, run="full")
    with pytest.raises(NMTError, match="are needed and only"):
        train(config)
    assert not config.run.exists() and not list(folder.glob(".full*"))


def test_what_the_run_has_already_is_not_asked_for_again(folder, monkeypatch):
    """A disk on which a run has begun is large enough for the rest of it."""
    train(config_of(folder, run="held", training={"steps": 2}))
    longer = config_of(folder, run="held", training={"steps": 3})
    held = sum(path.stat().st_size for path in longer.run.glob("*/*"))
    seen = []
    rehearse(longer, resume=True, on_event=seen.append)
    needed = next(event.forecast.disk for event in seen if isinstance(event, Checked))
    usage = shutil.disk_usage(folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=needed - held - 1))
    with pytest.raises(NMTError, match="no space left"):
        train(longer, resume=True)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=needed - held))
    assert train(longer, resume=True).done == 1


def test_memory_that_does_not_hold_one_pair_is_told_before_the_run(folder, monkeypatch):
    def short(*_, **__):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(loss, "forward_backward", short)
    config = config_of(folder, run="short")
    with pytest.raises(RuntimeError, match="out of memory"):
        train(config)
    assert not config.run.exists()


@pytest.mark.parametrize("error", [
    RuntimeError("CUDA out of memory. Tried to allocate"), MemoryError(),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
])  # fmt: skip
def test_a_batch_that_memory_does_not_hold_is_split_and_the_run_says_so_once(folder, monkeypatch, error):
    computed = loss.forward_backward

    def short(model, batch, **options):
        if len(batch.src) > 2:
            raise error
        return computed(model, batch, **options)

    monkeypatch.setattr(loss, "forward_backward", short)
    seen = []
    train(config_of(folder, run="split", training={"steps": 3}), force=True, on_event=seen.append)
    assert [event for event in seen if isinstance(event, Split)] == [Split(1)]


def test_random_numbers_of_an_update_come_from_nowhere_else(folder):
    """Dropout's depend on seed and update alone: whatever was drawn before."""
    weights = []
    for drawn in (0, 5):
        config = config_of(folder, run=f"drawn-{drawn}", training={"steps": 2}, model={"dropout": 0.3})
        train(config, on_event=lambda event, drawn=drawn: torch.rand(drawn))
        weights.append((config.run / "last" / "weights.safetensors").read_bytes())
    assert weights[0] == weights[1]
