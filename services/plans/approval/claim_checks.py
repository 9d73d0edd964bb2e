"""What can be said of a claim before a human looks (FAQ-Q5, Q9; R-51, R-53, R-57). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from services.plans import claims
from services.plans.approval.checks import Finding, Surroundings
from services.plans.approval.content import Content
from services.plans.claims import Claim
from services.plans.terms import bounds


def check(content: Content, claim: Claim, around: Surroundings) -> Iterator[Finding]:
    """Everything that was found, in the order of the form."""
    yield from _check_date(content, claim, around.today)
    yield from _check_facts(claim)
    if claim.sort.appointed:
        yield from _check_appointment(claim)
    if claim.sort.needs_plan:
        yield from _check_plan(content, claim)
    if not content.attachments:
        rule = "自主培训须有计划、有过程记录，问答第 9 问" if claim.sort.needs_plan else "R-57"
        message = f"请上传佐证材料作为附件：{claim.sort.evidence}。没有佐证不能认定（{rule}）。"
        yield Finding("EVIDENCE_MISSING", "attachments", message, True)
    if around.same_claims:
        message = f"同一事项已申请认定：{'、'.join(around.same_claims)}，不能重复申请。"
        yield Finding("CLAIM_DOUBLED", "claim.obtained_on", message, True)
    elif around.like_claims:
        since = "同一天" if claim.sort.unit else "本周期"
        message = f"{since}已有同类申请：{'、'.join(around.like_claims)}，请核对是否为同一事项。"
        yield Finding("CLAIM_LIKE", "claim.obtained_on", message, False)


def _check_date(content: Content, claim: Claim, today: date) -> Iterator[Finding]:
    label, place = claim.sort.dated, "claim.obtained_on"
    first, last = claims.cycle_at(today)
    if claim.obtained_on > today:
        yield Finding("DATE_IN_FUTURE", place, f"{label} {claim.obtained_on} 晚于今天，请核对；取得之后再申请。", True)
    elif claim.obtained_on < first:
        rule = "R-51，问答第 5 问" if claim.sort.appointed else "R-01"
        message = f"{label} {claim.obtained_on} 不在本培训周期（{first} 至 {last}）内，不能在本周期认定（{rule}）。"
        yield Finding("CLAIM_OUTSIDE_CYCLE", place, message, True)
    begins, ends = bounds(content.school_year)
    if not begins <= claim.obtained_on <= ends:
        message = f"{label} {claim.obtained_on} 不在 {content.school_year} 学年（{begins} 至 {ends}）内，请核对学年。"
        yield Finding("CLAIM_OUTSIDE_YEAR", "school_year", message, True)


def _check_facts(claim: Claim) -> Iterator[Finding]:
    sort = claim.sort
    wanted = {"level": sort.levels, "rank": sort.ranks}
    for name, choices in wanted.items():
        value = getattr(claim, name)
        if choices and value not in choices:
            titles = "、".join(claims.titles(name)[choice] for choice in choices)
            message = f"请选择{claims.label_of(sort, name)}：{titles}。"
            yield Finding(f"{name.upper()}_MISSING", f"claim.{name}", message, True)
    if sort.unit and not claim.count:
        yield Finding("COUNT_MISSING", "claim.count", f"请填写{sort.title}多少{sort.unit}。", True)
    if sort.hours and not claim.hours:
        yield Finding("HOURS_MISSING", "claim.hours", "请填写学时。", True)
    if sort.amount and claim.credits is None:
        message = "没有写申请认定多少学分：省厅尚未公布标准，通过后先记为待定。"
        yield Finding("AMOUNT_MISSING", "claim.credits", message, False)


def _check_appointment(claim: Claim) -> Iterator[Finding]:
    if claim.appointed_on is None:
        message = "名册中没有您的正式任教日期，请填写并附证明：试用期内取得的学历不能冲抵（R-53，问答第 5 问）。"
        yield Finding("APPOINTMENT_MISSING", "claim.appointed_on", message, True)
    elif claim.obtained_on < claim.appointed_on:
        message = (
            f"学历取得于 {claim.obtained_on}，早于正式任教日期 {claim.appointed_on}："
            "试用期内取得的学历不能冲抵，须正式任教后取得（R-53，问答第 5 问）。"
        )
        yield Finding("DEGREE_IN_PROBATION", "claim.obtained_on", message, True)


def _check_plan(content: Content, claim: Claim) -> Iterator[Finding]:
    if not claim.plan_id:
        message = (
            f"本校 {content.school_year} 学年没有已通过的年度申报方案：自主培训须有计划、有过程记录（问答第 9 问）。"
        )
        yield Finding("PLAN_MISSING", "claim.category", message, True)
    elif claim.sort.hours and claim.hours_per_credit is None:
        message = "请选择所依据的方案项目：按该项目已审定的折算标准认定（问答第 10 问）。"
        yield Finding("ITEM_MISSING", "claim.item_id", message, True)
