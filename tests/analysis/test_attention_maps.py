"""What a model attends to: its own weights, of each kind that it has, among pieces and among words."""

import numpy as np
import pytest
import tiny_bundle
import torch
from tiny_bundle import TEXT

from nmt import Translator
from nmt.analysis import rollout
from nmt.analysis.attention import Choice, Kind, Tokens, attend, maps, merged
from nmt.config import TokenizerConfig
from nmt.config.model import TransformerConfig
from nmt.data.tokenizer import Tokenizers
from nmt.data.tokenizer_training import train_tokenizer
from nmt.decoding.target_order import in_order
from nmt.decoding.torch_engine import TorchEngine
from nmt.errors import ConfigError, DataError, NMTError
from nmt.ids import BOS, EOS
from nmt.models.transformer import Transformer

MODELS = {
    "transformer": {"encoder_layers": 2, "decoder_layers": 2},
    "attention_rnn": {"type": "attention_rnn", "embedding": 8, "hidden": 8, "attention": 8},
    "gru": {"type": "gru", "embedding": 8, "hidden": 8},
}


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    """Name of a tiny model -> its translator."""
    folder = tmp_path_factory.mktemp("models")

    def load(name: str) -> Translator:
        if not (folder / name).exists():
            tiny_bundle.save(folder / name, **MODELS[name])
        return Translator.load(folder / name, device="cpu", precision="float32")

    return load


def test_rollout_through_a_model_that_writes_from_the_right(load):
    """Is that of its own steps, whose rows come in the order of the text."""
    translator = load("transformer")
    turned = Translator(in_order(translator.engine, "right_to_left"), translator.tokenizers, translator.search)
    (src,), (tgt,) = translator.tokenizers.source.encode([TEXT[0]]), translator.tokenizers.target.encode([TEXT[2]])
    (steps,) = translator.engine.explain([src], [tgt[::-1]])
    expected = rollout.cross(steps.encoder, steps.decoder, steps.cross)[[*range(len(tgt))[::-1], len(tgt)]]
    assert attend(turned, TEXT[0], TEXT[2]).kinds["cross"].rollout == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", ["transformer", "attention_rnn"])
def test_the_weights_are_the_models(load, name):
    translator = load(name)
    found = attend(translator, TEXT[0], TEXT[2])
    source, target = translator.tokenizers
    (src,), (tgt,) = source.encode([TEXT[0]]), target.encode([TEXT[2]])
    expected = translator.engine.model.explain(torch.tensor([[*src, EOS]]), torch.tensor([[BOS, *tgt]]))
    assert list(found.kinds) == (["cross", "encoder", "decoder"] if name == "transformer" else ["cross"])
    for kind in found.kinds.values():
        assert np.array_equal(kind.weights, getattr(expected, kind.name)[0].detach().numpy())
    assert (found.source, found.target) == (TEXT[0], TEXT[2])
    assert found.kinds["cross"].keys.names == source.pieces([*src, EOS])
    assert found.kinds["cross"].queries.names == target.pieces([*tgt, EOS])
    if name == "transformer":
        assert found.kinds["encoder"].queries == found.kinds["encoder"].keys == found.kinds["cross"].keys
        assert found.kinds["decoder"].queries.names == found.kinds["decoder"].keys.names
        assert found.kinds["decoder"].keys.names == target.pieces([BOS, *tgt])


@pytest.mark.parametrize("name", ["transformer", "attention_rnn"])
def test_without_a_target_it_is_what_translating_gives(load, name):
    translator = load(name)
    (translation,) = translator.translations([TEXT[1]], attention=True, beam=2)
    found = attend(translator, TEXT[1], beam=2)
    kind = found.kinds["cross"]
    assert found.target == translation.text and kind.queries.names == translation.hypotheses[0].tokens
    ((mean,),) = maps(kind, Choice())
    assert mean.weights == pytest.approx(translation.attention[0], abs=1e-6)


def test_pairs_together_are_pairs_alone(load):
    engine = load("transformer").engine
    sources, targets = [[5, 6, 7], [8], [9, 10]], [[4], [], [5, 6, 7, 8]]
    for pair, together in zip(zip(sources, targets, strict=True), engine.explain(sources, targets), strict=True):
        (alone,) = engine.explain(*([side] for side in pair))
        sizes = [(each.shape, other.shape) for each, other in zip(alone, together, strict=True)]
        assert all(one == other for one, other in sizes)
        source, target = (len(side) + 1 for side in pair)
        assert [each.shape[2:] for each in together] == [(source, source), (target, target), (target, source)]
        assert all(np.allclose(*both, atol=1e-6) for both in zip(alone, together, strict=True))


def test_a_model_may_lack_a_kind(load):
    class Half(Transformer):
        """Its decoder keeps no attention to itself."""

        def explain(self, src, tgt_in):
            return super().explain(src, tgt_in)._replace(decoder=None)

    whole = load("transformer")
    config = TransformerConfig(**{**tiny_bundle.MODEL, **MODELS["transformer"]})
    engine = TorchEngine(Half(config, *(each.size for each in whole.tokenizers)))
    found = attend(Translator(engine, whole.tokenizers, whole.search), TEXT[0])
    assert list(found.kinds) == ["cross", "encoder"]
    assert found.kinds["cross"].rollout is None and found.kinds["encoder"].rollout is not None
    with pytest.raises(ConfigError, match="cross-attention: rollout follows self-attention"):
        maps(found.kinds["cross"], Choice(rollout=True))


def test_a_model_without_attention_says_so(load):
    with pytest.raises(NMTError, match="gru: has no attention to show"):
        attend(load("gru"), TEXT[0])


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("", None, "the source is empty"),
        (" \u3000\t", None, "the source is empty"),
        ("word " * 200, None, r"the source has \d+ pieces, and the model takes 95"),
        ("a", "word " * 200, r"the target has \d+ pieces, and the model takes 95"),
    ],
)
def test_a_sentence_that_cannot_be_shown(load, source, target, message):
    with pytest.raises(DataError, match=message):
        attend(load("transformer"), source, target)


def test_an_empty_translation_can(load):
    found = attend(load("transformer"), TEXT[0], "")
    assert found.kinds["cross"].queries.names == found.target_tokens.words == ["</s>"]
    assert merged(found).kinds["decoder"].keys.names == ["<s>"]


QUERIES = Tokens(["▁a", "▁b", "c", "</s>"], [0, 1, 1, 2], ["a", "bc", "</s>"])
KEYS = Tokens(["▁x", "y", "▁z"], [0, 0, 1], ["xy", "z"])
WEIGHTS = np.array([[[[0.5, 0.25, 0.25], [1, 0, 0], [0, 0.5, 0.5], [0, 0, 1]], [[0, 0, 1]] * 4]])


def small(rolled=None) -> Kind:
    return Kind("cross", QUERIES, KEYS, WEIGHTS, rolled)


def test_words_by_hand(load):
    found = attend(load("transformer"), TEXT[0])
    words = merged(found._replace(kinds={"cross": small(WEIGHTS[0, 0])})).kinds["cross"]
    expected = [[0.75, 0.25], [0.75, 0.25], [0, 1]]
    assert words.weights[0, 0] == pytest.approx(np.array(expected))
    assert words.rollout == pytest.approx(np.array(expected))
    assert words.weights[0, 1] == pytest.approx(np.array([[0, 1]] * 3))
    assert (words.queries.names, words.keys.names) == (["a", "bc", "</s>"], ["xy", "z"])


@pytest.mark.parametrize("line", [TEXT[2], "„Ünï“ 漢字 x´y \u200b 5€!", "one", "▁ a"])
def test_rows_of_words_sum_to_one_as_those_of_pieces(load, line):
    found = attend(load("transformer"), line, TEXT[1])
    for kind in merged(found).kinds.values():
        assert kind.weights.shape[2:] == (len(kind.queries.names), len(kind.keys.names))
        assert kind.weights.sum(-1) == pytest.approx(np.ones(kind.weights.shape[:3]), abs=1e-5)
        assert kind.rollout.sum(-1) == pytest.approx(np.ones(len(kind.queries.names)))
    assert "".join(found.source_tokens.words) == "".join(line.split()) + "</s>"


def test_a_word_that_became_nothing_is_left_out(load):
    whole = load("transformer")
    settings = {"vocabulary": whole.tokenizers.source.size, "target_normalisation": "nmt_nfkc"}
    tokenizer = train_tokenizer(TEXT * 5, TokenizerConfig(**settings))
    translator = Translator(whole.engine, Tokenizers(tokenizer, tokenizer), whole.search)
    found = attend(translator, "A \u200b man x´y.", "\u200b")  # which normalisation drops, and makes two of x´y
    assert found.source_tokens.words == ["A", "man", "x´y", ".", "</s>"]
    assert found.target_tokens.words == ["</s>"]
    kind = merged(found).kinds["cross"]
    assert kind.weights.shape[2:] == (1, 5) and kind.weights.sum(-1) == pytest.approx(1, abs=1e-5)


def test_means_by_hand():
    ((mean,),) = maps(small(), Choice())
    assert mean.weights == pytest.approx(WEIGHTS[0].mean(0)) and mean.title == (
        "cross-attention: one layer, mean of 2 heads"
    )
    ((one,),) = maps(small(), Choice(layer=1, head=2))
    assert np.array_equal(one.weights, WEIGHTS[0, 1]) and one.title == "cross-attention: layer 1, head 2"
    ((one,),) = maps(small(), Choice(head=1))  # of the only layer
    assert np.array_equal(one.weights, WEIGHTS[0, 0])
    ((first, second),) = maps(small(), Choice(every=True))
    assert np.array_equal(np.stack([first.weights, second.weights]), WEIGHTS[0])


def test_every_head_of_every_layer(load):
    kind = attend(load("transformer"), TEXT[0]).kinds["encoder"]
    grid = maps(kind, Choice(every=True))
    assert [[each.title for each in row] for row in grid] == [
        [f"encoder self-attention: layer {layer}, head {head}" for head in (1, 2)] for layer in (1, 2)
    ]
    assert all(np.array_equal(grid[i][j].weights, kind.weights[i, j]) for i in (0, 1) for j in (0, 1))
    (row,) = maps(kind, Choice(layer=2, every=True))
    assert [each.title for each in row] == [each.title for each in grid[1]]
    ((rolled,),) = maps(kind, Choice(rollout=True))
    assert np.array_equal(rolled.weights, rollout.of(kind.weights))
    ((mean,),) = maps(kind, Choice())
    assert mean.weights == pytest.approx(kind.weights.mean((0, 1)))


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (Choice(layer=3), "layer 3: encoder self-attention has layers 1 to 2"),
        (Choice(layer=0), "layer 0"),
        (Choice(layer=1, head=3), "head 3: encoder self-attention has heads 1 to 2"),
        (Choice(head=1), "head 1: of which layer"),
        (Choice(layer=1, head=1, every=True), "every head, and one head"),
        (Choice(layer=1, rollout=True), "rollout is of all layers"),
        (Choice(every=True, rollout=True), "rollout is of all layers"),
    ],
)
def test_an_impossible_choice_is_refused(load, choice, message):
    with pytest.raises(ConfigError, match=message):
        maps(attend(load("transformer"), "A man.").kinds["encoder"], choice)
