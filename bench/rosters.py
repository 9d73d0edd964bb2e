"""A roster of 100,000 people: dry run and import by the real jobs, against what the parts alone need in the same run.

    python bench/rosters.py [--people 100000]

Needs PostgreSQL (`XUEFEN_TEST_POSTGRES`); works on a database and a folder of its own and removes them. Each job runs
in a process of its own, as a worker would run it, so that its peak memory is its own. The issue gives limits: dry run
15 s, import 20 s, 400 MB.

- dry run, against calamine reading the same file and nothing else;
- import, against COPY of the same rows into a table with the same indexes;
- the same again, which changes nothing; every row changed; a file of which every row is wrong, for the memory.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import structlog
import xlsxwriter
from python_calamine import CalamineWorkbook

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import shared.background  # noqa: F401  a worker has it loaded
from services.plans import files
from services.plans.app import service
from services.plans.projects.models import RosterUpload
from services.plans.rosters import importing
from shared.database import Database
from shared.identity import identity_hash, mask_identity
from shared.jobs import JobRow, run_job
from shared.service import make_runtime
from shared.settings import load_settings
from shared.sheets.reading import KINDS
from tests import servers

LIMITS = {"dry run": 15, "import": 20}
MEMORY = 400
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


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
    url = servers.create_database("xuefen_bench")
    try:
        with tempfile.TemporaryDirectory() as folder:
            os.environ.update(
                {"XUEFEN_DATA": folder, "XUEFEN_PLANS_DATABASE_URL": url, "XUEFEN_IDENTITY_KEY": "k" * 32}
            )
            measure(url, Path(folder), options.people)
    finally:
        servers.drop_database(url)


def measure(url: str, folder: Path, count: int) -> None:
    """Makes register and files, runs the jobs, prints a line for each."""
    from tests.plans import builders

    key = load_settings().identity_key
    database = Database(url)
    for metadata in service.metadata:
        metadata.create_all(database.engine)
    with database.transaction() as session:
        builders.seed(session, key)
        project = builders.make_project(session)
    register(url, count, key)
    county = builders.actor("county.donghu")

    def upload(name: str, **options: Any) -> tuple[RosterUpload, bytes]:
        path = folder / name
        workbook(path, count, **options)
        looked_at = files.look_at(name, path.read_bytes(), KINDS)
        files.store(folder).put(looked_at)
        with database.transaction() as session:
            return importing.keep_roster(session, county, project.id, looked_at, None), looked_at.content

    def import_job(uploaded: RosterUpload) -> str:
        with database.transaction() as session:
            return importing.start_import(session, county, project.id, uploaded.id)

    good, content = upload("名单.xlsx")
    print(f"{count:,} people, {len(content) / 2**20:.1f} MB of .xlsx; limits: 15 s, 20 s, {MEMORY} MB")
    read = timed(
        lambda: sum(1 for _ in CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).iter_rows())
    )
    line("calamine alone", read)
    assert good.check_job_id
    line("dry run", *run(database, good.check_job_id), ceiling=read, of="calamine")
    taken = run(database, import_job(good))
    copied = copy_alone(url)
    line("COPY alone", copied)
    line("import", *taken, ceiling=copied, of="COPY")
    for name, hours, key_of in (("the same once more", 60, "unchanged"), ("import, all rows changed", 30, "updated")):
        job_id = import_job(upload("再次.xlsx", hours=hours)[0])
        line(name, *run(database, job_id))
        with database.reading() as session:
            result = session.get_one(JobRow, job_id).result
            assert result is not None
            assert result[key_of] == count, result
    bad, _ = upload("全错.xlsx", wrong=True)
    assert bad.check_job_id
    line("dry run, all rows wrong", *run(database, bad.check_job_id))
    with database.reading() as session:
        report = session.get_one(RosterUpload, bad.id).report
        assert report is not None
        assert report["error_count"] == count
    database.dispose()


def run(database: Database, job_id: str) -> tuple[float, float, list[int]]:
    """One job in a process of its own: seconds, peak MB, and the progress that somebody who looks would see."""
    seen: list[int] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.1):
            with database.reading() as session:
                row = session.get_one(JobRow, job_id)
            if row.state == "running" and row.done not in seen:
                seen.append(row.done)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        command = [sys.executable, __file__, "--job", job_id]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    finally:
        ended.set()
        watcher.join()
    found = json.loads(answer.splitlines()[-1])
    assert found["state"] == "done", found
    return found["seconds"], found["peak"], seen


def run_here(job_id: str) -> None:
    """Runs a job as the worker does, and prints what it took."""
    runtime = make_runtime("plans", load_settings())
    with runtime.database.reading() as session:
        job = session.get_one(JobRow, job_id)
    seconds = timed(lambda: run_job(runtime.database, service.jobs, job_id, job.name, job.arguments, {}, runtime))
    with runtime.database.reading() as session:
        job = session.get_one(JobRow, job_id)
    status = dict(row.split(":", 1) for row in Path("/proc/self/status").read_text().splitlines())
    peak = int(status["VmHWM"].split()[0]) / 1024
    print(json.dumps({"state": job.state, "error": job.error, "seconds": seconds, "peak": peak}))


def copy_alone(url: str) -> float:
    """Seconds of COPY of the imported rows into a table with the same indexes, and nothing else."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute("CREATE TABLE alone (LIKE results INCLUDING ALL)")
        with connection.cursor() as cursor, cursor.copy("COPY results TO STDOUT") as out:
            rows = [bytes(piece) for piece in out]

        def copy() -> None:
            with connection.cursor() as cursor, cursor.copy("COPY alone FROM STDIN") as into:
                for row in rows:
                    into.write(row)
            connection.commit()

        return timed(copy)


def register(url: str, count: int, key: bytes) -> None:
    """So many teachers of the demo county, whom the directory knows."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        with (
            connection.cursor() as cursor,
            cursor.copy(
                "COPY directory_people (person_id, version, identity_hash, name, masked_identity, unit_path, kind,"
                " stage, active) FROM STDIN"
            ) as copy,
        ):
            for index, (number, name) in enumerate(teachers(count)):
                school = f"360000/360100/360102/36010200{index % 40 + 1:02d}/"
                hashed = identity_hash(number, key)
                copy.write_row(
                    (f"bench-{index}", 1, hashed, name, mask_identity(number), school, "in_service", "primary", True)
                )
        connection.commit()
        connection.execute("ANALYZE directory_people")


def workbook(path: Path, count: int, *, hours: int = 60, wrong: bool = False) -> None:
    """The roster of all of them; `wrong`: everybody under another name."""
    with xlsxwriter.Workbook(path, {"constant_memory": True}) as book:
        sheet = book.add_worksheet("名单")
        sheet.write_row(0, 0, ["身份证号", "姓名", "学时", "考核结果（合格/不合格）", "出勤", "备注"])
        for row, (number, name) in enumerate(teachers(count), start=1):
            sheet.write_row(row, 0, [number, "别" + name if wrong else name, hours, "合格", "全勤", f"第 {row} 组"])


def teachers(count: int) -> Iterator[tuple[str, str]]:
    """(identity number, name) of invented people, each number valid and once only."""
    for index in range(count):
        day, order = divmod(index, 400)
        body = f"360102{1965 + day // 336}{day // 28 % 12 + 1:02d}{day % 28 + 1:02d}{order + 1:03d}"
        rest = sum(int(digit) * weight for digit, weight in zip(body, WEIGHTS, strict=True)) % 11
        yield body + "10X98765432"[rest], f"教师{chr(0x4E00 + index % 5000)}{chr(0x4E00 + index // 5000)}"


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def line(
    name: str,
    seconds: float,
    peak: float | None = None,
    seen: list[int] | None = None,
    *,
    ceiling: float = 0,
    of: str = "",
) -> None:
    """Prints one line of the table."""
    text = f"{name:<26}{seconds:>7.2f} s"
    if peak is not None:
        text += f"{peak:>7.0f} MB peak   {len(seen or [])} steps of progress seen"
    if ceiling:
        text += f"   {ceiling / seconds:.2f} of {of}"
    late = seconds > LIMITS.get(name, seconds) or (peak or 0) > MEMORY
    print(text + ("   OVER THE LIMIT" if late else ""), flush=True)


if __name__ == "__main__":
    main()
