"""The room that a teacher has left for a claim, before she files it (T19): under the ceiling, or this school year."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy.orm import Session

from services.credits import queries, rules, words
from services.credits.clauses import Figure
from services.credits.editions import school_year_title
from shared.actors import Actor
from shared.errors import NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How one category stands for one teacher in the running cycle."""

    name: str
    """Of the teacher."""
    title: str
    cycle: str
    used: Decimal
    """Credits that count, of everything that shares the ceiling."""
    cap: Figure | None
    """None: there is no ceiling."""
    pending: int
    """Lines that are 待定."""
    unknown: str
    """Why the amount is not known yet; empty where it is."""
    year: str = ""
    """Of an item: what this school year has, in words."""

    @property
    def left(self) -> Decimal | None:
        """Credits that may still count; None where there is no ceiling."""
        return None if self.cap is None else max(rules.ZERO, self.cap.value - self.used)


def room(session: Session, actor: Actor, person_id: str | None, category: str) -> Room:
    """The room of a category. Raises `NotFound` for an unknown one, and outside what the actor may see."""
    if category not in words.CATEGORIES:
        raise NotFound("没有这一认定类别。")
    standing = queries.standing_of(session, actor, person_id)
    edition, today = standing.edition, queries.today()
    pot, item, unknown = edition.pot_of(category, today), edition.item(category), edition.unknown(category)
    shared = pot.categories if pot else [category]
    mine = [entry for entry in standing.entries if entry.stands and entry.line.category in shared]
    year = ""
    if item is not None:
        number = standing.cycle.school_year_of(today)
        this = [entry for entry in mine if entry.line.school_year == number]
        units, counted = sum(e.line.units or 0 for e in this), sum((e.counted for e in this), rules.ZERO)
        year = (
            f"{school_year_title(number)} 学年已认定 {units}，满 {words.plain(item.needed.value)} 计 "
            f"{words.credits(item.credit.value)} 学分，每学年一次；已计 {words.credits(counted)} 学分。"
        )
    return Room(
        name=standing.person.name,
        title=pot.title if pot else words.category(category),
        cycle=standing.cycle.title,
        used=sum((entry.counted for entry in mine), rules.ZERO),
        cap=pot.cap_cycle if pot else None,
        pending=sum(entry.line.amount is None for entry in mine),
        unknown=unknown.words if unknown else "",
        year=year,
    )
