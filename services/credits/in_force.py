"""Which rules hold: the editions of the release, with what the province has published and decided since.

Whoever converts, judges or shows asks `editions(session)`. What was published is read once by each process, and again
when there is something newer: one statement on two primary keys tells, once a session.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

from sqlalchemy import Boolean, CheckConstraint, Date, Engine, Integer, String, Text, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from services.credits import policies
from services.credits.edition_files import edition_from, shipped
from services.credits.editions import Amendment, Cycle, Edition, Editions, Reach
from services.credits.models import Base
from services.credits.policies import Decision
from shared.database import IdType, JsonType, UtcDateTime, utc_now
from shared.outbox import BigId

KEPT = "rules_in_force"
"""Where a session keeps them."""


class PublishedEdition(Base):
    """An edition that the province has published in the place of another (N5). Nothing of its rules is ever changed."""

    __tablename__ = "published_editions"
    __table_args__ = (CheckConstraint("reach IN ('forward', 'current_cycle', 'cycle_start')", name="reach"),)

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(40), unique=True)
    title: Mapped[str] = mapped_column(String(60))
    document: Mapped[str] = mapped_column(String(80))
    supersedes: Mapped[str] = mapped_column(String(40))
    """The edition that held before it on its date."""
    root: Mapped[str] = mapped_column(String(40))
    """The edition of the release in whose place both stand."""
    effective_from: Mapped[date] = mapped_column(Date)
    reach: Mapped[str] = mapped_column(String(20))
    content: Mapped[dict[str, Any]] = mapped_column(JsonType)
    """The whole edition as its file would say it, see `edition_files.freeze`."""
    changes: Mapped[list[dict[str, Any]]] = mapped_column(JsonType)
    """What was changed, for people: title, before, after, grade, source."""
    reason: Mapped[str] = mapped_column(Text)
    draft_id: Mapped[str] = mapped_column(IdType, unique=True)
    """The draft that it was: one is published once."""
    drafted_by_name: Mapped[str] = mapped_column(String(60))
    published_by: Mapped[str] = mapped_column(IdType)
    published_by_name: Mapped[str] = mapped_column(String(60))
    body: Mapped[str] = mapped_column(String(120))
    published_at: Mapped[datetime] = mapped_column(UtcDateTime)
    job_id: Mapped[str | None] = mapped_column(IdType)
    """The job that writes the adjustments; None: its reach asks for none."""
    adjusted_to: Mapped[int] = mapped_column(BigId, default=0)
    """Ledger line up to which they are written."""
    adjusted_lines: Mapped[int] = mapped_column(Integer, default=0)
    adjusted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When all were."""


class PolicyDecision(Base):
    """The province's decision on one question of the register (N19)."""

    __tablename__ = "policy_decisions"

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    policy: Mapped[str] = mapped_column(String(10), unique=True)
    document: Mapped[str] = mapped_column(String(80))
    text: Mapped[str] = mapped_column(Text)
    effective_on: Mapped[date] = mapped_column(Date)
    ends_interim: Mapped[bool] = mapped_column(Boolean)
    edition: Mapped[str | None] = mapped_column(String(40))
    """The edition that follows from it, if there is one."""
    decided_by: Mapped[str] = mapped_column(IdType)
    decided_by_name: Mapped[str] = mapped_column(String(60))
    body: Mapped[str] = mapped_column(String(120))
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the release, and what was published and decided since, comes to."""

    editions: Editions
    decisions: tuple[Decision, ...]


_known: WeakKeyDictionary[Engine, tuple[Any, Rules]] = WeakKeyDictionary()
"""Database -> the newest that was known of, and the rules made of it."""


def today() -> date:
    """The date in China."""
    return day_of(utc_now())


def day_of(moment: datetime) -> date:
    """The date in China at that time."""
    return moment.astimezone(ZoneInfo("Asia/Shanghai")).date()


def editions(session: Session) -> Editions:
    """The editions by which is converted, as they were published."""
    return rules(session).editions


def cycle(session: Session, number: int | None = None) -> tuple[Edition, Cycle] | None:
    """The cycle that starts in the year `number`, or the one that runs now, with what judges it today."""
    found = editions(session).cycle(number, today()) if number is not None else editions(session).cycle_at(today())
    return found and (policies.settled(found[0], rules(session).decisions, found[1], today()), found[1])


def closed_cycles(session: Session) -> dict[int, Cycle]:
    """Those that nothing enters any more (B6), the last one first, each by the year in which it starts."""
    found = (one for _, one in editions(session).cycles_until(today()))
    return {one.number: one for one in found if one.closed(today())}


def rules(session: Session) -> Rules:
    """The editions and decisions in force, the same for the whole of a session."""
    kept: Rules | None = session.info.get(KEPT)
    if kept is None:
        newest = (select(func.max(model.number)).scalar_subquery() for model in (PublishedEdition, PolicyDecision))
        mark = tuple(session.execute(select(*newest)).one())
        engine = session.get_bind().engine
        known = _known.get(engine)
        if known is None or known[0] != mark:
            known = _known[engine] = (mark, _read(session))
        kept = session.info[KEPT] = known[1]
    return kept


def forget(session: Session) -> None:
    """Has the session look again: it has just published something."""
    session.info.pop(KEPT, None)


def with_amendment(editions: Editions, row: PublishedEdition) -> Editions:
    """The editions as they are once that one is published."""
    return Editions(editions.editions, editions.overlays, (*editions.amendments, _amendment(row)))


def lock_rules(session: Session) -> None:
    """Until the transaction ends nothing is converted: what was, is committed, and what follows sees what is published.

    Conversions hold the same lock in common, see `ledger.lock_projects`. SQLite has one writer at a time anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(hashtext('credits rules'))"))


def _read(session: Session) -> Rules:
    rows = session.scalars(select(PublishedEdition).order_by(PublishedEdition.number))
    made = shipped()
    found = Editions(made.editions, made.overlays, tuple(_amendment(row) for row in rows))
    decisions = tuple(
        Decision(
            policy=row.policy,
            document=row.document,
            text=row.text,
            effective_on=row.effective_on,
            ends_interim=row.ends_interim,
        )
        for row in session.scalars(select(PolicyDecision).order_by(PolicyDecision.number))
    )
    return Rules(found, decisions)


def _amendment(row: PublishedEdition) -> Amendment:
    return Amendment(
        number=row.number,
        edition=edition_from(row.content),
        root=row.root,
        effective_from=row.effective_from,
        reach=Reach(row.reach),
    )
