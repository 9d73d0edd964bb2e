"""Whether the figures of an edition can all be asked for at once, as a pure function over its content in JSON.

Asked of what the office fills in, not of what is read: an edition that was published goes on holding as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from services.credits.rulebook.figures import MINIMUMS
from services.credits.rules import ZERO
from services.credits.words import plain

PARTS = ("coordinated", "self_organized")


def contradictions(content: dict[str, Any]) -> dict[str, list[str]]:
    """What asks for more than the whole of which it is a part, by the name of the field; empty: nothing does."""
    asked = {name: Decimal(str(one["value"])) for name, one in content.get("minimums", {}).items()}
    return {f"{key}.value": [sentence] for key, sentence in [*_of_totals(asked), *_of_shares(content, asked)]}


def _of_totals(asked: dict[str, Decimal]) -> Iterator[tuple[str, str]]:
    if "total" not in asked:
        return
    total, parts = asked["total"], sum((asked.get(name, ZERO) for name in PARTS), ZERO)
    if parts > total:
        yield "minimums.total", f"合计 {plain(total)} 学分低于统筹与自主之和 {plain(parts)} 学分，请一并核对三项数值。"
    if asked.get("per_year", total) > total:
        yield "minimums.per_year", f"一学年不能超过合计每周期的 {plain(total)} 学分，请核对。"


def _of_shares(content: dict[str, Any], asked: dict[str, Decimal]) -> Iterator[tuple[str, str]]:
    """Parts by level or category share nothing, so together they need what they are parts of."""
    for partition in content.get("partitions", []):
        whole = partition.get("bucket", "total")
        shares = {group["id"]: Decimal(str(group["minimum"]["value"])) for group in partition["groups"]}
        most, together = max(shares, key=lambda name: shares[name]), sum(shares.values(), ZERO)
        if whole in asked and together > asked[whole]:
            limit = f"{MINIMUMS[whole][0]}的 {plain(asked[whole])} 学分"
            sentence = f"“{partition['title']}”各部分共 {plain(together)} 学分，超过{limit}，请核对。"
            yield f"partitions.{partition['id']}.{most}", sentence
