"""The study: every variant is a config that loads, and a difference is called sure only when no chance explains it."""

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts/study"))

import findings  # noqa: E402
from kinds import TABLES, Table, Variant, variants  # noqa: E402

from nmt import config as settings  # noqa: E402


@pytest.mark.parametrize("variant", variants(), ids=lambda variant: f"{variant.config}-{variant.name}")
def test_every_variant_can_be_trained(variant):
    arguments = variant.arguments(3)
    config = settings.load(ROOT / arguments[1], arguments[2:])
    assert config.training.seed == 3 and config.run == Path(variant.run(3)).absolute()


def test_variants_of_one_name_are_one():
    names = [(each.config, each.name) for each in variants()]
    assert len(set(names)) == len(names)


def test_every_kind_of_attention_is_studied():
    chosen = {setting for variant in variants() for setting in variant.settings}
    for name, usual in (("score", "additive"), ("weighting", "softmax"), ("scope", "global")):
        field = settings.AttentionRNNConfig.model_fields[name]
        values = set(field.annotation.__args__) - {usual}
        assert values <= {each.removeprefix(f"model.{name}=") for each in chosen}


@pytest.mark.parametrize(
    ("difference", "least", "p_values", "sure"),
    [
        (10.0, None, [0.001], False),  # nothing is known of seeds
        (10.0, 0.5, [], False),  # nor of sentences
        (2.0, 1.5, [0.01, 0.02, 0.03], True),
        (-2.0, 1.5, [0.01], True),
        (2.0, 1.5, [0.01, 0.02, 0.06], False),  # one test set's chance
        (1.2, 1.5, [0.01, 0.02, 0.03], False),  # less than what seeds do
    ],
)
def test_what_is_sure(difference, least, p_values, sure):
    assert findings.is_sure(difference, least, p_values) is sure


def test_the_deviation_between_seeds_is_that_of_all_variants_with_several():
    def runs(*scores):
        return {seed: {"bleu": score} for seed, score in enumerate(scores)}

    first, second, third = variants()[:3]
    assert findings.between_seeds({first: runs(20.0), second: runs(30.0)}) is None
    found = findings.between_seeds({first: runs(20.0, 22.0, 24.0), second: runs(30.0), third: runs(5.0, 7.0)})
    assert found == pytest.approx((((2 * 4.0 + 2.0) / 3) ** 0.5, 3))
    assert found.least(1, 3) == pytest.approx(3.18 * found.value * (4 / 3) ** 0.5)
    assert findings.Deviation(1.0, 1000).least(2, 2) == pytest.approx(2.23)


def test_the_report_of_what_is_finished(tmp_path):
    base, other, *_ = TABLES[1].variants
    lines = [f"a small line of text number {number}" for number in range(30)]
    for variant, worse in ((base, 0), (other, 20)):
        for seed in (1, 2):
            hypotheses = [line if number >= worse + seed else "nothing of it" for number, line in enumerate(lines)]
            facts = {"loss": 2.0 + worse, "bleu": 60.0 - worse + seed, "entropy": 1.5, "parameters": 2_000_000,
                     "hypotheses": hypotheses, "references": lines}  # fmt: skip
            path = findings.facts_path(tmp_path, variant, seed)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(facts), encoding="utf-8")
    text = findings.write(tmp_path, [1, 2, 3]).read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| dot ")]
    assert rows[0].startswith("| dot | score=dot | 2 | 2.00 M | 22.000 ± 0.000 | 41.50 ± 0.71 | -20.00 | 0.")
    assert rows[0].endswith(" | yes | 1.50 |") and text.startswith("Deviation between seeds: 0.71 BLEU (2 degrees")
    assert "## Attention RNN: scopes" in text and "| hard" not in text


def test_a_table_without_its_first_variant_is_left_out(tmp_path):
    assert findings.read(tmp_path, [1]) == {}
    assert isinstance(TABLES[0], Table) and isinstance(TABLES[0].variants[0], Variant)
