"""Several training texts: what becomes of each, their tags, and both directions of one text."""

import numpy as np
import pytest
from toy_text import sentences, toy_config, write

from nmt.data.corpus import Part
from nmt.data.prepare import prepare
from nmt.errors import ConfigError, DataError

ONE, OTHER = sentences(60), sentences(40, seed=5)


def texts(folder, *lists, **options):
    """Entries of data.train, each with the keys that `options` hold for it."""
    entries = [write(folder, f"text{number}", pairs) for number, pairs in enumerate(lists)]
    return [{**entry, **{name: values[number] for name, values in options.items() if values[number] is not None}}
            for number, entry in enumerate(entries)]  # fmt: skip


def prepared(folder, train, *, tokenizer=None, **data):
    sections = {"tokenizer": {"vocabulary": 320, **(tokenizer or {})}}
    return prepare(toy_config(folder, ONE, data={"train": train, "test": None, **data}, **sections))


def sources(found):
    """[(tag id or None, text)] of the corpus."""
    rows = [found.train.source(row).tolist() for row in range(len(found.train))]
    slots = found.tokenizers.source.slots
    assert all(each not in slots for row in rows for each in row[1:])
    return [
        (row[0] if row[0] in slots else None, text)
        for row, text in zip(rows, found.tokenizers.source.decode(rows), strict=True)
    ]


def test_a_list_of_one_is_the_text(tmp_path):
    alone, listed = (prepared(tmp_path, train) for train in (write(tmp_path, "a", ONE), [write(tmp_path, "a", ONE)]))
    assert alone.key == listed.key and listed.report.texts == ()


@pytest.mark.parametrize("sampling", [0.0, 0.3])
def test_each_text_keeps_its_tag_weight_and_count(tmp_path, sampling):
    dirty = [*OTHER, ("", "x"), OTHER[3], ONE[7]]
    train = texts(tmp_path, ONE, dirty, weight=[2, 0.5], tag=["a", None])
    found = prepared(tmp_path, train, tokenizer={"sampling": sampling})
    assert found.train.parts == [Part(60, 2.0, 4), Part(41, 0.5, None)]  # ONE[7] with the tag is another pair
    assert sources(found) == [(4, source) for source, _ in ONE] + [(None, source) for source, _ in [*OTHER, ONE[7]]]
    first, second = found.report.texts
    assert (first.tag, first.read, first.kept, first.dropped) == ("a", 60, 60, {})
    assert (second.tag, second.read, second.kept, second.dropped) == (None, 43, 41, {"empty": 1, "duplicate": 1})
    assert found.report.dropped == {"empty": 1, "duplicate": 1} and found.report.read == 103
    assert found.report.train.pairs == 101
    table = "\n".join(found.report.lines())
    assert "data.train[0], a" in table and "empty 1, duplicate 1" in table
    if sampling:
        rows = np.array([3, 70, 59, 60])
        part = found.train.segment(rows, seed=4)
        kept = [part.source(place).tolist() for place in range(4)]
        assert [row[0] == 4 for row in kept] == [True, False, True, False]
        assert found.tokenizers.source.decode(kept) == [sources(found)[row][1] for row in rows]
        assert [4 in row[1:] for row in kept] == [False] * 4


def test_pairs_of_one_kind_are_duplicates_across_texts(tmp_path):
    dev = {"held_out": 1, "tag": "a"}
    found = prepared(tmp_path, texts(tmp_path, ONE, [*ONE[:5], *OTHER], tag=["a", "a"]), dev=dev)
    assert sum(text.kept for text in found.report.texts) == 99
    assert found.report.texts[1].dropped["duplicate"] == 5


def test_weights_have_no_say_in_what_is_prepared(tmp_path):
    first, second = (prepared(tmp_path, texts(tmp_path, ONE, OTHER, weight=[weight, None])) for weight in (1.0, 3.5))
    assert first.key == second.key and second.train.parts[0].weight == 3.5


@pytest.mark.parametrize("tags", [["b", None], [None, "a"], ["a", "b"]])
def test_tags_have_a_say(tmp_path, tags):
    def key(first, second, dev):
        train = texts(tmp_path, ONE, OTHER, tag=[first, second])
        return prepared(tmp_path, train, dev={"held_out": 5, "tag": dev}).key

    assert key("a", None, "a") != key(*tags, tags[1])


def test_the_tag_counts_as_a_piece(tmp_path):
    train = texts(tmp_path, ONE, OTHER, tag=["a", None])
    longest = int(prepared(tmp_path, train).train.lengths.max(0)[0])
    at_limit = prepare(toy_config(tmp_path, ONE, data={"train": train}, model={"max_length": longest}))
    assert at_limit.report.texts[0].dropped["too many pieces"] >= 1
    assert at_limit.train.lengths.max() < longest


def both_ways(folder, **options):
    there = write(folder, "both", ONE)
    back = {"source": there["target"], "target": there["source"]}
    return [{**there, **options.get("there", {})}, {**back, **options.get("back", {})}]


@pytest.mark.parametrize("tagged", [True, False])
def test_a_text_in_both_directions(tmp_path, tagged):
    """No pair is its mirror's duplicate; what is held out of one direction is in no other."""
    tags = {"there": {"tag": "en"}, "back": {"tag": "de"}} if tagged else {}
    dev = {"held_out": 10, **({"tag": "en"} if tagged else {})}
    found = prepared(tmp_path, both_ways(tmp_path, **tags), dev=dev)
    assert len(found.dev) == 10
    held = {line for side in found.dev_text for line in side}
    assert held.isdisjoint(text for _, text in sources(found)) and found.report.overlap["dev"].pairs == 10
    if tagged:
        assert set(found.dev_text.source) <= {source for source, _ in ONE}
        assert [text.kept for text in found.report.texts] == [50, 50]
        assert all(row[0] == found.tokenizers.source.tags["en"] for row in map(found.dev.source, range(10)))
    assert prepared(tmp_path, both_ways(tmp_path, **tags), dev=write(tmp_path, "d", OTHER) | (
        {"tag": "en"} if tagged else {})).report.dropped == {}  # fmt: skip


def test_one_text_that_names_its_files_in_both_directions(tmp_path):
    there, back = both_ways(tmp_path)
    text = {side: [there[side], back[side]] for side in ("source", "target")}
    found = prepared(tmp_path, text, dev={"held_out": 10})
    held = {line for side in found.dev_text for line in side}
    assert held.isdisjoint(text for _, text in sources(found))
    with pytest.raises(ConfigError, match=r"tokenizer\.shared: a text is used in both directions"):
        prepared(tmp_path, text, tokenizer={"shared": False})


def test_overlap_is_found_in_the_other_direction(tmp_path):
    dev = {**write(tmp_path, "d", ONE[:4]), "tag": "en"}
    tags = {"there": {"tag": "en"}, "back": {"tag": "de"}}
    report = prepared(tmp_path, both_ways(tmp_path, **tags), dev=dev).report
    assert [text.dropped for text in report.texts] == [{"overlap": 4}, {"overlap": 4}]


@pytest.mark.parametrize(
    ("train", "sections", "told"),
    [
        ({"weight": [0, None]}, {}, "data.train[0].weight: input should be greater than 0"),
        ({"weight": [None, 1001]}, {}, "data.train[1].weight: "),
        ({"wieght": [1, None]}, {}, 'data.train[0].wieght: unknown key (did you mean "weight"?)'),
        ({"columns": [None, [1, 1]]}, {}, "data.train[1]: columns are two different numbers"),
        ({"tag": ["", None]}, {}, "data.train[0].tag: string should have at least 1 character"),
        ({"tag": ["a b", None]}, {}, "data.train[0].tag: 'a b' holds a blank"),
        ({"tag": ["a|b", None]}, {}, "data.train[0].tag: 'a|b' holds a blank, a \"|\""),
        ({"tag": ["a\n", None]}, {}, "data.train[0].tag: 'a\\n' holds a blank"),
        ({"tag": ["\u200b", None]}, {}, "or a character that cannot be seen"),
        ({"tag": ["a", "b"]}, {}, "data: dev needs a tag, as every training text has one (a, b)"),
        ({"tag": ["a", None]}, {"dev": {"held_out": 3, "tag": "c"}}, 'no training text has the tag "c" (a)'),
        ({"tag": [None, None]}, {"test": {"held_out": 3, "tag": "c"}}, 'no training text has the tag "c" (none)'),
        ({"tag": ["a", "b"]}, {"tokenizer": {"spare": 1}, "dev": {"held_out": 3, "tag": "a"}},
         "tokenizer.spare: 1, but data.train has 2 tags; raise it"),
    ],
)  # fmt: skip
def test_refusals(tmp_path, train, sections, told):
    with pytest.raises(ConfigError) as caught:
        prepared(tmp_path, texts(tmp_path, ONE, OTHER, **train), **sections)
    assert told in caught.value.message, caught.value.message


def test_both_directions_need_one_vocabulary(tmp_path):
    with pytest.raises(ConfigError, match=r"tokenizer\.shared: a text is used in both directions"):
        prepared(tmp_path, both_ways(tmp_path), tokenizer={"shared": False})
    prepared(tmp_path, texts(tmp_path, ONE, OTHER), tokenizer={"shared": False, "vocabulary": 300, "kind": "unigram"})


@pytest.mark.parametrize(("train", "told"), [([], "data: train is an empty list"), (["x"], "data.train[0]: ")])
def test_no_texts(tmp_path, train, told):
    with pytest.raises(ConfigError) as caught:
        prepared(tmp_path, train)
    assert told in caught.value.message


def test_a_text_of_which_nothing_is_left_is_named(tmp_path):
    told = r"data\.train\[1\]: of 60 training pairs none is left \(duplicate: 60\)"
    with pytest.raises(DataError, match=told) as caught:
        prepared(tmp_path, texts(tmp_path, ONE, ONE))
    assert "weight" in caught.value.hint


def test_a_missing_file_is_named_as_it_is_in_the_list(tmp_path):
    train = texts(tmp_path, ONE, OTHER)
    found = prepared(tmp_path, train)
    assert {name for name in found.texts if "train" in name} == {
        f"data.train[{number}].{side}.1" for number in (0, 1) for side in ("source", "target")
    }
