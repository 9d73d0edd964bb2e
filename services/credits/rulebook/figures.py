"""The figures of an edition that the provincial office may change, as pure functions over its content in JSON.

Every figure has a key, which is also the name of its fields in the form: `minimums.coordinated`, `rates.county.online`,
`awards.degree_upgrade.any.master`. Those that nobody knows yet (U-01 …) have a key as well and no value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import product
from typing import Any

from marshmallow import ValidationError

from services.credits import words
from services.credits.clause_schemas import LEVELS, MODES
from services.credits.edition_files import edition_from
from shared.tables import flatten

Content = dict[str, Any]
GRADES = ["A", "A-", "B", "C"]
MOST = Decimal(1000)
ANY = "any"
"""An award of every level, or of every rank."""
LEVEL_TITLES = {
    "national": "国家级", "provincial": "省级", "district": "设区市级", "county": "县级", "school": "校级",
}  # fmt: skip
RANK_TITLES = {
    "bachelor": "本科", "master": "硕士", "doctor": "博士", "first": "一等奖", "second": "二等奖", "third": "三等奖",
    "other": "其他奖项", "host": "主持人", "member": "参与者",
}  # fmt: skip
MINIMUMS = {
    "coordinated": ("统筹培训每周期", "R-03"),
    "self_organized": ("自主培训每周期", "R-04"),
    "total": ("合计每周期", "R-02"),
    "per_year": ("每学年", "R-08"),
}
ALL = [(ANY, ANY)]
"""One figure for all of a category."""
ASKED: dict[str, list[tuple[str, str]]] = {
    "degree_upgrade": [(ANY, rank) for rank in ("bachelor", "master", "doctor")],
    "competition_award": list(product(LEVELS[:-1], ("first", "second", "third", "other"))),
    "pre_service_teaching_duty": ALL,
    "in_service_training_duty": ALL,
    "research_project": [*ALL, *product(LEVELS[:-1], ("host", "member"))],
    "studio_two_years": [*ALL, *product(LEVELS, (ANY,))],
    "paper": [*ALL, *product(LEVELS[:2], (ANY,))],
}
"""Category -> (level, rank) of what may be claimed (U-03 to U-06): its table may name each, or one for all."""
TIMED = {"full_staff_training": ("全员培训", "1.3")}
"""Open categories whose hours convert once their ceiling is known (U-02)."""
CEILINGS = TIMED | {"competition_award": ("专业竞赛获奖", "R-55")}
"""Categories that may get a ceiling that nobody knows yet (U-02, U-04)."""
SHARES = {
    "national_provincial": ("国培、省培", ["national", "provincial"]),
    "district": ("设区市级", ["district"]),
    "county": ("县级", ["county"]),
}
"""Parts of the coordinated credits by level (U-01)."""


SOURCES = {
    "NEWS-2018": "2018 年新闻报道摘要",
    "YUJIANG": "余江区文件",
    "TRIAL": "试行办法",
    "REVISED": "修订办法",
    "I-": "暂定的理解",
}
"""What the files of the release name as sources, in words."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One figure that may be changed."""

    key: str
    section: str
    title: str
    unit: str
    rule: str
    present: Mapping[str, Any] | None
    """`value`, `rule`, `grade`, `source`; None: not known yet."""

    @property
    def value(self) -> str:
        """The figure as somebody would type it; empty where it is not known."""
        return words.plain(Decimal(str(self.present["value"]))) if self.present else ""

    @property
    def source(self) -> str:
        """Where the figure comes from, in words."""
        return said(str(self.present["source"])) if self.present else ""


def said(source: str) -> str:
    """A source of the release in words; what the office has typed is in words already."""
    found: list[str] = []
    for name, number in re.findall(r"\b(FAQ-Q|NEWS-2018|YUJIANG|TRIAL|REVISED|I-)(\d*)", source):
        told = f"问答第 {number} 问" if name == "FAQ-Q" else SOURCES[name]
        found += [told] if told not in found else []
    return "、".join(found) or source


def slots(content: Content) -> list[Slot]:
    """Every figure of an edition, in the order of its file."""
    return list(_slots(content))


def _slots(content: Content) -> Iterator[Slot]:
    minimums = content.get("minimums", {})
    for name, (title, rule) in MINIMUMS.items():
        yield _slot(f"minimums.{name}", "最低要求", title, "学分", rule, minimums.get(name))
    yield from _shares(content)
    rates = {(rate["level"], rate["mode"]): rate["hours_per_credit"] for rate in content.get("rates", [])}
    for level in LEVELS[:-1]:
        for mode in MODES:
            title = f"{LEVEL_TITLES[level]}{words.MODES[mode]}"
            yield _slot(f"rates.{level}.{mode}", "学时折算", title, "学时/学分", "R-22", rates.get((level, mode)))
    yield _slot(
        "plan_rate_floor", "学时折算", "校本研修（不低于）", "学时/学分", "R-24", content.get("plan_rate_floor")
    )
    for item in content.get("items", []):
        for name, title in (("needed", f"{item['title']}一学年满"), ("credit", f"{item['title']}计")):
            unit = item["unit"] if name == "needed" else "学分"
            yield _slot(f"items.{item['category']}.{name}", "计次事项", title, unit, "FAQ-Q9", item.get(name))
    yield from _ceilings(content)
    yield from _awards(content)


def _shares(content: Content) -> Iterator[Slot]:
    known = {
        (partition["id"], group["id"]): (f"{partition['title']}：{group['title']}", group["minimum"])
        for partition in content.get("partitions", [])
        for group in partition["groups"]
    }
    asked = {("levels", name): (f"统筹培训分级：{title}", None) for name, (title, _) in SHARES.items()}
    for (partition_id, group_id), (title, minimum) in (asked | known).items():
        yield _slot(f"partitions.{partition_id}.{group_id}", "最低要求", title, "学分", "R-07", minimum)


def _ceilings(content: Content) -> Iterator[Slot]:
    pots = {pot["id"]: pot for pot in content.get("pots", [])}
    ruled = {category for pot in pots.values() for category in pot["categories"]}
    for category, (title, rule) in CEILINGS.items():
        if category not in ruled:
            pots[category] = {"title": title, "rule": rule}
    for name, pot in pots.items():
        for cap, span in (("cap_year", "每学年"), ("cap_cycle", "每周期")):
            rule = pot.get("rule", "R-52")
            yield _slot(f"pots.{name}.{cap}", "上限", f"{pot['title']}{span}", "学分", rule, pot.get(cap))


def _awards(content: Content) -> Iterator[Slot]:
    every = {(category, *asked): None for category in ASKED for asked in ASKED[category]} | _awarded(content)
    for category, level, rank in sorted(every, key=lambda one: one[0]):
        of = [LEVEL_TITLES.get(level, level)] * (level != ANY) + [RANK_TITLES.get(rank, rank)] * (rank != ANY)
        title = " ".join([words.category(category), *of])
        rule = "R-55" if category in content.get("offsets", []) else "R-56"
        key = f"awards.{category}.{level}.{rank}"
        yield _slot(key, "冲抵与认定", title, "学分", rule, every[category, level, rank])


def _awarded(content: Content) -> dict[tuple[str, str, str], Mapping[str, Any] | None]:
    """(category, level, rank) -> the credits of the awards that are known."""
    awards = content.get("awards", [])
    return {(one["category"], one.get("level", ANY), one.get("rank", ANY)): one["credits"] for one in awards}


def _slot(key: str, section: str, title: str, unit: str, rule: str, present: Mapping[str, Any] | None) -> Slot:
    return Slot(key, section, title, unit, str(present["rule"]) if present else rule, present)


def faults(content: Content, typed: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]]:
    """What is wrong with typed figures (`value`, `source`, `grade`), by the name of the field."""
    known, wrong = {slot.key: slot for slot in slots(content)}, dict[str, list[str]]()
    for key, figure in typed.items():
        slot = known.get(key)
        if slot is None:
            wrong[f"{key}.value"] = ["这个版本没有这一项。"]
            continue
        value = figure.get("value", "")
        if value and (sentence := _value_fault(key, value)):
            wrong[f"{key}.value"] = [sentence]
        if not value and slot.present is not None and not _may_be_withdrawn(key):
            wrong[f"{key}.value"] = ["已有数值的项目不能留空；请填写新的数值。"]
        if not value and slot.present is None:
            wrong[f"{key}.value"] = ["这一项本来未知，请填写数值；仍未公布的，这一项不用提交。"]
        source = figure.get("source", "").strip()
        if len(source) < 2 or len(source) > 200:
            wrong[f"{key}.source"] = ["请写明依据（文号和条款，2 至 200 字）。"]
        elif slot.present is not None and source in (slot.present["source"], slot.source):
            wrong[f"{key}.source"] = ["仍是原数值的依据；请写明新数值的依据。"]
        if figure.get("grade") not in GRADES:
            wrong[f"{key}.grade"] = ["请选择依据等级。"]
    return wrong


def _may_be_withdrawn(key: str) -> bool:
    """Whether a known figure may become unknown again: not where hours convert because it is known."""
    kind, name = key.split(".")[:2] if "." in key else (key, "")
    return kind == "minimums" or (kind == "pots" and name not in TIMED)


def _value_fault(key: str, value: str) -> str | None:
    try:
        number = Decimal(value)
    except InvalidOperation:
        return "应为数字，如 7.5。"
    if not number.is_finite() or not 0 <= number <= MOST or number * 100 != (number * 100).to_integral_value():
        return f"应在 0 至 {MOST} 之间，最多两位小数。"
    if number == 0 and key.startswith(("rates.", "plan_rate_floor", "items.")):
        return "应大于 0。"
    if key.endswith(".needed") and number != number.to_integral_value():
        return "应为整数。"
    return None


def applied(content: Content, figures: Mapping[str, Mapping[str, str]]) -> Content:
    """The content with changed figures; one without a value is taken out: it is then not known."""
    made, known = deepcopy(content), {slot.key: slot for slot in slots(content)}
    for key, figure in figures.items():
        told = None
        if figure["value"]:
            value = words.plain(Decimal(figure["value"]))
            told = {"value": value, "rule": known[key].rule, "grade": figure["grade"], "source": figure["source"]}
        _put(made, key, told)
    still_open = [one for one in made.get("undetermined", []) if not _is_settled(made, one["category"])]
    return made | {"undetermined": still_open}


def _is_settled(content: Content, category: str) -> bool:
    """Whether nothing that is asked of an open category is unknown any more: one for all may be told, or each."""
    if category in TIMED:
        mine = (pot for pot in content.get("pots", []) if category in pot["categories"])
        return any("cap_year" in pot or "cap_cycle" in pot for pot in mine)
    known = {(level, rank) for of, level, rank in _awarded(content) if of == category}
    each = [place for place in ASKED.get(category, ALL) if place not in ALL] or ALL
    return all(known & {(level, rank), (ANY, rank), (level, ANY), (ANY, ANY)} for level, rank in each)


def checked(content: Content) -> dict[str, list[str]]:
    """What does not fit together in a whole edition, by key; empty: it may come into force."""
    try:
        edition_from(content)
    except ValidationError as error:
        found: dict[str, list[str]] = {}
        for place, sentence in flatten(error.messages):
            found.setdefault(place, []).append(sentence)
        return found
    return {}


def changes(content: Content, figures: Mapping[str, Mapping[str, str]]) -> list[dict[str, str]]:
    """What was changed, for people: title, before, after, unit, grade, source."""
    return [
        {
            "key": slot.key,
            "title": f"{slot.section} · {slot.title}",
            "before": slot.value or "未知",
            "after": figures[slot.key]["value"] or "未知",
            "unit": slot.unit,
            "grade": figures[slot.key]["grade"],
            "source": figures[slot.key]["source"],
        }
        for slot in slots(content)
        if slot.key in figures
    ]


def _put(content: Content, key: str, figure: dict[str, Any] | None) -> None:
    kind, *place = key.split(".", 3)
    if kind == "plan_rate_floor":
        _set(content, kind, figure)
    elif kind == "minimums":
        _set(content.setdefault("minimums", {}), place[0], figure)
    elif kind == "rates":
        _row(content, "rates", {"level": place[0], "mode": place[1]})["hours_per_credit"] = figure
    elif kind == "items":
        _row(content, "items", {"category": place[0]})[place[1]] = figure
    elif kind == "pots":
        pot = _row(content, "pots", {"id": place[0]})
        pot.setdefault("title", CEILINGS.get(place[0], (place[0], ""))[0])
        pot.setdefault("categories", [place[0]])
        flag = pot.get(place[1], {}).get("flag") or f"CAPPED_{place[0]}_{place[1].removeprefix('cap_')}".upper()
        _set(pot, place[1], figure and figure | {"flag": flag})
    elif kind == "awards":
        names = {name: told for name, told in (("level", place[1]), ("rank", place[2])) if told != ANY}
        _row(content, "awards", {"category": place[0], **names})["credits"] = figure
    elif kind == "partitions":
        _share(content, place[0], place[1])["minimum"] = figure


def _share(content: Content, partition_id: str, group_id: str) -> dict[str, Any]:
    partition = _row(content, "partitions", {"id": partition_id})
    if "groups" not in partition:
        partition |= {"title": "统筹培训分级", "bucket": "coordinated", "groups": []}
    group = _row(partition, "groups", {"id": group_id})
    if "title" not in group:
        title, levels = SHARES[group_id]
        group |= {"title": title, "levels": levels}
    return group


def _row(content: Content, table: str, names: dict[str, str]) -> dict[str, Any]:
    """The row of a table that has exactly these names; a new one where there is none."""
    rows: list[dict[str, Any]] = content.setdefault(table, [])
    told = {"category", "level", "mode", "rank", "id"}
    for row in rows:
        if {key: value for key, value in row.items() if key in told} == names:
            return row
    rows.append(dict(names))
    return rows[-1]


def _set(table: dict[str, Any], name: str, figure: dict[str, Any] | None) -> None:
    if figure is None:
        table.pop(name, None)
    else:
        table[name] = figure
