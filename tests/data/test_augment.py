"""Changed copies of training pairs: what each kind makes, and how they lie in the corpus."""

import itertools
from random import Random

import numpy as np
import pytest

from nmt.config import AugmentConfig, TokenizerConfig
from nmt.config.tokenizer import SYMBOLS
from nmt.data import augment
from nmt.data.masking import masker_of, restore
from nmt.data.prepare import prepare
from tests.toy_text import NO_COPIES, sentences, toy_config

MASKER = masker_of(TokenizerConfig())
CASES = [
    ("upper", ("Was, {name}?", "What, {name}?"), ("WAS, {name}?", "WHAT, {name}?")),
    ("title", ("ein Hund's a.b@c.de", "a dog's a.b@c.de"), ("Ein Hund's a.b@c.de", "A Dog's a.b@c.de")),
    ("lower", ("Ein Hund http://A.de", "A dog"), ("ein hund http://A.de", "A dog")),
    ("upper", ("你好", "Hello"), None), ("upper", ("42", "42"), None), ("lower", ("你好", "Hello"), None),
    ("typos", ("你好", "Hello"), None), ("typos", ("ja so ist es", "so it is"), None),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "pair", "changed"), CASES)
def test_case_and_typos_leave_spans_and_other_scripts_alone(kind, pair, changed):
    assert augment.CHANGES[kind](pair, MASKER, Random(1)) == changed


@pytest.mark.parametrize("seed", range(30))
def test_a_typing_error_changes_one_letter_or_two_of_the_source(seed):
    source, target = "Morgen fahren {name} wir weit", "Tomorrow {name}"
    changed, same = augment.CHANGES["typos"]((source, target), MASKER, Random(seed)) or (source, target)
    assert same == target and "{name}" in changed and abs(len(changed) - len(source)) <= 1
    different = [pair for pair in zip(source.split(), changed.split(), strict=True) if pair[0] != pair[1]]
    assert len(different) <= 2 and all(before[0] == after[0] for before, after in different)


@pytest.mark.parametrize("seed", range(30))
def test_names_and_numbers_become_symbols_on_both_sides(seed):
    pair = ("Tom war am 3. Mai in Boston, in 1990.", "Tom was in Boston on May 3, in 1990.")
    source, target = augment.CHANGES["spans"](pair, MASKER, Random(seed))
    used = {symbol for symbol in SYMBOLS if symbol in source}
    assert used and used == {symbol for symbol in SYMBOLS if symbol in target}
    meanings = itertools.permutations(["Tom", "3", "Boston", "1990"], len(used))
    back = [dict(zip(sorted(used), words, strict=True)) for words in meanings]
    assert any((restore(source, each), restore(target, each)) == pair for each in back)


def test_pairs_without_names_get_symbols_too():
    forms = {augment.CHANGES["spans"](("Ja, so.", "Yes, so!"), MASKER, Random(seed)) for seed in range(100)}
    one, two = SYMBOLS[:2]
    assert forms == {
        (f"{one} Ja, so.", f"{one} Yes, so!"), (f"Ja, so {one}.", f"Yes, so {one}!"), (one, one),
        (f"Ja, so. {one}", f"Yes, so! {one}"), (f"{one}Ja, so.{two}", f"{one}Yes, so!{two}"),
    }  # fmt: skip


def test_shares_without_effect_are_left_out():
    every = AugmentConfig(**dict.fromkeys(NO_COPIES, 0.02))
    assert augment.shares_of(every, TokenizerConfig()) == every.model_dump()
    assert set(augment.shares_of(every, TokenizerConfig(source_normalisation="nfkc_cf"))) == {"typos", "spans"}
    assert "spans" not in augment.shares_of(every, TokenizerConfig(protect=()))
    assert augment.shares_of(AugmentConfig(**NO_COPIES), TokenizerConfig()) == {}


@pytest.mark.parametrize("share", [0.02, 0.2, 1.0])
def test_a_pass_sees_as_many_copies_as_the_share_says(share):
    pairs = [(f"Wort {n}", f"Word {n}") for n in range(4000)]
    made = list(augment.copies(pairs, {"upper": share}, TokenizerConfig(), text=0))
    assert made == list(augment.copies(pairs, {"upper": share}, TokenizerConfig(), text=0))
    other = list(augment.copies(pairs, {"upper": share}, TokenizerConfig(seed=2), text=0))
    assert (made == other) == (share == 1)  # then there is a copy of every pair
    assert len(made) * augment.weight({"upper": share}) == pytest.approx(share * len(pairs), rel=0.2)


def test_copies_lie_behind_the_pairs_and_are_drawn_anew_for_each_pass(tmp_path):
    config = toy_config(tmp_path, sentences(300), data={"augment": {**NO_COPIES, "upper": 0.1, "spans": 0.1}})
    prepared = prepare(config)
    corpus, (copies,) = prepared.train, prepared.report.augmented
    assert len(corpus) == 300 + copies and 150 < copies < 300 and prepared.report.train.pairs == 300
    passes = [corpus.rows_of_pass(np.random.default_rng(seed)) for seed in range(2)]
    drawn = [set(rows[rows >= 300].tolist()) for rows in passes]
    assert drawn[0] != drawn[1] and all(len(rows) == round(copies / 4) for rows in drawn)
    assert all(sorted(rows[rows < 300]) == list(range(300)) for rows in passes)
    decode = prepared.tokenizers.source.decode
    texts = decode([corpus.source(row) for row in range(300, len(corpus))])
    assert all(text.isupper() or any(symbol in text for symbol in SYMBOLS) for text in texts)


def test_several_processes_make_the_same_copies(tmp_path):
    files = []
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        folder.mkdir()
        config = toy_config(folder, sentences(300), data={"augment": {"spans": 0.5}}, tokenizer={"sampling": 0.1})
        made = prepare(config, workers=workers, cores=2).folder / "train"
        files.append({path.name: path.read_bytes() for path in made.iterdir()})
    assert files[0] == files[1]
