"""The training loop from text to bundle: it learns, it stops when it should, and what it ships is what it measured."""

import json
import shutil
import sys

import pytest
import torch
from copy_task import config_of, write_text
from tiny_bundle import changed

from nmt import bundle
from nmt import config as settings
from nmt.data.batching import batches
from nmt.data.prepare import prepare
from nmt.decoding.translator import Translator
from nmt.errors import CheckpointError, ConfigError, DataError, NMTError
from nmt.evaluation import metrics
from nmt.training import loss, rehearse, train
from nmt.training.events import Evaluated, Evaluating, Finished, Preparing, Progress, Started, Updated


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("trainer")


@pytest.fixture(scope="module")
def learned(folder):
    """A run of a few hundred updates, and its events."""
    events = []
    training = {"steps": 300, "average": "ema", "ema_decay": 0.98, "measure": "bleu"}
    config = config_of(folder, run="learned", training=training, model={"dropout": 0.0})
    return config, train(config, on_event=events.append), events


def of(kind, events) -> list:
    return [event for event in events if isinstance(event, kind)]


def log_of(config) -> list[dict]:
    return [json.loads(line) for line in (config.run / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def test_a_few_hundred_updates_learn_to_copy(learned):
    config, finished, _ = learned
    assert finished.reason == "steps" and finished.step == finished.done == 300
    assert finished.best["bleu"]["value"] > 95
    assert Translator.load(config.run).translate(["a b c d", "h g"]) == ["a b c d", "h g"]


def test_the_last_updates_are_in_the_log_too(folder):
    config = config_of(folder, run="last", training={"steps": 7, "log_every": 5, "evaluate_every": 7})
    train(config)
    progress = [line for line in log_of(config) if line["event"] == "progress"]
    assert [line["step"] for line in progress] == [5, 7]
    assert progress[-1]["target_tokens"] == bundle.read(config.run).card["training"]["target_tokens"]


def test_evaluations_translate_pairs_of_all_the_text(folder, monkeypatch):
    asked, translate = [], Translator.translate

    def listening(self, lines):
        asked.append(list(lines))
        return translate(self, lines)

    monkeypatch.setattr(Translator, "translate", listening)
    training = {"steps": 1, "evaluate_every": 1, "evaluate_sentences": 3}
    train(config_of(folder, run="few", training=training))
    lines = (folder / "dev.txt").read_text(encoding="utf-8").splitlines()
    middle = lines[(len(lines) - 1) // 2]
    assert asked[-1] == [lines[0], middle, lines[-1]]


def test_from_right_to_left(folder, tmp_path):
    """What is trained, measured and shipped means one order of the target's pieces."""
    training, data = {"steps": 60, "evaluate_every": 60}, {"target_order": "right_to_left"}
    config = config_of(folder, run="right", training=training, data=data)
    best = train(config).best
    lines = (folder / "dev.txt").read_text(encoding="utf-8").splitlines()

    def loss_of(bundle) -> float:
        scores = Translator.load(bundle, device="cpu", precision="float32").score(zip(lines, lines, strict=True))
        return -sum(each.log_probability for each in scores) / sum(len(each.tokens) for each in scores)

    assert loss_of(config.run) == pytest.approx(best["loss"], rel=1e-4)
    turned = changed(config.run / "model", tmp_path / "turned", "right_to_left", "left_to_right")
    assert loss_of(turned) > best["loss"] + 0.1
    found = Translator.load(config.run, device="cpu", precision="float32").translate(lines)
    assert metrics.bleu(found, lines).value == pytest.approx(best["bleu"]["value"], abs=1e-6)


def test_events_come_in_order_and_agree_with_the_log(learned):
    config, finished, events = learned
    kinds = [type(event) for event in events]
    assert kinds[0] is Preparing and kinds[-1] is Finished and events[-1] == finished
    assert kinds.index(Started) < kinds.index(Updated) < kinds.index(Evaluating) < kinds.index(Evaluated)
    assert [event.step for event in of(Updated, events)] == list(range(1, 301))
    lines = log_of(config)
    named = [line["event"] for line in lines if line["event"] != "progress"]
    assert named == ["started", *["evaluated"] * 3]
    if sys.platform != "win32":  # which does not say
        assert all(line["memory"] > 1e7 for line in lines if line["event"] == "evaluated")
    progress = [line for line in lines if line["event"] == "progress"]
    assert [line["step"] for line in progress] == list(range(50, 301, 50))
    assert [event.step for event in of(Progress, events)] == list(range(50, 301, 50))
    assert progress[-1]["loss"] < progress[0]["loss"] / 2
    assert progress[0]["rate"] == pytest.approx(config.training.lr)


def test_tokens_are_counted_without_padding(learned):
    config, finished, events = learned
    started, last = of(Started, events)[0], of(Progress, events)[-1]
    lengths = prepare(config).train.lengths[:, 1] + 1
    assert started.target_tokens == lengths.sum() and started.pairs == len(lengths)
    assert finished.epoch == last.target_tokens // started.target_tokens


def test_what_was_measured_is_what_is_shipped(learned):
    """The bundle's own loss on the development text is the one that was logged for the best evaluation."""
    config, finished, _ = learned
    loaded, prepared = bundle.load(config.run), prepare(config)
    nats, tokens = 0.0, 0
    for batch in batches(prepared.dev, batch_tokens=10_000):
        nats += loss.negative_log_likelihood(loaded.model, batch, device=torch.device("cpu")).item()
        tokens += loss.count(batch)
    assert nats / tokens == pytest.approx(finished.best["loss"], rel=1e-5)
    assert loaded.card["dev"]["loss"] == finished.best["loss"]
    assert loaded.card["training"]["steps"] == 300


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(folder):
    runs = []
    for run, seed in (("one", 5), ("two", 5), ("three", 6)):
        config = config_of(folder, run=run, training={"steps": 4, "seed": seed, "evaluate_every": 4})
        train(config)
        runs.append((config.run / "last" / "weights.safetensors").read_bytes())
    assert runs[0] == runs[1] != runs[2]


def test_patience_stops_early_and_the_best_stays(folder):
    training = {"steps": 60, "evaluate_every": 5, "patience": 2, "lr": 1.0, "warmup": 0, "schedule": "constant"}
    config = config_of(folder, run="patience", training=training)
    events = []
    finished = train(config, on_event=events.append)
    marks = [event.best for event in of(Evaluated, events)]
    assert finished.reason == "patience" and finished.step < 60
    assert marks[-2:] == [False, False] and marks[-3] is True
    assert finished.best["step"] == finished.step - 10
    again = train(config, resume=True)
    assert again.done == 0 and again.reason == "patience" and again.best == finished.best


def test_a_finished_run_is_left_alone_until_steps_are_raised(folder):
    def config(steps):
        return config_of(folder, run="longer", training={"steps": steps, "evaluate_every": 3})

    train(config(3))
    before, log = (folder / "longer" / "model" / "card.json").read_bytes(), log_of(config(3))
    for work in (train, rehearse):
        seen = []
        work(config(3), resume=True, on_event=seen.append)
        assert {type(each) for each in seen} == {Preparing, Finished} and seen[-1].done == 0
    assert (folder / "longer" / "model" / "card.json").read_bytes() == before and log_of(config(3)) == log
    assert train(config(5), resume=True)[2:4] == (2, 5)
    assert bundle.load(folder / "longer").card["training"]["steps"] == 5


def test_a_resumed_run_says_what_may_change_its_last_bits(folder, monkeypatch):
    def started(**training):
        events = []
        config = config_of(folder, run="moved", training={"steps": 2, **training})
        train(config, resume=config.run.exists(), on_event=events.append)
        return of(Started, events)[0].changes

    assert started() == started(steps=3) == []
    torch.set_num_threads(2)
    try:
        assert started(steps=4) == ["threads: 1 -> 2"]
    finally:
        torch.set_num_threads(1)


def test_force_replaces_a_run(folder):
    def config(seed):
        return config_of(folder, run="forced", training={"steps": 2, "seed": seed})

    train(config(1))
    with pytest.raises(NMTError, match="the run exists"):
        train(config(2))
    train(config(2), force=True)
    assert bundle.load(folder / "forced").config.seed == 2
    assert len([line for line in log_of(config(2)) if line["event"] == "started"]) == 1


def test_a_failure_while_preparing_leaves_the_old_run(folder):
    config = config_of(folder, run="kept", training={"steps": 2})
    train(config)
    with pytest.raises(ConfigError, match="too large"):
        broken = {"kind": "bpe", "vocabulary": 5000}
        train(config_of(folder, run="kept", training={"steps": 2}, tokenizer=broken), force=True)
    assert bundle.load(folder / "kept").card["training"]["steps"] == 2


def test_other_text_is_not_resumed_and_the_file_is_named(folder, tmp_path):
    write_text(tmp_path, pairs=300)
    (tmp_path / "same.txt").write_bytes((tmp_path / "train.txt").read_bytes())
    config = config_of(tmp_path, training={"steps": 2})
    value = config.model_dump(mode="json")
    value["data"]["train"]["target"] = [str(tmp_path / "same.txt")]
    config = settings.check(settings.Config, value, name="copy task")
    train(config)
    with open(tmp_path / "same.txt", "a", encoding="utf-8") as file:
        file.write("a b a b a\n")
    before, seen = (config.run / "config.yaml").read_bytes(), []
    with pytest.raises(DataError, match="the text has changed since the run began") as caught:
        train(config, resume=True, on_event=seen.append)
    told = caught.value.message.splitlines()[1:]
    assert told == [f"  data.train.target.1: {tmp_path / 'same.txt'} has another content"]
    assert {each.stage for each in seen} == {"checking files"}, "told before anything is prepared"
    assert (config.run / "config.yaml").read_bytes() == before


def test_an_epoch_is_complete_with_its_last_update(tmp_path):
    write_text(tmp_path, pairs=40)
    few = {"batch_tokens": 10**4, "evaluate_every": 1, "log_every": 1}  # an update is an epoch
    seen = []
    finished = train(config_of(tmp_path, training={**few, "steps": 3}), on_event=seen.append)
    assert finished.epoch == 3 and bundle.load(finished.folder).card["training"]["epochs"] == 3
    assert [each.epoch for each in seen if isinstance(each, Progress | Evaluated)] == [1, 1, 2, 2, 3, 3]


def test_a_removed_run_folder_ends_the_training_and_is_not_made_anew(tmp_path):
    config = config_of(tmp_path, training={"steps": 9, "evaluate_every": 3, "log_every": 100})

    def remove(event) -> None:
        if isinstance(event, Updated) and event.step == 5:
            shutil.rmtree(config.run)

    with pytest.raises(CheckpointError, match="was removed or replaced while training wrote it"):
        train(config, on_event=remove)
    assert not config.run.exists()


@pytest.mark.parametrize("name", ["state.json", "weights.safetensors", "training.safetensors"])
@pytest.mark.parametrize("damage", ["removed", "cut", "empty", "nonsense"])
def test_a_damaged_checkpoint_is_told(folder, name, damage):
    config = config_of(folder, run="damaged", training={"steps": 2})
    train(config, force=True)
    path = config.run / "last" / name
    content = path.read_bytes()
    path.unlink()
    if damage != "removed":
        path.write_bytes({"cut": content[: len(content) // 2], "empty": b"", "nonsense": b"[1, 2]"}[damage])
    with pytest.raises(CheckpointError) as caught:
        train(config, resume=True)
    assert str(path) in caught.value.message and caught.value.hint


def test_a_learning_rate_that_breaks_training_is_told(folder):
    training = {"steps": 100, "lr": 1e30, "warmup": 0, "log_every": 25, "clip": None, "weight_decay": 1.0}
    with pytest.raises(NMTError, match="training broke down") as caught:
        train(config_of(folder, run="broken", training=training))
    assert "training.lr" in caught.value.hint


def test_tensorboard_without_the_package_is_told_before_any_work(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ConfigError, match="tensorboard") as caught:
        train(config_of(folder, run="board", training={"tensorboard": True}))
    assert caught.value.hint == 'pip install "tensorboard>=2.15"'
    assert not (folder / "board").exists()
