"""Everybody's standing at 1, 3 and 10 million ledger lines, a teacher's page, a preview of new rules, a large audit.

    python bench/credits.py [--sizes 1000000,3000000,10000000] [--requests 100]

Needs PostgreSQL and RabbitMQ; works on a database and a virtual host of its own and removes both. 10 million lines
need about 6 GB of disk. Twenty lines a teacher.

Recomputing is measured as the job does it (`standings.upkeep.recompute`: stretch by stretch, into the table with its
indexes), from nothing and again where all is right. Beside it, in the same run, the best pivot that we could write by
hand for these rules over the same covering index, as `CREATE TABLE AS` without key or index; both on one connection
without parallel workers, and the pivot once more with whatever workers the server gives. A busy machine lengthens the
wall time of both: read the ratios.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import structlog
from flask.testing import FlaskClient

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import _plans as common
from bench._credits import CYCLE, LINES_EACH, Memory, fill, runtime, world
from bench._plans import line
from bench._preview import preview
from bench.messaging import publish_raw, timed
from services.credits.standings import operations
from services.credits.standings.models import RECOMPUTE_JOB
from shared.actors import Office
from shared.auth import COOKIE, TokenSigner
from shared.bus import Consumer, declare_all
from shared.database import Database
from shared.jobs import run_job
from shared.service import Runtime
from shared.web import build_app
from tests import servers
from tests.credits import make

YEARS = range(2023, 2028)
AUDITED = 10_000
LIMIT_RATIO, LIMIT_MB, LIMIT_AUDIT_S, LIMIT_COPY, LIMIT_PAGE_MS, STATEMENTS = 1.5, 200, 10, 3, 40, 6
ITEMS = {"lesson_observation": 20, "open_class": 2, "training_lecture": 2}

SIGN = "(CASE WHEN kind = 'earned' THEN 1 ELSE -1 END)"


def _by_hand() -> str:
    def fallback(year: int) -> str:
        mine = f"school_year = {year} AND category = 'fallback_training'"
        return f"LEAST(COALESCE(SUM(amount) FILTER (WHERE {mine}), 0), 150)"

    def item(category: str, needed: int, year: int) -> str:
        units = "SUM(CASE WHEN kind = 'earned' THEN units ELSE -units END)"
        mine = f"school_year = {year} AND category = '{category}'"
        return f"CASE WHEN {units} FILTER (WHERE {mine}) >= {needed} THEN 100 ELSE 0 END"

    items = " + ".join(item(category, needed, year) for category, needed in ITEMS.items() for year in YEARS)
    return f"""
        SELECT person_id,
          COALESCE(SUM(amount) FILTER (WHERE bucket = 'coordinated'
            AND category NOT IN ('fallback_training', 'degree_upgrade')), 0)
          + LEAST({" + ".join(map(fallback, YEARS))}, 750)
          + LEAST(COALESCE(SUM(amount) FILTER (WHERE category = 'degree_upgrade'), 0), 800) AS coordinated,
          COALESCE(SUM({SIGN}) FILTER (WHERE amount IS NULL AND bucket = 'coordinated'), 0) AS coordinated_pending,
          COALESCE(SUM(amount) FILTER (WHERE bucket = 'self_organized'
            AND category NOT IN ({", ".join(f"'{category}'" for category in ITEMS)})), 0) + {items} AS self_organized,
          COALESCE(SUM({SIGN}) FILTER (WHERE amount IS NULL AND bucket = 'self_organized'), 0)
            AS self_organized_pending
        FROM ledger_lines WHERE cycle = {CYCLE} GROUP BY person_id"""


BY_HAND = _by_hand()
"""The same rules in one pass; true only of ledgers in which each category keeps to one bucket, as in this one."""
SAME = """SELECT count(*) FROM by_hand h FULL JOIN standings s ON s.person_id = h.person_id AND s.cycle = 2023
    WHERE (h.coordinated, h.coordinated_pending, h.self_organized, h.self_organized_pending) IS DISTINCT FROM
    (s.coordinated, s.coordinated_pending, s.self_organized, s.self_organized_pending)"""


def main() -> None:
    """Fills the database to each size, measures, prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", default="1000000,3000000,10000000")
    parser.add_argument("--requests", type=int, default=100)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with world() as database, tempfile.TemporaryDirectory() as folder:
        run = runtime(database, folder)
        seconds: dict[int, float] = {}
        with common.connection(database) as raw:
            raw.autocommit = True
            for size in map(int, options.sizes.split(",")):
                fill(raw, size)
                print(f"{size:,} lines of {size // LINES_EACH:,} teachers", flush=True)
                seconds[size] = everybody(database, raw, size)
                page(database, run, options.requests)
            per_line = [taken / size for size, taken in seconds.items()]
            growth = per_line[-1] / per_line[0]
            line("time for a line, largest / smallest", f"{growth:.2f}", "linear: <= 1.3", growth <= 1.3)
            preview(database)
            audit(run, raw)


def everybody(database: Database, raw: psycopg.Connection[Any], size: int) -> float:
    """Recomputing and storing against the pivot by hand; returns the seconds of the former."""

    def by_hand(workers: int) -> float:
        raw.execute("DROP TABLE IF EXISTS by_hand")
        raw.execute(f"SET max_parallel_workers_per_gather = {workers}")
        taken = timed(lambda: raw.execute(f"CREATE TABLE by_hand AS {BY_HAND}"))
        raw.execute("RESET max_parallel_workers_per_gather")
        return taken

    hand, parallel, stored, again, memory = [], [], [], [], []
    for _ in range(2):
        hand.append(by_hand(0))
        parallel.append(by_hand(2))
        raw.execute("TRUNCATE standings")
        database.dispose()  # what pages have left connected is not the worker's
        with Memory(database) as used:
            stored.append(timed(lambda: recompute(database)))
        memory.append(used.megabytes)
        again.append(timed(lambda: recompute(database)))
    differ = raw.execute(SAME).fetchone()
    assert differ == (0,), differ
    best, ratio = min(hand), min(stored) / min(hand)
    line("  sum over the index alone", f"{timed(lambda: raw.execute(SCAN)):.1f} s")
    line("  pivot by hand, CREATE TABLE AS", f"{best:.1f} s (with workers {min(parallel):.1f} s)")
    line(
        "  everybody computed and stored",
        f"{min(stored):.1f} s = {ratio:.2f} x by hand",
        "<= 1.5",
        ratio <= LIMIT_RATIO,
    )
    share = min(stored) / min(parallel)
    line("  the same / by hand with workers", f"{share:.2f}")
    line("  again, nothing to change", f"{min(again):.1f} s = {min(again) / best:.2f} x by hand")
    line("  memory, process and backends", f"{max(memory):.0f} MB", "<= 200 MB", max(memory) <= LIMIT_MB)
    plan = "\n".join(str(row[0]) for row in raw.execute("EXPLAIN " + statement(database)).fetchall())
    line(
        "  seq scan or sort of lines in its plan",
        "yes" if "Seq Scan on ledger" in plan else "no",
        "no",
        "Seq Scan on ledger" not in plan,
    )
    return min(stored)


SCAN = f"SELECT sum(amount) FROM ledger_lines WHERE cycle = {CYCLE}"


def statement(database: Database) -> str:
    """The statement of everybody, with its values."""
    from sqlalchemy.dialects import postgresql

    from services.credits import in_force, standing

    with database.reading() as session:
        found = in_force.editions(session).cycle(CYCLE, in_force.today())
    assert found is not None
    compiled = standing.headline(*found).compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})
    return str(compiled)


def recompute(database: Database) -> None:
    """The job, as a worker runs it."""
    from services.credits.tasks import JOBS

    with database.transaction() as session:
        job_id = operations.recompute_later(session, CYCLE)
    run_job(database, JOBS, job_id, RECOMPUTE_JOB, {"cycle": CYCLE, "area": None}, {})


def page(database: Database, run: Runtime, requests: int) -> None:
    """A teacher's page and the first pages of lists, as the browser of the person and of her province gets them."""
    people = [f"md5('{number}')::uuid::text" for number in range(requests + 5)]
    with common.connection(database) as raw:
        ids = [str(raw.execute(f"SELECT {sql}").fetchone()[0]) for sql in people]  # type: ignore[index]
    app = build_app(run)
    admin = caller(app, run, make.admin(Office.CREDIT_ADMIN, "360000/"))
    addresses = {
        "a teacher's page": [f"/credits/teachers/{person_id}" for person_id in ids],
        "list of the province": ["/credits/teachers"] * len(ids),
        "list by shortfall": ["/credits/teachers?order=shortfall"] * len(ids),
        "list by shortfall, one county": ["/credits/teachers?order=shortfall&under=360000/360100/360142/"] * len(ids),
    }
    for name, wanted in addresses.items():
        taken, sent = [], 0
        for number, address in enumerate(wanted):
            with common.statements(database) as statements:
                started = time.perf_counter()
                answer = admin.get(address)
                seconds = time.perf_counter() - started
            assert answer.status_code == 200, (address, answer.status_code)
            if number >= 5:
                taken.append(seconds)
                sent = max(sent, len(statements))
        p95 = common.p95(taken) * 1000
        figure = f"p95 {p95:.1f} ms, median {statistics.median(taken) * 1000:.1f}, {sent - 1} + 1 statements"
        good = p95 <= LIMIT_PAGE_MS and sent - 1 <= STATEMENTS
        line(f"  {name}", figure, "<= 40 ms, <= 6", good)


def caller(app: Any, run: Runtime, who: Any) -> FlaskClient:
    """A browser in which somebody is signed in."""
    client: FlaskClient = app.test_client()
    client.set_cookie(COOKIE, TokenSigner(run.settings.token_dir).sign(who))
    return client


def audit(run: Runtime, raw: psycopg.Connection[Any]) -> None:
    """An audit of 10,000 through the broker, against COPY of the same lines and one grouped update."""
    url = servers.create_vhost("xuefen_bench_credits")
    try:
        with tempfile.TemporaryDirectory() as folder:
            broker = runtime(run.database, folder, url)
            declare_all(url)
            started = datetime.now(UTC)
            bodies = [_body(chunk) for chunk in range(AUDITED // 500)]
            consumer = Consumer(broker)

            def work() -> None:
                publish_raw(url, bodies, "plans.results_audited.v1")
                done = 0
                while done < len(bodies):
                    done += consumer.step(10)

            taken = timed(work)
            consumer.close()
        written = raw.execute(
            "SELECT count(*) FROM ledger_lines l JOIN standings s ON s.cycle = l.cycle AND s.person_id = l.person_id"
            " WHERE l.audit_id = 'audit-bench' AND s.computed_at >= %s",
            [started],
        ).fetchone()
        assert written == (AUDITED,), written
        line(f"audit of {AUDITED:,}, broker to standing", f"{taken:.1f} s", "<= 10 s", taken <= LIMIT_AUDIT_S)
        bare = timed(lambda: _copied(raw))
        line("  the same rows by COPY and one update", f"{bare:.1f} s, {taken / bare:.1f} x", "<= 3", taken <= 3 * bare)
    finally:
        servers.drop_vhost(url)


def _body(chunk: int) -> str:
    import hashlib
    import json
    import uuid

    def person(number: int) -> str:
        return str(uuid.UUID(hashlib.md5(str(number).encode()).hexdigest()))

    results = [
        make.AuditedResult(
            result_id=f"audited-{number}", person_id=person(number), hours=Decimal(60), passed=True, attempt=1
        )
        for number in range(chunk * 500, chunk * 500 + 500)
    ]
    event = make.audited(*results, audit_id="audit-bench", chunk=chunk + 1, chunks=AUDITED // 500)
    return json.dumps(make.envelope(event, chunk + 1), ensure_ascii=False)


def _copied(raw: psycopg.Connection[Any]) -> None:
    names = [
        row[0]
        for row in raw.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'ledger_lines'"
            " AND column_name NOT IN ('id', 'result_id')"
        )
    ]
    columns = ", ".join(f'"{name}"' for name in names)
    rows = raw.execute(f"SELECT {columns} FROM ledger_lines WHERE audit_id = 'audit-bench'").fetchall()
    with raw.transaction():
        with raw.cursor().copy(f"COPY ledger_lines ({columns}, result_id) FROM STDIN") as copy:
            for number, row in enumerate(rows):
                copy.write_row((*row, f"copied-{number}"))
        raw.execute(
            "UPDATE standings s SET coordinated = s.coordinated + added.amount FROM (SELECT person_id, sum(amount)"
            " AS amount FROM ledger_lines WHERE audit_id = 'audit-bench' AND result_id LIKE 'copied-%%' GROUP BY 1)"
            " added WHERE s.cycle = 2023 AND s.person_id = added.person_id"
        )


if __name__ == "__main__":
    main()
