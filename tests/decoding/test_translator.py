"""Lines in, lines out: on a model that copies its source, so that every translation is known, and on real ones."""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from toy_model import REAL, Toy, real_model

from nmt.config import SearchConfig, TokenizerConfig
from nmt.data.tokenizer import Tokenizers
from nmt.data.tokenizer_training import train_tokenizer
from nmt.decoding import windows
from nmt.decoding.torch_engine import TorchEngine
from nmt.decoding.translator import Translator, _override
from nmt.errors import ConfigError
from nmt.ids import BOS, EOS
from nmt.models.base import Attention, Seq2Seq, Step

TEXT = [
    "A man in an orange hat is starring at something.",
    "Two young, white males are outside near many bushes.",
    "Several men in hard hats are operating a giant pulley system.",
    "A little girl climbing into a wooden playhouse.",
    "Men, women and children: everyone is here!",
    "Is anyone there? No. Nobody.",
]


class Encoded(NamedTuple):
    src: Tensor


class State(NamedTuple):
    position: Tensor


class Copy(Seq2Seq):
    """Translates every id by itself, nearly certainly."""

    def __init__(self, vocabulary: int, *, max_length: int = 24):
        super().__init__()
        self.max_length, self.vocabulary = max_length, vocabulary
        self.certainty = nn.Parameter(torch.tensor(20.0))
        self.sentences = 0

    def encode(self, src):
        assert src.shape[1] <= self.max_length
        self.sentences += len(src)
        return Encoded(src)

    def start(self, encoded, beams):
        return State(torch.zeros(len(encoded.src), beams, dtype=torch.long))

    def step(self, token, encoded, state):
        wanted = encoded.src.gather(1, state.position.clamp(max=encoded.src.shape[1] - 1))
        hidden = self.certainty * nn.functional.one_hot(wanted, self.vocabulary)
        return Step(hidden, State(state.position + 1))

    def project(self, hidden, vocabulary=None):
        return hidden

    def explain(self, src, tgt_in):
        return Attention(cross=torch.eye(tgt_in.shape[1], src.shape[1]).expand(len(src), 2, 3, -1, -1))


@pytest.fixture(scope="module")
def tokenizers() -> Tokenizers:
    config = TokenizerConfig(vocabulary=330, target_normalisation="identity", protect=())
    tokenizer = train_tokenizer(TEXT * 5, config)
    return Tokenizers(tokenizer, tokenizer)


@pytest.fixture
def copying(tokenizers) -> Translator:
    return Translator(TorchEngine(Copy(tokenizers.target.size)), tokenizers, SearchConfig(beam=3))


@pytest.fixture
def guessing(tokenizers) -> Translator:
    model = Toy(tokenizers.target.size, seed=3, sharpness=3.0, max_length=90)
    return Translator(TorchEngine(model), tokenizers, SearchConfig(beam=4, max_length_factor=1, max_length_extra=2))


def test_lines_keep_their_order_whatever_their_length(copying):
    assert copying.translate(TEXT * 3) == TEXT * 3
    assert copying.translate(TEXT, batch_tokens=1) == TEXT
    assert copying.translate([]) == []


def test_a_line_alone_is_the_line_among_others(guessing):
    for settings in ({}, {"sample": True, "top_k": 20}):
        together = guessing.translate(TEXT, **settings)
        assert len(set(together)) == len(TEXT)
        assert [guessing.translate([line], **settings)[0] for line in TEXT] == together
        assert guessing.translate(TEXT[::-1], **settings) == together[::-1]


@pytest.mark.parametrize("line", ["", " ", "\t\u3000\xa0", "\u2028", "\x85\r"])
def test_a_blank_line_needs_no_model(copying, line):
    (found,) = copying.translations([line])
    assert (found.source, found.text, found.parts) == (line, "", 0)
    assert found.hypotheses == [("", 0.0, 0.0, [], [])]
    assert copying.engine.model.sentences == 0


@pytest.mark.parametrize("mark", "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
def test_no_line_break_leaves(copying, mark):
    assert copying.translate([f"A{mark}B"]) == ["A B"]


@pytest.mark.parametrize("line", ["a😀b", "nul \0 here", "\ufeffbom", "Ünïcödé 漢字", "<s> </s> <pad>"])
def test_odd_characters_pass(copying, line):
    assert copying.translate([line]) == [line]


def test_a_long_line_is_split_and_loses_nothing(copying):
    line = " ".join(TEXT)
    (found,) = copying.translations([line])
    assert found.text == line
    assert found.parts > 1
    (found,) = copying.translations(["word " * 10_000])
    assert found.text == ("word " * 10_000).strip()
    (found,) = copying.translations(["x" * 500])
    assert found.text.replace(" ", "") == "x" * 500


def test_the_parts_of_a_line_are_translated_like_lines(guessing):
    sentences = [TEXT[1], TEXT[2], TEXT[0]]
    (found,) = guessing.translations([" ".join(sentences)], n_best=2, split="always")
    alone = list(guessing.translations(sentences, n_best=2))
    assert found.parts == 3
    for rank, hypothesis in enumerate(found.hypotheses):
        assert hypothesis.text == " ".join(each.hypotheses[rank].text for each in alone)
        assert hypothesis.log_probability == pytest.approx(sum(each.hypotheses[rank].log_probability for each in alone))
    assert found.source_tokens == [token for each in alone for token in each.source_tokens]


def test_hypotheses_tell_what_they_are_made_of(guessing, tokenizers):
    names = tokenizers.target.pieces(range(tokenizers.target.size))
    for found in guessing.translations(TEXT, n_best=3, length_penalty=0.5):
        assert found.text == found.hypotheses[0].text
        assert found.source_tokens[-1] == "</s>"
        assert [each.score for each in found.hypotheses] == sorted(
            (each.score for each in found.hypotheses), reverse=True
        )
        for each in found.hypotheses:
            assert len(each.tokens) == len(each.token_log_probabilities)
            assert each.log_probability == pytest.approx(sum(each.token_log_probabilities), abs=1e-3)
            assert each.score == pytest.approx(each.log_probability / len(each.tokens) ** 0.5)
            assert each.tokens[-1] == "</s>"
            ids = [names.index(token) for token in each.tokens[:-1]]
            assert " ".join(each.text.split()) == " ".join(tokenizers.target.decode([ids])[0].split())


def test_attention_has_a_row_a_token_and_a_column_a_source_token(copying):
    short, long = copying.translations([TEXT[3], " ".join(TEXT)], attention=True)
    for found in (short, long):
        assert len(found.attention) == found.parts
        assert all(np.array_equal(part, np.eye(len(part))) for part in found.attention)  # it looks at what it copies
        assert sum(map(len, found.attention)) == len(found.hypotheses[0].tokens) == len(found.source_tokens)
    assert next(copying.translations(TEXT)).attention is None


def test_attention_of_real_models(tokenizers):
    for name in REAL:
        engine = TorchEngine(real_model(name, tokenizers.source.size, tokenizers.target.size))
        translator = Translator(engine, tokenizers, SearchConfig(beam=2))
        for found in translator.translations(["A man", "Nobody is"], attention=True):
            if name == "gru":
                assert found.attention is None
                continue
            (attention,) = found.attention
            assert attention.shape == (len(found.hypotheses[0].tokens), len(found.source_tokens))
            assert attention.sum(1).tolist() == pytest.approx([1.0] * len(attention), abs=1e-5)


@pytest.mark.parametrize("name", REAL)
def test_threads_change_no_text(tokenizers, name):
    """Nor a bit of a score, unless a batch is one sentence, whose products a library may split otherwise."""
    model = real_model(name, tokenizers.source.size, tokenizers.target.size).float()
    translator, found = Translator(TorchEngine(model), tokenizers, SearchConfig(beam=3, batch_tokens=60)), []
    before = torch.get_num_threads()
    for threads in (1, 3):
        torch.set_num_threads(threads)
        once = [each.hypotheses for each in translator.translations(TEXT, repetition_guard=False)]
        found.append((translator.translate(TEXT), once))
    torch.set_num_threads(before)
    assert found[0] == found[1]


def test_it_reads_no_further_ahead_than_it_says(copying, monkeypatch):
    monkeypatch.setattr(windows, "READ_AHEAD", 4)
    taken = []
    lines = (taken.append(line) or line for line in TEXT * 3)
    translations = copying.translations(lines)
    assert not taken
    assert next(translations).text == TEXT[0]
    assert len(taken) == 4
    assert [each.text for each in translations] == (TEXT * 3)[1:]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"beam": 0}, "beam: "),
        ({"beem": 2}, 'did you mean "beam"'),
        ({"n_best": 9}, r"n_best \(9\) must not be larger than beam \(3\)"),
        ({"top_k": 3}, "set sample"),
        ({"min_length": 5, "max_length": 4}, "min_length"),
    ],
)
def test_an_impossible_setting_is_named_at_once(copying, settings, message):
    with pytest.raises(ConfigError, match=message):
        copying.translations(TEXT, **settings)


def test_what_belongs_to_a_setting_that_is_given_up_is_given_up_too(guessing):
    """A model whose config draws, or chooses, can be asked to search."""
    usual = _override(guessing.search, {"sample": False, "n_best": 1, "mbr": "none"})
    drawing = _override(usual, {"sample": True, "temperature": 0.5, "top_k": 3, "n_best": 9, "mbr": "chrf"})
    assert _override(drawing, {"sample": False, "beam": 1}) == usual.model_copy(update={"beam": 1})
    assert _override(drawing, {"top_k": 4}).temperature == 0.5
    with pytest.raises(ConfigError, match="set sample"):
        _override(drawing, {"sample": False, "top_k": 4})
    with pytest.raises(ConfigError, match="raise n_best"):
        _override(drawing, {"n_best": 1, "mbr": "chrf"})


def test_one_string_is_not_a_sequence_of_lines(copying):
    with pytest.raises(TypeError, match="not one string"):
        copying.translate("Hello")


def test_samples_differ_within_a_line_and_repeat_with_the_seed(guessing):
    def drawn(**settings):
        found = guessing.translations(TEXT, sample=True, n_best=3, **settings)
        return [[each.text for each in one.hypotheses] for one in found]

    assert all(len(set(texts)) == 3 for texts in drawn())
    assert drawn() == drawn() != drawn(seed=9)
    assert drawn(batch_tokens=1) == drawn()


def test_score_is_the_log_probability_under_teacher_forcing(guessing, tokenizers):
    pairs = [(source, target) for source in TEXT[:3] for target in ("A hat.", "Nobody", "", TEXT[4])]
    for (source, target), found in zip(pairs, guessing.score(pairs), strict=True):
        (src,), (ids,) = tokenizers.source.encode([source]), tokenizers.target.encode([target])
        model = guessing.engine.model
        hidden = model.forward(torch.tensor([[*src, EOS]]), torch.tensor([[BOS, *ids]])).hidden
        logs = model.project(hidden.detach())[0].log_softmax(-1)[torch.arange(len(ids) + 1), [*ids, EOS]]
        assert found.tokens == tokenizers.target.pieces([*ids, EOS])
        assert found.token_log_probabilities == pytest.approx(logs.tolist(), abs=1e-4)
        assert found.log_probability == pytest.approx(float(logs.sum()), abs=1e-3)


def test_what_the_model_cannot_take_has_no_score(guessing):
    short, long_source, long_target = guessing.score([("a", "b"), ("word " * 99, "b"), ("a", "word " * 99)])
    assert short.log_probability < 0
    for each in (long_source, long_target):
        assert each.log_probability != each.log_probability
        assert each.tokens == []
