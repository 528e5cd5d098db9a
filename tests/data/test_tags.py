"""Slots for tags: ids that no text can have, in a fixed order, kept beside the tokenizer."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.config import TokenizerConfig
from nmt.data import tags
from nmt.data.tokenizer import Tokenizers, load_tokenizers, save_tokenizers
from nmt.data.tokenizer_training import train_tokenizer
from nmt.errors import CheckpointError, ConfigError

SPELLED = [
    "<spare1>", "<spare8>", "<s>", "de", "<de>", "▁", " ", "a", "<", "1>", "sp", "are", "\u200b", "ﬁ", "</s>", "x",
]  # fmt: skip
TEXT = ["the cat sat on <spare1> mats", "x<spare2>y<spare2>z </s>", "a spare <spare9> part 1", "<spare1>"] * 30


def trained(kind="bpe", **config):
    size = 300 if config.get("byte_fallback", True) else 60
    return train_tokenizer(TEXT, TokenizerConfig(kind=kind, **{"vocabulary": size, **config}), shrink=True)


@pytest.fixture(scope="module", params=["bpe", "unigram", "char"])
def tokenizer(request):
    return trained(request.param)


def test_slots_come_after_the_marks_and_are_part_of_the_vocabulary(tokenizer):
    assert tokenizer.slots == tuple(range(4, 12))
    assert tokenizer.pieces(tokenizer.slots) == tags.spellings(8)
    assert tokenizer.size <= 300
    assert trained(spare=0).slots == () and trained(spare=3).slots == (4, 5, 6)


@settings(max_examples=200, deadline=None)
@given(parts=st.lists(st.one_of(st.sampled_from(SPELLED), st.text(max_size=3)), max_size=12), seed=st.integers(0, 99))
def test_no_text_has_a_tags_id(tokenizer, parts, seed):
    """Whatever a text spells, it is segmented like any other and comes back."""
    text = "".join(parts)
    try:
        text.encode()
    except UnicodeEncodeError:
        return  # half a surrogate pair is no text
    (ids,) = tokenizer.encode([text])
    assert min(ids, default=99) > 11
    assert tokenizer.decode([ids]) == [tokenizer.normalise(text)]
    for alpha in (0.1, 0.9):
        (drawn,) = tokenizer.sample([text], alpha=alpha, seed=seed)
        assert min(drawn, default=99) > 11
        assert tokenizer.decode([drawn]) == [tokenizer.normalise(text)]


def test_without_bytes_the_name_of_a_slot_is_text_too():
    for kind in ("bpe", "unigram", "char"):
        tokenizer = trained(kind, byte_fallback=False, character_coverage=1.0)
        (ids,) = tokenizer.encode(["a <spare1> x"])
        assert min(ids) > 11 and tokenizer.decode([ids]) == ["a <spare1> x"]


def test_decoding_leaves_slots_out(tokenizer):
    (ids,) = tokenizer.encode(["the cat"])
    assert tokenizer.decode([[4, *ids], [*ids, 11], [ids[0], 5, *ids[1:]], [7]]) == ["the cat"] * 3 + [""]
    assert tokenizer.decoded_offsets([4, *ids])[0] == (0, 0)


def test_tags_take_slots_in_their_order_and_keep_them():
    assert tags.assign(["de", "en", "de"], (4, 5, 6)) == {"de": 4, "en": 5}
    assert tags.assign(["bt", "de", "fr"], (4, 5, 6), known={"de": 5}) == {"de": 5, "bt": 4, "fr": 6}
    assert tags.assign([], ()) == {}


def test_more_tags_than_slots_are_refused():
    with pytest.raises(ConfigError, match=r"3 tags \(de, en, fr\), but the tokenizer has 2 slots") as caught:
        tags.assign(["de", "en", "fr"], (4, 5))
    assert "tokenizer.spare" in caught.value.hint


def test_an_unknown_tag_is_refused_with_those_that_there_are():
    assert tags.id_of({"de": 4, "en": 5}, "en") == 5
    with pytest.raises(ConfigError, match='tag "fr"') as caught:
        tags.id_of({"de": 4, "en": 5}, "fr")
    assert "de, en" in caught.value.hint
    with pytest.raises(ConfigError) as caught:
        tags.id_of({}, "fr")
    assert "without tags" in caught.value.hint


@pytest.mark.parametrize("shared", [True, False])
def test_tags_are_kept_beside_the_tokenizer(tmp_path, shared):
    source = trained()
    tokenizers = Tokenizers(source, source if shared else trained("unigram")).tagged(["de", "en"])
    save_tokenizers(tmp_path, tokenizers)
    assert json.loads((tmp_path / "tags.json").read_text(encoding="utf-8")) == {"de": 4, "en": 5}
    loaded = load_tokenizers(tmp_path)
    assert loaded.source.tags == {"de": 4, "en": 5} and (loaded.source.vocabulary == loaded.target.vocabulary) is shared
    assert loaded.tagged(["fr"]).source.tags == {"de": 4, "en": 5, "fr": 6}


def test_tags_that_are_missing_or_damaged(tmp_path):
    source = trained()
    save_tokenizers(tmp_path, Tokenizers(source, source))
    assert load_tokenizers(tmp_path).source.tags == {}
    for harmed in ("", "[]", "7", '{"de": 3}', '{"de": 4, "en": 4}', '{"de": [4]}', '{"de": "4"}', "[" * 100_000):
        (tmp_path / "tags.json").write_text(harmed, encoding="utf-8")
        with pytest.raises(CheckpointError, match=r"tags\.json"):
            load_tokenizers(tmp_path)
    (tmp_path / "tags.json").unlink()
    with pytest.raises(CheckpointError, match=r"tags\.json: no such file"):
        load_tokenizers(tmp_path)


def test_a_tokenizer_of_before_needs_no_tags(tmp_path):
    source = trained(spare=0)
    save_tokenizers(tmp_path, Tokenizers(source, source))
    assert not (tmp_path / "tags.json").exists() and load_tokenizers(tmp_path).source.tags == {}
