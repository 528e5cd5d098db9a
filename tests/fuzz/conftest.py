"""Says at the end how many cases were tried, also when several processes tried them."""

import pytest

pytest.register_assert_rewrite("law")

import law  # noqa: E402 (after its assertions are made to explain themselves)


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["cases"] = dict(law.COUNTS)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    law.COUNTS.update(getattr(node, "workeroutput", {}).get("cases", {}))


def pytest_terminal_summary(terminalreporter):
    cases, refused = law.COUNTS["cases"], law.COUNTS["refused"]
    if cases:
        again = f"; NMT_FUZZ_SEED={law.SEED} repeats them" if law.LONG else ""
        terminalreporter.write_line(f"bad input: {cases:,} cases tried, {refused:,} of them refused{again}")
