"""Signals are held back, delivered once the work is safe, and a second one is not held back."""

import signal
import threading
import time

import pytest

from nmt.training.interrupt import holding_signals


def test_a_signal_waits_for_its_delivery():
    done = []
    with pytest.raises(KeyboardInterrupt), holding_signals() as guard:
        signal.raise_signal(signal.SIGINT)
        done.append("the work")
        assert guard.pending == signal.SIGINT
        guard.deliver()
    assert done == ["the work"]


def test_the_handlers_are_put_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with holding_signals():
        assert signal.getsignal(signal.SIGINT) is not before[0]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_the_second_signal_is_in_earnest():
    with pytest.raises(KeyboardInterrupt), holding_signals():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("the second signal did not stop the work")


def test_what_another_process_heard_is_not_the_first_signal_of_this_one():
    done = []
    with pytest.raises(KeyboardInterrupt), holding_signals() as guard:
        guard.pending = signal.SIGINT  # as the other ranks tell
        signal.raise_signal(signal.SIGINT)
        done.append("saved")
        signal.raise_signal(signal.SIGINT)
        pytest.fail("the second signal did not stop the work")
    assert done == ["saved"]


def test_an_echo_is_no_second_signal():
    done = []
    with pytest.raises(KeyboardInterrupt), holding_signals() as guard:
        guard.echo = 0.2
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        done.append("saved")
        time.sleep(0.25)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("the second signal did not stop the work")
    assert done == ["saved"]


def test_a_block_that_leaves_nothing_half_done_is_stopped_at_once():
    with pytest.raises(KeyboardInterrupt), holding_signals() as guard, guard.at_once():
        signal.raise_signal(signal.SIGINT)
        pytest.fail("the signal was held back")


def test_a_signal_that_is_pending_stops_such_a_block_before_it_begins():
    with pytest.raises(KeyboardInterrupt), holding_signals() as guard:
        signal.raise_signal(signal.SIGINT)
        with guard.at_once():
            pytest.fail("the block began")


def test_such_a_block_is_left_before_the_handler_has_its_way():
    """So that the work can be saved whatever the handler does: it may end the program."""

    def leave(*_):
        raise SystemExit

    saved, before = [], signal.signal(signal.SIGTERM, leave)
    try:
        with pytest.raises(SystemExit), holding_signals() as guard:
            try:
                with guard.at_once():
                    signal.raise_signal(signal.SIGTERM)
            except KeyboardInterrupt:
                saved.append(True)
                guard.deliver()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert saved == [True]


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with holding_signals() as guard:
            signal.raise_signal(signal.SIGINT)
        assert guard.pending is None and signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_what_another_rank_heard_and_this_one_ignores_ends_it_all_the_same():
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with pytest.raises(KeyboardInterrupt), holding_signals() as guard:
            guard.pending = signal.SIGTERM
            guard.deliver()
    finally:
        signal.signal(signal.SIGTERM, before)


def test_each_signal_goes_to_its_own_handler():
    class Terminated(KeyboardInterrupt):
        pass

    def terminate(*_):
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        with pytest.raises(Terminated), holding_signals() as guard:
            signal.raise_signal(signal.SIGTERM)
            guard.deliver()
    finally:
        signal.signal(signal.SIGTERM, before)


def test_other_threads_get_no_signals_and_change_no_handlers():
    seen = []

    def work():
        with holding_signals() as guard:
            seen.append((signal.getsignal(signal.SIGINT), guard.pending))

    handler = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(handler, None)]
