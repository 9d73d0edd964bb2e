"""A forgotten 折算 or a wrong category, mended in one step (FAQ-Q1, N6): the audits stay, credits converts anew."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from services.plans.categories import Preview, categories
from services.plans.projects import approved_hours, conversion, history, queries, telling
from services.plans.projects.conversion import Conversion
from services.plans.projects.models import Audit, CreditsState, Project, Result, ResultState
from shared import directory
from shared.actors import Actor, Level, Post
from shared.database import utc_now
from shared.errors import Invalid, NotAllowed
from shared.events.plans import ProjectCorrected


@dataclass(frozen=True, slots=True)
class Affected:
    """One person whose credits a correction changes."""

    result_id: str
    name: str
    masked_identity: str
    hours: Decimal
    passed: bool
    present: Decimal | None
    """What credits says that it came to; None: no answer yet, or 公示中."""
    future: Decimal | None
    """What it will come to by the preview; None: no rate is known yet."""


@dataclass(frozen=True, slots=True)
class Correction:
    """A correction before it is confirmed: what changes, and for whom."""

    before: Conversion
    after: Conversion
    preview: Preview
    """For one participant who passes the project's hours."""
    version: int
    people: list[Affected] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many audited results are converted anew."""
        return len(self.people)


def preview_correction(
    session: Session, actor: Actor, project_id: str, *, version: int | None = None, **changes: Any
) -> Correction:
    """What a correction would do; writes nothing. `changes` and errors as of `correct_project`."""
    project = find_correctable(session, actor, project_id)
    if version is not None:
        history.require_version(session, project, version)
    _, after = _settle(session, actor, project, **changes)
    return affected(session, project, after)


def find_correctable(session: Session, actor: Actor, project_id: str) -> Project:
    """The project, if the actor may correct it.

    Raises `NotFound`, `NotAllowed` for others than the organizer, `Conflict` when it was deleted or declared void.
    """
    project = queries.find_project(session, actor, project_id)
    queries.require_open(session, project)
    _post(actor, project)
    return project


def correct_project(
    session: Session, actor: Actor, project_id: str, *, version: int, reason: str, **changes: Any
) -> Project:
    """Corrects category, mode, conversion and plan item of a published project; what is left out stays.

    `changes`: `category`, `mode`, `convert`, `programme`, `plan_id`, `plan_item_id`. Raises `Invalid` naming fields as
    publication does, without a reason, and when nothing would change; `NotAllowed` for others than the organizer;
    `Conflict` when somebody was faster.
    """
    project = queries.find_project(session, actor, project_id, lock=True)
    history.require_version(session, project, version)
    approved_hours.lock_item(session, project.organizer_path, changes.get("plan_item_id"))
    post, after = _settle(session, actor, project, **changes)
    reason = reason.strip()
    if len(reason) < 2:
        raise Invalid("更正须写明原因。", fields={"reason": ["请写明原因。"]})
    before = Conversion.of(project)
    for name in Conversion.__dataclass_fields__:
        setattr(project, name, getattr(after, name))
    # What is public now stays so; later audits keep to the category's days.
    project.publicity_days = max(project.publicity_days, after.kind.publicity_days)
    project.correction += 1
    told = session.scalars(
        select(Audit)
        .where(Audit.project_id == project.id, Audit.confirmed_at.is_not(None), Audit.revoked_at.is_(None))
        .order_by(Audit.number)
    ).all()
    now = utc_now()
    # Credits is told even if it knows of no audit: one that is on its way counts by the corrected facts.
    event = ProjectCorrected(
        project_id=project.id,
        correction=project.correction,
        project=telling.facts_of(project),
        reason=reason,
        corrected_by=actor.account_id,
        corrected_at=now,
    )
    telling.tell(session, told, now, event)
    session.execute(
        update(Result)
        .where(Result.audit_id.in_([audit.id for audit in told]), Result.state == ResultState.AUDITED.value)
        .values(**telling.UNKNOWN, credits_state=CreditsState.SENT.value)
        .execution_options(synchronize_session=False)
    )
    people = sum(audit.count for audit in told)
    history.record(
        session,
        project,
        actor,
        "correct",
        reason=reason,
        outcome=f"由“{before.words()}”改为“{after.words()}”；已审核的 {people} 人重新折算，审核不变。",
        details={"correction": project.correction, "before": before.dump(), "after": after.dump(), "people": people}
        | {"by_person": actor.person_id},
        post=post,
    )
    return project


def affected(session: Session, project: Project, after: Conversion) -> Correction:
    """Every audited person of the project with credits before and after, in the order of the roster."""
    query = (
        select(
            Result.id,
            Result.name,
            Result.masked_identity,
            Result.hours,
            Result.passed,
            Result.credits,
        )
        .where(Result.project_id == project.id, Result.state == ResultState.AUDITED.value)
        .order_by(*queries.RESULT_KEYS)
    )
    worth: dict[Decimal, Decimal | None] = {}
    people = []
    for result_id, name, masked, hours, passed, credits in session.execute(query):
        if hours not in worth:
            worth[hours] = after.preview(hours, project.organizer_path).credits
        future = worth[hours] if passed else Decimal("0.0")
        people.append(Affected(result_id, name, masked, hours, passed, credits, future))
    preview = after.preview(project.hours, project.organizer_path)
    return Correction(Conversion.of(project), after, preview, project.version, people)


def _settle(
    session: Session,
    actor: Actor,
    project: Project,
    *,
    category: str | None = None,
    mode: str | None = None,
    convert: bool | None = None,
    programme: str | None = None,
    plan_id: str | None = None,
    plan_item_id: str | None = None,
) -> tuple[Post, Conversion]:
    """The post in which the actor corrects, and the conversion as it would be; by the rules of publication."""
    post = _post(actor, project)
    before = Conversion.of(project)
    kind = categories()[category or project.category]
    authority = Level(directory.unit(session, project.authority_path).level)
    if not conversion.may_publish(kind, post, authority):
        raise Invalid("还不能更正，请按提示修改。", fields=conversion.not_yours(kind))
    mode = mode or project.mode
    wrong = conversion.errors(kind, mode, None, conversion.level_of(kind, authority))
    if wrong:
        raise Invalid("还不能更正，请按提示修改。", fields=wrong)
    if kind.key == project.category and plan_item_id in (None, project.plan_item_id):
        # Under the same item nothing is asked anew: its plan may have ended meanwhile, what was held under it stays.
        names = ("plan_id", "plan_number", "plan_item_id", "plan_item_title", "hours_per_credit", "covers")
        plan = {name: getattr(project, name) for name in names}
    else:
        plan = conversion.under_plan(
            session,
            kind,
            project.organizer_path,
            plan_id or project.plan_id,
            plan_item_id,
            project.school_year,
            project.hours,
        )
        _within_item(session, project, plan)
    after = Conversion(
        category=kind.key,
        level=conversion.level_of(kind, authority),
        mode=mode,
        convert=project.convert if convert is None else convert,
        programme=programme or project.programme,
        **plan,
    )
    if asdict(after) == asdict(before):
        sentence = "类别、方式、折算、专项和方案项目都与现在相同，没有需要更正的内容。"
        raise Invalid(sentence, fields={"category": [sentence]})
    return post, after


def _within_item(session: Session, project: Project, plan: dict[str, Any]) -> None:
    """That nobody of the roster gets more hours under the other item than were approved. Raises `Invalid`."""
    held = approved_hours.held_elsewhere(session, project, plan.get("plan_item_id"))
    if not held:
        return
    approved = approved_hours.approved_hours(session, plan["plan_id"], plan["plan_item_id"])
    passed = select(Result.person_id, Result.name, Result.hours).where(Result.project_id == project.id, Result.passed)
    for person_id, name, hours in session.execute(passed.order_by(*queries.RESULT_KEYS)):
        sentence = approved_hours.excess(held.get(person_id, ()), hours, approved)
        if sentence:
            raise Invalid("还不能更正，请按提示修改。", fields={"plan_item_id": [f"{name}：{sentence}"]})


def _post(actor: Actor, project: Project) -> Post:
    post = queries.entering_post(actor, project)
    if post is None:
        raise NotAllowed(f"只有组织单位（{project.organizer_name}）的管理员可以更正项目类别与折算。")
    return post
