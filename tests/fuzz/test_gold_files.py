"""Gold alignments: any file gives links between words that there are, or a fault in one line."""

from damage import damaged
from hypothesis import given
from hypothesis import strategies as st
from law import holds, tries

from nmt.analysis.gold import read_gold

LENGTHS = [(3, 2), (2, 2), (1, 2)]
WHOLE = b"1-1 2p2 3-2\n\n1p2 1-2\n"
LINKS = [*["1-1", "1p2", "1-2"] * 9, "0-0", "2p2", "3-4", "1p5", "-1-1", "1-", "p", "٣-1", "9" * 30 + "-1"]
LINE = st.lists(st.sampled_from(LINKS), max_size=4)


@tries(60)
@given(damaged(WHOLE))
def test_bytes(tmp_path, content):
    check(tmp_path, content)


@tries(60)
@given(st.tuples(LINE, LINE, LINE))
def test_links(tmp_path, lines):
    check(tmp_path, "".join(" ".join(each) + "\n" for each in lines).encode())


def check(folder, content):
    (folder / "gold").write_bytes(content)
    gold = holds(lambda: read_gold(folder / "gold", LENGTHS), folder=folder)
    for (sources, targets), each in zip(LENGTHS, gold or (), strict=gold is not None):
        assert each.sure <= each.possible
        assert all(0 <= source < sources and 0 <= target < targets for source, target in each.possible)
