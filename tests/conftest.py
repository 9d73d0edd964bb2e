"""For all tests: what was left out is said loudly at the end, and tests that start whole systems run in one line."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

LEFT_OUT = "LEFT OUT:"
"""How the reason of a skip starts where a server or Chromium is missing (`tests/servers.py`, `tests/browser/`)."""
ONE_LINE = {"flows", "faults", "browser"}
"""Folders whose tests start whole systems: one after the other, also under `pytest -n`."""


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks for the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the tests that start whole systems into one group for pytest-xdist (`--dist loadgroup`)."""
    root = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(root) and item.path.relative_to(root).parts[0] in ONE_LINE:
            item.add_marker(pytest.mark.xdist_group("whole-system"))


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
