"""Worked examples of the rules through the rules of both services: what each comes to, and where it differs.

No service may import another, so what each says of a case is brought together here, by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

REMARKS = ("ANNUAL_MIN_NOT_MET",)
"""Marks that may stand beside any case (R-08, I-12): an example that expects none is not about them."""


class CaseFileError(Exception):
    """A file that is no list of cases; the message says what to do."""


def evaluate_file(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """What every case comes to, in the order of the file, and each difference from its `expected` in a line.

    A case that cannot be read has `error` instead. Raises `CaseFileError`.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CaseFileError(f"{path.name}：不是可读的 YAML 文件（{error}）。") from error
    cases = content.get("cases") if isinstance(content, dict) else None
    if not isinstance(cases, list) or not all(isinstance(case, dict) for case in cases):
        raise CaseFileError(f"{path.name}：应有 cases 列表，每例一个对象。")
    found, differences = [], list[str]()
    for number, case in enumerate(cases):
        result = {"id": str(case.get("id", number)), **_evaluated(case, content.get("defaults") or {})}
        found.append(result)
        differences += [f"{result['id']}：{line}" for line in _compared(case, result)]
    return found, differences


def _evaluated(case: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    try:
        credits: dict[str, Any] = import_module("services.credits.case_files").evaluate(case, defaults)
        plans: dict[str, Any] = import_module("services.plans.evaluation").decide(case)
    except ValueError as error:
        return {"error": str(error)}
    flags = [*credits.get("flags", []), *(flag for flag in plans.get("flags", []))]
    return credits | plans | {"flags": flags}


def _compared(case: Mapping[str, Any], result: Mapping[str, Any]) -> Iterator[str]:
    if "error" in result:
        yield str(result["error"])
        return
    expected = dict(case.get("expected") or {})
    flags = expected.pop("flags", None)
    yield from _differ("", expected, result)
    if flags is not None:
        lacking = [flag for flag in flags if flag not in result["flags"]]
        beyond = [flag for flag in result["flags"] if not flags and not flag.startswith(REMARKS)]
        if lacking or beyond:
            yield f"flags：应为 {flags}，实为 {result['flags']}"
    for number, step in enumerate(case.get("steps") or []):
        if "expect_credits" in step and step["expect_credits"] != result["steps"][number]:
            yield f"steps.{number}：应为 {step['expect_credits']}，实为 {result['steps'][number]}"


def _differ(where: str, expected: Any, found: Any) -> Iterator[str]:
    """Every leaf that is not as expected; what an example does not name is not compared."""
    if isinstance(expected, Mapping):
        for key, value in expected.items():
            inside = found.get(str(key)) if isinstance(found, Mapping) else None
            yield from _differ(f"{where}.{key}" if where else str(key), value, inside)
        return
    expected = expected.isoformat() if isinstance(expected, date) else expected
    if expected != found:
        yield f"{where}：应为 {expected}，实为 {found}"
