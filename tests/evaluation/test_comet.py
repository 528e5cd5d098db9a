"""The COMET adapter: without its package what it says, and with it a tiny checkpoint of random weights.

Random weights test the plumbing alone: that samples, batches, references and signatures go where they should.
"""

import sys

import pytest

from nmt.errors import CheckpointError, NMTError
from nmt.evaluation import metrics
from nmt.evaluation.comet import Comet
from nmt.evaluation.plugins import Plugin

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "dog", "cat", "barks", "ein", "hund", "bellt", "."]
SOURCES, REFERENCES = ["Ein Hund bellt.", "Hund."] * 10, ["A dog barks.", "Dog."] * 10
OTHERS = ["A cat.", "A dog."] * 10


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "comet", None)
    with pytest.raises(NMTError, match="comet needs a package") as caught:
        Comet("path")
    assert caught.value.hint == 'pip install "unbabel-comet>=2.2.2" "setuptools<81"'


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A COMET model's folder: a regression metric on a BERT of 2 layers, whose vocabulary lies in a folder."""
    pytest.importorskip("comet")
    import torch
    from comet.models import RegressionMetric
    from transformers import BertConfig

    folder = tmp_path_factory.mktemp("comet")
    encoder = folder / "encoder"
    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 8}
    BertConfig(vocab_size=len(WORDS), max_position_embeddings=32, **sizes).save_pretrained(encoder)
    (encoder / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    settings = {
        "encoder_model": "BERT", "pretrained_model": str(encoder), "hidden_sizes": [8],
    }  # fmt: skip
    torch.manual_seed(1)
    weights = RegressionMetric(**settings, load_pretrained_weights=False).state_dict()
    (folder / "checkpoints").mkdir()
    lines = ["class_identifier: regression_metric", *(f"{name}: {value}" for name, value in settings.items())]
    (folder / "hparams.yaml").write_text("\n".join(lines), encoding="utf-8")
    saved = {"state_dict": weights, "hyper_parameters": settings, "pytorch-lightning_version": "2.0.0"}
    torch.save(saved, folder / "checkpoints" / "model.ckpt")
    return folder


def test_segments_are_scored_each_by_itself(model):
    scorer = Comet(str(model))
    scores = scorer.score(SOURCES, REFERENCES, [[text] for text in REFERENCES])
    assert scores[::2] == pytest.approx([scores[0]] * 10, abs=1e-3) and scores[0] != pytest.approx(scores[1], abs=1e-3)
    swapped = scorer.score(SOURCES[::-1], REFERENCES[::-1], [[text] for text in REFERENCES[::-1]])
    assert swapped == pytest.approx(scores[::-1], abs=1e-3)
    other = scorer.score(SOURCES, REFERENCES, [[text] for text in OTHERS])
    both = scorer.score(SOURCES, REFERENCES, [list(pair) for pair in zip(REFERENCES, OTHERS, strict=True)])
    assert both == pytest.approx([(one + two) / 2 for one, two in zip(scores, other, strict=True)], abs=1e-3)
    with pytest.raises(NMTError, match="comet needs sources"):
        scorer.score(None, REFERENCES, [[text] for text in REFERENCES])


def test_it_has_a_signature_and_intervals(model):
    scorer = Comet(str(model / "checkpoints" / "model.ckpt"))
    score = metrics.score(Plugin("comet", scorer, SOURCES), REFERENCES, [REFERENCES], resamples=100)
    assert all(part in score.signature for part in ("nrefs:1|bs:100|", "|comet:", "|unbabel-comet:"))
    assert score.value == pytest.approx(sum(scorer.score(SOURCES, REFERENCES, [[each] for each in REFERENCES])) / 20)
    assert score.interval.half_width > 0


@pytest.mark.parametrize("unsafe", ["0", "1"])
def test_a_checkpoint_that_would_run_code_is_not_loaded(model, tmp_path, monkeypatch, unsafe):
    """Neither by torch as it is, nor if the environment asks it to load anything."""
    import torch

    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", unsafe)

    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    folder = tmp_path / "evil"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "hparams.yaml").write_bytes((model / "hparams.yaml").read_bytes())
    torch.save({"state_dict": {}, "hyper_parameters": {"x": Evil()}}, folder / "checkpoints" / "model.ckpt")
    with pytest.raises(CheckpointError, match="can be loaded safely"):
        Comet(str(folder))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(("argument", "message"), [(None, "needs the path"), ("nothing", "no such checkpoint")])
def test_a_path_that_is_none(argument, message):
    pytest.importorskip("comet")
    with pytest.raises(NMTError, match=message):
        Comet(argument)
