"""The board of a province with 300,000 submissions and their histories: time of the whole page, statement by statement.

    python bench/board.py [--size 300000] [--requests 20] [--explain]

Needs PostgreSQL (`XUEFEN_TEST_POSTGRES`); works on a database of its own and removes it. Three school years, a hundred
counties with sixty schools each. Measured is the whole answer of the service (signed token, queries, template) for
the province, a district and a county; `--explain` prints the plans of the province's statements. On a busy machine the
fastest answer says what the service needs, the others what is left of the machine.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from flask.testing import FlaskClient
from sqlalchemy import event

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import _plans as common
from bench._plans import line
from bench.plans_queue import caller, get
from shared.database import Database
from tests.plans import builders

LIMITS_MS = {"province": 1000, "district.nanchang": 250, "county.donghu": 100}
"""Who looks -> 95 of 100 pages for one school year come within so many milliseconds."""
YEARS = ("2024-2025", "2025-2026", builders.YEAR)
AGAIN, TWICE, BACK = "g % 7 = 0", "g % 35 = 0", "g % 90 = 1"
"""Plans that the county returned, returned twice, approved and took back before it approved."""
DIRECT = "g % 20 = 11"
"""Submissions of schools that a district runs: no county has them."""
OPEN = "g % 20 = 3"
"""Plans that have only been submitted."""
PARKED = "g % 200 = 3"
"""Those of them for which the clock stands."""
COUNTIES = [path for path, unit in builders.units().items() if unit.level == "county"][:100]
COUNTY = f"(ARRAY{COUNTIES})[g / 60 % {len(COUNTIES)} + 1]"
SCHOOL = "lpad((g % 60)::text, 4, '0')"
REGION = f"CASE WHEN {DIRECT} THEN left({COUNTY}, 14) ELSE {COUNTY} END"
MINUTES = "60 + (g * 7919::bigint) % 6000"


def main() -> None:
    """Fills the database, measures, prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=300_000)
    parser.add_argument("--requests", type=int, default=20)
    parser.add_argument("--explain", action="store_true")
    options = parser.parse_args()
    with common.world() as database, tempfile.TemporaryDirectory() as folder:
        model = common.submitted(database)
        with common.connection(database) as raw:
            fill(raw, model, options.size)
            lines = raw.execute("SELECT count(*) FROM plan_history").fetchall()[0][0]
        print(f"{options.size:,} submissions of {len(YEARS)} school years, {lines:,} lines of history")
        for who, limit in LIMITS_MS.items():
            client = caller(database, folder, who)
            measure(client, who, options.requests, limit)
            if options.explain and who == "province":
                explain(database, client)


def measure(client: FlaskClient, who: str, requests: int, limit: int) -> None:
    """One school year, which has a limit, and all of them together, which has none."""
    for name, year in {"one school year": YEARS[-1], "all school years": ""}.items():
        address = f"/plans/board?school_year={year}"
        taken = [common.timed(partial(get, client, address)) * 1000 for _ in range(requests + 2)][2:]
        figure = f"p95 {common.p95(taken):.0f} ms, median {statistics.median(taken):.0f}, min {min(taken):.0f}"
        if year:
            line(f"{who}, {name}", figure, f"<= {limit} ms", common.p95(taken) <= limit)
        else:
            line(f"{who}, {name}", figure)


def fill(raw: psycopg.Connection[Any], model: str, size: int) -> None:
    """So many submissions: most of them approved by three levels, some returned, some still waiting."""
    path = f"({REGION}) || CASE WHEN {DIRECT} THEN 'd' ELSE '' END || {SCHOOL} || '/'"
    year = f"(ARRAY{list(YEARS)})[(g - 1) / {-(-size // len(YEARS))} + 1]"
    days = "now() - make_interval(days => g % 30, secs => g % 86400)"
    plan = {
        "unit_path": path,
        "school_year": year,
        "submitted_year": year,
        "status": f"CASE WHEN {OPEN} THEN 'under_review' ELSE 'approved' END",
        "stage": f"CASE WHEN {OPEN} THEN 'county_review' END",
        "reviewing_path": f"CASE WHEN {OPEN} THEN {COUNTY} END",
        "reviewing_office": f"CASE WHEN {OPEN} THEN 'plan_review' END",
        "entered_at": f"CASE WHEN {OPEN} THEN {days} END",
        "pending": f"CASE WHEN {PARKED} THEN 'policy' END",
        "due_at": "NULL::timestamptz",
        "warn_at": "NULL::timestamptz",
    }
    for start in range(1, size + 1, 100_000):
        end = min(start + 99_999, size)
        common.copy(raw, model, start, end, plan)
        for place, (where, changed) in enumerate(_acts(year), start=2):
            common.add_lines(raw, model, start, end, changed, f"NOT ({OPEN}) AND {where}", place)
        raw.commit()
    # Every return asks for something; the second one for something that the first could have asked for as well.
    raw.execute(
        "INSERT INTO plan_points (line_id, number, section, field, lasting, place, text, must, late)"
        " SELECT id, n, 'basics', 'aims', 'aims', '目标', '目标写具体', true, n = 2 AND substr(id, 23, 1) = '4'"
        " FROM plan_history, generate_series(1, 3) n WHERE act = 'return'"
    )
    raw.commit()
    raw.autocommit = True
    raw.execute("VACUUM ANALYZE")


def _acts(year: str) -> list[tuple[str, dict[str, str]]]:
    """Which submissions, and the line of the history that they get besides the first, in order; from line 2 to 9."""

    def decided(stage: str, act: str = "approve", status: str = "under_review") -> dict[str, str]:
        timed = {"took_minutes": MINUTES, "in_time": f"{MINUTES} < 4800"}
        counts = {"region_path": REGION, "school_year": year, "plan_kind": "'school_plan'", **timed}
        return {"act": f"'{act}'", "stage": f"'{stage}'", "to_status": f"'{status}'", **counts}

    return [
        (AGAIN, decided("county_review", "return", "returned")),
        (AGAIN, {"act": "'submit'"}),
        (TWICE, decided("county_review", "return", "returned")),
        (BACK, decided("county_review")),
        (BACK, {"act": "'take_back'", "stage": "'county_review'", "strikes_id": common.line_id(5)}),
        (f"NOT ({DIRECT})", decided("county_review")),
        ("true", decided("district_review")),
        ("true", decided("province_filing", status="approved")),
    ]


def explain(database: Database, client: FlaskClient) -> None:
    """What PostgreSQL does for the province's page of one year."""
    sent: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        sent.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    get(client, f"/plans/board?school_year={YEARS[-1]}")
    event.remove(database.engine, "before_cursor_execute", note)
    with common.connection(database) as raw:
        for statement, parameters in sent:
            if statement.startswith(("SELECT", "WITH")):
                print(statement)
                for row in raw.execute(f"EXPLAIN (ANALYZE, BUFFERS) {statement}", parameters):
                    print("   ", row[0])


if __name__ == "__main__":
    main()
