"""What a GPU computes is what the CPU computes, and it is never made to wait. `make gpu` runs this on a CUDA device."""

import math
import os
import random
from pathlib import Path

import pytest
import tiny_bundle
import torch
from batches import batch_of
from copy_task import config_of, write_text
from outcome import outcome
from variants import VOCABULARY, model_of, variants
from variants import config_of as model_config_of

from nmt import Translator
from nmt.config import TrainingConfig
from nmt.data.batching import Batch
from nmt.models import build
from nmt.training import loss, train
from nmt.training.learner import Learner
from nmt.training.ranks import Ranks

GPU, CPU = torch.device("cuda"), torch.device("cpu")
pytestmark = pytest.mark.skipif("NMT_GPU" not in os.environ, reason="`make gpu` runs it where there is a CUDA device")
KINDS = ["gru", "attention_rnn", "transformer", "ntm"]
LINES = [*tiny_bundle.TEXT, "", "a", "Two men, one hat, and nobody else."]


@pytest.fixture(autouse=True)
def _float32(monkeypatch):
    """As it is on the CPU: cuDNN's recurrent layers round its factors to ten bits otherwise."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


def drawn(rows: int) -> Batch:
    """Random pairs of 1 to 8 pieces."""
    draw = random.Random(1)
    sources, targets = (
        [draw.choices(range(4, VOCABULARY), k=draw.randint(1, 8)) for _ in range(rows)] for _ in range(2)
    )  # fmt: skip
    return batch_of(sources, targets)


def learner_of(model: dict, device: torch.device, **training) -> Learner:
    torch.manual_seed(1)
    model = build(model_config_of(model), VOCABULARY, VOCABULARY).train()
    return Learner(model, TrainingConfig(**training), device=device, ranks=Ranks(), slots=0)


def bundle_of(kind: str, folder: Path) -> Path:
    model = {} if kind == "transformer" else {"type": kind, "embedding": 16, "hidden": 16}
    return tiny_bundle.save(folder / "model", **model)


def never() -> bool:
    return False


@pytest.mark.parametrize("variant", variants())
def test_loss_and_gradients_are_the_same(variant):
    batch, found = drawn(6), []
    for device in (CPU, GPU):
        model = model_of(variant).to(device)
        sums = loss.forward_backward(model, batch, smoothing=0.1, device=device)
        gradients = {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}
        found.append({name: each.cpu() for name, each in (sums._asdict() | gradients).items()})
    torch.testing.assert_close(found[1], found[0], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_update_waits_for_nothing(kind, optimizer, precision):
    learner = learner_of({"type": kind, "dropout": 0.1}, GPU, precision=precision, optimizer=optimizer)
    for step in range(1, 6):
        if step > 3:  # the first ones compile, choose and allocate
            torch.cuda.set_sync_debug_mode("error")
        try:
            done = learner.update([drawn(8), drawn(8)], step=step, rate=1e-3, interrupted=never)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        assert math.isfinite(done.sums[0].item())


def test_what_does_not_fit_into_memory_is_split():
    """The card's memory is made so small that the whole batch does not fit; its gradient is the same."""
    model = {"type": "transformer", "width": 256, "heads": 4, "feed_forward": 2048, "dropout": 0.0}
    whole, parted = (learner_of(model, GPU, precision="float32") for _ in range(2))
    batch = drawn(4096)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    whole.add_gradient(batch)
    needed = torch.cuda.max_memory_allocated() - before
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(GPU).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 0.6 * needed) / total)
    try:
        parted.add_gradient(batch)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert parted.splits and not whole.splits
    found, expected = ([each / loss.count(batch) for each in side.optimizer.gradients()] for side in (parted, whole))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_translations_and_scores_are_the_same(tmp_path, kind):
    path = bundle_of(kind, tmp_path)
    ours, oracle = (Translator.load(path, device=each.type, precision="float32") for each in (GPU, CPU))
    for beam in (1, 4):
        found, expected = (list(each.translations(LINES, beam=beam, n_best=1)) for each in (ours, oracle))
        assert [each.hypotheses[0].log_probability for each in found] == pytest.approx(
            [each.hypotheses[0].log_probability for each in expected], rel=1e-3, abs=1e-3
        )
    pairs = list(zip(LINES, reversed(LINES), strict=True))
    scores, expected = ([each.log_probability for each in side.score(pairs)] for side in (ours, oracle))
    assert scores == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_draws_repeat(tmp_path, kind):
    """And are the CPU's, but for a draw whose number lies where rounding moves a boundary."""
    path, options = bundle_of(kind, tmp_path), {"precision": "float32", "sample": True, "n_best": 3}
    ours, oracle = (Translator.load(path, device=each.type, **options) for each in (GPU, CPU))
    found, again, expected = (
        [each.text for line in translator.translations(LINES) for each in line.hypotheses]
        for translator in (ours, ours, oracle)
    )
    assert found == again
    assert sum(map(str.__eq__, found, expected)) >= 0.9 * len(expected)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_few_hundred_updates_learn_to_copy(tmp_path, precision):
    write_text(tmp_path)
    training = {"steps": 300, "precision": precision, "average": "ema", "ema_decay": 0.98, "measure": "bleu"}
    config = config_of(tmp_path, training=training, model={"dropout": 0.0})
    assert train(config, device="cuda").best["bleu"]["value"] > 95
    for device in (GPU, CPU):
        assert Translator.load(config.run, device=device.type).translate(["a b c d", "h g"]) == ["a b c d", "h g"]


DETERMINISTIC = [
    {"dropout": 0.2},
    {"weighting": "sparsemax"},
    {"weighting": "entmax15", "decoder_attention": "average"},
    {"encoder_attention": "linear", "decoder_attention": "linear"},
]


@pytest.mark.parametrize("model", DETERMINISTIC, ids=str)
def test_stopped_and_resumed_is_uninterrupted_where_bits_repeat(tmp_path, model):
    """Of `deterministic: true`; half way is an evaluation."""
    write_text(tmp_path, pairs=300)
    training = {"batch_tokens": 96, "evaluate_every": 10, "warmup": 10, "deterministic": True}
    left = []
    for run, stops in (("whole", [20]), ("parted", [10, 20])):
        for number, steps in enumerate(stops):
            config = config_of(tmp_path, run=run, training={**training, "steps": steps}, model=model)
            train(config, resume=number > 0, device="cuda")
        left.append(outcome(config.run)["last/weights.safetensors"])
    assert left[0] == left[1]
