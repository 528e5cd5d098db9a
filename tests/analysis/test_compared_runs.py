"""What is read of a run folder, and how runs are grouped and told apart before anything is measured."""

import json
import math

import pytest
import tiny_bundle

from nmt import bundle, checksums, files
from nmt.analysis import runs, seeds
from nmt.analysis.seeds import MISSING, Group, Spread
from nmt.errors import CheckpointError, NMTError

SCORE = {"value": 10.0, "signature": ""}
NOT_SUMMED = {checksums.NAME, *bundle.DESCRIPTIONS}


def progress(step: int, seconds: float, **values) -> dict:
    return {"event": "progress", "step": step, "seconds": seconds, "loss": 5.0, "tokens_per_second": 100.0, **values}


def evaluated(step: int, *, best: bool = True, **values) -> dict:
    return {"event": "evaluated", "step": step, "loss": 2.0, "bleu": SCORE, "chrf": SCORE, "best": best, **values}


LINES = [
    {"event": "started", "model": "gru"}, progress(10, 60.0, tokens_per_second=50.0), evaluated(15, memory=700),
    progress(20, 180.0, loss=None), evaluated(20, best=False, memory=900), progress(30, 240.0, loss=3.0),
]  # fmt: skip


def make(folder, lines=(), *, settings=None, **model):
    """A run folder of which the model means nothing, and the log says what it is given to say."""
    tiny_bundle.save(folder / "model", **model)
    if settings is not None:
        bundle.describe(folder / "model", {**tiny_bundle.FACTS, "settings": settings})
    text = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    (folder / "log.jsonl").write_text(text, encoding="utf-8")
    return folder


def test_the_log_gives_the_learning_curves(tmp_path):
    (run,) = runs.read([make(tmp_path / "gru", LINES)])
    assert (run.name, run.model, run.notes, run.log.damaged) == ("gru", "transformer", [], [])
    assert [(each.step, each.minutes) for each in run.log.progress] == [(10, 1.0), (20, 3.0), (30, 4.0)]
    assert [each.loss for each in run.log.progress][::2] == [5.0, 3.0] and math.isnan(run.log.progress[1].loss)
    assert [(each.step, each.minutes) for each in run.log.evaluations] == [(15, 2.0), (20, 3.0)], "between two lines"
    assert (run.memory, run.tokens_per_second) == (900, 100.0)


DAMAGED = ['{"event": "progress", "st', "[]", "3", "null", "\x00" * 9, "[" * 100_000, '{"event": "evaluated"}',
           '{"event": "progress", "step": "a", "seconds": 1, "loss": 1, "tokens_per_second": 1}']  # fmt: skip


def test_damaged_lines_are_left_aside_and_told(tmp_path):
    folder = make(tmp_path / "run", [*LINES[:2], *DAMAGED, *LINES[2:]])
    with open(folder / "log.jsonl", "ab") as file:
        file.write(b'{"event": "\xff"}\n')
    (run,) = runs.read([folder])
    assert run.log._replace(damaged=[]) == runs.read_log(make(tmp_path / "whole", LINES) / "log.jsonl")
    assert run.log.damaged == [*range(3, 3 + len(DAMAGED)), len(LINES) + len(DAMAGED) + 1]
    assert run.notes == ["log.jsonl: left aside what cannot be read, line 3, 4, 5, 6, 7, ..."]


def test_a_log_without_evaluations_or_of_nothing(tmp_path):
    (run,) = runs.read([make(tmp_path / "early", LINES[:2])])
    assert run.log.evaluations == [] and run.memory is None and run.notes == ["log.jsonl tells of no evaluation"]
    (run,) = runs.read([make(tmp_path / "empty", [])])
    assert run.log.progress == [] and run.tokens_per_second is None
    (run,) = runs.read([make(tmp_path / "untimed", [evaluated(20)])])
    assert math.isnan(run.log.evaluations[0].minutes) and run.memory is None


def test_a_bundle_has_no_curves_and_an_exported_one_no_attention(tmp_path):
    (run,) = runs.read([make(tmp_path / "run", LINES) / "model"])
    assert run.log is None and run.config is None and "no learning curves" in run.notes[0] and not run.exported
    (tmp_path / "run" / "model" / "model.bin").write_bytes(b"")
    (run,) = runs.read([tmp_path / "run" / "model"])
    assert run.exported


@pytest.mark.parametrize(
    ("training", "lines", "unfinished"),
    [
        ({"steps": 30, "patience": None}, LINES, False),
        ({"steps": 40, "patience": None}, LINES, True),
        ({"steps": 40, "patience": 1}, LINES, False),
        ({"steps": 40, "patience": 2}, LINES, True),
        ({"steps": "many", "patience": 1}, LINES, False),
        ({"steps": 40, "patience": "much"}, LINES, True),
    ],
)
def test_an_unfinished_run_is_told_from_one_whose_patience_ended(tmp_path, training, lines, unfinished):
    (run,) = runs.read([make(tmp_path / "run", lines, settings={"training": training})])
    assert run.notes == (["unfinished: update 30 of 40"] if unfinished else [])


def test_a_run_named_twice_and_one_without_a_model(tmp_path):
    folder = make(tmp_path / "run", LINES)
    with pytest.raises(NMTError, match="named twice"):
        runs.read([folder, folder / "model"])
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "log.jsonl").write_text("", encoding="utf-8")
    with pytest.raises(CheckpointError, match="no model yet"):
        runs.read([tmp_path / "new"])


def test_runs_of_the_same_name_are_told_apart(tmp_path):
    paths = [make(tmp_path / each / "gru", LINES) for each in ("a", "b")]
    assert [run.name for run in runs.read(paths)] == list(map(str, paths))


def configured(folder, name: str, *, seed: int, lr: float = 0.1, **model):
    return make(folder / name, settings={"training": {"seed": seed, "lr": lr}}, **model)


def test_seeds_are_grouped_and_everything_else_is_a_difference(tmp_path):
    paths = [
        configured(tmp_path, "base-seed1", seed=1), configured(tmp_path, "fast", seed=1, lr=0.2),
        configured(tmp_path, "base-seed2", seed=2), configured(tmp_path, "wide", seed=1, feed_forward=32),
        configured(tmp_path, "apart", seed=1, tied_embeddings="none"),
    ]  # fmt: skip
    read = runs.read(paths)
    assert seeds.groups(read) == [
        Group("base", [0, 2]), Group("fast", [1]), Group("wide", [3]), Group("apart", [4])
    ]  # fmt: skip
    found = {each.name: each.values for each in seeds.differences(read)}
    assert found["training.lr"] == [0.1, 0.2, 0.1, 0.1, 0.1] and found["training.seed"] == [1, 1, 2, 1, 1]
    assert found["model.feed_forward"] == [16, 16, 16, 32, 16] and len(set(found["tokenizer, SHA-256"])) == 2
    assert next(iter(found)) == "tokenizer, SHA-256" and list(found)[-1].startswith("model.")


def test_an_order_an_origin_and_texts_are_no_seeds(tmp_path):
    """What stands beside the sections: in a bundle's config, and in its card."""
    names = ("plain", "turned", "tuned", "weighted")
    for seed, name in enumerate(names, 1):
        configured(tmp_path, name, seed=seed)
    config = tmp_path / "turned" / "model" / "config.yaml"
    files.write_text(config, config.read_text(encoding="utf-8").replace("left_to_right", "right_to_left"))
    checksums.write(config.parent, sorted({each.name for each in config.parent.iterdir()} - NOT_SUMMED))
    facts = {**tiny_bundle.FACTS, "settings": {"training": {"seed": 3, "lr": 0.1}}}
    origin = {"name": "base", "checksum": "0123456789abcdef", "frozen": ["encoder"]}
    bundle.describe(tmp_path / "tuned" / "model", {**facts, "finetuned": origin})
    texts = {"data": {"train": [{"tag": None, "weight": 2.0}, {"tag": "bt", "weight": 1.0}]}}
    settings = {"training": {"seed": 4, "lr": 0.1}, **texts}
    bundle.describe(tmp_path / "weighted" / "model", {**facts, "settings": settings})
    read = runs.read([tmp_path / name for name in names])
    assert [group.members for group in seeds.groups(read)] == [[0], [1], [2], [3]]
    found = {each.name: each.values for each in seeds.differences(read)}
    assert found["data.target_order"][:2] == ["left_to_right", "right_to_left"]
    assert found["finetune.model"] == [MISSING, MISSING, "base (01234567)", MISSING]
    assert found["finetune.freeze"][2] == "encoder" and found["data.train[1].tag"][3] == "bt"


def test_a_copy_is_no_other_seed_and_neither_is_an_export(tmp_path):
    read = runs.read([configured(tmp_path, name, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))])
    exported = read[2]._replace(exported=True)
    assert [group.members for group in seeds.groups([*read, exported])] == [[0, 2], [1], [3]]


def test_a_setting_that_a_model_lacks(tmp_path):
    plain, other = make(tmp_path / "a", settings={"training": {"lr": 1.0}}), make(tmp_path / "b", settings={})
    (found,) = seeds.differences(runs.read([plain, other]))
    assert found == ("training.lr", [1.0, MISSING])


@pytest.mark.parametrize(
    ("names", "name"),
    [
        (["gru-seed1", "gru-seed2"], "gru"),
        (["gru-1", "gru-2"], "gru"),
        (["seed1/gru", "seed2/gru"], "seed1/gru"),
        (["x", "y"], "x"),
    ],
)
def test_the_name_of_a_group(names, name):
    assert seeds._name(names) == name


def test_mean_and_deviation_of_seeds():
    assert seeds.spread([1.0, 2.0, 4.0]) == Spread(pytest.approx(7 / 3), pytest.approx(1.5275252), 3)
    assert seeds.spread([5.0]) == Spread(5.0, None, 1)
