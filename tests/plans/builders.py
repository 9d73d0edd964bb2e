"""What tests of plans are made of: the sample province as plans knows it, its people, plans, rosters."""

from __future__ import annotations

import hashlib
import io
import tomllib
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import xlsxwriter
from sqlalchemy.orm import Session

from services.accounts import sample
from services.accounts.sample import SamplePerson, SampleUnit, sample_province
from services.plans.approval import drafting, operations
from services.plans.approval.models import Plan
from services.plans.files import Upload
from services.plans.projects import operations as publishing
from services.plans.projects import queries
from services.plans.projects.models import Project, Result
from services.plans.rosters import importing
from shared import directory
from shared.actors import Actor, Level, Office, Post, Unit
from shared.events.accounts import (
    HolderPersonal,
    HoldersChanged,
    OfficeRecord,
    PeopleChanged,
    PersonPersonal,
    PersonRecord,
    UnitRecord,
    UnitsChanged,
)
from shared.identity import identity_hash, mask_identity
from shared.workbooks import XLSX

PRESENT = datetime(2026, 11, 24, 2, tzinfo=UTC)
"""When tests of plans happen, whatever day it is (see `conftest.present`): what is built here lies around it."""
YEAR = "2026-2027"
IDENTITY_KEY = "test-identity-key"
QINGFENG = "360000/360100/360102/3601020001/"
DONGHU = "360000/360100/360102/"
NANCHANG = "360000/360100/"
PROVINCE = "360000/"


@cache
def province() -> sample.SampleProvince:
    """The whole sample."""
    return sample_province()


@cache
def units() -> dict[str, SampleUnit]:
    """By path."""
    return {unit.path: unit for unit in province().units}


@cache
def people() -> dict[str, SamplePerson]:
    """By id."""
    return {person.person_id: person for person in province().people}


@cache
def actor(username: str) -> Actor:
    """Somebody of the sample as signed in."""
    roles = tomllib.loads((sample.units.HERE.parent / "roles.toml").read_text(encoding="utf-8"))
    account = next(a for a in province().accounts if a.username == username)
    role, unit = roles[account.role], units()[account.unit_path]
    area = units()[unit.path[: -len(unit.code) - 1]] if role["area"] == "parent" else unit
    posts = tuple(Post(Office(office), Unit(area.path, area.name, area.level), unit.body) for office in role["offices"])
    return Actor(username, account.person_id, people()[account.person_id].name, posts, "session-" + username)


def school_admin(path: str, account_id: str = "somebody", person_id: str | None = None) -> Actor:
    """An administrator of any school."""
    unit = units()[path]
    post = Post(Office.SCHOOL_ADMIN, Unit(path, unit.name, Level.SCHOOL), unit.name)
    return Actor(account_id, person_id, "某管理员", (post,))


def reviewer(path: str, account_id: str, person_id: str | None = None, name: str = "某审核人") -> Actor:
    """Somebody who reviews plans and audits results for exactly that area."""
    unit = units()[path]
    posts = tuple(
        Post(office, Unit(path, unit.name, unit.level), unit.body)
        for office in (Office.PLAN_REVIEW, Office.RESULT_AUDIT)
    )
    return Actor(account_id, person_id, name, posts)


def seed(session: Session, identity_key: bytes) -> None:
    """What accounts would have told plans: units, people of the demo county, who is in post."""
    known = [
        UnitRecord(path=u.path, version=1, name=u.name, level=u.level, kind=u.kind, active=True, phone=u.phone)
        for u in units().values()
    ]
    directory.apply_units(session, UnitsChanged(units=known))
    directory.apply_people(
        session, PeopleChanged(people=[_record(p, identity_key) for p in people().values() if DONGHU in p.unit_path])
    )
    holders: dict[tuple[str, Office], list[Actor]] = {}
    for account in province().accounts:
        who = actor(account.username)
        for post in who.posts:
            holders.setdefault((post.unit.path, post.office), []).append(who)
    directory.apply_holders(
        session, HoldersChanged(offices=[_office(path, office, who) for (path, office), who in holders.items()])
    )


def empty_office(session: Session, path: str, office: Office, version: int = 2) -> None:
    """Nobody is in post there any more."""
    record = OfficeRecord(unit_path=path, office=office, version=version, body=units()[path].body, holders=[])
    directory.apply_holders(session, HoldersChanged(offices=[record]))


def plan_body(**changes: Any) -> dict[str, Any]:
    """A plan that may be submitted, as keyword arguments of `create_plan`."""
    return {
        "school_year": YEAR,
        "title": "校本研修方案",
        "aims": "以课例研究促进课堂改进。",
        "items": [item(), item(kind="other", title="读书沙龙", hours=Decimal(12), hours_per_credit=Decimal(12))],
        **changes,
    }


def item(**changes: Any) -> dict[str, Any]:
    """One item of a plan."""
    return {
        "kind": "school_training",
        "title": "新课标专题培训",
        "hours": Decimal(20),
        "hours_per_credit": Decimal(10),
        "held_from": date(2026, 10, 12),
        "held_to": date(2026, 12, 18),
        "responsible": "教导处",
        "assessment": "出勤与研修心得",
        "records": "签到表、讲义、心得",
        **changes,
    }


def make_plan(session: Session, who: Actor | None = None, **changes: Any) -> Plan:
    """A draft."""
    return drafting.create_plan(session, who or actor("school.qingfeng"), **plan_body(**changes))


def submit(session: Session, plan: Plan, who: Actor | None = None) -> Plan:
    """Submits it."""
    return operations.perform(session, who or actor("school.qingfeng"), plan.id, "submit", version=plan.version)


def approve(session: Session, plan: Plan, *usernames: str) -> Plan:
    """Approves it, one stage after the other."""
    for username in usernames:
        plan = operations.perform(session, actor(username), plan.id, "approve", version=plan.version)
    return plan


def approved_plan(session: Session, **changes: Any) -> Plan:
    """A plan of the demo school that all three stages have approved."""
    plan = submit(session, make_plan(session, **changes))
    return approve(session, plan, "county.donghu", "district.nanchang", "province")


def project_body(**changes: Any) -> dict[str, Any]:
    """A county's training of 60 hours, face to face."""
    return {
        "title": "县级骨干教师集中培训",
        "category": "county_training",
        "mode": "centralized",
        "convert": True,
        "hours": Decimal(60),
        "school_year": YEAR,
        "held_from": date(2026, 10, 12),
        "held_to": date(2026, 10, 21),
        **changes,
    }


def make_project(session: Session, who: Actor | None = None, **changes: Any) -> Project:
    """A published project."""
    return publishing.publish_project(session, who or actor("county.donghu"), **project_body(**changes))


def teachers(count: int) -> list[SamplePerson]:
    """The first teachers of the demo county who teach."""
    found = [p for p in people().values() if DONGHU in p.unit_path and p.stage]
    return found[:count]


def roster_rows(count: int = 5) -> list[list[Any]]:
    """Good rows for that many teachers."""
    return [[p.identity, p.name, 60, "合格", ""] for p in teachers(count)]


def workbook(rows: Sequence[Sequence[Any]], header: Sequence[str] | None = None, first_row: int = 0) -> bytes:
    """An .xlsx with a roster, the header in `first_row` (from 0)."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"strings_to_formulas": False}) as book:
        sheet = book.add_worksheet("名单")
        sheet.write_row(first_row, 0, header or ["身份证号", "姓名", "学时", "考核结果（合格/不合格）", "备注"])
        for number, row in enumerate(rows, start=first_row + 1):
            sheet.write_row(number, 0, row)
    return buffer.getvalue()


def upload(content: bytes, name: str = "名单.xlsx") -> Upload:
    """A file as if it had been looked at."""
    return Upload(name, XLSX, content, hashlib.sha256(content).hexdigest())


def bring_in(session: Session, project: Project, rows: list[list[Any]], who: Actor | None = None) -> dict[str, Any]:
    """Uploads, checks and imports a roster as the job does; returns the report."""
    sent = upload(workbook(rows))
    found = importing.check_roster(session, project, sent, IDENTITY_KEY.encode())
    importing.require_clean(found.report())
    kept = importing.keep_roster(session, who or actor("county.donghu"), project.id, sent, found.report())
    return importing.import_roster(session, kept, found)


def results(session: Session, project: Project) -> list[Result]:
    """All results, fresh from the database, in the order of the roster."""
    session.expire_all()
    return list(session.scalars(queries.results(project).order_by(*queries.RESULT_KEYS)))


def _record(person: SamplePerson, key: bytes) -> PersonRecord:
    return PersonRecord(
        person_id=person.person_id,
        version=1,
        identity_hash=identity_hash(person.identity, key),
        unit_path=person.unit_path,
        kind=person.kind,
        stage=person.stage,
        subject=person.subject,
        hired_on=person.hired_on,
        formal_appointment_on=person.formal_appointment_on,
        retires_on=person.retires_on,
        seconded_from=person.seconded_from,
        seconded_to=person.seconded_to,
        active=True,
        personal=PersonPersonal(name=person.name, masked_identity=mask_identity(person.identity)),
    )


def _office(path: str, office: Office, who: Sequence[Actor]) -> OfficeRecord:
    body = next(post.body for actor in who for post in actor.posts if (post.unit.path, post.office) == (path, office))
    holders = [HolderPersonal(account_id=a.account_id, person_id=a.person_id, name=a.name) for a in who]
    return OfficeRecord(unit_path=path, office=office, version=1, body=body, holders=holders)
