"""For all tests: what was left out is said loudly at the end, and tests that start whole systems run in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

LEFT_OUT = "LEFT OUT:"
"""How the reason of a skip starts where a server or Chromium is missing (`tests/servers.py`, `tests/browser/`)."""
ONE_LINE = {"flows", "faults", "browser"}
"""Folders whose tests start whole systems: one after the other, also under `pytest -n`."""


@pytest.hookimpl(wrapper=True, tryfirst=True)  # marks before pytest-xdist looks for them
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Puts the tests that start whole systems into one group for pytest-xdist (`--dist loadgroup`).

    A pytest in which the groups are silently forgotten is refused: every worker would start systems of its own.
    """
    root = Path(__file__).parent
    whole = []
    for item in items:
        if item.path.is_relative_to(root) and item.path.relative_to(root).parts[0] in ONE_LINE:
            item.add_marker(pytest.mark.xdist_group("whole-system"))
            whole.append(item)
    yield
    if getattr(config.option, "loadgroup", False) and any(not item.nodeid.endswith("@whole-system") for item in whole):
        raise pytest.UsageError("this pytest and this pytest-xdist do not group tests together: see requirements/")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Names each reason for which tests were left out, and how many."""
    reasons: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if LEFT_OUT in reason:
            reasons[reason.split(LEFT_OUT, 1)[1].strip()] += 1
    if not reasons:
        return
    terminalreporter.section("LEFT OUT ON THIS MACHINE", sep="!", red=True, bold=True)
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count} tests: {reason}", red=True)
    terminalreporter.write_line("All else ran. `.ci/run` requires these too.", red=True)
