"""Checkpoints: what a resumed run reads."""

import json
import shutil
from pathlib import Path

import pytest
from copy_task import config_of, write_text
from damage import as_yaml, damaged, deranged, flipped
from hypothesis import given
from hypothesis import strategies as st
from law import holds, tries

from nmt import checksums
from nmt.config import Config
from nmt.training import checkpoint, train

NAMES = [checkpoint.STATE, checkpoint.WEIGHTS, checkpoint.TRAINING]


@pytest.fixture(scope="module", params=["ema", "last"])
def finished(request, tmp_path_factory) -> tuple[Config, dict[str, bytes]]:
    """A run that is over, and the files of its last checkpoint."""
    folder = tmp_path_factory.mktemp("run")
    write_text(folder, pairs=100)
    training = {"steps": 4, "evaluate_every": 2, "average": request.param}
    config = config_of(folder, training=training, model={"width": 8, "feed_forward": 8, "max_length": 16})
    train(config)
    return config, {path.name: path.read_bytes() for path in (config.run / "last").iterdir()}


def write(finished: tuple[Config, dict[str, bytes]], changed: dict[str, bytes], *, sealed: bool) -> Path:
    """The checkpoint with some files replaced; with right sums or the old ones."""
    config, whole = finished
    folder = config.run / "last"
    shutil.rmtree(folder)
    folder.mkdir()
    for name, content in {**whole, **changed}.items():
        (folder / name).write_bytes(content)
    if sealed:
        checksums.write(folder, NAMES)
    return folder


def resume(config: Config) -> object:
    return holds(lambda: train(config, resume=True, device="cpu"), folder=config.run.parent)


def test_the_whole_checkpoint_resumes(finished):
    write(finished, {}, sealed=False)
    assert resume(finished[0]).step == 4


@tries(12)
@given(st.sampled_from(NAMES), st.data())
def test_damage_is_always_told(finished, name, data):
    content = data.draw(damaged(finished[1][name]))
    write(finished, {name: content}, sealed=False)
    assert (resume(finished[0]) is None) == (content != finished[1][name])


@tries(12)
@given(st.sampled_from(NAMES), st.data())
def test_every_flipped_bit_is_told(finished, name, data):
    write(finished, {name: data.draw(flipped(finished[1][name]))}, sealed=False)
    assert resume(finished[0]) is None


@tries(10)
@given(st.sampled_from([checkpoint.WEIGHTS, checkpoint.TRAINING]), st.data())
def test_broken_tensors_with_right_sums(finished, name, data):
    write(finished, {name: data.draw(damaged(finished[1][name]))}, sealed=True)
    resume(finished[0])


@tries(20)
@given(st.data())
def test_a_deranged_state_with_right_sums(finished, data):
    state = data.draw(deranged(json.loads(finished[1][checkpoint.STATE])))
    folder = write(finished, {checkpoint.STATE: as_yaml(state)}, sealed=True)
    loaded = holds(lambda: checkpoint.load(folder), folder=folder)
    if loaded is not None:
        assert type(loaded[0].step) is int and loaded[0].step >= 0


@pytest.mark.parametrize("name", [*NAMES, checksums.NAME])
def test_a_missing_file(finished, name):
    folder = write(finished, {}, sealed=False)
    (folder / name).unlink()
    assert resume(finished[0]) is None


@pytest.mark.parametrize("group", ["optimizer", "average"])
def test_a_checkpoint_that_lacks_a_part(finished, group):
    folder = write(finished, {}, sealed=False)
    left = {
        name: tensor for name, tensor in checkpoint.load(folder)[2].items() if not name.startswith(f"{group}/")
    }  # fmt: skip
    checkpoint.tensors.write(folder / checkpoint.TRAINING, left)
    checksums.write(folder, NAMES)
    found = resume(finished[0])
    assert found is None or (group == "average" and finished[0].training.average == "last")  # none is allowed there
