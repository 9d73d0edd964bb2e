"""The rules of conversion as pure functions: what a result comes to, and which part of it a ceiling cuts off.

Every figure comes from an edition; rule numbers are those of `spec/policy.md`. How a cycle is judged: `judgement.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from services.credits import words
from services.credits.editions import Edition, Overlay, PlanNeeded
from shared.errors import PolicyPending
from shared.events.plans import Bucket, ProjectFacts

ZERO = Decimal("0.0")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFacts:
    """One audited result with what its project says, as conversion needs it."""

    hours: Decimal
    passed: bool
    level: str
    category: str
    bucket: Bucket
    mode: str
    convert: bool
    plan_status: str | None
    """None: there is no plan."""
    plan_hours_per_credit: Decimal | None
    programme: str | None = None
    """A special programme that an overlay may treat otherwise, for example `headmaster` (R-25)."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """What a result comes to, and the sentence that says why."""

    amount: Decimal | None
    """Credits, before any ceiling; None: not known until the province decides (待定)."""
    rule: str
    sentence: str
    flag: str | None = None
    overlay: str | None = None


def conversion(facts: ResultFacts, edition: Edition | None, overlay: Overlay | None = None) -> Conversion:
    """Hours to credits: proportional, one decimal, halves up (I-04); 0 or 待定 always with a sentence.

    A project published without 折算 yields 0 until the project is corrected (R-27, FAQ-Q1, N6).
    """
    if edition is None:
        return Conversion(None, "R-01", "培训日期不在任何已施行的学分规则之内，暂不折算，待核对")
    refused = refusal(facts, edition)
    if refused is not None:
        return refused
    try:
        return _convert(facts, edition, overlay)
    except PolicyPending as pending:
        rule = str(pending.extra.get("rule", ""))
        sentence = f"{pending.detail}，暂不折算，待定；规则：{edition.title}（{rule}）"
        return Conversion(None, rule, sentence, "PENDING_RATE")


def refusal(facts: ResultFacts, edition: Edition) -> Conversion | None:
    """The zero that a result comes to whatever its hours, or None where it may count."""
    if not facts.convert:
        return Conversion(
            ZERO, "R-27",
            "项目未选择折算，未产生学分；发布单位在项目页面更正后自动补记，无需取消审核（R-27）",
            "CONVERSION_NOT_CHOSEN",
        )  # fmt: skip
    if not facts.passed:
        return Conversion(ZERO, "R-23", "考核不合格，不折算学分（R-23）", "NOT_PASSED")
    for needed in edition.plans_needed:
        if _concerns(needed, facts) and facts.plan_status not in needed.states:
            mark = needed.missing if facts.plan_status is None else needed.not_passed
            return Conversion(ZERO, needed.rule, f"{mark.words}（{needed.rule}）", mark.flag)
    return None


def _convert(facts: ResultFacts, edition: Edition, overlay: Overlay | None) -> Conversion:
    if facts.bucket is Bucket.SELF_ORGANIZED and facts.plan_hours_per_credit is not None:
        return _by_plan(facts, facts.plan_hours_per_credit, edition)
    rate = edition.rate(facts.level, facts.mode, facts.category)
    factors = [
        f.factor for f in (overlay.factors if overlay else []) if (f.programme, f.mode) == (facts.programme, facts.mode)
    ]
    times = factors[0].value if factors else Decimal(1)
    source = f"{edition.title}（{rate.rule}{'，暂定' if rate.assumed else ''}）"
    if overlay and factors:
        source += f"、{overlay.title}（{factors[0].rule}）"
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
            f"不计学分，须修改方案（{floor.rule}）",
            "PLAN_STANDARD_BELOW_COUNTY",
        )  # fmt: skip
    source = f"{edition.title}（{floor.rule}，按本校方案）"
    amount, sentence = _formula(facts, "", Decimal(1), rate, source)
    return Conversion(amount, floor.rule, sentence)


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


def cut_reason(edition: Edition, category: str, amount: Decimal, within_year: Decimal, counted: Decimal) -> str:
    """The sentence for the part of a line that a ceiling cut off; empty where all of it counts.

    `within_year` is what was left of `amount` under the ceiling of the school year, `counted` under that of the cycle.
    """
    pot = edition.pot_of(category)
    if pot is None:
        return ""
    parts = []
    for cap, span, cut in (
        (pot.cap_year, "本学年", amount - within_year),
        (pot.cap_cycle, "本周期", within_year - counted),
    ):
        if cap is not None and cut > 0:
            parts.append(
                f"已达{span}{pot.title}上限 {words.credits(cap.value)}，未计入 {words.credits(cut)}（{cap.rule}）"
            )
    return "；".join(parts)


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
        "折算标准": "现行规则" if rate is None else f"{words.plain(rate)} 学时/学分",
        "依据的方案": facts.plan_number or "不需要方案",
        "学年": facts.school_year,
        "培训结束日期": facts.held_to.isoformat(),
    }
