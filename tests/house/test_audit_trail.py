"""No edge can forget the audit trail: what a request changes goes through `transaction` or `once` of shared/web.py."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EDGE = re.compile(r"(.*_)?(api|pages|edge)\.py")
OF_ITS_OWN = {
    "services/accounts/access/edge.py": "signing in counts tries first, and records what came of it by itself",
    "services/accounts/notices/edge.py": "only counts, before a code is mailed or tried",
}
"""File -> why it opens transactions of the database directly."""


def test_edges_change_things_in_transactions_that_are_recorded() -> None:
    edges = [path for path in (ROOT / "services").rglob("*.py") if EDGE.fullmatch(path.name)]
    assert len(edges) > 30
    direct = {
        str(path.relative_to(ROOT)) for path in edges if ".database.transaction(" in path.read_text(encoding="utf-8")
    }
    assert direct <= set(OF_ITS_OWN), "use `transaction`, `once`, or `counting` for what only counts tries"
