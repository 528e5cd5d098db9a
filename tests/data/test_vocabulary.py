"""A vocabulary grows and stays what it was."""

import random

import pytest
from toy_text import sentences

from nmt.config import TokenizerConfig
from nmt.data.tokenizer import Tokenizer, Tokenizers
from nmt.data.tokenizer_training import train_shared, train_tokenizer
from nmt.data.vocabulary import grow, grow_by_words, origins
from nmt.errors import ConfigError
from nmt.ids import UNK

ADDED = {"bpe": 20, "unigram": 20, "char": 6}
OLD = [line for pair in sentences(300) for line in pair]
DRAW = random.Random(3)
NEW = [" ".join(DRAW.choices(["Übermut", "tut", "selten", "gut", "чай", "eintausend", "zwei-drei", "zwanzig"], k=5))
       for _ in range(200)]  # fmt: skip


def tokenizer(kind: str, *, bytes: bool = False, spare: int = 0) -> Tokenizer:
    size = {"bpe": 68, "unigram": 48, "char": 38}[kind] + 256 * bytes + spare
    config = TokenizerConfig(kind=kind, vocabulary=size, spare=spare, byte_fallback=bytes)
    return train_tokenizer(OLD, config, shrink=True)


def enlarged(old: Tokenizer, lines: list[str], *, kind: str, pieces: int) -> Tokenizer:
    (new,) = grow([old], ([line] for line in lines), TokenizerConfig(kind=kind, split_digits=False), pieces=pieces)
    return new


def enlarged_by_words(old: Tokenizer, path, *, kind: str) -> Tokenizer:
    (new,) = grow_by_words([old], path, TokenizerConfig(kind=kind))
    return new


@pytest.fixture(scope="module", params=["bpe", "unigram", "char", "bpe-bytes", "unigram-bytes"])
def grown(request):
    """(the kind, a tokenizer, the same with more pieces)"""
    kind, _, spelled = request.param.partition("-")
    old = tokenizer(kind, bytes=bool(spelled))
    return kind, old, enlarged(old, NEW, kind=kind, pieces=ADDED[kind])


def test_ids_are_appended_and_the_old_ones_stay(grown):
    kind, old, new = grown
    assert new.size == old.size + ADDED[kind]
    assert new.pieces(range(old.size)) == old.pieces(range(old.size))
    assert len(set(new.pieces(range(new.size)))) == new.size


def test_the_new_segmentation_is_the_old_one_with_neighbours_joined(grown):
    """So a text in which nothing new occurs is cut as before."""
    _, old, new = grown
    made_of = [[index] for index in range(old.size)] + origins(old, new)
    for line in [*OLD, *NEW, *OLD[::-1]]:
        before, after = old.encode([line])[0], new.encode([line])[0]
        taken_apart = [each for index in after for each in made_of[index]]
        assert without_unknown(taken_apart) == without_unknown(before)


def without_unknown(ids: list[int]) -> list[int]:
    """SentencePiece gives neighbours that it does not know one id together."""
    return [each for each in ids if each != UNK]


def test_the_new_text_takes_fewer_pieces_and_is_spelled_right(grown):
    kind, old, new = grown
    before, after = (sum(map(len, each.encode(NEW))) for each in (old, new))
    assert after < before * 0.7 or (kind == "char" and not any(UNK in ids for ids in new.encode(NEW)))
    fine = [line for line, ids in zip(NEW, new.encode(NEW), strict=True) if UNK not in ids]
    assert fine and new.decode(new.encode(fine)) == fine


def test_every_new_piece_is_used(grown):
    kind, old, new = grown
    if kind == "char":
        return
    pieces = {index for ids in new.encode([*NEW, *" ".join(NEW).split()]) for index in ids}
    assert len(pieces & set(range(old.size, new.size))) >= 5


def test_the_same_text_gives_the_same_model(grown):
    kind, old, new = grown
    assert enlarged(old, NEW, kind=kind, pieces=new.size - old.size).model == new.model


def test_tags_keep_their_slots():
    old, _ = Tokenizers(*2 * [tokenizer("bpe", spare=2)]).tagged(["formal"])
    new = enlarged(old, NEW, kind="bpe", pieces=5)
    assert new.tags == old.tags == {"formal": old.slots[0]} and new.slots == old.slots
    assert "other" in Tokenizers(new, new).tagged(["other"]).source.tags


def test_growing_twice_appends_twice(grown):
    kind, _, new = grown
    if kind == "char":
        return
    again = enlarged(new, OLD, kind=kind, pieces=5)
    assert again.size == new.size + 5 and again.pieces(range(new.size)) == new.pieces(range(new.size))


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_subword_sampling_knows_the_new_pieces(kind):
    old = tokenizer(kind)
    new = enlarged(old, NEW, kind=kind, pieces=20)
    drawn = new.sample(OLD, alpha={"bpe": 0.0, "unigram": 500.0}[kind], seed=1)  # next to no chance
    assert drawn == new.encode(OLD)
    assert max(map(max, new.sample(NEW, alpha=0.3, seed=1))) >= old.size


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_words_of_a_list_become_one_piece_each(kind, tmp_path):
    path = tmp_path / "words.txt"
    words = ("Übermut", "tausend", "null", "CO2", "B-Tonne", "4x!")
    path.write_text("\n\n".join(words) + "\n", encoding="utf-8")
    old = tokenizer(kind)
    new = enlarged_by_words(old, path, kind=kind)
    for word in words:
        assert len(new.encode([word])[0]) == 1
    assert new.encode(["eins zwei"]) == old.encode(["eins zwei"])


@pytest.mark.parametrize(("kind", "text", "fault"), [
    ("bpe", "a" * 17, "longer than 16 characters"), ("char", "tee", "pieces are characters"),
    ("bpe", " ", "holds no words"),
])  # fmt: skip
def test_a_word_that_can_be_no_piece_is_refused(kind, text, fault, tmp_path):
    path = tmp_path / "words.txt"
    path.write_text(f"{text}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=fault):
        enlarged_by_words(tokenizer(kind), path, kind=kind)


def test_no_piece_joins_letters_with_digits_or_punctuation():
    lines = ["zwei-drei 4zwei zwei! 1234"] * 50
    old = tokenizer("bpe")
    new = enlarged(old, lines, kind="bpe", pieces=9)
    for piece in new.pieces(range(old.size, new.size)):
        letters = piece.lstrip("▁")
        assert letters.isalpha() or letters.isdigit() or not any(map(str.isalnum, letters))


def test_more_pieces_than_the_text_gives_are_refused():
    with pytest.raises(ConfigError, match=r"finetune.pieces: 5,000, but this text gives \d+"):
        enlarged(tokenizer("bpe"), NEW, kind="bpe", pieces=5000)


def test_both_sides_of_a_shared_vocabulary_grow_alike():
    """Each normalises its own line, and both get the same pieces."""
    rows = [("ＮＥＵＥＲ ﬁsch", "Neuer ﬁsch")] * 20
    config = TokenizerConfig(vocabulary=360, kind="bpe")
    old = train_shared([(line, line) for line in OLD], config, shrink=True)
    source, target = grow(old, rows, config, pieces=14)
    assert source.vocabulary == target.vocabulary and source.vocabulary[: old.source.size] == old.source.vocabulary
    added = source.vocabulary[old.source.size :]
    assert {"▁N", "EUER", "▁fi", "▁ﬁsch"} <= set(added) and not any("Ｎ" in piece for piece in added)
    assert source.encode(["ＮＥＵＥＲ"]) == source.encode(["NEUER"]) != target.encode(["ＮＥＵＥＲ"])
    assert target.decode(target.encode(["ﬁsch ＮＥＵ"])) == ["ﬁsch ＮＥＵ"]


@pytest.mark.parametrize("split", [True, False])
def test_numbers_grow_only_if_digits_are_not_split(split):
    config = TokenizerConfig(kind="bpe", split_digits=split, symbols=("€",), vocabulary=330)
    old = train_tokenizer([*OLD, "4€€ 2 1 0"], config, shrink=True)
    (new,) = grow([old], [["2104 €€ abgang"]] * 20, config, pieces=5)
    added = new.vocabulary[old.size :]
    assert not any("€" in piece for piece in added)
    assert any(len(piece) > 1 and piece[-1].isdigit() for piece in added) is not split
