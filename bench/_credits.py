"""The world of the measurements of credits: a database of its own, its lines, and what memory it takes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import _plans as common
from services.credits.app import service
from shared.auth import TokenSigner, TokenVerifier
from shared.database import Database
from shared.service import Runtime
from shared.settings import load_settings
from tests import servers

LINES_EACH = 20
CYCLE = 2023
AUDITS = 20_000
"""Each of one kind of training in one school year."""


@contextmanager
def world() -> Iterator[Database]:
    """A database with the tables of credits, dropped afterwards."""
    url = servers.create_database("xuefen_bench_credits")
    database = Database(url, pool_size=5)
    try:
        for metadata in service.metadata:
            metadata.create_all(database.engine)
        yield database
    finally:
        database.dispose()
        servers.drop_database(url)


def runtime(database: Database, folder: str, amqp: str = "") -> Runtime:
    """The service on that database."""
    settings = load_settings(
        {"XUEFEN_DATA": folder, "XUEFEN_IDENTITY_KEY": common.KEY} | ({"XUEFEN_AMQP_URL": amqp} if amqp else {})
    )
    TokenSigner(settings.token_dir)
    verifier = TokenVerifier(settings.token_dir / "jwks.json")
    return Runtime(service=service, settings=settings, database=database, verifier=verifier)


def fill(raw: psycopg.Connection[Any], size: int) -> None:
    """So many lines, entered in the order of time: a teacher's lie far apart. Fifty schools of one county in twenty."""
    people = size // LINES_EACH
    indexes = raw.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'ledger_lines' AND indexname LIKE 'ix_%'"
    ).fetchall()
    unique = raw.execute(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = 'ledger_lines'::regclass AND contype IN ('u', 'f')"
    ).fetchall()
    for name, _ in indexes:
        raw.execute(f"DROP INDEX {name}")
    for name, _ in unique:
        raw.execute(f"ALTER TABLE ledger_lines DROP CONSTRAINT {name}")
    raw.execute("TRUNCATE ledger_lines, audits, directory_people, directory_units, standings CASCADE")
    raw.execute(
        f"""INSERT INTO directory_people (person_id, version, identity_hash, name, masked_identity, unit_path, kind,
              active)
            SELECT md5(g::text)::uuid::text, 1, md5('i' || g), '教师' || g, '360102********001X',
              '360000/360100/3601' || lpad((g % 100)::text, 2, '0') || '/s' || g / 100 % 50 || '/', 'in_service', true
            FROM generate_series(0, {people - 1}) g"""
    )
    raw.execute(
        f"""INSERT INTO audits (audit_id, project_id, project_number, project_title, organizer_path, organizer_name,
              mode, "convert", held_from, held_to, plan_id, plan_number, plan_status, plan_hours_per_credit, audited_at,
              chunks)
            SELECT 'audit-' || a, 'project-' || a, 'XM-' || a, '培训 ' || a, '360000/360100/', '南昌市', 'centralized',
              true, make_date({CYCLE} + a % 5, 10, 1), make_date({CYCLE} + a % 5, 10, 1), 'plan', 'FA', 'approved',
              1000, now(), 1
            FROM generate_series(0, {AUDITS - 1}) a"""
    )
    raw.execute(
        f"""INSERT INTO ledger_lines (kind, person_id, cycle, school_year, bucket, category, level, audit_id,
              result_id, attempt, correction, adjustment, passed, hours, amount, units, rule, edition, sentence,
              entered_by, audited_by, effective_on, received_at, recorded_at)
            SELECT 'earned', md5((h % {people})::text)::uuid::text, {CYCLE}, {CYCLE} + y,
              CASE WHEN c < 60 THEN 'coordinated' ELSE 'self_organized' END,
              CASE WHEN c < 25 THEN 'county_training' WHEN c < 35 THEN 'full_staff_training'
                WHEN c < 43 THEN 'provincial_training' WHEN c < 51 THEN 'district_training'
                WHEN c < 59 THEN 'fallback_training' WHEN c < 60 THEN 'degree_upgrade'
                WHEN c < 72 THEN 'school_training' WHEN c < 86 THEN 'other_school_based'
                WHEN c < 92 THEN 'lesson_observation' WHEN c < 96 THEN 'open_class' ELSE 'training_lecture' END,
              'county', 'audit-' || (h / 100 * 500 + c * 5 + y) % {AUDITS}, 'result-' || g, 1, 0, 0, true, 6000,
              CASE WHEN c BETWEEN 25 AND 26 THEN NULL ELSE 50 + h % 10 * 25 END, CASE WHEN c >= 86 THEN 1 + h % 12 END,
              'R-20', 'jx-2018-trial',
              '面授 60 学时 ÷ 10 = 6.0，计入统筹；规则：2018 试行', 'account-enters', 'account-audits',
              make_date({CYCLE} + y, 10, 1), now(), now()
            FROM (SELECT g, hashint8extended(g, 1) & 2147483647 h, (hashint8extended(g, 2) & 2147483647) % 100 c,
              (g * 5 / {size + 1})::int y FROM generate_series(1, {size}) g) numbers"""
    )
    for _, definition in indexes:
        raw.execute(definition)
    for name, definition in sorted(unique, key=lambda row: row[1], reverse=True):  # keys before what refers to them
        raw.execute(f"ALTER TABLE ledger_lines ADD CONSTRAINT {name} {definition}")
    raw.execute("VACUUM ANALYZE")


class Memory:
    """The most that this process and the backends of its pool hold beyond what the server shares, in MB."""

    def __init__(self, database: Database) -> None:
        import threading

        self._database, self._stop, self.megabytes = database, threading.Event(), 0.0
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        with common.connection(self._database) as raw:
            raw.autocommit = True
            query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            while not self._stop.wait(0.1):
                pids = [row[0] for row in raw.execute(query).fetchall()]
                self.megabytes = max(self.megabytes, sum(map(_private, ["self", *pids])))


def _private(pid: object) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0  # it has just ended
    return sum(int(row.split()[1]) for row in status.splitlines() if row.startswith("RssAnon")) / 1024
