"""What people look at: disputes of one's own, of one's school, of one's area, and the line that puts one right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from sqlalchemy import ColumnElement, Select, exists, false, func, or_, select
from sqlalchemy.orm import Session, contains_eager

from services.credits import queries
from services.credits.disputes.models import Dispute, DisputeAct, DisputeFile, State
from services.credits.disputes.parties import HANDLERS
from services.credits.models import Audit, LedgerLine, LineKind, RecognisedClaim
from shared.actors import Actor, Office
from shared.database import under_any
from shared.directory import PersonCopy, UnitCopy
from shared.errors import NotFound
from shared.paging import PAGE_SIZE, Page, page


def visible_disputes(actor: Actor) -> Select[Dispute]:
    """Of the people whom the actor may see, and those that lie, or are about trainings, in the actor's area."""
    people = queries.visible_people(actor).with_only_columns(PersonCopy.person_id)
    areas = [post.unit.path for post in actor.posts_of(*HANDLERS)]
    return select(Dispute).where(
        or_(
            Dispute.person_id.in_(people),
            under_any(Dispute.handling_path, areas),
            under_any(Dispute.organizer_path, areas),  # type: ignore[arg-type]  # null is under none
        )
    )


def find_dispute(session: Session, actor: Actor, dispute_id: int, *, lock: bool = False) -> Dispute:
    """One dispute. Raises `NotFound` outside what the actor may see."""
    query = visible_disputes(actor).where(Dispute.id == dispute_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = session.scalar(query)
    if found is None:
        raise NotFound()
    return found


def of_person(
    session: Session, actor: Actor, person_id: str | None, *, cursor: str | None = None, limit: int = PAGE_SIZE
) -> Page[Dispute]:
    """One page of a person's disputes, the newest first; empty for a person whom the actor may not see."""
    mine = visible_disputes(actor).where(Dispute.person_id == person_id)
    return page(session, mine, [Dispute.id], cursor=cursor, limit=limit, descending=True)


def has_any() -> ColumnElement[bool]:
    """Whether there ever was a dispute of the teacher of a query."""
    return exists().where(Dispute.person_id == PersonCopy.person_id)


def of_lines(session: Session, person_id: str) -> Mapping[int, list[Dispute]]:
    """Line -> every dispute there ever was on it, for a person whose lines the caller may see."""
    found: dict[int, list[Dispute]] = {}
    mine = select(Dispute).where(Dispute.person_id == person_id, Dispute.line_id.is_not(None)).order_by(Dispute.id)
    for dispute in session.scalars(mine):
        found.setdefault(int(dispute.line_id or 0), []).append(dispute)
    return found


def tabs(actor: Actor, today: date) -> dict[str, Select[Dispute]]:
    """The handler's lists: at my desk, of them overdue, upheld and awaiting the correction, all that I may see."""
    mine = [post.unit.path for post in actor.posts_of(*HANDLERS)]
    here = visible_disputes(actor).where(or_(false(), Dispute.handling_path.in_(mine)))
    waiting = here.where(Dispute.state == State.OPEN)
    return {
        "waiting": waiting,
        "overdue": waiting.where(Dispute.due_on < today),
        "upheld": here.where(Dispute.state == State.UPHELD),
        "all": visible_disputes(actor),
    }


def counts(session: Session, lists: Mapping[str, Select[Dispute]]) -> dict[str, int]:
    """How long each list is."""
    return {name: _length(session, query) for name, query in lists.items()}


def acts(session: Session, dispute: Dispute) -> Sequence[DisputeAct]:
    """Everything that was done, oldest first."""
    query = select(DisputeAct).where(DisputeAct.dispute_id == dispute.id).order_by(DisputeAct.id)
    return session.scalars(query).all()


def files(session: Session, dispute: Dispute) -> Sequence[DisputeFile]:
    """Its evidence; the content is for `is_party` only."""
    return session.scalars(
        select(DisputeFile).where(DisputeFile.dispute_id == dispute.id).order_by(DisputeFile.id)
    ).all()


def find_file(session: Session, actor: Actor, dispute_id: int, file_id: str) -> DisputeFile:
    """A piece of evidence. Raises `NotFound` for who is no party to the dispute."""
    dispute = find_dispute(session, actor, dispute_id)
    found = session.scalar(select(DisputeFile).filter_by(id=file_id, dispute_id=dispute.id))
    if found is None or not is_party(session, actor, dispute):
        raise NotFound("没有这个文件，或您不是这件异议的当事方。")
    return found


def is_party(session: Session, actor: Actor, dispute: Dispute) -> bool:
    """The teacher, her school now, and who answers where the dispute lies: they may read the evidence."""
    if actor.person_id == dispute.person_id or actor.post_at(dispute.handling_path, *HANDLERS):
        return True
    unit = session.scalar(select(PersonCopy.unit_path).where(PersonCopy.person_id == dispute.person_id))
    return unit is not None and actor.post_at(unit, Office.SCHOOL_ADMIN) is not None


def people_of(session: Session, disputes: Iterable[Dispute]) -> Mapping[str, tuple[PersonCopy, UnitCopy | None]]:
    """Person -> herself and her unit, for a list of disputes."""
    ids = {dispute.person_id for dispute in disputes}
    query = select(PersonCopy, UnitCopy).outerjoin(UnitCopy, UnitCopy.path == PersonCopy.unit_path)
    rows = session.execute(query.where(PersonCopy.person_id.in_(ids)))
    return {person.person_id: (person, unit) for person, unit in rows}


def correcting_line(session: Session, dispute: Dispute) -> int | None:
    """The line by which a dispute that was upheld is put right, once it has come; None: not yet.

    The newest of the same result or, of a missing training, of that project, that came since the dispute was opened: by
    an audit since, by a correction of the project, or, where nothing else has come, as a counter-line. Of a claim: the
    counter-line once it is void, or the line of the next claim of the very same thing, as the answer has said. What
    only became final since, or was converted by new rules, is as it was.
    """
    if dispute.of_claim and dispute.remedy == "reclaim":
        disputed = session.get(RecognisedClaim, dispute.result_id)
        later = candidates(session, dispute)
        return next((line.id for line in later if disputed and line.claim and _same(disputed, line.claim)), None)
    mine: list[ColumnElement[bool]] = [LedgerLine.person_id == dispute.person_id]
    anew = or_(LedgerLine.kind == LineKind.REVERSAL, LedgerLine.correction > 0, Audit.audited_at > dispute.opened_at)
    if dispute.result_id is not None:
        mine.append(LedgerLine.result_id == dispute.result_id)
    elif dispute.project_number:
        mine.append(Audit.project_number == dispute.project_number)
    else:
        return None
    query = (
        select(LedgerLine.id)
        .outerjoin(Audit, Audit.audit_id == LedgerLine.audit_id)
        .where(*mine, anew, LedgerLine.recorded_at > dispute.opened_at, LedgerLine.adjustment == 0)
        .order_by(LedgerLine.kind, LedgerLine.id.desc())  # what was earned goes before what was countered
    )
    return session.scalar(query.limit(1))


def candidates(session: Session, dispute: Dispute) -> Sequence[LedgerLine]:
    """The lines of later claims of the category, newest first: one of them may put a disputed claim right.

    Whether it does only people can tell where it is not of the very same thing: there are many awards of a category.
    """
    if not dispute.of_claim or dispute.remedy != "reclaim":
        return []
    query = (
        select(LedgerLine)
        .join(LedgerLine.claim)
        .options(contains_eager(LedgerLine.claim))
        .where(LedgerLine.person_id == dispute.person_id, LedgerLine.category == _category(session, dispute))
        .where(LedgerLine.kind == LineKind.EARNED, LedgerLine.adjustment == 0)
        .where(LedgerLine.recorded_at > dispute.opened_at)
    )
    return session.scalars(query.order_by(LedgerLine.id.desc())).all()


def concerns(session: Session, dispute: Dispute, line: LedgerLine) -> bool:
    """Whether a line is about what the dispute is about: its project, or its claim or another of the same category.

    Of a missing training whose number nobody knew: one on the day that the teacher named.
    """
    if dispute.of_claim:
        claimed = line.audit_id is None and line.category == _category(session, dispute)
        return line.result_id == dispute.result_id or claimed
    audit = session.get(Audit, line.audit_id) if line.audit_id else None
    if audit is None:
        return False
    if dispute.project_id is not None:
        return audit.project_id == dispute.project_id
    if dispute.project_number:
        return audit.project_number == dispute.project_number
    return audit.held_from <= dispute.held_on <= audit.held_to


def _same(one: RecognisedClaim, other: RecognisedClaim) -> bool:
    """Whether both are of the very same thing: by title and date, or by the number of the paper where each has its own.

    What is counted (听课 20 节) shares a paper with others of its kind.
    """
    if (_plain(one.title), one.facts["obtained_on"]) == (_plain(other.title), other.facts["obtained_on"]):
        return True
    paper = _plain(one.facts["document"])
    return bool(paper) and one.facts["count"] is None and paper == _plain(other.facts["document"])


def _plain(text: str) -> str:
    """Without spaces, which people type or not."""
    return "".join(text.split()).casefold()


def _category(session: Session, dispute: Dispute) -> str:
    """Of the line that the dispute is about."""
    return session.get_one(LedgerLine, dispute.line_id).category


def _length(session: Session, query: Select[Dispute]) -> int:
    return int(session.scalar(query.with_only_columns(func.count())) or 0)
