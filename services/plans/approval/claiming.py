"""What a claim rests on: the teacher in the register, the school's approved plan, other claims for the same thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, Text, cast, or_, select
from sqlalchemy.orm import Session

from services.plans import claims, kinds, terms
from services.plans.approval import claim_checks
from services.plans.approval import content as contents
from services.plans.approval.checks import Finding, Surroundings
from services.plans.approval.models import Plan, PlanVersion
from services.plans.claims import Claim
from services.plans.workflow import Status
from shared.database import under, utc_now
from shared.directory import PersonCopy
from shared.errors import Invalid

_LIVE = (Status.UNDER_REVIEW, Status.RETURNED, Status.APPROVED)


def teachers(unit_path: str) -> Select[PersonCopy]:
    """The teachers for whom a school may file: those who are on its register."""
    return select(PersonCopy).where(PersonCopy.unit_path == unit_path, PersonCopy.active)


def fill(session: Session, plan: Plan, school_year: str, given: Mapping[str, Any]) -> None:
    """The claim of the working copy. What its category does not ask for is left out.

    Raises `Invalid` for a teacher who is not on the school's register, or another than the one it was begun for.
    """
    person = _registered(session, plan)
    if given.get("person_id") not in (None, "", plan.person_id):
        sentence = "申请已起草，不能改为另一位教师；请另行申请。"
        raise Invalid(sentence, fields={"claim.person_id": [sentence]})
    category = claims.categories()[given["category"]]
    asked = {name: given.get(name) for name in claims.fields_of(category)}
    said: dict[str, Any] = {name: value for name, value in asked.items() if value not in (None, "")}
    if category.appointed and person.formal_appointment_on:
        said["appointed_on"] = person.formal_appointment_on  # what the register knows is not for the claim to say
    claim = Claim(person_id=person.person_id, person_name=person.name, **said)
    plan.claim = _resting(session, plan, claim, school_year).dump()


def rest_on_plan(session: Session, plan: Plan) -> None:
    """Looks again for the school's plan, which may have been approved, replaced or declared void since the draft.

    Raises `Invalid` when she has left the school meanwhile.
    """
    claim = claims.load(plan.claim)
    if claim is not None:
        _registered(session, plan, lock=True)  # so that one certificate filed twice at the same moment is found
        plan.claim = _resting(session, plan, claim, plan.school_year).dump()


def items(session: Session, unit_path: str) -> list[tuple[str, str]]:
    """Items with a standard of the school's own, of its approved plans of the running cycle: (id, words)."""
    first, last = claims.cycle_at(terms.china_date(utc_now()))
    years = [f"{year}-{year + 1}" for year in range(first.year, last.year)]
    found = []
    for plan in session.scalars(_approved(unit_path).where(Plan.submitted_year.in_(years))):
        for item in _items(session, plan):
            rate = f"{item.hours_per_credit.normalize():f} 学时/学分"
            found.append((item.id, f"{plan.submitted_year} · {item.title}（{rate}）"))
    return found


def findings(session: Session, plan: Plan, content: contents.Content, claim: Claim) -> list[Finding]:
    """What the checks say of it."""
    same, like = others(session, plan, claim)
    today = terms.china_date(utc_now())
    around = Surroundings(today=today, unit_kind=plan.unit_kind, same_claims=tuple(same), like_claims=tuple(like))
    return list(claim_checks.check(content, claim, around))


def others(session: Session, plan: Plan, claim: Claim) -> tuple[Sequence[str], Sequence[str]]:
    """Numbers of her other claims of the same category: (of the same thing, of the running cycle or day)."""
    query = select(Plan).where(Plan.person_id == claim.person_id, Plan.id != plan.id, Plan.status.in_(_LIVE))
    first, last = claims.cycle_at(claim.obtained_on)
    same, like = [], []
    for other in session.scalars(query.order_by(Plan.number)):
        said = _submitted(session, other)
        if said is None or said.category != claim.category or not first <= said.obtained_on <= last:
            continue
        # Lessons of many days are many claims; what is counted twice on one day deserves a look.
        if not claim.sort.unit or said.obtained_on == claim.obtained_on:
            like.append(other.number)
        # One certificate is one thing, whatever it is called; a number that many lessons share is not.
        paper = not claim.sort.unit and claim.document.strip() and said.document.strip() == claim.document.strip()
        if paper or (said.obtained_on == claim.obtained_on and other.submitted_title == plan.title):
            same.append(other.number)
    return same, like


def _registered(session: Session, plan: Plan, *, lock: bool = False) -> PersonCopy:
    query = teachers(plan.unit_path).where(PersonCopy.person_id == plan.person_id)
    person = session.scalar(query.with_for_update() if lock else query)
    if person is None:
        sentence = (
            f"只能为在册教师申请认定，{plan.unit_name}的名册中没有此人；请联系学校管理员核对。"
            "已调离的，请放弃此申请，由现任教学校另行申请。"
        )
        raise Invalid(sentence, fields={"claim.person_id": [sentence]})
    return person


def _resting(session: Session, plan: Plan, claim: Claim, school_year: str) -> Claim:
    values = _said(claim)
    basis = session.scalar(
        _approved(plan.unit_path).where(Plan.submitted_year == school_year).order_by(Plan.approved_at.desc()).limit(1)
    )
    if not claim.sort.needs_plan or basis is None:
        return Claim(**values)
    item = next((one for one in _items(session, basis) if one.id == claim.item_id), None)
    values |= {"plan_id": basis.id, "plan_number": basis.number}
    if item is not None:
        values |= {"item_title": item.title, "hours_per_credit": item.hours_per_credit}
    return Claim(**values)


def _said(claim: Claim) -> dict[str, Any]:
    """What the claim itself says, without what it rests on."""
    names = ("person_id", "person_name", *claims.FIELDS)
    return {name: getattr(claim, name) for name in names}


def _approved(unit_path: str) -> Select[Plan]:
    """The school's approved plans that are in force: its own, and joint ones that speak for it (FAQ-Q14)."""
    area = kinds.region_of("school_plan", unit_path)
    # JSON as text on both databases: a path in quotes is a whole one.
    joint = cast(Plan.covers, Text).like(f'%"{unit_path}"%')
    return select(Plan).where(
        under(Plan.unit_path, area),
        Plan.kind == "school_plan",
        Plan.status == Status.APPROVED,
        Plan.superseded_by_id.is_(None),
        or_(Plan.unit_path == unit_path, joint),
    )


def _items(session: Session, plan: Plan) -> list[contents.Item]:
    """Those of the approved version that the school named itself."""
    version = session.get_one(PlanVersion, (plan.id, plan.round))
    return [item for item in contents.load(version.content).items if item.kind == "other"]


def _submitted(session: Session, plan: Plan) -> Claim | None:
    version = session.get(PlanVersion, (plan.id, plan.round))
    return claims.load(version.content.get("claim")) if version else None
