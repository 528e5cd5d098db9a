"""A finetuned model begins as the old one, learns what it may, and its run needs nothing of the old one's place."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_bundle
import torch
from copy_task import config_of, write_text
from outcome import outcome
from toy_text import sentences, write
from variants import few_variants, model_of

from nmt import bundle, checksums, finetune, tensors, train
from nmt import config as settings
from nmt.config import FinetuneConfig
from nmt.data.batching import Batch
from nmt.data.vocabulary import base_tokenizers, origins
from nmt.errors import CheckpointError, ConfigError
from nmt.ids import BOS, EOS
from nmt.training import configure, finetuning, loss
from nmt.training.events import Started, Updated

MODELS = {
    "gru": {"type": "gru", "embedding": 8, "hidden": 8},
    "attention_rnn": {"type": "attention_rnn", "embedding": 8, "hidden": 8, "attention": 8},
    "transformer": {"type": "transformer", "width": 8, "heads": 2, "feed_forward": 8, "encoder_layers": 2,
                    "decoder_layers": 1, "tied_embeddings": "all"},
    "ntm": {"type": "ntm", "embedding": 8, "hidden": 8, "slots": 4, "slot_width": 4, "tied_embeddings": "none"},
}  # fmt: skip
TRAINING = {
    "steps": 2, "evaluate_every": 2, "log_every": 1, "schedule": "inverse_sqrt", "warmup": 1, "batch_tokens": 200,
    "precision": "float32",
}  # fmt: skip
NEW_TEXT = [(f"{de} Übermut tut", f"{en} pride does") for de, en in sentences(40, seed=5)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A finished run of each type, and a config that goes on from one."""
    folder = tmp_path_factory.mktemp("finetune")
    data = {"source_language": "de", "target_language": "en"}
    text = {name: write(folder, name, pairs) for name, pairs in
            {"train": sentences(60), "dev": sentences(4, seed=2), "new": NEW_TEXT}.items()}  # fmt: skip
    for kind, model in MODELS.items():
        value = {
            "run": str(folder / kind), "data": {**data, "train": text["train"], "dev": text["dev"]},
            "tokenizer": {"vocabulary": 60, "byte_fallback": False}, "model": {**model, "dropout": 0.1},
            "training": TRAINING, "search": {"max_length_factor": 0.5, "max_length_extra": 2},
        }  # fmt: skip
        train(settings.check(settings.Config, value, name=kind))
    new = {"run": "new", "data": {"train": text["new"], "dev": text["dev"]}, "training": {**TRAINING, "seed": 7}}
    (folder / "new.yaml").write_text(json.dumps(new), encoding="utf-8")
    return folder


def go_on(folder: Path, kind: str, run: str, *overrides: str, **options):
    """Finetune in a run folder of this name."""
    given = [f"run={folder / run}", *overrides]
    return finetune(folder / kind, folder / "new.yaml", given, device="cpu", **options)


def weights_of(path: Path) -> dict[str, torch.Tensor]:
    return tensors.read(bundle.locate(path) / bundle.WEIGHTS)


@pytest.mark.parametrize("kind", MODELS)
def test_it_begins_as_the_old_model_with_rows_for_new_pieces(folder, kind):
    config = configure(folder / "new.yaml", ["finetune.pieces=12"], model=folder / kind)
    old = bundle.load(folder / kind)
    from nmt.data.prepare import prepare

    new = prepare(config).tokenizers
    start, before = finetuning.weights(config.finetune, new), weights_of(folder / kind)
    assert start.keys() == before.keys()
    made_of = origins(old.tokenizers.source, new.source)
    assert len(made_of) == 12
    for name, weight in start.items():
        assert torch.equal(weight[: len(before[name])], before[name])
        if name.startswith("embeddings."):
            means = torch.stack([before[name][ids].mean(0) for ids in made_of])
            assert torch.equal(weight[len(before[name]) :], means)
        else:
            assert weight.shape == before[name].shape


def test_a_model_goes_on_writing_from_the_end_that_it_knows(folder, tmp_path):
    model = tiny_bundle.changed(tiny_bundle.save(tmp_path / "m"), tmp_path / "right", "left_to_right", "right_to_left")
    assert configure(folder / "new.yaml", model=model).data.target_order == "right_to_left"
    with pytest.raises(ConfigError, match=r"data\.target_order: left_to_right, but it has right_to_left"):
        configure(folder / "new.yaml", ["data.target_order=left_to_right"], model=model)
    run = str(tmp_path / "run")
    done = finetune(model, folder / "new.yaml", [f"run={run}", "training.steps=1"], device="cpu").folder
    assert bundle.read(done).config.target_order == "right_to_left"
    assert configure(folder / "new.yaml", [f"run={run}"], model=model, resume=True).data.target_order == "right_to_left"


def test_a_model_without_slots_learns_no_tag(folder, tmp_path):
    bare = tiny_bundle.save(tmp_path / "bare")
    with pytest.raises(ConfigError, match="was trained with no more: leave tags out"):
        configure(folder / "new.yaml", ["data.train.tag=new", "data.dev.tag=new"], model=bare)


@pytest.mark.parametrize(("kind", "frozen"), [
    ("gru", "source_embeddings,encoder"), ("attention_rnn", "embeddings,attention"), ("transformer", "encoder.1"),
    ("transformer", "embeddings,decoder"), ("ntm", "output,heads"),
])  # fmt: skip
def test_what_is_frozen_stays_bit_for_bit_and_the_rest_learns(folder, kind, frozen):
    run = f"frozen-{kind}-{frozen}"
    average = "ema" if "encoder" in frozen else "last"
    over = [f"finetune.freeze=[{frozen}]", f"training.average={average}", "training.average_last=3", "training.steps=6",
            "training.schedule=constant"]  # fmt: skip
    go_on(folder, kind, run, *over)
    model = bundle.load(folder / kind).model
    parts = model.parts()
    kept = {id(each) for name in frozen.split(",") for part in parts[name] for each in _weights(part)}
    names = {name for name, weight in model.named_parameters() if id(weight) in kept}
    before = weights_of(folder / kind)
    assert names and names != before.keys()
    for path in ("model/model.safetensors", "best/weights.safetensors", "last/weights.safetensors"):
        after = tensors.read(folder / run / path)
        assert {name for name in before if torch.equal(before[name], after[name])} == names, path
    state = tensors.read(folder / run / "last" / "training.safetensors")
    assert not any(name in key for key in state for name in names)
    assert bundle.load(folder / run).card["finetuned"]["frozen"] == frozen.split(",")


def _weights(part) -> list[torch.Tensor]:
    return [part] if isinstance(part, torch.nn.Parameter) else list(part.parameters())


def test_the_card_says_from_what(folder):
    go_on(folder, "gru", "card")
    found = bundle.load(folder / "card")
    checksum = checksums.sha256(folder / "gru" / "model" / checksums.NAME)
    assert found.card["finetuned"] == {"name": "gru", "checksum": checksum, "frozen": []}
    assert checksum in (folder / "card" / "model" / "README.md").read_text(encoding="utf-8")
    for path in (folder / "card" / "model").iterdir():
        assert str(folder).encode() not in path.read_bytes()


class Killed(Exception):
    pass


def killed_at(number: int, wanted: type = object):
    """A listener that lets fewer events of a kind pass."""
    left = iter(range(number - 1))

    def listen(event) -> None:
        if isinstance(event, wanted) and next(left, None) is None:
            raise Killed

    return listen


def test_killed_resumed_and_the_old_model_gone_is_uninterrupted(folder):
    over = ["finetune.pieces=8", "finetune.freeze=[encoder]", "training.average=ema", "training.steps=4"]
    go_on(folder, "transformer", "whole", *over)
    shutil.copytree(folder / "transformer", folder / "copy")
    with pytest.raises(Killed):  # before the first evaluation
        go_on(folder, "copy", "killed", *over, on_event=killed_at(1, Updated))
    shutil.rmtree(folder / "copy")
    shutil.rmtree(folder / "prepared")
    with pytest.raises(Killed):
        go_on(folder, "copy", "killed", *over, resume=True, on_event=killed_at(3, Updated))
    go_on(folder, "copy", "killed", *over, resume=True)
    whole, killed = outcome(folder / "whole"), outcome(folder / "killed")
    for each, name in ((whole, "transformer"), (killed, "copy")):
        assert each["model/card.json"]["finetuned"].pop("name") == name
        assert each["log.jsonl"][0]["finetuned"].pop("name") == name
    assert whole == killed


def test_the_digest_of_the_settings_knows_what_it_goes_on_from_and_no_place(folder):
    shutil.copytree(folder / "gru", folder / "elsewhere")
    given = [("gru", []), ("elsewhere", []), ("attention_rnn", []), ("gru", ["finetune.pieces=9"]),
             ("gru", ["finetune.freeze=[encoder]"])]  # fmt: skip
    digests = [bundle.digest(configure(folder / "new.yaml", over, model=folder / kind)) for kind, over in given]
    assert digests[0] == digests[1] and len(set(digests)) == 4


def test_killed_before_anything_was_written_it_begins(folder):
    with pytest.raises(Killed):
        go_on(folder, "gru", "early", on_event=killed_at(1))
    assert go_on(folder, "gru", "early", resume=True).step == 2


def test_nmt_train_resumes_it_when_the_old_model_has_changed(folder):
    shutil.copytree(folder / "gru", folder / "moving")
    go_on(folder, "moving", "moved")
    (folder / "moving" / "model" / checksums.NAME).write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match="did not begin with") as caught:
        go_on(folder, "moving", "moved", "training.steps=4", resume=True)
    assert "nmt train --config" in caught.value.hint
    config = settings.load(folder / "moved" / "config.yaml", ["training.steps=4"])
    assert train(config, resume=True, device="cpu").step == 4


def test_only_what_the_weights_allow_may_differ(folder):
    over = [
        "model.hidden=9", "model.cell=lstm", "model.dropout=0.4", "tokenizer.vocabulary=99", "tokenizer.sampling=0.1",
        "model.max_length=99",
    ]  # fmt: skip
    with pytest.raises(ConfigError) as caught:
        configure(folder / "new.yaml", over, model=folder / "gru")
    faults = caught.value.message.splitlines()[1:]
    assert [each.strip() for each in faults] == [
        "model.hidden: 9, but it has 8", "model.cell: lstm, but it has gru",
        "tokenizer.vocabulary: 99, but it has 60",
    ]  # fmt: skip
    config = configure(folder / "new.yaml", [each for each in over if "0." in each], model=folder / "gru")
    assert (config.model.dropout, config.tokenizer.sampling, config.model.hidden) == (0.4, 0.1, 8)
    assert (config.data.source_language, config.data.target_language) == ("de", "en")


def test_a_language_may_be_new_and_no_direction_turned(folder):
    config = configure(folder / "new.yaml", ["data.source_language=nl"], model=folder / "gru")
    assert (config.data.source_language, config.data.target_language) == ("nl", "en")
    with pytest.raises(ConfigError) as caught:
        configure(folder / "new.yaml", ["data.source_language=en", "data.target_language=de"], model=folder / "gru")
    assert [each.strip() for each in caught.value.message.splitlines()[1:]] == [
        "data.source_language: en, but it has de", "data.target_language: de, but it has en",
    ]  # fmt: skip


@pytest.mark.parametrize(("kind", "override", "fault"), [
    ("gru", "model.type=transformer", "model.type: transformer, but it has gru"),
    ("transformer", "finetune.freeze=[encodre]", '"encodre" is no part of this transformer, whose parts are emb'),
    ("transformer", "finetune.freeze=[encoder.3]", r"encoder.1, encoder.2, decoder.1"),
    ("ntm", "finetune.freeze=[encoder]", '"encoder" is no part of this ntm, whose parts are .*controller, heads'),
    ("gru", "finetune.freeze=[embeddings,encoder,decoder]", "leave nothing to learn"),
    ("ntm", "finetune.freeze=[embeddings,controller,heads,readout]", "nothing to learn but the output layer"),
    ("gru", "finetune={freeze: [embeddings], pieces: 5}", "would keep the rows of appended pieces"),
    ("gru", "model=gru", "model: needs a `type`"), ("gru", "finetune.words=a.txt", "no such file"),
    ("gru", "finetune.pieces=9999", r"9,999, but this text gives \d+"),
])  # fmt: skip
def test_a_newcomers_mistakes_are_told(folder, kind, override, fault):
    with pytest.raises(Exception, match=fault) as caught:
        go_on(folder, kind, "mistake", override)
    assert isinstance(caught.value, (ConfigError, CheckpointError)) or "no such file" in fault
    assert not (folder / "mistake").exists()


def test_a_run_cannot_replace_the_model_that_it_goes_on_from(folder):
    with pytest.raises(ConfigError, match="would replace the model"):
        go_on(folder, "gru", "gru", force=True)
    assert bundle.load(folder / "gru")


def test_without_nmt_finetune_there_is_no_checksum(folder):
    value = settings.load(folder / "gru" / "config.yaml").model_dump(mode="json")
    value = {**value, "run": str(folder / "bare"), "finetune": {"model": str(folder / "gru")}}
    with pytest.raises((ConfigError, CheckpointError)) as caught:
        train(settings.check(settings.Config, value, name="bare"), device="cpu")
    assert "nmt finetune" in caught.value.hint


def test_finetuning_a_finetuned_model_grows_it_again(folder):
    go_on(folder, "transformer", "once", "finetune.pieces=6")
    go_on(folder, "once", "twice", "finetune.pieces=5")
    sizes = [bundle.load(folder / name).tokenizers.source.size for name in ("transformer", "once", "twice")]
    assert sizes == [60, 66, 71]


def test_a_base_is_known_by_its_checksum(folder):
    given = FinetuneConfig(model=folder / "gru", checksum="0" * 64)
    config = settings.load(folder / "gru" / "config.yaml").model_copy(update={"finetune": given})
    with pytest.raises(CheckpointError):
        base_tokenizers(config)
    with pytest.raises(CheckpointError, match="changed meanwhile"):
        finetuning.weights(given, bundle.load(folder / "gru").tokenizers)


@pytest.mark.soak
def test_several_processes_finetune_what_one_does(folder):
    over = ["finetune.freeze=[encoder]", "finetune.pieces=4", "model.dropout=0.0", "training.steps=2"]
    go_on(folder, "transformer", "one", *over)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    given = ["--model", "transformer", "--config", "new.yaml", "run=two", *over]
    command = [sys.executable, "-m", "nmt", "finetune", *given]
    meeting = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(command, cwd=folder, env=os.environ | meeting | {"RANK": rank, "LOCAL_RANK": rank})
        for rank in "01"
    ]
    try:
        assert [process.wait(timeout=120) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
    one, two, before = (weights_of(folder / name) for name in ("one", "two", "transformer"))
    assert one.keys() == two.keys()
    for name in one:
        assert not name.startswith("encoder.") or torch.equal(two[name], before[name])
    losses = [bundle.load(folder / name).card["dev"]["loss"] for name in ("one", "two")]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_the_event_counts_what_is_frozen(folder):
    events = []
    go_on(folder, "gru", "counted", "finetune.freeze=[encoder]", on_event=events.append)
    started = next(each for each in events if isinstance(each, Started))
    encoder = bundle.load(folder / "gru").model.encoder
    assert started.frozen == sum(weight.numel() for weight in encoder.parameters()) > 0


@pytest.mark.parametrize("variant", few_variants())
def test_the_parts_have_every_weight_and_a_frozen_one_changes_no_other_gradient(variant):
    model = model_of(variant)
    batch = Batch(
        torch.tensor([[4, 5, 6, EOS], [7, 4, EOS, 0]]), torch.tensor([[BOS, 5, 8], [BOS, 9, 0]]),
        torch.tensor([[5, 8, EOS], [9, EOS, 0]]),
    )  # fmt: skip

    def gradients() -> dict[str, torch.Tensor]:
        torch.manual_seed(1)
        model.zero_grad()
        loss.forward_backward(model, batch, smoothing=0.1, device=torch.device("cpu"))
        return {name: weight.grad for name, weight in model.named_parameters()}

    whole = gradients()
    parts = model.parts()
    together = {id(each) for part in parts.values() for item in part for each in _weights(item)}
    assert together == {id(weight) for weight in model.parameters()}
    for name in parts:
        model.requires_grad_(True)
        try:
            finetuning.freeze(model, [name], kind=variant["type"])
        except ConfigError:
            continue
        for key, gradient in gradients().items():
            if dict(model.named_parameters())[key].requires_grad:
                torch.testing.assert_close(gradient, whole[key], rtol=1e-12, atol=1e-14)
            else:
                assert gradient is None


def test_a_config_without_it_is_as_it_was(tmp_path):
    write_text(tmp_path, pairs=50)
    config = config_of(tmp_path)
    assert config.finetune is None and base_tokenizers(config) is None
