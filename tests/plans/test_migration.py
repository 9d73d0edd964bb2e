"""The newest migration on a database in use: every row stays, the new columns say what was known, work goes on.

The rows of the release before are made by today's operations and then put into its tables, as far as those have
columns for them; what the migration fills in is compared with what the operations had written there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine
from alembic import command
from sqlalchemy.orm import Session

from services.plans.app import service
from services.plans.approval import content as contents
from services.plans.approval import queries, views
from services.plans.approval.models import Plan
from services.plans.approval.trail import PlanPoint
from services.plans.projects import auditing, delivery
from services.plans.projects.models import Audit, Project
from shared import migrations
from shared.database import Database
from tests import servers
from tests.plans import acting, builders

SINCE = {"covers", "forecast", "claim"}, {"level", "audience"}
"""What the content of a plan and of an item say only since the migration."""
FILLED = {
    "plans": ("id", "returned_by_path"),
    "plan_history": ("id", "region_path", "school_year", "plan_kind"),
    "plan_points": ("line_id", "number", "lasting"),
    "audits": ("id", "confirmed_at", "sent_at", "event_ids"),
}
"""Columns that the migration fills from what is there."""
OWN = [table for metadata in service.metadata for table in metadata.sorted_tables]

Rows = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Made:
    """What today's operations have written; `filled`: into the columns that the migration is to fill."""

    rows: Rows
    filled: Rows
    returned: str
    approved: str
    project: str


@dataclass(frozen=True)
class Before:
    """A database of the first release, and what was put into it."""

    database: Database
    rows: Rows
    made: Made


@pytest.fixture(scope="module", autouse=True)
def in_november() -> Iterator[None]:
    """The sample's school year, and a day on which its trainings are over."""
    with time_machine.travel(datetime(2026, 11, 23, 2, 0, tzinfo=UTC), tick=True):
        yield


@pytest.fixture(scope="module")
def made(in_november: None, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A returned plan, an approved one, a project audited, taken back and audited again."""
    today = Database(f"sqlite:///{tmp_path_factory.mktemp('plans') / 'today.db'}")
    for metadata in service.metadata:
        metadata.create_all(today.engine)
    with today.transaction() as session:
        builders.seed(session, builders.IDENTITY_KEY.encode())
        returned, approved, project = _returned(session), builders.approved_plan(session), _audited(session)
        ids = returned.id, approved.id, project.id
    with today.reading() as session:
        filled = {name: read(session, name, columns) for name, columns in FILLED.items()}
        rows = {table.name: read(session, table.name, tuple(table.c.keys())) for table in OWN}
    today.dispose()
    return Made(rows, filled, *ids)


@pytest.fixture(params=["sqlite", "postgres"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without any table."""
    if request.param == "postgres":
        servers.need_servers(rabbitmq=False)
        url = servers.create_database("plans_test")
    else:
        url = f"sqlite:///{tmp_path / 'plans.db'}"
    made = Database(url)
    try:
        yield made
    finally:
        made.dispose()
        if request.param == "postgres":
            servers.drop_database(url)


@pytest.fixture
def before(empty: Database, made: Made) -> Before:
    """The same as the first release would have it, at revision 0001."""
    command.upgrade(migrations.config("plans", empty.engine), "0001")
    with empty.transaction() as session:
        return Before(empty, _put(session, made.rows), made)


def _returned(session: Session) -> Plan:
    """Signed by the county, returned by the district with a point of each sort."""
    plan = acting.at_district(session)
    points = [
        {"section": "items", "field": "items.1.records", "text": "请写明过程记录。"},
        {"section": "basics", "field": "aims", "text": "请写明目标。"},
        {"section": "items", "field": "", "text": "请再列一项。"},
    ]
    return acting.returned(session, plan, acting.DISTRICT, points)


def _audited(session: Session) -> Project:
    project = builders.make_project(session)
    builders.bring_in(session, project, builders.roster_rows(3))
    auditor = builders.actor(acting.AUDIT)
    first = auditing.audit_results(session, auditor, project.id)
    auditing.revoke_audit(session, auditor, project.id, first.id, reason="核对后重审")
    auditing.audit_results(session, auditor, project.id)
    return project


def read(session: Session, name: str, columns: tuple[str, ...]) -> list[dict[str, Any]]:
    """Those columns of every row, through the types of the models, in the order of the primary key."""
    table = next(table for table in OWN if table.name == name)
    found = sa.select(*[table.c[column] for column in columns]).order_by(*table.primary_key)
    return [dict(row) for row in session.execute(found).mappings()]


def _put(session: Session, rows: Rows) -> Rows:
    """Puts what the first release has columns for into its tables; returns that."""
    inspector = sa.inspect(session.connection())
    versions, digests = _older_versions(rows["plan_versions"])
    rows = rows | {"plan_versions": versions}
    put: Rows = {}
    for model in OWN:
        if not inspector.has_table(model.name):
            continue
        names = {column["name"] for column in inspector.get_columns(model.name)}
        known = sa.table(model.name, *[sa.column(c.name, c.type) for c in model.c if c.name in names])
        put[model.name] = [
            {
                name: digests.get(value, value) if name == "digest" else value
                for name, value in row.items()
                if name in names
            }
            for row in rows[model.name]
        ]
        if put[model.name]:
            session.execute(sa.insert(known), put[model.name])
    if session.get_bind().dialect.name == "postgresql":
        # Rows that bring their number do not move the sequence on.
        session.execute(sa.text("SELECT setval(pg_get_serial_sequence('outbox', 'id'), max(id)) FROM outbox"))
    # What the first release needed to know, and the new one reads out of the history.
    session.execute(sa.text("UPDATE plans SET return_stage = 'district_review' WHERE status = 'returned'"))
    return put


def _older_versions(rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The frozen versions as the first release wrote them, and today's digest -> theirs."""
    whole, of_item = SINCE
    found, digests = [], {}
    for row in rows:
        content = {name: value for name, value in row["content"].items() if name not in whole}
        content["items"] = [{k: v for k, v in item.items() if k not in of_item} for item in content["items"]]
        digests[row["digest"]] = contents.digest_of(content)
        found.append(row | {"content": content})
    return found, digests


def test_every_row_stays(before: Before) -> None:
    migrations.upgrade("plans", before.database.engine)
    with before.database.reading() as session:
        for name, rows in before.rows.items():
            columns = tuple(rows[0]) if rows else ()
            assert not rows or read(session, name, columns) == rows, name
    assert all(before.rows[name] for name in ("plan_history", "plan_points", "plan_versions", "results", "outbox"))


def test_new_columns_say_what_was_known(before: Before) -> None:
    """`lasting`, `returned_by_path`, `confirmed_at`, `sent_at`, `event_ids`: as if they had been there."""
    migrations.upgrade("plans", before.database.engine)
    with before.database.reading() as session:
        for name, columns in FILLED.items():
            assert read(session, name, columns) == before.made.filled[name], name
        assert session.get_one(Plan, before.made.returned).returned_by_path == builders.NANCHANG
        lasting = session.scalars(sa.select(PlanPoint.lasting).order_by(PlanPoint.number)).all()
        assert [place.partition(".")[0] for place in lasting] == ["items", "aims", "items"]
        audits = session.scalars(sa.select(Audit).order_by(Audit.number)).all()
        assert [len(audit.event_ids) for audit in audits] == [2, 1], "audited and taken back; audited again"


def test_the_tables_equal_the_models(before: Before, tmp_path: Path) -> None:
    """Columns, keys, checks with their text, and indexes are those of a database made from the models."""
    engine = before.database.engine
    migrations.upgrade("plans", engine)
    migrated = described(engine)
    migrated.pop("alembic_version")
    if engine.dialect.name == "postgresql":
        url = servers.create_database("plans_test")
    else:
        url = f"sqlite:///{tmp_path / 'models.db'}"
    models = Database(url)
    try:
        for metadata in service.metadata:
            metadata.create_all(models.engine)
        expected = described(models.engine)
    finally:
        models.dispose()
        if engine.dialect.name == "postgresql":
            servers.drop_database(url)
    assert migrated.keys() == expected.keys()
    for name in expected:
        assert migrated[name] == expected[name], name


def described(engine: sa.Engine) -> dict[str, dict[str, Any]]:
    """Table -> columns, keys, checks and indexes, whatever the order in which they were made."""
    inspector = sa.inspect(engine)
    return {
        name: {
            "columns": {
                c["name"]: (c["type"].compile(engine.dialect), c["nullable"]) for c in inspector.get_columns(name)
            },
            "key": inspector.get_pk_constraint(name)["constrained_columns"],
            "unique": {one["name"]: one["column_names"] for one in inspector.get_unique_constraints(name)},
            "foreign": {
                key["name"]: (key["constrained_columns"], key["referred_table"], key["referred_columns"])
                for key in inspector.get_foreign_keys(name)
            },
            "checks": {c["name"]: " ".join(c["sqltext"].split()) for c in inspector.get_check_constraints(name)},
            "indexes": {
                one["name"]: (
                    one["column_names"],
                    bool(one["unique"]),
                    # Of a partial index the condition, which comes as a clause: compared by its words.
                    {option: str(value) for option, value in one.get("dialect_options", {}).items()},
                )
                for one in inspector.get_indexes(name)
            },
        }
        for name in inspector.get_table_names()
    }


def test_a_returned_plan_goes_on_to_its_approval(before: Before) -> None:
    """Answered, resubmitted to the stage that returned it, approved: by the operations of today."""
    migrations.upgrade("plans", before.database.engine)
    with before.database.transaction() as session:
        plan = session.get_one(Plan, before.made.returned)
        assert queries.is_intact(session, plan), "the digest of an old version is read as it was written"
        seen = views.view(session, builders.actor(acting.SCHOOL), plan)
        assert [answered.point.number for answered in seen.open_points] == [1, 2, 3]
        acting.answer(session, plan)
        acting.act(session, plan, acting.SCHOOL, "submit")
        assert (plan.status, plan.stage) == ("under_review", "district_review")
        builders.approve(session, plan, acting.DISTRICT, acting.PROVINCE)
        assert plan.status == "approved"
        entries = views.history(session, builders.actor(acting.DISTRICT), plan)
        assert not any(entry.void_because for entry in entries), "the county's opinion stands"


def test_an_approved_plan_and_its_audits_go_on(before: Before) -> None:
    """A training is published under the approved plan; the audit of before is taken back and made anew."""
    migrations.upgrade("plans", before.database.engine)
    with before.database.transaction() as session:
        plan = session.get_one(Plan, before.made.approved)
        item = queries.frozen(session, plan).items[0]
        school, auditor = builders.actor(acting.SCHOOL), builders.actor(acting.AUDIT)
        under = {"category": "school_training", "plan_id": plan.id, "plan_item_id": item.id, "hours": item.hours}
        made = builders.make_project(session, school, **under)
        assert made.plan_number == plan.number

        last = session.scalars(sa.select(Audit).where(Audit.revoked_at.is_(None))).one()
        sent = list(last.event_ids)
        auditing.revoke_audit(session, auditor, before.made.project, last.id, reason="核对后重审")
        assert last.event_ids[:1] == sent
        assert len(last.event_ids) == 2
        auditing.audit_results(session, auditor, before.made.project)
        shown = delivery.audits(session, session.get_one(Project, before.made.project))
        assert [view.audit.number for view in shown] == [3, 2, 1]
        assert [view.current for view in shown] == [3, 0, 0]
