"""Gold alignments: their files, and the measures by hand."""

import numpy as np
import pytest

from nmt.analysis.gold import Gold, counts, errors, interval, read_gold
from nmt.errors import DataError

LENGTHS = [(3, 4), (2, 2)]


def written(tmp_path, *lines: str):
    path = tmp_path / "gold"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_the_definition_of_och_and_ney_by_hand():
    gold = Gold(sure={(0, 0), (1, 1)}, possible={(0, 0), (1, 1), (1, 2), (2, 2)})
    row = counts({(0, 0), (1, 2), (2, 0)}, gold)
    assert row == (3, 2, 1, 2)
    assert errors([row]) == pytest.approx((2 / 3, 1 / 2, 1 - (1 + 2) / (3 + 2)))
    other = counts({(0, 0)}, Gold({(0, 0)}, {(0, 0)}))
    assert errors([row, other]) == pytest.approx((3 / 4, 2 / 3, 1 - (2 + 3) / (4 + 3)))


def test_sure_links_alone_make_it_one_minus_f1():
    gold = {(0, 0), (1, 1), (2, 3)}
    found = errors([counts({(0, 0), (1, 2)}, Gold(gold, gold))])
    f1 = 2 * found.precision * found.recall / (found.precision + found.recall)
    assert found.error_rate == pytest.approx(1 - f1)


def test_the_ends_of_the_scale():
    gold = Gold({(0, 0)}, {(0, 0), (0, 1)})
    assert errors([counts({(0, 0)}, gold)]) == (1, 1, 0)
    assert errors([counts({(0, 0), (0, 1)}, gold)]) == (1, 1, 0)  # every sure link, and possible ones alone beside
    assert errors([counts({(1, 1)}, gold)]) == (0, 0, 1)
    assert errors([counts(set(), gold)]) == (1, 0, 1)
    assert errors([counts(set(), Gold(set(), set()))]) == (1, 1, 0)
    assert errors([]) == (1, 1, 0)


def test_the_interval_is_that_of_resampled_sentences():
    generator = np.random.default_rng(1)
    rows = [(10, 10, right, right) for right in generator.integers(4, 9, size=50).tolist()]
    low, high = interval(rows, resamples=500)
    assert low < errors(rows).error_rate < high
    deviation = np.std([1 - row[2] / 10 for row in rows]) / 50**0.5
    assert high - low == pytest.approx(2 * 1.96 * deviation, rel=0.2)
    assert interval(rows, resamples=500) == (low, high)
    assert interval(rows[:1] * 9, resamples=50) == pytest.approx([errors(rows[:1]).error_rate] * 2)


def test_sure_and_possible_links_counted_from_one(tmp_path):
    gold = read_gold(written(tmp_path, "1-1 3p4 2-2 ", ""), LENGTHS)
    assert gold == [Gold({(0, 0), (1, 1)}, {(0, 0), (1, 1), (2, 3)}), Gold(set(), set())]


def test_or_from_zero(tmp_path):
    gold = read_gold(written(tmp_path, "0-0 2p3", "1-1"), LENGTHS)
    assert gold == [Gold({(0, 0)}, {(0, 0), (2, 3)}), Gold({(1, 1)}, {(1, 1)})]


def test_where_nothing_tells_the_first_word_one_is_asked(tmp_path):
    path = written(tmp_path, "1-1 2-2", "1-1")
    with pytest.raises(DataError, match="0 or 1") as error:
        read_gold(path, LENGTHS)
    assert "--alignment-first" in error.value.hint
    assert read_gold(path, LENGTHS, first=0)[0].sure == {(1, 1), (2, 2)}
    assert read_gold(path, LENGTHS, first=1)[0].sure == {(0, 0), (1, 1)}
    assert read_gold(written(tmp_path, "", ""), LENGTHS) == [Gold(set(), set())] * 2


@pytest.mark.parametrize(
    ("lines", "told", "hint"),
    [
        (["1-1"], "has 1 lines but there are 2 pairs", "line n"),
        (["1-1", "", ""], "has 3 lines", "line n"),
        (["1-1", "2-2 1:1"], "gold:2: '1:1' is no link", "ipj"),
        (["1-1", "1-"], "gold:2: '1-' is no link", "ipj"),
        (["-1-2", "1-1"], "gold:1: '-1-2' is no link", "ipj"),
        (["1-1", "3-1"], "gold:2: 3-1, but the source has 2 words and the target 2", "begin at 1"),
        (["1-1 3-5", "2-2"], "gold:1: 3-5, but the source has 3 words and the target 4", "begin at 1"),
        (["0-0", "2p1"], "gold:2: 2p1, but", "begin at 0"),
        (["1-1 4-3", "2-2"], "gold:1: 4-3, but", "source first"),
    ],
)
def test_a_fault_names_its_line(tmp_path, lines, told, hint):
    with pytest.raises(DataError) as error:
        read_gold(written(tmp_path, *lines), LENGTHS)
    assert told in error.value.message and hint in error.value.hint
