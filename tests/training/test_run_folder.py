"""An existing run is never lost by accident, and nothing that is not a run is ever touched."""

import shutil

import pytest
from copy_task import config_of

from nmt import config as settings
from nmt import files
from nmt.errors import CheckpointError, ConfigError, NMTError
from nmt.training import run_folder
from nmt.training.schedule import learning_rate

DRY = {"resume": False, "force": False}


@pytest.fixture
def config(tmp_path):
    return config_of(tmp_path)


def begin(config) -> None:
    """A run writes a little."""
    run_folder.create(config)
    (config.run / "log.jsonl").write_text("{}\n", encoding="utf-8")
    (config.run / "last").mkdir()
    (config.run / "last" / "state.json").write_text("{}", encoding="utf-8")


@pytest.fixture
def begun(config):
    begin(config)
    return config


def test_a_new_or_empty_folder_is_free(config):
    run_folder.check(config, **DRY)
    config.run.mkdir()
    run_folder.check(config, **DRY)
    run_folder.check(config, resume=False, force=True)


def test_an_existing_run_needs_a_word(begun):
    with pytest.raises(NMTError, match="the run exists") as caught:
        run_folder.check(begun, **DRY)
    assert "--resume" in caught.value.hint and "--force" in caught.value.hint
    run_folder.check(begun, resume=True, force=False)
    run_folder.check(begun, resume=False, force=True)


def test_force_removes_what_a_run_writes_and_nothing_else(begun):
    (begun.run / "notes.txt").write_text("mine", encoding="utf-8")
    run_folder.check(begun, resume=False, force=True)
    run_folder.create(begun)
    assert sorted(path.name for path in begun.run.iterdir()) == ["config.yaml", "notes.txt"]


def test_force_removes_what_a_crash_has_set_aside_too(begun):
    (begun.run / "last").rename(begun.run / ".last.0123abcd.old")
    (begun.run / ".best.0123abcd.tmp").mkdir()
    with run_folder.claimed(begun.run):
        run_folder.create(begun)
    assert [path.name for path in begun.run.iterdir()] == ["config.yaml"]


@pytest.mark.parametrize("name", ["notes.txt", "config.yaml", "log.jsonl"])
@pytest.mark.parametrize("words", [DRY, {"resume": True, "force": False}, {"resume": False, "force": True}])
def test_a_folder_that_is_no_run_is_refused(config, name, words):
    config.run.mkdir()
    (config.run / name).write_text("mine", encoding="utf-8")
    with pytest.raises(NMTError, match="holds something else than a run"):
        run_folder.check(config, **words)


def test_a_file_in_the_place_of_the_folder_is_refused(config):
    config.run.write_text("mine", encoding="utf-8")
    with pytest.raises(NMTError, match="is a file"), run_folder.claimed(config.run):
        pytest.fail("claimed")


def test_a_run_that_left_nothing_is_begun_by_resuming_it(config):
    """With whatever settings, as none has had a say yet."""
    assert run_folder.check(config, resume=True, force=False) == config
    config.run.mkdir()
    (config.run / run_folder.LOCK).touch()
    assert run_folder.check(config, resume=True, force=False) == config
    run_folder.create(config_of(config.run.parent, training={"lr": 1.0}))
    assert run_folder.check(config, resume=True, force=False) == config


@pytest.mark.parametrize("name", ["best", "model"])
def test_a_model_whose_checkpoint_was_removed_is_not_overwritten(begun, name):
    (begun.run / name).mkdir()
    run_folder.check(begun, resume=True, force=False)
    shutil.rmtree(begun.run / "last")
    with pytest.raises(CheckpointError, match="last/, from which the run could go on, is gone") as caught:
        run_folder.check(begun, resume=True, force=False)
    assert "--force" in caught.value.hint
    run_folder.check(begun, resume=False, force=True)


def test_a_changed_config_is_refused_with_a_list_of_the_changes(begun, tmp_path):
    changed = config_of(tmp_path, training={"lr": 1.0, "steps": 3}, model={"width": 64}, search={"beam": 2})
    with pytest.raises(ConfigError) as caught:
        run_folder.check(changed, resume=True, force=False)
    assert "model.width: 32 -> 64" in caught.value.message
    assert "training.lr: 0.005 -> 1.0" in caught.value.message
    assert "steps" not in caught.value.message and "beam" not in caught.value.message
    run_folder.check(changed, resume=False, force=True)


def test_another_model_is_a_change(begun, tmp_path):
    value = begun.model_dump(mode="json") | {"model": {"type": "gru"}}
    with pytest.raises(ConfigError, match=r"model.type: transformer -> gru"):
        run_folder.check(settings.check(settings.Config, value, name="x"), resume=True, force=False)


@pytest.mark.parametrize(
    "sections",
    [
        {"training": {"steps": 10**6, "patience": 9, "log_every": 1, "evaluate_every": 7, "evaluate_beam": 3}},
        {"training": {"evaluate_sentences": 4, "tensorboard": True}, "search": {"beam": 9, "length_penalty": 0.3}},
        {"data": {"cache": "elsewhere"}},
        {"data": {"train": {"source": "moved.txt", "target": "moved.txt"}}},
    ],
)
def test_what_leaves_the_course_of_the_weights_alone_may_change(begun, tmp_path, sections):
    run_folder.check(config_of(tmp_path, **sections), resume=True, force=False)


def test_a_run_of_before_there_were_slots_is_resumed_without(begun, tmp_path):
    path = begun.run / "config.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("  spare: 0\n", ""), encoding="utf-8")
    asked = config_of(tmp_path).model_dump(mode="json")
    for spare, goes_on in ((None, True), (0, True), (8, False)):
        asked["tokenizer"].pop("spare", None)
        if spare is not None:
            asked["tokenizer"]["spare"] = spare
        new = settings.check(settings.Config, asked, name="x", folder=tmp_path)
        if goes_on:
            assert run_folder.check(new, resume=True, force=False).tokenizer.spare == 0
        else:
            with pytest.raises(ConfigError, match=r"tokenizer\.spare: 0 -> 8"):
                run_folder.check(new, resume=True, force=False)


def test_a_moved_run_is_resumed(begun, tmp_path):
    begun.run.rename(tmp_path / "elsewhere")
    run_folder.check(config_of(tmp_path, run="elsewhere"), resume=True, force=False)


def test_a_crash_between_two_renames_is_undone(begun):
    """What `replacing_folder` leaves when it is killed at the one moment at which neither folder is in place."""
    last = begun.run / "last"
    (begun.run / ".last.0123abcd.tmp").mkdir()
    last.rename(begun.run / ".last.0123abcd.old")
    with run_folder.claimed(begun.run):
        pass
    assert (last / "state.json").exists()
    assert not list(begun.run.glob(".last*"))


def test_an_error_between_two_renames_is_undone_at_once(begun, monkeypatch):
    last, replace = begun.run / "last", files.os.replace

    def second_fails(source, target):
        if target == last and source.suffix == ".tmp":
            raise OSError("the disk is gone")
        replace(source, target)

    monkeypatch.setattr(files, "_swap", lambda one, other: False)
    monkeypatch.setattr(files.os, "replace", second_fails)
    with pytest.raises(OSError, match="gone"), files.replacing_folder(last) as inside:
        (inside / "new").touch()
    assert [path.name for path in last.iterdir()] == ["state.json"]
    assert not list(begun.run.glob(".last*"))


def test_two_trainings_do_not_share_a_run(begun):
    second = pytest.raises(NMTError, match="another training writes here")
    with run_folder.claimed(begun.run), second, run_folder.claimed(begun.run):
        pytest.fail("claimed twice")
    with run_folder.claimed(begun.run):
        pass
    assert not (begun.run / run_folder.LOCK).exists()


def test_a_claim_that_comes_to_nothing_leaves_no_folder(tmp_path):
    with pytest.raises(NMTError), run_folder.claimed(tmp_path / "deep" / "run"):
        raise NMTError("wrong")
    assert not (tmp_path / "deep").exists()


def test_a_run_that_was_killed_before_its_first_line_is_no_hindrance(config):
    config.run.mkdir()
    (config.run / run_folder.LOCK).touch()
    (config.run / ".config.yaml.0123abcd.tmp").touch()
    with run_folder.claimed(config.run):
        run_folder.check(config, **DRY)
        run_folder.create(config)
    assert [path.name for path in config.run.iterdir()] == ["config.yaml"]


def test_what_a_crash_left_in_the_model_is_cleared_away(begun):
    (begun.run / "model").mkdir()
    for name in (".card.json.0123abcd.tmp", ".README.md.0123abcd.tmp", "mine.tmp"):
        (begun.run / "model" / name).touch()
    with run_folder.claimed(begun.run):
        pass
    assert [path.name for path in (begun.run / "model").iterdir()] == ["mine.tmp"]


@pytest.mark.parametrize("schedule", ["inverse_sqrt", "cosine", "plateau", "constant"])
@pytest.mark.parametrize("steps", [50, 400])
@pytest.mark.parametrize("warmup", [40, 0.2])
def test_more_or_fewer_steps_change_no_past_rate(tmp_path, schedule, steps, warmup):
    """Nor the interval between evaluations."""
    training = {"schedule": schedule, "steps": 200, "min_lr": 1e-4, "warmup": warmup, "evaluate_every": 0.1}
    begun = config_of(tmp_path, training=training)
    begin(begun)
    changed = config_of(tmp_path, training={**training, "steps": steps})
    resumed = run_folder.check(changed, resume=True, force=False)
    assert resumed.training.steps == steps
    assert (resumed.training.warmup_updates, resumed.training.evaluation_interval) == (40, 20)
    rates = [[learning_rate(config.training, step) for step in range(1, 500)] for config in (begun, resumed)]
    assert rates[0] == rates[1]
    run_folder.keep_config(resumed)
    again = run_folder.check(changed, resume=True, force=False)
    assert again.training.horizon == begun.training.horizon


def test_a_horizon_that_is_set_anew_is_a_change(tmp_path):
    begin(config_of(tmp_path, training={"schedule": "cosine", "steps": 200}))
    changed = config_of(tmp_path, training={"schedule": "cosine", "steps": 400, "horizon": 400})
    with pytest.raises(ConfigError, match=r"training.horizon: 200 -> 400"):
        run_folder.check(changed, resume=True, force=False)


def test_more_steps_where_the_rate_is_0_are_refused(tmp_path):
    begin(config_of(tmp_path, training={"schedule": "cosine", "steps": 200}))
    longer = config_of(tmp_path, training={"schedule": "cosine", "steps": 400})
    kept = settings.load(longer.run / "config.yaml", ["training.steps=400"])  # which names the horizon
    for config in (longer, kept):
        with pytest.raises(ConfigError, match="ends with rate 0 at update 200") as caught:
            run_folder.check(config, resume=True, force=False)
        assert "nmt finetune --model" in caught.value.hint


def test_a_horizon_that_ends_before_the_steps_is_no_hindrance_to_going_on(tmp_path):
    """It was told when the run began."""
    config = config_of(tmp_path, training={"schedule": "cosine", "steps": 200, "horizon": 100})
    begin(config)
    assert run_folder.check(config, resume=True, force=False).training.steps == 200
