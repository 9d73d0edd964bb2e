"""What the parts of the demonstration share: the people, the clock, checks, and looks at ledger and roster."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from shared.client import Person, Refused, wait_for
from shared.ui.filters import CHINA

PASSWORD = "Xuefen-2026"  # noqa: S105  the sample province's known password
STATE = Path(".xuefen-demo.json")
"""Which run this is, so that `--resume` repeats the same keys."""

COORDINATED, SELF_ORGANIZED = "coordinated", "self_organized"


class DemoFailed(Exception):
    """Something is not as the rules demand."""


@dataclass
class Demo:
    """One run: the people, the files, and the clock that each printed step carries."""

    url: str
    files: Path
    run_id: str
    resumed: bool
    before_audit: str | None = None
    after_audit: str | None = None
    started: float = field(default_factory=time.monotonic)
    people: dict[str, Person] = field(default_factory=dict)

    def who(self, username: str) -> Person:
        """The sample person, signed in."""
        if username not in self.people:
            self.people[username] = Person(self.url, key_seed=self.run_id).sign_in(username, PASSWORD)
        return self.people[username]

    def decide_once(self, name: str, find: Callable[[], str]) -> str:
        """What this run chose from what it found; a resumed run keeps to it, though it would find other things."""
        state: dict[str, str] = json.loads(STATE.read_text())
        if name not in state:
            state[name] = find()
            STATE.write_text(json.dumps(state))
        return state[name]

    def say(self, text: str) -> None:
        """Prints a step with the seconds since the start."""
        click.echo(f"{time.monotonic() - self.started:7.2f}s  {text}")

    def check(self, condition: bool, text: str) -> None:
        """Prints what was found, or fails with it."""
        if not condition:
            raise DemoFailed(text)
        self.say(f"✓ {text}")

    def refused(self, call: Callable[[], Any], status: int, text: str, word: str = "") -> Refused:
        """Expects an error of that status whose sentences contain `word`."""
        try:
            call()
        except Refused as error:
            said = error.detail + json.dumps(error.problem, ensure_ascii=False)
            self.check(error.status == status and word in said, f"{text}：{error.status} {error.detail}")
            return error
        raise DemoFailed(f"{text}: was accepted")


def school_year(demo: Demo) -> str:
    """The present school year when this run began: a year that is over takes no plan any more."""
    day = last_day(demo)
    first = day.year - (day.month < 9)
    return f"{first}-{first + 1}"


def last_day(demo: Demo) -> date:
    """The day on which this run began: its trainings end then, so that they may be audited."""
    return date.fromisoformat(demo.decide_once("day", lambda: datetime.now(CHINA).date().isoformat()))


def held(demo: Demo, days: int) -> dict[str, str]:
    """Dates of a training that ended today, of so many days or as many as the school year has had."""
    last = last_day(demo)
    first = max(last - timedelta(days=days - 1), date(int(school_year(demo)[:4]), 9, 1))
    return {"held_from": first.isoformat(), "held_to": last.isoformat()}


def ledger(teacher: Person) -> list[dict[str, Any]]:
    """The teacher's lines, oldest first."""
    return sorted(teacher.all("/credits/api/v1/me/ledger"), key=lambda line: int(line["id"]))


def expect_amounts(demo: Demo, lines: Callable[[], list[dict[str, Any]]], amounts: list[str], text: str) -> None:
    """Waits until the lines begin with these amounts; a resumed run may be further already."""
    wanted = [Decimal(a) for a in amounts]

    def reached() -> bool:
        found = [Decimal(line["amount"]) for line in lines()]
        if len(found) > len(wanted) and not demo.resumed:
            raise DemoFailed(f"{text}: found {found}")
        return found[: len(wanted)] == wanted

    asked = time.monotonic()
    wait_for(reached, text, 60.0)
    demo.check(True, f"{text}（等待 {time.monotonic() - asked:.2f} 秒）")


def roster_recorded(demo: Demo, county: Person, path: str, count: int, credits: Decimal) -> None:
    """The roster shows 已计入 for everybody who passed."""

    def recorded() -> bool:
        rows = county.all(f"{path}/results")
        done = [r for r in rows if r["credits_state"] == "recorded"]
        return len(done) == len(rows) and sum(Decimal(r["credits"]) == credits for r in rows) == count

    wait_for(recorded, f"{count} 人各 {credits} 学分", 60.0)
    demo.check(True, f"名单上 {count} 人显示已计入 {credits} 学分")


def headline_equals_lines(demo: Demo, teacher: Person) -> None:
    standing = teacher.get("/credits/api/v1/me/standing")
    for bucket in (COORDINATED, SELF_ORGANIZED):
        counted = sum((Decimal(line["counted"]) for line in ledger(teacher) if line["bucket"] == bucket), Decimal(0))
        headline = Decimal(standing["buckets"][bucket]["counted"])
        demo.check(headline == counted, f"{bucket}：合计 {headline} = 各行计入之和")


def shell(demo: Demo, command: str | None) -> None:
    if command:
        demo.say(f"$ {command}")
        subprocess.run(command, shell=True, check=True)  # noqa: S602  the operator's own command


def import_file(person: Person, path: str, file: Path, step: str) -> None:
    with file.open("rb") as book:
        job = person.post(f"{path}/roster", step=step, files={"file": ("名单.xlsx", book)}, form={}, dry_run="false")

    def ended() -> dict[str, Any] | None:
        state: dict[str, Any] = person.get(f"/plans/api/v1/jobs/{job['job_id']}")
        if state["state"] == "failed":
            raise DemoFailed(f"名单导入失败：{state['error']}")
        return state if state["state"] == "done" else None

    wait_for(ended, "名单导入")
