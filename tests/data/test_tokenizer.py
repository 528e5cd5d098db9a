"""text -> ids -> the normalised text, for every kind; and every way in which a model can fail to be."""

import random

import pytest

from nmt.config import TokenizerConfig
from nmt.data.tokenizer import Tokenizer, Tokenizers, load_tokenizers, save_tokenizers
from nmt.data.tokenizer_training import train_tokenizer
from nmt.errors import CheckpointError, ConfigError, DataError, NMTError
from nmt.ids import BOS, EOS, PAD, UNK

WORDS = [
    "the", "cat", "sat", "on", "a", "mat", "while", "two", "small", "dogs", "were", "sleeping", "under", "an", "old",
    "apple", "tree", "near", "our", "house", "in", "winter", "and", "all", "birds", "sang",
]  # fmt: skip
STRANGE = [
    "", "   ", "a  b   c ", " x", "<s> a </s> <pad> <unk> <0x41>", "nul\0nul", "a\u2028b", "😀 👩‍👩‍👧 é é ﬁ", "▁ a ▁b",
    "\ufeffx", "a\tb\rc\x0bd\x85e", "\u200b x", "\U0010ffff", "⁇", "漢字かな", "word " * 10_000, "w" * 20_000,
]  # fmt: skip


def lines(count=300):
    chance = random.Random(1)
    return [" ".join(chance.choices(WORDS, k=chance.randint(2, 12))).capitalize() + "." for _ in range(count)]


def config(kind="bpe", **settings):
    return TokenizerConfig(**{"kind": kind, "vocabulary": 350 if kind == "bpe" else 320, **settings})


@pytest.fixture(scope="module", params=["bpe", "unigram", "char"])
def tokenizer(request):
    return train_tokenizer(lines(), config(request.param))


def test_the_first_ids_are_the_four_marks(tokenizer):
    assert tokenizer.pieces([PAD, BOS, EOS, UNK]) == ["<pad>", "<s>", "</s>", "<unk>"]


@pytest.mark.parametrize("text", STRANGE, ids=range(len(STRANGE)))
def test_any_text_comes_back_normalised(tokenizer, text):
    (ids,) = tokenizer.encode([text])
    assert tokenizer.decode([ids]) == [tokenizer.normalise(text)]
    assert all(EOS < each < tokenizer.size and each != UNK for each in ids)
    assert [tokenizer.id_of(piece) for piece in tokenizer.pieces(ids)] == ids


@pytest.mark.parametrize("normalisation", ["nmt_nfkc", "nmt_nfkc_cf", "nfkc", "nfkc_cf", "identity"])
def test_random_text_comes_back_normalised(normalisation):
    tokenizer = train_tokenizer(lines(), config(target_normalisation=normalisation))
    chance = random.Random(2)
    alphabet = "ab  ▁\t\r\u00a0\u2028éÉ😀\0\x85\u3000漢\ufeff\u200d<s/>⁇\u0301ﬁ."
    texts = ["".join(chance.choices(alphabet, k=chance.randint(0, 15))) for _ in range(2000)]
    assert tokenizer.decode(tokenizer.encode(texts)) == [tokenizer.normalise(text) for text in texts]
    assert tokenizer.normalise("ﬁ") == ("ﬁ" if normalisation == "identity" else "fi")
    assert tokenizer.normalise("ABC") == ("abc" if normalisation.endswith("_cf") else "ABC")


def test_without_byte_fallback_strange_characters_are_unknown():
    tokenizer = train_tokenizer(lines(), config(vocabulary=120, byte_fallback=False))
    (ids,) = tokenizer.encode(["the 😀 cat"])
    assert ids.count(UNK) == 1
    assert tokenizer.decode([ids]) == ["the  ⁇  cat"]


def test_special_ids_are_no_text(tokenizer):
    (ids,) = tokenizer.encode(["the cat"])
    assert tokenizer.decode([[BOS, *ids, EOS, PAD, PAD], []]) == ["the cat", ""]
    assert tokenizer.encode([]) == tokenizer.decode([]) == []
    assert tokenizer.id_of("no such piece") is None


def test_training_twice_gives_the_same_bytes():
    for kind in ("bpe", "unigram", "char"):
        assert train_tokenizer(lines(), config(kind)).model == train_tokenizer(lines(), config(kind)).model


def test_samples_are_a_function_of_the_seed():
    for kind in ("bpe", "unigram"):
        tokenizer = train_tokenizer(lines(), config(kind))
        text = lines(50)
        first = tokenizer.sample(text, alpha=0.3, seed=7)
        assert first == tokenizer.sample(text, alpha=0.3, seed=7)
        assert first != tokenizer.sample(text, alpha=0.3, seed=8)
        assert first != tokenizer.encode(text)
        assert tokenizer.decode(first) == text


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_the_largest_possible_vocabulary_is_named_and_possible(kind):
    with pytest.raises(ConfigError, match=r"tokenizer.vocabulary: 9000 is too large .* possible is (\d+)") as caught:
        train_tokenizer(lines(), config(kind, vocabulary=9000))
    largest = int(caught.value.message.split()[-1])
    assert train_tokenizer(lines(), config(kind, vocabulary=largest)).size == largest
    assert train_tokenizer(lines(), config(kind, vocabulary=9000), shrink=True).size == largest


def test_a_vocabulary_too_small_for_the_characters():
    with pytest.raises(ConfigError, match=r"tokenizer.vocabulary: 270 is too small .* need at least (\d+)") as caught:
        train_tokenizer(lines(), config(vocabulary=270))
    least = int(caught.value.message.split()[-1])
    assert train_tokenizer(lines(), config(vocabulary=least)).size == least


def test_for_characters_the_vocabulary_is_only_a_limit():
    assert train_tokenizer(lines(), config("char", vocabulary=9000)).size < 400


@pytest.mark.parametrize("text", [[], ["", "  "]])
def test_no_text_is_a_fault(text):
    with pytest.raises(DataError, match="no text"):
        train_tokenizer(text, config())


def test_text_of_which_normalisation_leaves_nothing_is_a_fault():
    with pytest.raises(NMTError):  # SentencePiece 0.2.0 finds the vocabulary too large, 0.2.3 the text empty
        train_tokenizer(["\u200b", "\ufeff"], config())


@pytest.mark.parametrize("shared", [True, False])
def test_saved_and_loaded(tmp_path, shared):
    source = train_tokenizer(lines(), config())
    target = source if shared else train_tokenizer(lines(200), config("unigram"))
    save_tokenizers(tmp_path, Tokenizers(source, target))
    loaded = load_tokenizers(tmp_path)
    assert (loaded.source.vocabulary == loaded.target.vocabulary) is shared
    assert (loaded.source.model, loaded.target.model) == (source.model, target.model)
    assert loaded.target.encode(["the cat"]) == target.encode(["the cat"])


def test_models_that_are_none(tmp_path):
    with pytest.raises(CheckpointError, match="no such folder"):
        load_tokenizers(tmp_path / "x")
    with pytest.raises(CheckpointError, match="holds no tokenizer"):
        load_tokenizers(tmp_path)
    with pytest.raises(CheckpointError, match="no such tokenizer"):
        Tokenizer.load(tmp_path / "x.model")
    model = train_tokenizer(lines(), config()).model
    for harmed in (b"", b"rubbish", model[: len(model) // 2]):
        (tmp_path / "source.model").write_bytes(harmed)
        with pytest.raises(CheckpointError, match=r"source\.model: not a SentencePiece model"):
            load_tokenizers(tmp_path)


def test_a_model_with_other_ids_is_refused():
    import io

    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines()), model_writer=model, vocab_size=60, model_type="bpe", minloglevel=2
    )
    with pytest.raises(CheckpointError, match=r"ids are \(-1, 1, 2, 0\)"):
        Tokenizer(model.getvalue())


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), DataError("a.de:3: not UTF-8")])
def test_what_stops_the_text_is_not_taken_for_a_fault_of_the_tokenizer(stop):
    def lines():
        yield from ["a line of text"] * 5
        raise stop

    with pytest.raises(type(stop)) as caught:
        train_tokenizer(lines(), TokenizerConfig(vocabulary=300))
    assert caught.value is stop
