"""The engine against the plain oracle of `oracle.py`: the same for every thing of every history, on both databases."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from services.credits import queries, rules, standing
from services.credits.edition_files import shipped
from services.credits.editions import Cycle, Edition
from services.credits.judgement import Person, judge
from services.credits.models import LedgerLine
from services.credits.rules import ResultFacts
from shared.database import Database, new_id, utc_now
from shared.events.plans import Bucket
from tests.credits import oracle
from tests.credits.oracle import Somebody, Thing

PAIR = shipped().cycle(2018)
assert PAIR is not None
EDITION: Edition = PAIR[0]
CYCLE: Cycle = PAIR[1]
OVERLAY = next(overlay for overlay in shipped().overlays if overlay.id == "yujiang-2019")
HISTORIES = 21
"""In one example, so that thousands are compared by a few statements."""
EXAMPLES = int(os.environ.get("XUEFEN_ORACLE_EXAMPLES", "40"))
"""`XUEFEN_ORACLE_EXAMPLES=240 make test ARGS=tests/credits/test_oracle.py`: more than 5,000 on each database."""

days = st.integers(0, (oracle.CYCLE[1] - oracle.CYCLE[0]).days).map(lambda n: oracle.CYCLE[0] + timedelta(days=n))
amounts = st.integers(0, 120).map(lambda tenths: Decimal(tenths) / 10)
plans = st.sampled_from(["approved", "approved", "approved", "submitted", None])
mostly = st.sampled_from([True, True, True, False])


@st.composite
def things(draw: st.DrawFn) -> Thing:
    """Anything that may stand in a history of the cycle 2018—2023."""
    kind = draw(
        st.sampled_from(
            ["training", "training", "given", "fallback_training", "degree_upgrade", "full_staff_training",
             "school_training", "lesson_observation", "open_class", "training_lecture"]
        )
    )  # fmt: skip
    on = draw(days)
    countered = draw(st.sampled_from([False, False, False, True]))
    common: dict[str, Any] = {"on": on, "countered": countered, "passed": draw(mostly)}
    level = draw(st.sampled_from(["national", "provincial", "district", "county"]))
    if kind == "training":
        hours = Decimal(draw(st.integers(0, 900))) / 2
        mode = draw(st.sampled_from(["centralized", "online"]))
        headmaster = draw(st.booleans()) and level == "county"
        return Thing(f"{level}_training", level=level, mode=mode, hours=hours, headmaster=headmaster, **common)
    if kind == "given":
        return Thing(f"{level}_training", level=level, given=draw(amounts), **common)
    if kind == "fallback_training":
        plan = draw(st.sampled_from(["filed", "filed", "approved", "submitted", None]))
        return Thing(kind, given=draw(amounts) / 4 // Decimal("0.1") / 10, plan=plan, **common)
    if kind == "degree_upgrade":
        when = draw(st.one_of(days, st.just(date(2018, 8, 31)), st.just(date(2023, 9, 1))))
        return Thing(kind, given=draw(amounts), **{**common, "on": when, "passed": True})
    if kind == "full_staff_training":
        return Thing(kind, mode="online", hours=Decimal(40), given=draw(st.one_of(st.none(), amounts)), **common)
    if kind == "school_training":
        rate = Decimal(draw(st.sampled_from([5, 10, 10, 12, 20])))
        hours = Decimal(draw(st.integers(0, 100)))
        return Thing(kind, level="school", hours=hours, rate=rate, plan=draw(plans), records=draw(mostly), **common)
    count = draw(st.integers(0, 25) if kind == "lesson_observation" else st.integers(0, 3))
    where = draw(st.sampled_from(["school", "county", "provincial"]))
    done = {**common, "passed": True}
    return Thing(kind, level=where, count=count, plan=draw(plans), records=draw(mostly), **done)


somebody = st.builds(
    Somebody,
    kind=st.sampled_from(["in_service"] * 6 + ["education_authority_staff", "seconded_to_authority"]),
    school=st.sampled_from(["primary", "primary", "one_teacher_school"]),
    appointed=st.one_of(st.none(), days),
    retires=st.sampled_from([None, None, None, date(2022, 10, 1), date(2023, 9, 1)]),
    county=st.sampled_from(["", "yujiang"]),
)
histories = st.lists(st.tuples(somebody, st.lists(things(), max_size=12)), min_size=HISTORIES, max_size=HISTORIES)


def facts_of(thing: Thing, who: Somebody) -> ResultFacts:
    """What the service is told of it."""
    timed = thing.given is None and not thing.count and thing.kind not in ("open_class", "training_lecture")
    return ResultFacts(
        category=thing.kind,
        bucket=Bucket.SELF_ORGANIZED if thing.kind in oracle.SELF_ORGANIZED else Bucket.COORDINATED,
        level=thing.level,
        hours=thing.hours,
        passed=thing.passed,
        mode=thing.mode if timed else "",
        plan_status=thing.plan,
        plan_hours_per_credit=thing.rate,
        programme="headmaster" if thing.headmaster else None,
        records=thing.records,
        count=thing.count if thing.kind in ("lesson_observation", "open_class", "training_lecture") else None,
        given=thing.given,
        obtained_on=thing.on if thing.kind == "degree_upgrade" else None,
        appointed_on=who.appointed,
    )


def rows_of(person_id: str, who: Somebody, thing: Thing) -> dict[str, Any]:
    """The line that the ledger has of it."""
    facts = facts_of(thing, who)
    made = rules.conversion(facts, EDITION, OVERLAY if who.county else None, CYCLE)
    return {
        "kind": "earned", "person_id": person_id, "cycle": CYCLE.number, "school_year": thing.year,
        "bucket": facts.bucket.value, "category": facts.category, "level": facts.level, "hours": facts.hours,
        "amount": made.amount, "units": made.units, "rule": made.rule, "edition": EDITION.id, "flag": made.flag,
        "sentence": made.sentence, "entered_by": "a", "audited_by": "b", "effective_on": thing.on,
        "received_at": utc_now(), "recorded_at": utc_now(),
    }  # fmt: skip


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # to shrink so many histories takes longer than to read the assertion
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large,
                           HealthCheck.large_base_example],
)  # fmt: skip
@given(people=histories)
def test_every_history_counts_as_policy_md_says(
    common_database: Database, people: list[tuple[Somebody, list[Thing]]]
) -> None:
    ids = [new_id() for _ in people]
    with common_database.transaction() as session:
        lines = [
            rows_of(person_id, who, thing)
            for person_id, (who, found) in zip(ids, people, strict=True)
            for thing in found
        ]
        returning = insert(LedgerLine).returning(LedgerLine.id, sort_by_parameter_order=True)
        written = iter(session.scalars(returning, lines) if lines else ())
        numbers = [[next(written) for _ in found] for _, found in people]
        counters = [
            row | {"kind": "reversal", "reverses": number, "amount": None if row["amount"] is None else -row["amount"]}
            for row, number, thing in zip(
                lines, [n for some in numbers for n in some], [t for _, found in people for t in found], strict=True
            )
            if thing.countered
        ]
        if counters:
            session.execute(insert(LedgerLine), counters)
    with common_database.reading() as session:
        where = LedgerLine.person_id.in_(ids)
        counts = standing.counted_lines(EDITION, CYCLE, where)
        counted = {row.id: row.counted for row in session.execute(select(counts.c.id, counts.c.counted))}
        sums = queries.sums_of(session, EDITION, CYCLE, ids)
    for person_id, (who, found), mine in zip(ids, people, numbers, strict=True):
        expected = oracle.counted(found, who)
        assert [counted.get(number, Decimal(0)) for number in mine] == [amount or 0 for amount in expected]
        person = Person(kind=who.kind, unit_kind=who.school, retires_on=who.retires)
        judgement = judge(person, sums.get(person_id, {}), EDITION, CYCLE, CYCLE.end + timedelta(days=1))
        assert judgement.status == oracle.status(found, expected, who)
        for bucket in Bucket:
            rows = [
                amount or 0
                for thing, amount in zip(found, expected, strict=True)
                if (thing.kind in oracle.SELF_ORGANIZED) is (bucket is Bucket.SELF_ORGANIZED)
            ]
            assert judgement.buckets[bucket].counted == sum(rows)


def test_the_oracle_is_no_copy() -> None:
    """It would notice: each of the rules changed in the oracle alone is another result."""
    who = Somebody()
    item = Thing("lesson_observation", date(2019, 10, 1), count=20, plan="approved")
    assert oracle.counted([item], who) == [1]
    assert oracle.counted([replace(item, count=19)], who) == [0]
    assert oracle.counted([Thing("fallback_training", date(2019, 10, 1), given=Decimal(2), plan="filed")], who) == [
        Decimal("1.5")
    ]
