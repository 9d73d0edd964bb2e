"""A submission approved by three stages, and fifty reviewers on the same fifty: ratios to ceilings of the same run.

    python bench/plans.py [--runs 100] [--rounds 5] [--peers]

Needs PostgreSQL (`XUEFEN_TEST_POSTGRES`); works on a database of its own and removes it. Rounds are interleaved and
the median of their ratios is shown, since machines are noisy.

- ours: `operations.perform(…, "approve")` and its row for the audit trail, each step a transaction of its own, as an
  edge runs it; also without that row, to show what it costs;
- ceiling: the least that a step can be by hand: lock the row, write decision, status, message and its place in the
  queue, commit; five hand-written statements on the same tables and connections (psycopg by SQLAlchemy Core);
- `--peers`: django-viewflow and SpiffWorkflow (its state saved as JSON) with the same three stages on the same server,
  installed into an environment that is thrown away afterwards.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from functools import partial
from itertools import pairwise
from pathlib import Path

from sqlalchemy import text

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import _plans as common
from bench._plans import line
from services.plans.approval import operations
from services.plans.approval.models import Plan
from services.plans.workflow import Status
from shared import audit_trail
from shared.database import Database, new_id, utc_now
from shared.errors import Conflict
from tests import servers
from tests.plans import builders

TARGET = 0.5
TRAIL_TARGET = 0.95
"""So much of the speed without the audit trail is kept with it."""
REVIEWERS = 50
ACT = "POST /plans/api/v1/plans/<plan_id>/<act>"
DIGEST = "0" * 64
PEERS = {"django-viewflow": ("viewflow_peer.py", 2), "SpiffWorkflow": ("spiff.py", 1)}
"""Name -> program, and how many times its speed ours is to reach."""
LOCK = text("SELECT status, stage, version FROM plans WHERE id = :plan FOR UPDATE")
DECIDE = text(
    "INSERT INTO plan_history (id, plan_id, act, at, actor_account, actor_person, actor_name, for_name, unit_path,"
    " body, stage, from_status, to_status, to_stage, opinion, outcome, internal, round, digest, details)"
    " VALUES (:id, :plan, 'approve', :now, :who, :person, :name, '', :path, :body, :stage, 'under_review', :status,"
    " :following, :opinion, :outcome, false, 1, :digest, '{}')"
)
MOVE = text(
    "UPDATE plans SET status = :status, stage = :following, reviewing_path = :to, reviewing_office = :office,"
    " entered_at = :entered, due_at = :entered, warn_at = :entered, version = version + 1, changed_by_name = :name,"
    " changed_at = :now, changed_what = 'approve' WHERE id = :plan"
)
SEND = text(
    "INSERT INTO outbox (event_id, kind, name, routing_key, aggregate_type, aggregate_id, aggregate_version, payload,"
    " headers, created_at) VALUES (:id, 'event', 'plans.plan_decided.v1', 'plans.plan_decided.v1', 'plan', :plan,"
    " :version, cast(:payload AS jsonb), '{}', :now) RETURNING id"
)
QUEUE = text("INSERT INTO outbox_todo (outbox_id, not_before, attempts) VALUES (:outbox_id, :now, 0)")
WAY = (
    ("county_review", builders.DONGHU),
    ("district_review", builders.NANCHANG),
    ("province_filing", builders.PROVINCE),
    (None, None),
)


def main() -> None:
    """Runs the rounds and prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=100, help="submissions in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", action="store_true", help="also django-viewflow and SpiffWorkflow")
    options = parser.parse_args()
    with common.world() as database:
        approvals(database, options.runs, options.rounds, options.peers)
        at_once(database, options.runs * (options.rounds + 2) * 3)


def approvals(database: Database, runs: int, rounds: int, peers: bool) -> None:
    """Three stages one after the other, one client."""
    model = common.submitted(database)
    with common.connection(database) as raw:
        common.copy(raw, model, 1, runs * (rounds + 2) * 3)
    work = {"ceiling": least, "ours": ours, "without trail": partial(ours, trail=False)}
    taken: dict[str, list[float]] = {name: [] for name in work}
    for number in range(rounds + 1):
        # To and fro: what comes later in a round finds larger tables.
        for place, (name, doing) in enumerate(list(work.items())[:: 1 if number % 2 else -1]):
            seconds = common.timed(partial(doing, database, (number * 3 + place) * runs + 1, runs))
            if number:  # the first warms caches and connections
                taken[name].append(seconds)
    print(f"three stages, {rounds} rounds of {runs}, median")
    for name in taken:
        line(f"  {name}", f"{runs / statistics.median(taken[name]):,.0f} runs/s")
    ratio = statistics.median(c / o for c, o in zip(taken["ceiling"], taken["ours"], strict=True))
    line("  ours / ceiling", f"{ratio:.2f}", f">= {TARGET}", ratio >= TARGET)
    kept = statistics.median(w / o for w, o in zip(taken["without trail"], taken["ours"], strict=True))
    line("  ours / without trail", f"{kept:.3f}", f">= {TRAIL_TARGET}", kept >= TRAIL_TARGET)
    if peers:
        against_peers(database, (rounds + 1) * 3 * runs + 1, runs)


def against_peers(database: Database, first: int, runs: int) -> None:
    """The peers in an environment of their own, each on an empty database, each beside a round of ours."""
    here = Path(__file__).parent / "peers"
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder) / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        install = [python, "-m", "pip", "install", "-qqq", "-r", here / "requirements.txt"]
        subprocess.run(install, check=True)
        for place, (name, (program, target)) in enumerate(PEERS.items()):
            url = servers.create_database("xuefen_bench")
            try:
                command = [python, here / program, url.replace("+psycopg", ""), str(runs)]
                rate = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            finally:
                servers.drop_database(url)
            mine = runs / common.timed(partial(ours, database, first + place * runs, runs))
            line(f"  {name}", f"{rate:,.0f} runs/s, ours / it {mine / rate:.2f}", f">= {target}", mine / rate >= target)


def ours(database: Database, first: int, runs: int, trail: bool = True) -> None:
    """Approves that many submissions at all three stages."""
    actors = [builders.actor(username) for username in common.STAGES]
    for number in range(first, first + runs):
        for actor in actors:
            with database.transaction() as session:
                plan = operations.perform(session, actor, common.id_of(number), "approve")
                if trail:
                    audit_trail.record(session, audit_trail.entry_of(actor, ACT, record=f"plan_id={plan.id}"))
        assert plan.status == Status.APPROVED


def least(database: Database, first: int, runs: int) -> None:
    """The same by hand: no rules, no objects, one message a step."""
    for number in range(first, first + runs):
        plan = common.id_of(number)
        for (stage, path), (following, to) in pairwise(WAY):
            now, status = utc_now(), "under_review" if following else "approved"
            payload = {"plan_id": plan, "number": f"B{number}", "stage": stage, "verdict": "approve", "status": status}
            with database.engine.begin() as connection:
                found = connection.execute(LOCK, {"plan": plan}).one()
                assert found.stage == stage
                written = {"id": new_id(), "plan": plan, "now": now, "who": "who", "person": "person", "name": "某人"}
                written |= {"path": path, "body": "某教育局", "stage": stage, "status": status, "following": following}
                connection.execute(DECIDE, written | {"opinion": "", "outcome": "送达", "digest": DIGEST})
                moved = {"plan": plan, "status": status, "following": following, "to": to, "now": now, "name": "某人"}
                office, entered = ("plan_review", now) if to else (None, None)
                connection.execute(MOVE, moved | {"office": office, "entered": entered})
                message = {"id": new_id(), "plan": plan, "version": found.version, "now": now}
                sent = connection.execute(SEND, message | {"payload": json.dumps(payload)}).scalar_one()
                connection.execute(QUEUE, {"outbox_id": sent, "now": now})


def at_once(database: Database, after: int) -> None:
    """Fifty reviewers of one county, each going through the same fifty submissions in the same order."""
    model = common.submitted(database)
    with common.connection(database) as raw:
        common.copy(raw, model, after + 1, after + REVIEWERS)
    plans = [common.id_of(number) for number in range(after + 1, after + REVIEWERS + 1)]
    answers: Counter[str] = Counter()
    ready = threading.Barrier(REVIEWERS + 1)

    def review(number: int) -> None:
        actor = builders.reviewer(builders.DONGHU, f"reviewer-{number}", f"person-{number}")
        ready.wait()
        for plan_id in plans:
            try:
                with database.transaction() as session:
                    operations.perform(session, actor, plan_id, "approve", version=2)
                answers["decided"] += 1
            except Conflict:
                answers["409"] += 1
            except Exception as error:  # counted and shown: any is a miss
                answers[type(error).__name__] += 1

    threads = [threading.Thread(target=review, args=[number]) for number in range(REVIEWERS)]
    for thread in threads:
        thread.start()
    ready.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    with database.reading() as session:
        decided = [session.get_one(Plan, plan_id) for plan_id in plans]
    once = sum(plan.stage == "district_review" for plan in decided)
    print(f"{REVIEWERS} reviewers on the same {REVIEWERS} submissions, {seconds:.1f} s")
    line(
        "  decided once",
        f"{once}, {answers['decided']} decisions",
        f"{REVIEWERS}",
        once == answers["decided"] == REVIEWERS,
    )
    others = {name: count for name, count in answers.items() if name not in ("decided", "409")}
    line("  answered 409, other errors", f"{answers['409']}, {others or 'none'}", "no other errors", not others)


if __name__ == "__main__":
    main()
