"""`nmt clean` finds pairs that do not translate each other, by what the rest of the text says."""

import json
import random
import re

import numpy as np
import pytest
from toy_text import write
from typer.testing import CliRunner

from nmt.cli.app import app
from nmt.config import CleaningConfig, ParallelText
from nmt.data.clean import Options, clean, letters_of
from nmt.data.clean_report import facts, markdown, page
from nmt.data.cleaning import Verdict
from nmt.data.model1 import LexicalScore, Model1, words
from nmt.data.text import read_pairs
from nmt.errors import DataError
from nmt.escapes import visible

NOUNS = [
    ("hund", "dog"), ("katze", "cat"), ("mann", "man"), ("frau", "woman"), ("kind", "child"), ("baum", "tree"),
    ("haus", "house"), ("wagen", "car"), ("tisch", "table"), ("stuhl", "chair"), ("fenster", "window"),
]  # fmt: skip
VERBS = [("sieht", "sees"), ("mag", "likes"), ("kauft", "buys"), ("malt", "paints"), ("sucht", "seeks")]


def some_pairs(count):
    chance = random.Random(1)
    found = []
    for _ in range(count):
        words = chance.choice(NOUNS), chance.choice(VERBS), chance.choice(NOUNS), chance.choice(NOUNS)
        found.append(tuple("{} {} den {} und {}.".format(*(word[side] for word in words)) for side in (0, 1)))
    return found


def noisy(count, share=0.1):
    """Pairs of which a share has targets that are exchanged among them; -> pairs, which these are."""
    pairs, wrong = some_pairs(count), np.zeros(count, bool)
    rows = random.Random(2).sample(range(count), int(share * count))
    wrong[rows] = True
    for row, (_, target) in zip(rows, [pairs[row] for row in [*rows[1:], rows[0]]], strict=True):
        pairs[row] = (pairs[row][0], target)
    return pairs, wrong


def run(tmp_path, pairs, **options):
    text = ParallelText(**write(tmp_path, "text", pairs))
    config = CleaningConfig(duplicates=False)
    return text, clean(text, config, Options(**{"near_duplicates": False, **options}), lambda stage, done: None)


def test_misaligned_pairs_have_the_lowest_scores(tmp_path):
    pairs, wrong = noisy(1000)
    _, found = run(tmp_path, pairs, drop=0.1)
    dropped = found.selection.verdicts == Verdict.LOW_SCORE
    assert dropped.sum() == 100 and (dropped & wrong).sum() >= 90
    good, bad = found.scores[~wrong], found.scores[wrong]
    assert (good[:, None] > bad).mean() > 0.98  # the area under the ROC curve
    assert found.threshold == np.sort(found.scores)[100]
    _, by_score = run(tmp_path, pairs)
    assert (by_score.selection.verdicts == Verdict.LOW_SCORE).tolist() == (found.scores < 0).tolist()


def test_the_learned_probabilities_are_those_of_a_slow_and_obvious_model():
    pairs = [("das haus", "the house"), ("das buch", "the book"), ("ein buch", "a book")]
    sides = [[words(pair[side]) for pair in pairs] for side in (0, 1)]
    model = Model1(*sides)
    flat = [word for side in sides[1] for word in side.tolist()]
    chance = {word: flat.count(word) / len(flat) for word in flat}
    probability = {(s, t): chance[t] for source, target in zip(*sides, strict=True) for s in source for t in target}
    for _ in range(5):
        counts = dict.fromkeys(probability, 0.0)
        for source, target in zip(*sides, strict=True):
            for t in target:
                total = sum(probability[s, t] for s in source) + chance[t]
                for s in source:
                    counts[s, t] += probability[s, t] / total
        totals = {s: sum(count for (other, _), count in counts.items() if other == s) for s, _ in counts}
        probability = {(s, t): count / totals[s] for (s, t), count in counts.items()}
    keys = [s * (1 << 20) + t for s, t in sorted(counts)]
    assert model.keys.tolist() == keys
    assert model.counts == pytest.approx([counts[each] for each in sorted(counts)])
    assert probability[words("buch")[0], words("book")[0]] > 0.8


def test_a_pair_does_not_vouch_for_itself():
    """Words that only one pair has are no evidence for it; the others decide."""
    pairs = [*some_pairs(200), ("xylofon qwertz", "zebra asdf"), ("hund xylofon", "dog zebra")]
    model = LexicalScore(pairs)
    alone, shared = list(model.scores((pair, True) for pair in [("qwertz", "asdf"), ("hund", "dog")]))
    assert np.isnan(alone) and shared > 1
    (empty,) = model.scores([(("...", "!"), False)])
    assert np.isnan(empty)
    assert np.isnan(list(LexicalScore([]).scores([(("a", "b"), False)]))).all()


def test_words_and_letters():
    assert len(words("Haus haus, HÄUSER häusern 12")) == 3  # cut to six letters
    assert len(words("这是第一句")) == 5
    assert letters_of("Das ist, 3 Mal: KLAR!") == "dasistmalklar" and letters_of("कि 1") != letters_of("का 1")


def test_near_duplicates(tmp_path):
    pairs = [("Seite 1 von 2", "Page 1 of 2"), ("Seite 3 von 9!", "page 3 of 9"), ("Seite 1 von 2", "Side 1")]
    pairs += [("1", "2")]
    _, found = run(tmp_path, pairs, near_duplicates=True, min_score=None)
    assert found.selection.verdicts.tolist() == [Verdict.KEPT, Verdict.NEAR_DUPLICATE, Verdict.KEPT, Verdict.KEPT]


def test_other_languages(tmp_path, monkeypatch):
    from nmt.data import clean as module

    monkeypatch.setattr(module, "identifier", lambda needed: {"x": "de", "y": "en", "z": "fr"}.get)
    pairs = [("x", "y"), ("x", "z"), ("z", "y"), ("?", "y")]
    _, found = run(tmp_path, pairs, languages=("de-AT", "en"), min_score=None)
    expected = [Verdict.KEPT, Verdict.LANGUAGE, Verdict.LANGUAGE, Verdict.KEPT]
    assert found.selection.verdicts.tolist() == expected


def test_a_model_may_score(tmp_path):
    text = ParallelText(**write(tmp_path, "text", [*some_pairs(30), ("", "x")]))
    length = lambda pairs: (-float(len(source)) for source, _ in pairs)  # noqa: E731
    found = clean(text, CleaningConfig(), Options(drop=0.2), lambda stage, done: None, scorer=length)
    assert np.isnan(found.scores[-1]) and (found.selection.verdicts == Verdict.LOW_SCORE).sum() <= 6
    kept = found.scores[found.selection.kept]
    assert kept.min() >= found.threshold


def test_the_report_shows_every_reason(tmp_path):
    pairs, _ = noisy(300)
    pairs += [("", "x"), ("a | b", "a | b")]
    text, found = run(tmp_path, pairs, drop=0.1)
    shown = facts(found, read_pairs(text), scored_by="it")
    assert shown["read"] == 302 == shown["kept"] + sum(shown["dropped"].values())
    assert shown["dropped"] == {"empty": 1, "identical": 1, "low score": 30}
    assert shown["examples"]["identical"] == [{"pair": 302, "score": None, "source": "a | b", "target": "a | b"}]
    worst, below, above = list(shown["examples"].values())[2:]
    shown_scores = [worst[0]["score"], worst[-1]["score"], below[-1]["score"], above[0]["score"]]
    assert shown_scores == sorted(shown_scores) and below[-1]["score"] <= round(found.threshold, 4)
    assert "a \\| b" in markdown(shown) and "<td dir=\"auto\">a | b</td>" in page(shown)


def test_lines_act_on_nothing_in_a_report(tmp_path):
    text, found = run(tmp_path, [*some_pairs(30), ("<b>\x1b[2J|`c` \u202e", "<b>\x1b[2J|`c` \u202e")])
    shown = facts(found, read_pairs(text), scored_by="<i>\x9b")
    for report in (markdown(shown), page(shown)):
        assert visible(report) == report and r"\u202e" in report and not re.search(r"(?<!\\)<[bi]>", report)


def test_an_empty_text(tmp_path):
    with pytest.raises(DataError, match="has no lines"):
        run(tmp_path, [])


def command(*options):
    return CliRunner().invoke(app, ["clean", *map(str, options)])


def test_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pairs, wrong = noisy(400)
    write(tmp_path, "a", [*pairs, ("", "x")])
    text = ("--source", "a.de", "--target", "a.en", "duplicates=false", "--no-near-duplicates")
    result = command(*text, "--output", "b.tsv.gz", "--scores", "s", "--report", "r.json", "--drop", "10%")
    assert result.exit_code == 0, result.stderr
    kept = list(read_pairs(ParallelText(tsv="b.tsv.gz")))
    scores = [line.split("\t") for line in (tmp_path / "s").read_text(encoding="utf-8").splitlines()]
    assert kept == [pair for pair, (reason, _) in zip(pairs, scores, strict=False) if reason == "kept"]
    assert len(kept) == 360 and scores[-1] == ["empty", "nan"]
    assert sum(reason == "low score" and bad for (reason, _), bad in zip(scores, wrong, strict=False)) >= 35
    assert json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["dropped"] == {"empty": 1, "low score": 40}
    result = command(*text, "--output-source", "c.de", "--output-target", "c.en", "--min-score", "-100")
    assert len(list(read_pairs(ParallelText(source="c.de", target="c.en")))) == 400
    assert result.stdout.startswith("# Cleaning report")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--output-source", "x"), "expected --output, or both"),
        (("--drop", "x"), "expected a share below 1, found x"),
        (("--drop", "5%", "--min-score", "1"), "exclude each other"), (("--model", "runs/x"), "--model needs --drop"),
        (("--report", "a.pdf"), 'unknown report format "a.pdf"'), (("--output", "a.de"), "both input and output"),
        (("--output", "x", "--scores", "x"), "same name"), (("max_words=0",), "data.cleaning"), (("x",), "key=value"),
    ],
)  # fmt: skip
def test_faults(tmp_path, monkeypatch, options, told):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "a", some_pairs(20))
    result = command("--source", "a.de", "--target", "a.en", *options)
    assert result.exit_code == 1 and told in result.stderr and "hint:" in result.stderr
