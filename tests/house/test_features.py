"""`docs/features.md`: every promised row names its tests, and every named test exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs" / "features.md"
PROMISED = (
    *(f"N{number}" for number in (*range(1, 9), 15, 19, 22, 27, 28, 31, 42, 45, 46)),
    *(f"T{number}" for number in (*range(1, 14), 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 26)),
    *(f"A{number}" for number in range(1, 19)),
    *(f"B{number}" for number in (*range(1, 9), *range(10, 15), 16)),
    "C10",
    *(f"C{number}" for number in (1, 4, 5, 6, 14, 15)),
    *(f"F{number}" for number in (*range(1, 12), 13, 14, 15)),
    *(f"FAQ-Q{number}" for number in (1, 2, 5, 6, *range(8, 22))),
)


def rows() -> dict[str, list[tuple[str, str]]]:
    """Row -> its tests as (file, name)."""
    found = {}
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if re.fullmatch(r"[A-Z]\d+|FAQ-Q\d+", cells[0]):
            assert cells[0] not in found, f"{cells[0]} has two rows"
            found[cells[0]] = re.findall(r"`([\w/.]+)::(\w+)`", cells[-1])
    return found


@cache
def names_in(file: str) -> frozenset[str]:
    """Names of the test functions of a file; none where it is missing."""
    path = ROOT / file
    tree = ast.parse(path.read_text(encoding="utf-8")) if path.exists() else ast.Module([], [])
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def test_every_promised_row_is_there() -> None:
    assert set(rows()) == set(PROMISED)


@pytest.mark.parametrize("row", PROMISED)
def test_its_tests_exist(row: str) -> None:
    named = rows().get(row, [])
    assert named, f"{row} names no test"
    missing = [f"{file}::{name}" for file, name in named if not name.startswith("test_") or name not in names_in(file)]
    assert not missing, f"{row} names what is not there: {missing}"
