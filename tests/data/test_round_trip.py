"""The ceiling: what a tokenizer makes of its own references, and why."""

import json
import random

import pytest
from toy_text import sentences, toy_config, write

from nmt.config import TokenizerConfig
from nmt.data.prepare import prepare
from nmt.data.report import Report
from nmt.data.round_trip import round_trip
from nmt.data.tokenizer import Tokenizer
from nmt.data.tokenizer_training import train_tokenizer

PERSIAN = ["او می‌خواهد به خانه برود", "این کتاب‌ها را می‌خوانیم", "سلام دنیا"]
LETTERS = "ab  ▁\t\r\u00a0\u2028éÉ😀\0\x85\u3000漢\ufeff\u200d\u200c<s/>⁇\u0301ﬁ.ำ"


def trained(rule: str, lines=PERSIAN, **settings) -> Tokenizer:
    config = TokenizerConfig(**{"vocabulary": 400, "target_normalisation": rule, **settings})
    return train_tokenizer(lines * 10, config, shrink=True)


def test_a_tokenizer_that_keeps_the_spelling():
    found = round_trip(trained("identity"), PERSIAN)
    assert found == (3, 3, 100.0, ()) and found.warnings() == []


def test_the_lost_joiner_is_named_with_its_lines():
    found = round_trip(trained("nmt_nfkc"), PERSIAN)
    assert (found.lines, found.identical) == (3, 1) and 0 < found.bleu < 99.5
    (cause,) = found.causes
    assert (cause.name, cause.kinds) == ("normalisation", 1)
    assert cause.changes[0][:3] == ("\u200c", " ", 2)
    (warning,) = found.warnings()
    assert "U+200C ZERO WIDTH NON-JOINER becomes U+0020 SPACE in 2 lines" in warning
    assert "می‌خواهد" in warning and "tokenizer.target_normalisation: identity" in warning


def test_unknown_characters_are_named():
    found = round_trip(trained("identity", ["abc abd"], byte_fallback=False), ["abc", "a漢b 漢", "é"])
    assert found.identical == 1
    (warning,) = found.warnings()
    assert "漢 (U+6F22 CJK UNIFIED IDEOGRAPH-6F22) is lost in 1 line" in warning and "byte_fallback" in warning


def test_blanks_are_named_and_cost_nothing():
    found = round_trip(trained("identity", ["one two three four five"]), [" one  two three four five "])
    assert (found.identical, found.bleu) == (0, pytest.approx(100))
    assert [cause.name for cause in found.causes] == ["blanks"] and len(found.warnings()) == 1


@pytest.mark.parametrize("rule", ["identity", "nfc", "nfc_folded", "nfkc", "nmt_nfkc", "nmt_nfkc_cf"])
@pytest.mark.parametrize("byte_fallback", [True, False])
def test_every_changed_line_has_a_cause(rule, byte_fallback):
    tokenizer, chance = trained(rule, byte_fallback=byte_fallback), random.Random(3)
    for _ in range(300):
        line = "".join(chance.choices(LETTERS, k=chance.randint(0, 8)))
        found = round_trip(tokenizer, [line])
        assert bool(found.causes) is (found.identical == 0), ascii(line)
        assert found.bleu == 100 or not found.identical


def test_the_report_of_prepare_holds_it(tmp_path):
    pairs = [(source, target.replace(" ", "\u200c", 1)) for source, target in sentences(80)]
    dev = write(tmp_path, "other", pairs[:20])
    for rule, ceiling in (("identity", "100.0"), ("nmt_nfkc", None)):
        config = toy_config(tmp_path, pairs, data={"dev": dev}, tokenizer={"target_normalisation": rule})
        report = prepare(config).report
        assert Report.of_json(json.loads(json.dumps(report.to_json()))) == report
        row = next(line for line in report.lines() if line.startswith("ceiling, BLEU"))
        assert (row.split()[-1] == ceiling) is (rule == "identity")
        warned = [line for line in report.warnings() if "U+200C ZERO WIDTH NON-JOINER" in line]
        assert bool(warned) is (rule == "nmt_nfkc") and report.round_trip.lines == 20


def test_no_character_of_a_warning_moves_the_cursor():
    found = round_trip(trained("nmt_nfkc", ["one two"]), ["one\x1b[2Jtwo\x07"] * 3)
    assert found.warnings() and not any(each in "\x1b\x07" for each in "".join(found.warnings()))
