"""The yearly collection of 100,000 people: dry run and import by the real jobs, against reading and COPY alone.

    python bench/people.py [--people 100000]

Needs PostgreSQL (`XUEFEN_TEST_POSTGRES`); works on a database and a folder of its own and removes them. Each job runs
in a process of its own, as a worker would run it, so that its peak memory is its own. The issue gives limits for the
import: 60 s, 400 MB.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psycopg
import structlog
import xlsxwriter
from python_calamine import CalamineWorkbook

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import shared.background  # noqa: F401  a worker has it loaded
from bench.rosters import teachers, timed
from services.accounts import cli
from services.accounts.access.models import Account
from services.accounts.access.operations import actor_of
from services.accounts.app import service
from services.accounts.people import collecting
from services.accounts.people.keeping import Workbooks
from services.accounts.people.models import Collection
from services.accounts.people.sheet import HEADINGS
from shared.database import Database
from shared.files import look_at
from shared.jobs import JobRow, run_job
from shared.service import make_runtime
from shared.settings import load_settings
from shared.sheets.reading import KINDS
from tests import servers

LIMIT, MEMORY = 60, 400
SCHOOLS = ("3601020001", "3601020002")


def main() -> None:
    """Runs everything once and prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--job", help="used by the measurement itself: run this job here")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    if options.job:
        run_here(options.job)
        return
    url = servers.create_database("xuefen_bench_people")
    try:
        with tempfile.TemporaryDirectory() as folder:
            os.environ.update({"XUEFEN_DATA": folder, "XUEFEN_ACCOUNTS_DATABASE_URL": url})
            measure(url, Path(folder), options.people)
    finally:
        servers.drop_database(url)


def measure(url: str, folder: Path, count: int) -> None:
    """Loads the sample province, collects everybody three times, prints a line for each step."""
    run = make_runtime("accounts", load_settings())
    database = run.database
    for metadata in service.metadata:
        metadata.create_all(database.engine)
    cli.load_sample(run)
    with database.reading() as session:
        account = session.query(Account).filter_by(username="manager.donghu").one()
        manager = actor_of(session, account, "")

    def keep(subject: str) -> tuple[Collection, bytes]:
        path = folder / "采集.xlsx"
        workbook(path, count, subject)
        upload = look_at(path.name, path.read_bytes(), KINDS)
        with database.transaction() as session:
            return collecting.keep(session, manager, upload, Workbooks(run.settings).put(upload), None), upload.content

    print(f"{count:,} people; limits of the import: {LIMIT} s, {MEMORY} MB")
    for name, subject, key in (
        ("import", "语文", "inserted"),
        ("the same once more", "语文", "unchanged"),
        ("import, all changed", "数学", "updated"),
    ):
        kept, content = keep(subject)
        if name == "import":
            line("calamine alone", {"seconds": read_alone(content)})
        assert kept.check_job_id
        line("dry run", run_job_alone(database, kept.check_job_id))
        with database.transaction() as session:
            job_id = collecting.start_import(session, manager, kept.id).job_id
        assert job_id
        line(name, run_job_alone(database, job_id))
        with database.reading() as session:
            result = session.get_one(JobRow, job_id).result
            assert result is not None
            assert result[key] == count, result
        if name == "import":
            line("COPY alone", {"seconds": copy_alone(url)})
    database.dispose()


def run_job_alone(database: Database, job_id: str) -> dict[str, Any]:
    """One job in a process of its own: its seconds and peak memory in MB."""
    command = [sys.executable, __file__, "--job", job_id]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, Any] = json.loads(answer.splitlines()[-1])
    assert found["state"] == "done", found
    return found


def run_here(job_id: str) -> None:
    """Runs a job as the worker does, and prints what it took."""
    runtime = make_runtime("accounts", load_settings())
    with runtime.database.reading() as session:
        job = session.get_one(JobRow, job_id)
    seconds = timed(lambda: run_job(runtime.database, service.jobs, job_id, job.name, job.arguments, {}, runtime))
    with runtime.database.reading() as session:
        job = session.get_one(JobRow, job_id)
    status = dict(row.split(":", 1) for row in Path("/proc/self/status").read_text().splitlines())
    peak = int(status["VmHWM"].split()[0]) / 1024
    print(json.dumps({"state": job.state, "error": job.error, "seconds": seconds, "peak": peak}))


def read_alone(content: bytes) -> float:
    """Seconds of reading the same file, and nothing else."""
    return timed(
        lambda: sum(1 for _ in CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).iter_rows())
    )


def copy_alone(url: str) -> float:
    """Seconds of COPY of the same people into a table with the same indexes, and nothing else."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute("CREATE TABLE alone (LIKE people INCLUDING ALL)")
        with connection.cursor() as cursor, cursor.copy("COPY people TO STDOUT") as out:
            rows = [bytes(piece) for piece in out]

        def copy() -> None:
            with connection.cursor() as cursor, cursor.copy("COPY alone FROM STDIN") as into:
                for row in rows:
                    into.write(row)
            connection.commit()

        return timed(copy)


def workbook(path: Path, count: int, subject: str) -> None:
    """The collection of all of them, in two schools of the county."""
    with xlsxwriter.Workbook(path, {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        names = ("identity", "name", "unit", "kind", "stage", "subject", "certificate_subject", "hired_on")
        sheet.write_row(0, 0, [HEADINGS[name] for name in names])
        for row, (number, name) in enumerate(teachers(count), start=1):
            day = f"{2000 + row % 26}-09-01"
            sheet.write_row(row, 0, [number, name, SCHOOLS[row % 2], "在职教师", "小学", subject, "语文", day])


def line(name: str, took: dict[str, Any]) -> None:
    """Prints one line of the table."""
    text = f"{name:<24}{took['seconds']:>7.2f} s"
    if "peak" in took:
        text += f"{took['peak']:>7.0f} MB peak"
    late = (name.startswith("import") and took["seconds"] > LIMIT) or took.get("peak", 0) > MEMORY
    print(text + ("   OVER THE LIMIT" if late else ""), flush=True)


if __name__ == "__main__":
    main()
