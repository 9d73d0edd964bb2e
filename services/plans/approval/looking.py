"""A look before a human looks: the checks, with what they have to know around a submission (FAQ-Q9, Q10, N31)."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.plans import kinds, terms
from services.plans.approval import checks, claiming, comparing, queries
from services.plans.approval import content as contents
from services.plans.approval.models import Plan
from services.plans.workflow import Status
from shared.database import utc_now


def findings(session: Session, plan: Plan, content: contents.Content) -> list[checks.Finding]:
    """What the checks say of a content of this plan."""
    if content.claim is not None:
        return claiming.findings(session, plan, content, content.claim)
    others = select(Plan.number).where(
        Plan.unit_path == plan.unit_path,
        Plan.kind == plan.kind,
        Plan.submitted_year == content.school_year,
        Plan.id.not_in([i for i in (plan.id, plan.amends_id) if i]),
        Plan.status.in_([Status.UNDER_REVIEW, Status.RETURNED, Status.APPROVED]),
        Plan.superseded_by_id.is_(None),
    )
    last_year = last_years_plan(session, plan, content.school_year)
    changes = comparing.compare(queries.frozen(session, last_year), content, by_title=True) if last_year else None
    unlike = [c for c in changes or () if c.group != "schedule" and c.place != "school_year"]
    around = checks.Surroundings(
        today=terms.china_date(utc_now()),
        unit_kind=plan.unit_kind,
        same_year=tuple(session.scalars(others.order_by(Plan.number))),
        like_last_year=changes is not None and not unlike,
    )
    return checks.check(content, around)


def last_years_plan(session: Session, plan: Plan, school_year: str) -> Plan | None:
    """The unit's approved submission of the same kind for the school year before (N31); claims have none."""
    if kinds.KINDS[plan.kind].claims:
        return None
    return session.scalar(
        select(Plan)
        .where(
            Plan.unit_path == plan.unit_path,
            Plan.kind == plan.kind,
            Plan.submitted_year == terms.year_before(school_year),
            Plan.status == Status.APPROVED,
            Plan.superseded_by_id.is_(None),
        )
        .order_by(Plan.approved_at.desc())
        .limit(1)
    )
