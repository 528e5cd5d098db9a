"""Alignments of what models translate and of pairs that are given, held against slow and obvious ways to the same."""

import numpy as np
import pytest
import tiny_bundle
import torch
from tiny_bundle import TEXT

from nmt import Translator
from nmt.analysis.aligner import align, aligned, check, shape
from nmt.analysis.alignment import Reading, links, of_translation, parse, readings, symmetrised
from nmt.decoding import windows
from nmt.decoding.engine import HeadChoice
from nmt.errors import ConfigError, NMTError
from nmt.ids import BOS, EOS

ODD = ["", "  ", "a  b\tc ", "x´y ½ z", "字 漢 😀", "one\xa0two \u200b three", "a\u2028b", "<s> ▁ ▁a", "\x85 x"]
SMALL = {"embedding": 8, "hidden": 8, "tied_embeddings": "all"}
READINGS = [parse(each) for each in ("mean.mean.plain.both", "2.1.shifted.target", "1.mean.plain.source")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_bundle.save(tmp_path_factory.mktemp("aligner") / "model", decoder_layers=2)


@pytest.fixture(scope="module")
def translator(folder):
    return Translator.load(folder, device="cpu", precision="float32", threads=1)


@pytest.fixture(scope="module")
def reverse(tmp_path_factory):
    path = tiny_bundle.save(tmp_path_factory.mktemp("reverse") / "model", type="attention_rnn", **SMALL)
    return Translator.load(path, device="cpu", precision="float32", threads=1)


def translated(translator, lines, reading, **settings):
    return list(translator.translations(lines, attention=True, heads=reading.heads, **settings))


def words(tokens: list[str]) -> list[int]:
    """Of plain text: a word begins where a blank does."""
    return (np.cumsum([token.startswith("▁") for token in tokens]) - 1).tolist()


@pytest.mark.parametrize("reading", READINGS, ids=str)
def test_links_of_plain_text_are_those_of_its_marked_pieces(translator, reading):
    for found in translated(translator, TEXT, reading):
        (weights,) = found.attention
        target = found.hypotheses[0].tokens[:-1]
        if not target or not target[0].startswith("▁"):
            continue
        expected = links(weights, words(found.source_tokens[:-1]), words(target), reading)
        assert of_translation(found, reading) == expected
    assert len({str(of_translation(found, reading)) for found in translated(translator, TEXT, reading)}) > 1


@pytest.mark.parametrize("reading", READINGS, ids=str)
def test_every_word_is_one_of_the_line(translator, reading):
    lines = [*ODD, *TEXT, " ".join(ODD), " ".join(TEXT * 2), "x" * 300]
    for found in translated(translator, lines, reading):
        sources, targets = len(found.source.split()), len(found.text.split())
        assert all(0 <= source < sources and 0 <= target < targets for source, target in of_translation(found, reading))


@pytest.mark.parametrize("reading", READINGS, ids=str)
def test_a_line_in_parts_has_the_links_of_its_parts(translator, reading):
    sentences = [TEXT[1], TEXT[2], "", TEXT[0], TEXT[3]]
    (long,) = translated(translator, ["  ".join(sentences)], reading, split="always")
    expected, source, target = set(), 0, 0
    parts = [each for line in sentences for each in line.replace("? ", "?\n").replace(". ", ".\n").split("\n") if each]
    for found in translated(translator, parts, reading):
        expected |= {(one + source, other + target) for one, other in of_translation(found, reading)}
        source, target = source + len(found.source.split()), target + len(found.text.split())
    assert long.parts == len(parts) > 3
    assert of_translation(long, reading) == expected


def test_a_word_that_is_cut_is_one_word(translator):
    reading = Reading(decision="target")
    (found,) = translated(translator, ["first " + "x" * 300 + " last"], reading)
    assert found.parts > 2
    linked = of_translation(found, reading)
    assert {source for source, _ in linked} <= {0, 1, 2} and len(linked) == len(found.text.split())


def test_neither_workers_nor_windows_change_a_link(translator, monkeypatch):
    reading = READINGS[1]
    monkeypatch.setattr(windows, "READ_AHEAD", 5)
    lines = TEXT * 4 + ODD
    one, many = (
        [(found.text, of_translation(found, reading)) for found in translated(translator, lines, reading, workers=each)]
        for each in (1, 2)
    )
    assert one == many


def test_a_given_pair_has_the_links_of_its_attention(translator):
    """In any batch; of plain text."""
    pairs = [(source, target) for source in TEXT for target in TEXT]
    for (source, target), found in zip(pairs, align(translator, pairs, READINGS), strict=True):
        src, ids = translator.tokenizers.source.encode([source, target])  # which is the target's too
        maps = translator.engine.model.explain(torch.tensor([[*src, EOS]]), torch.tensor([[BOS, *ids]])).cross[0]
        numbers = [words(translator.tokenizers.source.pieces(each)) for each in (src, ids)]
        for reading, linked in zip(READINGS, found, strict=True):
            assert linked == links(reading.heads.of(maps.detach().numpy()), *numbers, reading)


def test_a_pair_that_is_too_long_has_no_alignment(translator):
    found = list(align(translator, [("a", "b"), ("word " * 99, "b"), ("a", "word " * 99), ("", "b")], READINGS))
    assert found[0] is not None and found[1] is None and found[2] is None
    assert found[3] == [set()] * 3


def test_two_directions_by_hand(translator, reverse):
    """Each line alone, part by part, and the other model's links turned."""
    lines, own, other = [*TEXT, "", " ".join(TEXT), " a b "], READINGS[0], Reading()
    found = translated(translator, lines, own)
    both = list(aligned(found, own, reverse=(reverse, other), symmetry="union"))
    assert [each for each, _ in both] == found
    for translation, joined in both:
        forward = of_translation(translation, own)
        if translation.parts == 1:
            ((backward,),) = align(reverse, [(translation.text, translation.source)], [other])
            assert joined == symmetrised(forward, {(one, two) for two, one in backward}, "union")
        assert joined >= forward
        sources, targets = len(translation.source.split()), len(translation.text.split())
        assert all(source < sources and target < targets for source, target in joined)
    alone = aligned(found, own, reverse=None, symmetry="union")
    assert [joined for _, joined in alone] == [of_translation(each, own) for each in found]


def test_what_a_model_offers(translator, reverse, tmp_path):
    assert shape(translator) == (2, 2) and shape(reverse) == (1, 1)
    assert check(translator, None) == Reading() == check(reverse, None)
    for reading in readings(2, 2):
        assert check(translator, reading) == reading
    with pytest.raises(ConfigError, match="layer 3: "):
        check(translator, Reading(HeadChoice(3)))
    with pytest.raises(ConfigError, match="head 2: "):
        check(reverse, Reading(HeadChoice(1, 2)))
    gru = Translator.load(tiny_bundle.save(tmp_path / "gru", type="gru", **SMALL), device="cpu")
    assert shape(gru) is None
    with pytest.raises(NMTError, match="no attention"):
        check(gru, None)
