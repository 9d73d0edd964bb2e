"""What is checked on a letter, what follows from the answers, and who may stamp for whom. Pure.

The checks themselves are data: `letters.toml`. A person answers them; hints only help.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from string import Formatter
from typing import Any

from marshmallow import ValidationError, fields, post_load, validate

from services.accounts.kinds import LetterKind
from services.accounts.roles import Role
from shared.schemas import Schema
from shared.tables import load_table

FILE = Path(__file__).with_name("letters.toml")
PLACEHOLDERS = frozenset(
    ["stamped_by", "register_name", "stamp_owners", "role", "dated", "valid_days", "duplicates", "person", "handler"]
)


class Answer(StrEnum):
    """What the account manager says to a check."""

    YES = "yes"
    NO = "no"
    NOT_APPLICABLE = "not_applicable"


class Fact(StrEnum):
    """What a letter says, as far as answers to checks rest on it."""

    SCAN = "scan"
    UNIT = "unit"
    ROLE = "role"
    PERSON = "person"
    """Name and identity number."""
    PHONE = "phone"
    STAMPED_BY = "stamped_by"
    DATED = "dated"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the checklist, as in `letters.toml`."""

    key: str
    label: str
    fail: str
    required: bool
    rests_on: frozenset[Fact]
    """Facts without which the answer is worth nothing."""
    kinds: tuple[LetterKind, ...]
    high_privilege: bool


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a letter may be refused for good."""

    key: str
    title: str
    turn_to: str


@dataclass(frozen=True, slots=True)
class Table:
    """All of `letters.toml`."""

    valid_days: int
    correction_days: int
    oldest_days: int
    recent_days: int
    working_days: int
    checks: tuple[Check, ...]
    reasons: tuple[Reason, ...]

    def reason(self, key: str) -> Reason | None:
        """The reason of that key, or None."""
        return next((reason for reason in self.reasons if reason.key == key), None)


def _only_known_words(text: str) -> None:
    unknown = {name for _, name, _, _ in Formatter().parse(text) if name is not None} - PLACEHOLDERS
    if unknown:
        raise ValidationError(f"words in braces that nobody fills in: {', '.join(sorted(unknown))}")


class CheckSchema(Schema):
    """One of `[[checks]]`."""

    key = fields.String(required=True, validate=validate.Regexp(r"^[a-z_]{2,40}$"))
    label = fields.String(required=True, validate=validate.Length(1, 60))
    fail = fields.String(required=True, validate=[validate.Length(1, 300), _only_known_words])
    required = fields.Boolean(required=True)
    rests_on = fields.List(fields.Enum(Fact, by_value=True), required=True, validate=validate.Length(1))
    kinds = fields.List(fields.Enum(LetterKind, by_value=True), load_default=lambda: list(LetterKind))
    high_privilege = fields.Boolean(load_default=False)

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> Check:
        return Check(**{**data, "kinds": tuple(data["kinds"]), "rests_on": frozenset(data["rests_on"])})


class ReasonSchema(Schema):
    """One of `[[reasons]]`."""

    key = fields.String(required=True, validate=validate.Regexp(r"^[a-z_]{2,40}$"))
    title = fields.String(required=True, validate=validate.Length(1, 60))
    turn_to = fields.String(required=True, validate=validate.Length(1, 200))

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> Reason:
        return Reason(**data)


class TableSchema(Schema):
    """`letters.toml`."""

    valid_days = fields.Integer(required=True, validate=validate.Range(1, 3650))
    correction_days = fields.Integer(required=True, validate=validate.Range(1, 365))
    oldest_days = fields.Integer(required=True, validate=validate.Range(1, 36500))
    recent_days = fields.Integer(required=True, validate=validate.Range(0, 3650))
    working_days = fields.Integer(required=True, validate=validate.Range(1, 365))
    checks = fields.List(fields.Nested(CheckSchema), required=True, validate=validate.Length(1))
    reasons = fields.List(fields.Nested(ReasonSchema), required=True, validate=validate.Length(1))

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> Table:
        for name in ("checks", "reasons"):
            keys = [entry.key for entry in data[name]]
            if len(set(keys)) != len(keys):
                raise ValidationError("a key stands twice", name)
            data[name] = tuple(data[name])
        return Table(**data)


def load_letters(path: Path = FILE) -> Table:
    """The checks and reasons. Raises `shared.tables.TableError`: the service must not start with a bad table."""
    table: Table = load_table(path, TableSchema())
    return table


TABLE: Table = load_letters()
"""What is checked; read when the service starts."""


def checks_for(kind: LetterKind, *roles: Role, table: Table = TABLE) -> list[Check]:
    """The checks that a letter of this kind for these roles is asked, each once."""
    high = any(role.high_privilege for role in roles)
    return [check for check in table.checks if kind in check.kinds and (high or not check.high_privilege)]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a letter besides the scan itself; names the words that sentences are filled with."""

    stamped_by: str
    """The unit on the seal, as the applicant says."""
    register_name: str
    """The unit in the register, or as the letter names a new one."""
    stamp_owners: tuple[str, ...]
    """Whose seal is enough for this role."""
    role: str
    dated: date
    received: date
    duplicates: tuple[str, ...]
    """Numbers of letters that look the same."""
    person: str
    handler: str
    """The office that deals with the letter."""

    def words(self, table: Table = TABLE) -> dict[str, str]:
        """For the sentences of `letters.toml`."""
        return {
            "stamped_by": self.stamped_by,
            "register_name": self.register_name,
            "stamp_owners": "或".join(self.stamp_owners),
            "role": self.role,
            "dated": self.dated.isoformat(),
            "valid_days": str(table.valid_days),
            "duplicates": "、".join(self.duplicates) or "已有的申请",
            "person": self.person,
            "handler": self.handler,
        }


def sentence(check: Check, facts: Facts) -> str:
    """What the applicant is told when the check fails, unless the manager words it otherwise."""
    return check.fail.format_map(facts.words())


def failed(
    checks: Sequence[Check], answers: Mapping[str, str], remarks: Mapping[str, str], facts: Facts
) -> list[dict[str, str]]:
    """Exactly the checks answered 否, each with what the applicant is told (C2, C3)."""
    return [
        {"check": check.key, "label": check.label, "text": remarks.get(check.key) or sentence(check, facts)}
        for check in checks
        if answers.get(check.key) == Answer.NO
    ]


def obstacles(
    checks: Sequence[Check], answers: Mapping[str, str], remarks: Mapping[str, str], facts: Facts
) -> list[str]:
    """Why the letter cannot be issued yet, one sentence per check; empty: it can (N9)."""
    found = []
    for check in checks:
        answer = answers.get(check.key)
        if answer is None:
            found.append(f"“{check.label}”还没有核验。")
        elif answer == Answer.NO:
            found.append(f"“{check.label}”为“否”，应退回补正。")
        elif check.required and answer == Answer.NOT_APPLICABLE:
            found.append(f"“{check.label}”必须为“是”，不能选“不适用”。")
        elif check.key == "not_duplicate" and facts.duplicates and not remarks.get(check.key):
            # T15: a look-alike may be issued, but somebody says why.
            found.append(f"与 {'、'.join(facts.duplicates)} 疑似重复，请在“{check.label}”的备注中写明理由。")
    return found


def kept_answers(
    answers: Mapping[str, str], before: Mapping[Fact, object], after: Mapping[Fact, object], table: Table = TABLE
) -> dict[str, str]:
    """The answers that outlast a correction: no 否, and nothing that rests on a fact which the correction changed."""
    changed = {fact for fact in after if after[fact] != before[fact]}
    sound = {check.key for check in table.checks if not check.rests_on & changed}
    return {key: answer for key, answer in answers.items() if answer != Answer.NO and key in sound}


def date_refusal(dated: date, today: date, table: Table = TABLE) -> str | None:
    """Why a letter cannot bear this date at all; whether it is still valid is a check."""
    if dated > today:
        return f"落款日期 {dated.isoformat()} 还没有到，不能晚于今天。"
    if (today - dated).days > table.oldest_days:
        return f"落款日期 {dated.isoformat()} 过早，请核对年份。"
    return None


def unknown_checks(checks: Sequence[Check], keys: Sequence[str]) -> list[str]:
    """Keys that are no check of this letter."""
    known = {check.key for check in checks}
    return [key for key in keys if key not in known]


@dataclass(frozen=True, slots=True)
class Hint:
    """What comparing the application with the register says to one check. It never answers it."""

    tone: str
    """`good` or `warn`."""
    text: str


def hints(facts: Facts, phone: str, table: Table = TABLE) -> dict[str, Hint]:
    """Hints by check."""
    same = normal(facts.stamped_by) == normal(facts.register_name)
    entitled = any(normal(facts.stamped_by) == normal(owner) for owner in facts.stamp_owners)
    age = (facts.received - facts.dated).days
    return {
        "unit_name": Hint("good", "申请所填与名册一致")
        if same or entitled
        else Hint("warn", f"申请所填为“{facts.stamped_by}”，名册为“{facts.register_name}”"),
        "seal_entitled": Hint("good", "申请所填盖章单位有权授权")
        if entitled
        else Hint("warn", f"应由{'或'.join(facts.stamp_owners)}盖章"),
        "contact": Hint("good", f"申请所填电话 {phone}"),
        "date": Hint("good", f"收到时已 {age} 日")
        if 0 <= age <= table.valid_days
        else Hint("warn", f"收到时已 {age} 日，超过 {table.valid_days} 日"),
        "not_duplicate": Hint("warn", f"疑似与 {'、'.join(facts.duplicates)} 重复")
        if facts.duplicates
        else Hint("good", "没有发现相同文件，也没有同单位、同角色的申请"),
    }


def stamp_owners(role: Role, own: str, parent: str | None) -> tuple[str, ...]:
    """The bodies whose seal is enough for a role asked at a unit: its own, the authority above it, or either."""
    names = {"own": own, "parent": parent}
    return tuple(dict.fromkeys(name for key in role.stamped_by if (name := names[key])))


def common_owners(roles: Sequence[Role], own: str, parent: str | None) -> tuple[str, ...]:
    """The bodies whose one seal is enough for all the roles of a letter (C15); empty: it takes several letters."""
    first, *others = (stamp_owners(role, own, parent) for role in roles)
    return tuple(owner for owner in first if all(owner in owners for owners in others))


def working_days(since: date, today: date) -> int:
    """Mondays to Fridays after `since`, up to `today`; holidays are for the reader to leave out."""
    return sum((since + timedelta(days=day)).weekday() < 5 for day in range(1, (today - since).days + 1))


def lateness(received: date, today: date, table: Table = TABLE) -> str | None:
    """`warn` on the last working day of the limit, `bad` after it (C4)."""
    spent = working_days(received, today)
    return "bad" if spent > table.working_days else "warn" if spent == table.working_days else None


def normal(name: str) -> str:
    """A name for comparing: full-width and half-width alike, without spaces."""
    return "".join(unicodedata.normalize("NFKC", name).split())
