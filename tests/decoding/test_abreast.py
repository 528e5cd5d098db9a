import threading

import pytest
import torch

from nmt.decoding.abreast import abreast

CPU = torch.device("cpu")


@pytest.fixture
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_items_meet_and_keep_their_order(three_threads):
    meeting = threading.Barrier(3, timeout=20)  # which nobody passes alone

    def work(item: int) -> tuple[int, int]:
        meeting.wait()
        return item, torch.get_num_threads()

    assert list(abreast(work, range(9), device=CPU)) == [(item, 1) for item in range(9)]
    assert torch.get_num_threads() == 3


def test_one_item_has_all_threads(three_threads):
    assert list(abreast(lambda _: torch.get_num_threads(), [0], device=CPU)) == [3]


def test_an_error_ends_it(three_threads):
    begun = []

    def work(item: int) -> None:
        begun.append(item)
        raise ValueError(item)

    with pytest.raises(ValueError, match="0"):
        list(abreast(work, range(10_000), device=CPU))
    assert len(begun) < 10_000 and torch.get_num_threads() == 3
