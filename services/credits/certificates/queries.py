"""What people look at: the papers about a teacher, workbooks of an area, and what became of a code."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from services.credits import people, queries
from services.credits.certificates import wording
from services.credits.certificates.models import CreditPaper, TeacherExport
from services.credits.certificates.wording import Kind
from shared.actors import Actor, Office
from shared.database import under_any
from shared.directory import PersonCopy
from shared.errors import NotFound
from shared.events.plans import Bucket
from shared.printing.codes import grouped, read_code
from shared.printing.names import mask

ADMINS = (Office.SCHOOL_ADMIN, Office.CREDIT_ADMIN)
PAPER_KEYS = (CreditPaper.made_at, CreditPaper.code)
"""The order of papers."""


# Papers --------------------------------------------------------------------------------------------------------------


def visible_papers(actor: Actor) -> Select[CreditPaper]:
    """Papers about the people whom the actor may see now: a school that a teacher has left sees none of hers (T18)."""
    people = queries.visible_people(actor).with_only_columns(PersonCopy.person_id)
    return select(CreditPaper).where(CreditPaper.person_id.in_(people))


def find_paper(session: Session, actor: Actor, code: str) -> CreditPaper:
    """The paper of a bare code. Raises `NotFound` outside what the actor may see."""
    found = session.scalar(visible_papers(actor).where(CreditPaper.code == code))
    if found is None:
        raise NotFound()
    return found


def latest(session: Session, person_id: str, kind: str, cycle: int) -> CreditPaper | None:
    """The last paper of that kind about that cycle."""
    mine = select(CreditPaper).filter_by(person_id=person_id, kind=kind, cycle=cycle)
    return session.scalar(mine.order_by(CreditPaper.serial.desc()).limit(1))


def replaced(session: Session, papers: Sequence[CreditPaper]) -> set[str]:
    """Codes of those papers that a later one has replaced."""
    people = {paper.person_id for paper in papers}
    keys = (CreditPaper.person_id, CreditPaper.kind, CreditPaper.cycle)
    query = select(*keys, func.max(CreditPaper.serial)).where(CreditPaper.person_id.in_(people)).group_by(*keys)
    last = {(person, kind, cycle): serial for person, kind, cycle, serial in session.execute(query)}
    return {paper.code for paper in papers if paper.serial < last[paper.person_id, paper.kind, paper.cycle]}


# What the public may know --------------------------------------------------------------------------------------------


class State(StrEnum):
    """What became of a paper."""

    GENUINE = "genuine"
    SUPERSEDED = "superseded"
    """There is a later paper."""
    CHANGED = "changed"
    """There is none, but the credits are no longer what it says."""
    WITHDRAWN = "withdrawn"
    """The teacher took the code back."""
    BROKEN = "broken"
    """What is kept is no longer what was printed."""
    UNKNOWN = "unknown"
    """A code that the platform has never made."""
    MISTYPED = "mistyped"
    """No code at all: its check character does not fit."""


LABELS = {
    State.GENUINE: "真实有效",
    State.SUPERSEDED: "已被新件取代",
    State.CHANGED: "真实，但学分已有变动",
    State.WITHDRAWN: "已撤销",
    State.BROKEN: "存档异常",
    State.UNKNOWN: "查无此码",
    State.MISTYPED: "核验码输入有误",
}
ADVICE = {
    State.GENUINE: "平台出具过此件，所列学分与平台现在的记录一致。",
    State.SUPERSEDED: "平台出具过此件，此后又出具了新件。现在的学分可能与纸面不同，请向本人索取新件。",
    State.CHANGED: "平台出具过此件，但平台现在的记录与纸面不同。请向本人索取新件。",
    State.WITHDRAWN: "本人已撤销此核验码，此件不再作为依据。",
    State.BROKEN: "平台存档与出具时不一致，此件暂不能作为依据，请联系平台管理员。",
    State.UNKNOWN: "核验码格式正确，但平台没有出具过此件。请不要采信这份材料，并联系出具材料的单位核实。",
    State.MISTYPED: "核验码共 12 位，不含容易看错的 0、O、1、I、L。请对照纸面重新输入，横线和大小写不影响。",
}
TONES = {State.GENUINE: "good", State.SUPERSEDED: "warn", State.CHANGED: "warn", State.MISTYPED: "warn"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer to a code. Of the person only the masked name, of the credits nothing."""

    state: State
    code: str
    heading: str = ""
    name: str = ""
    cycle: str = ""
    made_at: datetime | None = None
    withdrawn_at: datetime | None = None
    agrees: bool | None = None
    """Whether the figures that were typed are those on the paper; None: none were typed."""

    @property
    def label(self) -> str:
        """The answer in a few words."""
        return LABELS[self.state]

    @property
    def advice(self) -> str:
        """What it means and what to do next."""
        return ADVICE[self.state]

    @property
    def tone(self) -> str:
        """Tone of the notice, as the page macros name it."""
        return TONES.get(self.state, "bad")

    @property
    def comparable(self) -> bool:
        """Whether the figures of the paper may be compared with what was printed."""
        return self.state in (State.GENUINE, State.SUPERSEDED, State.CHANGED)


def verdict(session: Session, typed: str, figures: dict[Bucket, str] | None = None) -> Verdict:
    """What became of the paper of that code. Whoever has the paper may ask.

    A code alone does not show that the figures beside it are the printed ones. `figures` are those that somebody reads
    on the paper: the answer says whether they agree, and tells none.
    """
    code = read_code(typed)
    paper = session.get(CreditPaper, code) if code else None
    if paper is None:
        return Verdict(state=State.MISTYPED if code is None else State.UNKNOWN, code=typed)
    state = _state(session, paper)
    found = Verdict(
        state=state,
        code=grouped(paper.code),
        heading=paper.words["heading"],
        name=mask(paper.words["name"]),
        cycle=paper.words["cycle"],
        made_at=paper.made_at,
        withdrawn_at=paper.withdrawn_at,
    )
    return _compared(found, paper, figures) if figures and found.comparable else found


def _compared(found: Verdict, paper: CreditPaper, figures: dict[Bucket, str]) -> Verdict:
    printed = wording.counted_on(paper.words)
    agrees = all(_plain(figures[bucket]) == _plain(printed[bucket]) for bucket in Bucket)
    return replace(found, agrees=agrees)


def _plain(figure: str) -> str:
    """6 for 6.0, for 6.00 and for the full-width ６, so that typing need not be exact."""
    typed = unicodedata.normalize("NFKC", figure).strip()
    return re.sub(r"(\.\d*?)0*$", r"\1", typed).rstrip(".")


def _state(session: Session, paper: CreditPaper) -> State:
    if paper.withdrawn_at is not None:
        return State.WITHDRAWN
    if wording.digest_of(paper.words) != paper.digest:
        return State.BROKEN
    last = latest(session, paper.person_id, paper.kind, paper.cycle)
    if last is not None and last.serial > paper.serial:
        return State.SUPERSEDED
    return State.GENUINE if _figures_now(session, paper) == paper.figures else State.CHANGED


def _figures_now(session: Session, paper: CreditPaper) -> str | None:
    """None: the person is no longer in the register."""
    found = people.teachers(session, select(PersonCopy).where(PersonCopy.person_id == paper.person_id))
    if paper.person_id not in found:
        return None
    standing = queries.standing_in(session, found[paper.person_id], *queries.choose_cycle(session, paper.cycle))
    return wording.figures_of(Kind(paper.kind), standing)


# Workbooks -----------------------------------------------------------------------------------------------------------


def visible_exports(actor: Actor) -> Select[TeacherExport]:
    """Workbooks of areas that the actor administers."""
    areas = [post.unit.path for post in actor.posts_of(*ADMINS)]
    return select(TeacherExport).where(under_any(TeacherExport.area_path, areas))


def find_export(session: Session, actor: Actor, export_id: str) -> TeacherExport:
    """One workbook. Raises `NotFound` outside the actor's areas."""
    found = session.scalar(visible_exports(actor).where(TeacherExport.id == export_id))
    if found is None:
        raise NotFound()
    return found
