"""Any interleaving of audits, corrections and revocations, with repeats, ends as the last facts say (N6)."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.credits import operations, queries, rules
from services.credits.edition_files import shipped
from services.credits.models import LedgerLine
from shared.database import Database, new_id
from shared.events.base import Event
from shared.events.plans import AuditedResult, AuditRevoked, ProjectCorrected, ProjectFacts, ResultsAudited
from shared.outbox import OutboxRow
from tests.credits.make import PROJECT, SCHOOL_PROJECT, audited, corrected, result, revoked

TRIAL = shipped().named("jx-2018-trial")
HANDLERS: dict[type[Event], Any] = {
    ResultsAudited: operations.record_audit,
    AuditRevoked: operations.counter_audit,
    ProjectCorrected: operations.correct_project,
}
FACTS = [
    PROJECT,
    replace(PROJECT, convert=False),
    replace(PROJECT, mode="online"),
    replace(PROJECT, category="full_staff_training"),
    replace(PROJECT, category="fallback_training", plan_status="filed"),
    SCHOOL_PROJECT,
    replace(SCHOOL_PROJECT, hours_per_credit=Decimal(8)),
    replace(SCHOOL_PROJECT, plan_status=None),
]


@dataclass
class Story:
    """What happened in plans, and the messages of it: those of one audit keep their order, corrections do not."""

    facts: ProjectFacts
    people: list[AuditedResult]
    streams: dict[str, list[Event]] = field(default_factory=lambda: defaultdict(list))
    live: dict[str, list[int]] = field(default_factory=dict)
    """Audit that was not taken back -> whom it audited."""

    def audit(self, whom: set[int]) -> None:
        """Audits those of `whom` that wait."""
        busy = {number for group in self.live.values() for number in group}
        waiting = sorted(whom - busy)
        if not waiting:
            return
        for number in waiting:
            self.people[number] = replace(self.people[number], attempt=self.people[number].attempt + 1)
        audit_id = new_id()
        self.live[audit_id] = waiting
        for chunk, number in enumerate(waiting, start=1):
            self.streams[audit_id].append(
                audited(self.people[number], audit_id=audit_id, project=self.facts, chunk=chunk, chunks=len(waiting))
            )

    def revoke(self) -> None:
        """Takes the first live audit back."""
        if self.live:
            audit_id = next(iter(self.live))
            del self.live[audit_id]
            self.streams[audit_id].append(revoked(audit_id))

    def correct(self, facts: ProjectFacts) -> None:
        """The next correction of the project."""
        number = (self.facts.correction or 0) + 1
        message = corrected(number, replace(facts, project_id=self.facts.project_id))
        self.facts = message.project
        self.streams[f"correction {number}"].append(message)

    def deliveries(self, chance: random.Random) -> list[Event]:
        """All messages in some order that the inbox would let pass, some of them again at any later time."""
        waiting = {name: list(messages) for name, messages in self.streams.items()}
        sent: list[Event] = []
        while any(waiting.values()):
            if sent and chance.random() < 0.3:
                sent.append(chance.choice(sent))
            sent.append(waiting[chance.choice([name for name, rest in waiting.items() if rest])].pop(0))
        return sent + [chance.choice(sent) for _ in range(chance.randint(0, 3) if sent else 0)]

    def expected(self) -> dict[str, rules.Conversion]:
        """Result -> what it comes to by the last facts; those that wait are absent."""
        found = {}
        for number in (number for group in self.live.values() for number in group):
            person, facts = self.people[number], self.facts
            found[person.result_id] = rules.conversion(
                rules.ResultFacts(
                    hours=person.hours, passed=person.passed, level=facts.level, category=facts.category,
                    bucket=facts.bucket, mode=facts.mode, convert=facts.convert, plan_status=facts.plan_status,
                    plan_hours_per_credit=facts.hours_per_credit,
                ),
                TRIAL,
            )  # fmt: skip
        return found


STEPS = st.one_of(
    st.tuples(st.just("audit"), st.sets(st.integers(0, 2), min_size=1)),
    st.tuples(st.just("correct"), st.sampled_from(FACTS)),
    st.tuples(st.just("revoke"), st.none()),
)


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(first=st.sampled_from(FACTS), steps=st.lists(STEPS, max_size=9), chance=st.randoms(use_true_random=False))
def test_any_order_ends_as_the_last_facts_say(
    common_database: Database, first: ProjectFacts, steps: list[tuple[str, Any]], chance: random.Random
) -> None:
    name = new_id()[-20:]
    people = [
        replace(result(hours=hours, passed=passed, attempt=0), result_id=f"{name}-r{n}", person_id=f"{name}-p{n}")
        for n, (hours, passed) in enumerate([("60", True), ("33", True), ("20", False)])
    ]
    story = Story(replace(first, project_id=name), people)
    for step, what in steps:
        if step == "revoke":
            story.revoke()
        else:
            getattr(story, step)(what)
    for message in story.deliveries(chance):
        with common_database.transaction() as session:
            HANDLERS[type(message)](session, message)
    with common_database.reading() as session:
        check(session, story)


def check(session: Session, story: Story) -> None:
    """Ledger, headline and what plans was told, against the last facts."""
    expected, ids = story.expected(), [person.result_id for person in story.people]
    lines = session.scalars(select(LedgerLine).where(LedgerLine.result_id.in_(ids))).all()
    countered = {line.reverses for line in lines}
    standing = {line.result_id: line for line in lines if line.kind == "earned" and line.id not in countered}
    assert len(standing) == sum(line.kind == "earned" and line.id not in countered for line in lines)
    assert {which: line.amount for which, line in standing.items()} == {
        which: made.amount for which, made in expected.items()
    }
    for which, line in standing.items():
        assert (line.category, line.bucket, line.rule) == (
            story.facts.category, story.facts.bucket.value, expected[str(which)].rule,
        )  # fmt: skip
        assert line.sentence.endswith(expected[str(which)].sentence)

    found = shipped().cycle(2023)
    assert found is not None
    for person in story.people:
        entries = queries.entries(session, *found, person.person_id)
        sums = queries.sums_of(session, *found, [person.person_id]).get(person.person_id, {})
        for bucket, total in sums.items():
            mine = [entry for entry in entries if entry.line.bucket == bucket.value]
            assert total.counted == sum(entry.counted for entry in mine)
            assert total.pending == sum(entry.stands and entry.line.amount is None for entry in mine)

    rows = session.scalars(
        select(OutboxRow)
        .where(OutboxRow.aggregate_id.in_(story.live), OutboxRow.aggregate_type == "audit_credits")
        .order_by(OutboxRow.id)
    )
    last = {row["result_id"]: row["credits"] for message in rows for row in message.payload["results"]}
    assert last == {which: str(made.amount or rules.ZERO) for which, made in expected.items()}
