"""等省厅意见 (N19): cases that wait for the province's word by category, and the one answer that settles them all."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Integer, String, Text, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from services.plans.acts import ACTS
from services.plans.approval import operations, queries
from services.plans.approval.models import Plan
from services.plans.models import Base
from services.plans.workflow import POLICY_CATEGORIES, Pending
from shared.actors import Actor, Level, Office
from shared.database import IdType, UtcDateTime, new_id, utc_now
from shared.errors import Invalid, NotAllowed


class PolicyAnswer(Base):
    """One answer of the province to a category."""

    __tablename__ = "policy_answers"

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    category: Mapped[str] = mapped_column(String(40), index=True)
    document: Mapped[str] = mapped_column(String(80))
    text: Mapped[str] = mapped_column(Text)
    settled: Mapped[int] = mapped_column(Integer)
    """How many cases it settled."""
    by_account: Mapped[str] = mapped_column(IdType)
    by_name: Mapped[str] = mapped_column(String(60))
    body: Mapped[str] = mapped_column(String(120))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


def waiting(session: Session, actor: Actor) -> dict[str, int]:
    """Category -> how many cases of the actor's area wait."""
    query = (
        queries.visible_plans(actor)
        .where(Plan.pending == Pending.POLICY)
        .with_only_columns(Plan.policy_category, func.count())
        .group_by(Plan.policy_category)
    )
    return {str(category): number for category, number in session.execute(query)}


def answers(session: Session) -> list[PolicyAnswer]:
    """Every answer of the province, newest first."""
    return list(session.scalars(select(PolicyAnswer).order_by(PolicyAnswer.id.desc())))


def settle(session: Session, actor: Actor, *, category: str, document: str, text: str) -> PolicyAnswer:
    """The province's answer: every case of the category goes on at its stage, with the document in its history.

    Raises `NotAllowed` for who is not the province's reviewer, `Invalid` without a document number or a text.
    """
    post = next((p for p in actor.posts_of(Office.PLAN_REVIEW) if p.unit.level is Level.PROVINCE), None)
    if post is None:
        raise NotAllowed("只有省级审核人可以答复等省厅意见的事项。")
    wrong = {}
    if category not in POLICY_CATEGORIES:
        wrong["category"] = ["请选择事项类别。"]
    if len(document.strip()) < 4:
        wrong["document"] = ["请填写文号，如“赣教师字〔2026〕12号”。"]
    if len(text.strip()) < 2:
        wrong["text"] = ["请写明意见。"]
    if wrong:
        raise Invalid("还不能答复，请按提示补充。", fields=wrong)
    query = (
        queries.visible_plans(actor)
        .where(Plan.pending == Pending.POLICY, Plan.policy_category == category)
        .order_by(Plan.id)
        .with_for_update()
    )
    plans = list(session.scalars(query))
    for plan in plans:
        what = operations.What(opinion=text, category=category, document=document.strip())
        operations.carry_out(session, actor, plan, ACTS["settle_policy"], what)
    answer = PolicyAnswer(
        category=category,
        document=document.strip(),
        text=text.strip(),
        settled=len(plans),
        by_account=actor.account_id,
        by_name=actor.name,
        body=post.body,
        at=utc_now(),
    )
    session.add(answer)
    session.flush()
    return answer
