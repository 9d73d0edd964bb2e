"""Dated exemptions (T17) as pure rules: while one lasts nothing is asked, and when it is over everything is again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from services.credits.clauses import PersonRule

NOT_ASSESSED = "not_assessed"
"""As `judgement.Status` has it."""
EXEMPTIONS = {
    "probation": ("试用期", "暂停"),
    "secondment": ("借调", "暂停"),
    "administration": ("行政岗位", "另行规定"),
    "leave": ("病产假", "暂停"),
    "other": ("其他", "暂停"),
}
"""Kind of an exemption -> its title, and what the requirement is meanwhile (T17)."""
EXEMPTED = "EXEMPTED"
"""The mark of somebody of whom a document asks nothing for a time."""


@dataclass(frozen=True, slots=True)
class Exempted:
    """A time in which a document asks nothing of somebody."""

    kind: str
    starts_on: date
    ends_on: date | None
    document: str

    def holds(self, day: date) -> bool:
        """Whether it lasts on `day`."""
        return self.starts_on <= day and (self.ends_on is None or day <= self.ends_on)


def exempting(one: Exempted) -> PersonRule:
    """An exemption as a rule about its person: its document is its source."""
    title, state = EXEMPTIONS[one.kind]
    until = f"至 {one.ends_on.isoformat()}" if one.ends_on else "至另有通知"
    told = f"{title}，{one.starts_on.isoformat()} {until}（{one.document}）：其间{state}，不作要求，已得学分照常记录。"
    return PersonRule({}, NOT_ASSESSED, EXEMPTED, told, one.document)


def paused(one: Exempted) -> str:
    """暂停（病产假 2026-09-01 起）."""
    title, state = EXEMPTIONS[one.kind]
    return f"{state}（{title} {one.starts_on.isoformat()} 起）"
