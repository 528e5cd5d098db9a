"""The survival test: what it asks, and what it counts."""

import json

import pytest

from nmt import train
from nmt.bundle import read
from nmt.data import spans
from nmt.evaluation import survival
from tests.toy_text import sentences, toy_config

PAIRS = [(f"Frau Meier{n} kam um {n}9.", f"Ms Meier{n} came at {n}9.") for n in range(1, 90)] + [("Ja.", "Yes.")] * 5


def test_every_kind_is_asked_for_alike_often_and_its_span_is_in_the_source():
    asked = survival.probes(PAIRS, most=10)
    kinds = ["placeholders", "urls", "emails", "numbers", "names"]
    assert [probe.kind for probe in asked] == [kind for kind in kinds for _ in range(10)]
    assert asked == survival.probes(iter(PAIRS), most=10) != survival.probes(PAIRS, most=10, seed=2)
    text = " ".join(side for pair in PAIRS for side in pair)
    for probe in asked:
        assert probe.source.count(probe.span) == 1 and probe.span not in text
        if probe.kind != "names":
            assert spans.find(probe.kind, probe.source)[-1 if probe.kind != "numbers" else 0] in probe.source


def test_pairs_without_names_get_spans_before_their_end():
    asked = survival.probes([("Ja, so.", "Yes.")] * 20, most=3)
    assert [probe.kind for probe in asked] == ["placeholders"] * 3 + ["urls"] * 3 + ["emails"] * 3
    assert all(probe.source == f"Ja, so {probe.span}." for probe in asked)
    assert survival.probes([("", "")]) == []


def test_a_rate_counts_the_translations_that_hold_the_span():
    asked = survival.probes(PAIRS, most=4)
    assert set(survival.measure(lambda lines: lines, asked).values()) == {survival.Rate(4, 4)}
    half = survival.measure(lambda lines: [line if n % 2 else "" for n, line in enumerate(lines)], asked)
    assert set(half.values()) == {survival.Rate(2, 4)}
    assert survival.shown(half).startswith("placeholders 50% of 4, urls 50% of 4")


@pytest.mark.parametrize("held_out", [False, True])
def test_a_run_is_measured_and_its_card_says_so(tmp_path, held_out):
    data = {"dev": {"held_out": 5}} if held_out else {}
    config = toy_config(tmp_path, sentences(40), data=data, model={"embedding": 8, "hidden": 8})
    settings = config.training.model_copy(update={"steps": 2, "evaluate_every": 2})
    folder = train(config.model_copy(update={"training": settings})).folder
    rates = survival.of_run(folder)
    card = read(folder).card
    assert {kind: (each["kept"], each["of"]) for kind, each in card["survival"].items()} == rates
    assert {"placeholders", "urls", "emails"} >= set(rates) and rates
    assert "came through unchanged: placeholders" in (folder / "model" / "README.md").read_text(encoding="utf-8")
    assert json.loads((folder / "model" / "card.json").read_text(encoding="utf-8"))["dev"] == card["dev"]
