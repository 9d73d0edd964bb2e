"""The rules of conversion as pure functions: what a result comes to, and which part of it a ceiling cuts off.

Every figure comes from an edition; rule numbers are those of `spec/policy.md`. How a cycle is judged: `judgement.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from services.credits import words
from services.credits.clauses import Award, Item, PlanNeeded
from services.credits.editions import Cycle, Edition, Overlay
from shared.errors import PolicyPending
from shared.events.plans import Bucket, ProjectFacts

ZERO = Decimal("0.0")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFacts:
    """One audited result, or one recognised claim, with what is known of it, as conversion needs it."""

    category: str
    bucket: Bucket
    level: str = ""
    """Training level; empty where there is none, as of a degree."""
    hours: Decimal = ZERO
    passed: bool = True
    mode: str = ""
    convert: bool = True
    plan_status: str | None = None
    """None: there is no plan."""
    plan_hours_per_credit: Decimal | None = None
    programme: str | None = None
    """A special programme that an overlay may treat otherwise, for example `headmaster` (R-25)."""
    records: bool = True
    """Whether the process records are complete (FAQ-Q9)."""
    educational: bool = True
    """Whether it is about education and teaching (教育教学类; the revised edition's Art. 4, I-14)."""
    organizer: str = "school"
    """Kind of the organiser where an edition looks at it, for example `school_development_community`."""
    count: int | None = None
    """Of what is counted, not timed: lessons, classes, lectures."""
    rank: str | None = None
    """Of an award: the prize won, the role taken."""
    shared_by: int = 1
    """How many did it together."""
    given: Decimal | None = None
    """Credits that the organiser, or who recognised the claim, has fixed; None: they are worked out."""
    obtained_on: date | None = None
    """Of a certificate: its date."""
    appointed_on: date | None = None
    """Formal appointment of the person; None: not known to be in the trial period."""
    in_probation: bool = False
    """Still in the trial period."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """What a result comes to, and the sentence that says why."""

    amount: Decimal | None
    """Credits, before any ceiling; None: not known until the province decides (待定)."""
    rule: str
    sentence: str
    flag: str | None = None
    overlay: str | None = None
    units: int | None = None
    """Of an item: what it adds to what its school year needs."""


def conversion(
    facts: ResultFacts, edition: Edition | None, overlay: Overlay | None = None, cycle: Cycle | None = None
) -> Conversion:
    """Hours to credits: proportional, one decimal, halves up (I-04); 0 or 待定 always with a sentence.

    `cycle`: the one in which it is to count; only what has a window asks for it (FAQ-Q5).

    A project published without 折算 yields 0 until the project is corrected (R-27, FAQ-Q1, N6).
    """
    if edition is None:
        return Conversion(None, "R-01", "培训日期不在任何已施行的学分规则之内，暂不折算，待核对")
    refused = refusal(facts, edition, cycle)
    if refused is not None:
        return refused
    try:
        return _convert(facts, edition, overlay)
    except PolicyPending as pending:
        rule = str(pending.extra.get("rule", ""))
        sentence = f"{pending.detail}，暂不折算，待定；规则：{edition.title}"
        return Conversion(None, rule, sentence, "PENDING_RATE")


def refusal(facts: ResultFacts, edition: Edition, cycle: Cycle | None = None) -> Conversion | None:
    """The zero that a result comes to whatever its hours, or None where it may count."""
    if not facts.convert:
        return Conversion(
            ZERO, "R-27",
            "项目未选择折算，未产生学分；发布单位在项目页面更正后自动补记，无需取消审核（问答第 1 问）",
            "CONVERSION_NOT_CHOSEN",
        )  # fmt: skip
    if not facts.passed:
        return Conversion(ZERO, "R-23", "考核不合格，不折算学分", "NOT_PASSED")
    for excluded in edition.excluded:
        told = {"category": facts.category, "educational": facts.educational, "organizer": facts.organizer}
        if all(told[name] == value for name, value in excluded.when.items()):
            return Conversion(ZERO, excluded.rule, f"{excluded.words}{words.basis(excluded.source)}", excluded.flag)
    return _without_basis(facts, edition) or _outside_window(facts, edition, cycle)


def _without_basis(facts: ResultFacts, edition: Edition) -> Conversion | None:
    """A plan that is missing or not passed, or a plan without process records."""
    for needed in edition.plans_needed:
        if not _concerns(needed, facts):
            continue
        mark = needed.records if not facts.records else None
        if facts.plan_status not in needed.states:
            mark = needed.missing if facts.plan_status is None else needed.not_passed
        if mark is not None:
            return Conversion(ZERO, needed.rule, f"{mark.words}{words.basis(needed.source)}", mark.flag)
    return None


def _outside_window(facts: ResultFacts, edition: Edition, cycle: Cycle | None) -> Conversion | None:
    """A certificate of another cycle, or from before formal appointment (FAQ-Q5)."""
    window = next((window for window in edition.windows if window.category == facts.category), None)
    if window is None or facts.obtained_on is None:
        return None
    mark = None
    if cycle is not None and not cycle.start <= facts.obtained_on <= cycle.end:
        mark = window.outside_cycle
    elif facts.in_probation or (facts.appointed_on is not None and facts.obtained_on < facts.appointed_on):
        mark = window.before_appointment
    return Conversion(ZERO, window.rule, f"{mark.words}{words.basis(window.source)}", mark.flag) if mark else None


def _convert(facts: ResultFacts, edition: Edition, overlay: Overlay | None) -> Conversion:
    item = edition.item(facts.category)
    if item is not None and facts.count is not None:
        return _counted(facts, item, edition)
    if facts.given is not None:
        title = f"{words.category(facts.category)}认定 {words.credits(facts.given)} 学分"
        return Conversion(facts.given, "R-26", f"{title}，计入{words.BUCKETS[facts.bucket]}；规则：{edition.title}")
    if facts.mode == "":
        return _awarded(facts, edition.award(facts.category, facts.level, facts.rank), edition)
    if facts.bucket is Bucket.SELF_ORGANIZED and facts.plan_hours_per_credit is not None:
        return _by_plan(facts, facts.plan_hours_per_credit, edition)
    rate = edition.rate(facts.level, facts.mode, facts.category)
    factors = [
        f.factor for f in (overlay.factors if overlay else []) if (f.programme, f.mode) == (facts.programme, facts.mode)
    ]
    times = factors[0].value if factors else Decimal(1)
    source = edition.title + ("（暂定）" if rate.assumed else "")
    if overlay and factors:
        source += f"、{overlay.title}"
    formula = f" × {words.plain(times)}" if factors else ""
    amount, sentence = _formula(facts, formula, times, rate.value, source)
    return Conversion(amount, rate.rule, sentence, overlay=overlay.id if overlay and factors else None)


def _by_plan(facts: ResultFacts, rate: Decimal, edition: Edition) -> Conversion:
    """By the rate of the school's own plan, which may be stricter than the county standard but not easier (R-24)."""
    floor = edition.plan_rate_floor
    if floor is None:
        raise PolicyPending("校本研修的折算标准，现行规则没有规定", rule="R-24")
    if rate < floor.value:
        return Conversion(
            ZERO, floor.rule,
            f"方案标准 {words.plain(rate)} 学时/学分低于县级标准 {words.plain(floor.value)} 学时/学分，"
            f"不计学分，须修改方案{words.basis(floor.source)}",
            "PLAN_STANDARD_BELOW_COUNTY",
        )  # fmt: skip
    source = f"{edition.title}（按本校方案）"
    amount, sentence = _formula(facts, "", Decimal(1), rate, source)
    return Conversion(amount, floor.rule, sentence)


def _counted(facts: ResultFacts, item: Item, edition: Edition) -> Conversion:
    """Something counted: its share of the item's credit. Whether the item is reached, the whole school year says."""
    count = facts.count or 0
    units = item.units(count, facts.level)
    share = (item.credit.value * units / item.needed.value).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
    weight = f"（每{item.unit}按 {item.weights[facts.level]} 计）" if item.weights.get(facts.level, 1) > 1 else ""
    sentence = (
        f"{item.title} {count} {item.unit}{weight}；一学年满 {words.plain(item.needed.value)} 计 "
        f"{words.credits(item.credit.value)} 学分，每学年一次，计入{words.BUCKETS[facts.bucket]}；"
        f"规则：{edition.title}{words.basis(item.credit.source)}"
    )
    return Conversion(share, item.credit.rule, sentence, units=units)


def _awarded(facts: ResultFacts, award: Award, edition: Edition) -> Conversion:
    """The fixed credits of an award, or one's share of them."""
    amount, shared = award.credits.value, ""
    if award.split and facts.shared_by > 1:
        amount = (amount / facts.shared_by).quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)
        shared = f"，由 {facts.shared_by} 人平分，每人 {words.credits(amount)}"
    sentence = (
        f"{words.category(facts.category)} {words.credits(award.credits.value)} 学分{shared}，"
        f"计入{words.BUCKETS[facts.bucket]}；规则：{edition.title}{words.basis(award.credits.source)}"
    )
    return Conversion(amount, award.credits.rule, sentence)


def _formula(facts: ResultFacts, formula: str, times: Decimal, rate: Decimal, source: str) -> tuple[Decimal, str]:
    """The credits and the sentence, for example 面授 33 学时 ÷ 20 = 1.65，四舍五入为 1.7，计入统筹；规则：…"""
    exact = facts.hours * times / rate
    amount = exact.quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)
    result = f"= {words.credits(amount)}"
    if exact != amount:
        shown = exact.quantize(Decimal("0.001"), rounding=ROUND_HALF_UP)
        result = f"{'=' if shown == exact else '≈'} {words.plain(shown)}，四舍五入为 {words.credits(amount)}"
    sentence = (
        f"{words.MODES.get(facts.mode, '')} {words.plain(facts.hours)} 学时{formula} ÷ {words.plain(rate)} {result}，"
        f"计入{words.BUCKETS[facts.bucket]}；规则：{source}"
    ).strip()
    return amount, sentence


def _concerns(needed: PlanNeeded, facts: ResultFacts) -> bool:
    return needed.bucket == facts.bucket or needed.category == facts.category


def cut_reason(
    edition: Edition, category: str, day: date, amount: Decimal, within_year: Decimal, counted: Decimal
) -> str:
    """The sentence for the part of a line that a ceiling cut off; empty where all of it counts.

    `within_year` is what was left of `amount` under the ceiling of the school year, `counted` under that of the cycle;
    `day` is the one on which it was earned.
    """
    item = edition.item(category)
    if item is not None:
        return _item_reason(item, counted) if counted < amount or counted == 0 else ""
    pot = edition.pot_of(category, day)
    if pot is None:
        return ""
    parts = []
    for cap, span, cut in (
        (pot.cap_year, "本学年", amount - within_year),
        (pot.cap_cycle, "本周期", within_year - counted),
    ):
        if cap is not None and cut > 0:
            reached = f"已达{span}{pot.title}上限 {words.credits(cap.value)}"
            parts.append(f"{reached}，未计入 {words.credits(cut)}{words.basis(cap.source)}")
    return "；".join(parts)


def _item_reason(item: Item, counted: Decimal) -> str:
    if counted == 0:
        return (
            f"{item.title}一学年须满 {words.plain(item.needed.value)} 才计学分，每学年只计一次；"
            f"到这一条为止未满，或本学年已计{words.basis(item.needed.source)}"
        )
    once = f"{item.title}每学年只计 {words.credits(item.credit.value)} 学分"
    return f"{once}，超出部分不另计{words.basis(item.credit.source)}"


def corrected(before: ProjectFacts, after: ProjectFacts) -> str:
    """What a correction changed (N6), for example 折算由“未选择”改为“已选择”、培训方式由“网络”改为“面授”."""
    now = _as_told(after)
    parts = [f"{name}由“{told}”改为“{now[name]}”" for name, told in _as_told(before).items() if told != now[name]]
    return "、".join(parts) or "项目属性"


def _as_told(facts: ProjectFacts) -> dict[str, str]:
    rate = facts.hours_per_credit
    return {
        "项目类别": words.category(facts.category),
        "折算": "已选择" if facts.convert else "未选择",
        "培训方式": words.MODES.get(facts.mode, "其他方式"),
        "专项": words.PROGRAMMES.get(facts.programme or "", "一般"),
        "折算标准": "现行规则" if rate is None else f"{words.plain(rate)} 学时/学分",
        "依据的方案": facts.plan_number or "不需要方案",
        "学年": facts.school_year,
        "培训结束日期": facts.held_to.isoformat(),
    }
