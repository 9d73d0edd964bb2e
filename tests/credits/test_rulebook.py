"""Changes of the rules (N5): a draft is previewed, published once, and reaches exactly as far as it says."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from sqlalchemy import func, select, text, true
from sqlalchemy.exc import OperationalError

from services.credits import in_force, ledger, listing, queries
from services.credits.in_force import PublishedEdition
from services.credits.judgement import Status
from services.credits.models import LedgerLine
from services.credits.rulebook import adjusting, operations
from services.credits.rulebook import queries as rulebook
from services.credits.rulebook.models import EditionDraft
from services.credits.standings.models import RECOMPUTE_JOB
from services.credits.standings.operations import differences
from shared.actors import Office
from shared.database import Database
from shared.errors import Conflict, Invalid, NotAllowed
from shared.events.credits import CreditsRecorded
from shared.outbox import OutboxRow
from tests.credits.changing import (
    DOCUMENT,
    LOWER,
    START,
    STRICTER,
    TODAY,
    TRIAL,
    drafted,
    lines,
    previewed,
    province,
    published,
    run_jobs,
    standing,
)
from tests.credits.conftest import BEFORE_IT_CLOSES
from tests.credits.make import (
    OTHER_SCHOOL,
    PROJECT,
    SCHOOL_PROJECT,
    admin,
    audited,
    corrected,
    deliver,
    register_people,
    result,
    revoked,
)

pytestmark = pytest.mark.usefixtures("now")


def test_n5_only_the_provinces_office_may_look_or_act(database: Database) -> None:
    with database.transaction() as session:
        for actor in (admin(), admin(Office.PLAN_REVIEW, "360000/"), admin(Office.SCHOOL_ADMIN, "360000/")):
            with pytest.raises(NotAllowed):
                rulebook.listed(session, actor)
            with pytest.raises(NotAllowed):
                operations.copy(session, actor, TRIAL)


def test_n5_errors_name_the_field_and_two_people_see_a_conflict(database: Database) -> None:
    draft = drafted(database, "forward", TODAY, STRICTER)
    head: dict[str, Any] = {
        "title": "x",
        "document": "",
        "effective_from": date(2026, 9, 1),
        "reach": "forward",
        "reason": "",
    }
    figures = {
        "rates.county.online": {"value": "0", "grade": "A", "source": DOCUMENT},
        "minimums.coordinated": {"value": "24", "grade": "", "source": "FAQ-Q2"},
        "items.open_class.needed": {"value": "abc", "grade": "A", "source": DOCUMENT},
        "no.such": {"value": "1", "grade": "A", "source": DOCUMENT},
    }
    with database.transaction() as session, pytest.raises(Invalid) as wrong:
        operations.save(session, province(), draft.id, version=draft.version, changed=figures, **head)
    assert set(wrong.value.fields) == {
        "title", "document", "effective_from", "reason", "rates.county.online.value", "minimums.coordinated.grade",
        "minimums.coordinated.source", "items.open_class.needed.value", "no.such.value",
    }  # fmt: skip
    good = head | {"title": "新的名称", "document": DOCUMENT, "effective_from": TODAY, "reason": "调整"}
    with database.transaction() as session:
        operations.save(session, province("省厅乙"), draft.id, version=draft.version, changed=STRICTER, **good)
    with database.transaction() as session, pytest.raises(Conflict, match="省厅乙于 2026-11-24"):
        operations.save(session, province(), draft.id, version=draft.version, changed=LOWER, **good)


def test_n5_forward_converts_what_is_held_from_its_date_on(database: Database) -> None:
    register_people(database, 1)
    edition = published(database, "forward", TODAY, STRICTER | LOWER)
    deliver(database, audited(result(), audit_id="before"))
    later = replace(PROJECT, project_id="later", held_to=date(2026, 12, 1))
    deliver(database, audited(replace(result(), result_id="r2"), audit_id="after", project=later))
    before, after = lines(database)
    assert (before.edition, before.amount) == (TRIAL, Decimal(6))
    assert (after.edition, after.amount) == (edition.id, Decimal(5))
    assert "规则：2026 年调整" in after.sentence
    found = standing(database)
    assert (found.edition.id, found.judgement.status) == (TRIAL, Status.IN_PROGRESS)
    with database.reading() as session:
        coming = in_force.editions(session).cycle(2028)
    assert coming is not None
    assert coming[0].id == edition.id, "later cycles take it"


def test_n5_current_cycle_is_judged_anew_and_what_is_converted_stays(database: Database) -> None:
    register_people(database, 1)
    deliver(database, audited(result(), audit_id="a1"))
    deliver(database, audited(replace(result(), result_id="r2"), audit_id="a2", project=SCHOOL_PROJECT))
    assert standing(database).judgement.status is Status.IN_PROGRESS
    edition = published(database, "current_cycle", TODAY, STRICTER | LOWER)
    found = standing(database)
    assert (found.edition.id, found.judgement.status) == (edition.id, Status.MET)
    assert [line.amount for line in lines(database)] == [6, 6]
    assert edition.job_id is None


def test_n5_cycle_start_counters_and_gives_anew_once(database: Database) -> None:
    register_people(database, 1, 2)
    deliver(database, audited(result(), result(2), audit_id="a1"))
    deliver(database, audited(replace(result(hours="20"), result_id="r3"), audit_id="a2", project=SCHOOL_PROJECT))
    old = replace(PROJECT, project_id="old", school_year="2022-2023", held_to=date(2023, 5, 1))
    with time_machine.travel(BEFORE_IT_CLOSES):
        deliver(database, audited(replace(result(), result_id="r4"), audit_id="a3", project=old))
    edition = published(database, "cycle_start", START, STRICTER)
    (job,) = run_jobs(database, operations.ADJUST_JOB)
    assert (job.state, job.error) == ("done", None)
    after = lines(database)
    new = after[4:]
    assert [line.amount for line in new] == [-6, -6, 5, 5]
    assert [line.kind for line in new] == ["reversal", "reversal", "earned", "earned"]
    assert [line.result_id for line in new] == ["result-1", "result-2"] * 2
    assert {line.adjustment for line in new} == {edition.number}
    assert new[0].sentence.startswith("规则调整：2018 试行 → 2026 年调整（赣教师字〔2026〕12号），冲回第 1 号记录")
    assert "重新折算：面授 60 学时 ÷ 12 = 5.0" in new[2].sentence
    found = standing(database)
    assert sum(entry.counted for entry in found.entries) == 7
    assert next(entry for entry in found.entries if entry.line.id == 1).reason.startswith("规则已调整，已由第")
    with database.reading() as session:
        told = session.scalars(
            select(OutboxRow.payload).where(OutboxRow.name == CreditsRecorded.name).order_by(OutboxRow.id)
        ).all()
    assert [row["credits"] for row in told[-1]["results"]] == ["5.0", "5.0"], "rosters are told"

    with database.transaction() as session:
        again = operations.publish(session, province(), edition.draft_id, version=99)
        assert again.number == edition.number
        session.get_one(PublishedEdition, edition.number).adjusted_to = 0
    with database.transaction() as session:
        while adjusting.adjust_chunk(session, edition.number):
            pass
    assert len(lines(database)) == len(after), "run twice, nothing changes"

    deliver(database, audited(replace(result(), result_id="r9"), audit_id="a9"), 1)
    assert (lines(database)[-1].edition, lines(database)[-1].amount) == (edition.id, Decimal(5))
    deliver(database, revoked("a1"), 2)
    assert sum(entry.counted for entry in standing(database).entries) == 7, "5 of the new audit, 2 of the school's"
    with database.reading() as session:
        open_cycle = select(func.sum(LedgerLine.amount)).where(LedgerLine.cycle == 2018)
        assert session.scalar(open_cycle) == Decimal(6), "a closed cycle is never touched"


@pytest.mark.parametrize("in_turn", [(operations.ADJUST_JOB, RECOMPUTE_JOB), (RECOMPUTE_JOB, operations.ADJUST_JOB)])
def test_n5_stored_standings_follow_the_published_edition(database: Database, in_turn: tuple[str, str]) -> None:
    """By what publication has queued, whichever of it comes first: nobody waits for the night."""
    register_people(database, 1, 2)
    deliver(database, audited(result(), audit_id="a1"))
    edition = published(database, "cycle_start", START, STRICTER | LOWER)
    for name in in_turn:
        assert [job.state for job in run_jobs(database, name)] == ["done"]
    with database.reading() as session:
        judging, cycle = queries.choose_cycle(session, None)
        assert judging.id == edition.id
        assert session.scalar(differences(judging, cycle, lambda _: true())) == 0
        row, other = listing.standings(session, province()).items
    assert (other.person.person_id, other.judgement.status) == ("person-2", standing(database, 2).judgement.status)
    assert (row.judgement.buckets, row.judgement.status) == (
        standing(database).judgement.buckets,
        standing(database).judgement.status,
    )


def test_n5_nothing_is_converted_while_an_edition_is_published(postgres: Database) -> None:
    """Those who write lines hold the lock of the rules in common; publication waits for them."""
    with postgres.transaction() as converting:
        ledger.lock_projects(converting, "project-1")
        with postgres.transaction() as other:
            ledger.lock_projects(other, "project-2")
        with postgres.reading() as publishing:
            publishing.execute(text("SET LOCAL lock_timeout = '100ms'"))
            with pytest.raises(OperationalError, match="lock timeout"):
                in_force.lock_rules(publishing)
    with postgres.transaction() as publishing:
        in_force.lock_rules(publishing)


def test_n5_an_adjustment_keeps_what_a_correction_changed(database: Database) -> None:
    register_people(database, 1)
    deliver(database, audited(result(), audit_id="a1"))
    deliver(database, corrected(1, replace(PROJECT, mode="online")))
    edition = published(
        database, "cycle_start", START, {"rates.county.online": {"value": "30", "grade": "A", "source": DOCUMENT}}
    )
    run_jobs(database, operations.ADJUST_JOB)
    assert [line.amount for line in lines(database)] == [6, -6, 3, -3, 2]
    deliver(database, corrected(2, replace(PROJECT, mode="centralized")), 2)
    assert [line.amount for line in lines(database)[5:]] == [-2, 6]
    assert {line.edition for line in lines(database)[5:]} == {edition.id}


def test_n5_the_preview_is_what_publication_brings(database: Database) -> None:
    register_people(database, 1, 2)
    register_people(database, 3, unit_path=OTHER_SCHOOL)
    deliver(database, audited(result(), result(2, hours="30"), result(3), audit_id="a1"))
    deliver(
        database,
        audited(
            *[replace(result(number), result_id=f"s{number}") for number in (1, 2)],
            audit_id="a2",
            project=SCHOOL_PROJECT,
        ),
    )
    draft = drafted(database, "cycle_start", START, STRICTER | LOWER)
    found = previewed(database, draft)
    rows = {area["name"]: area for area in found["areas"]}
    assert (rows["东湖区"]["met"], rows["东湖区"]["credits"], rows["东湖区"]["people"]) == (1, 1, 2)
    assert (rows["余江区"]["met"], rows["余江区"]["credits"]) == (0, 1)
    assert found["total"]["change"] == {"coordinated": "-2.5", "self_organized": "0.0"}
    before = len(lines(database))
    with database.reading() as session:
        people = rulebook.previewed(session, session.get_one(EditionDraft, draft.id)).items
    assert len(lines(database)) == before == 5, "a preview writes no line"
    told = {one.row.person_id: (one.row.coordinated_after, one.row.status_after) for one in people}
    with database.transaction() as session:
        operations.publish(session, province(), draft.id, version=draft.version)
    run_jobs(database, operations.ADJUST_JOB)
    for number in (1, 2, 3):
        judged = standing(database, number).judgement
        sums = {bucket.value: of.counted for bucket, of in judged.buckets.items()}
        assert told[f"person-{number}"] == (sums["coordinated"], judged.status.value)


def test_n5_what_was_not_previewed_is_not_published(database: Database) -> None:
    register_people(database, 1)
    draft = drafted(database, "current_cycle", TODAY, LOWER)
    with database.transaction() as session, pytest.raises(Conflict, match="还没有预览"):
        operations.publish(session, province(), draft.id, version=draft.version)
    previewed(database, draft)
    other = drafted(database, "forward", TODAY, STRICTER, "另一次调整")
    previewed(database, other)
    with database.transaction() as session:
        operations.publish(session, province(), other.id, version=other.version)
    with database.transaction() as session, pytest.raises(Conflict, match="又发布了新的规则版本"):
        operations.publish(session, province(), draft.id, version=draft.version)


def test_n5_an_unknown_figure_is_told_and_its_records_count(database: Database) -> None:
    """U-02: full-staff training is 待定 until its yearly ceiling is known; then its hours convert."""
    register_people(database, 1)
    project = replace(PROJECT, category="full_staff_training", mode="online", level="provincial")
    deliver(database, audited(result(hours="80"), audit_id="a1", project=project))
    assert lines(database)[0].amount is None
    cap = {"pots.full_staff_training.cap_year": {"value": "3", "grade": "A", "source": DOCUMENT}}
    published(database, "cycle_start", START, cap)
    run_jobs(database, operations.ADJUST_JOB)
    assert [line.amount for line in lines(database)] == [None, None, 4]
    assert sum(entry.counted for entry in standing(database).entries) == 3


def test_n5_a_chain_of_changes_keeps_the_countys_overlay(database: Database) -> None:
    first = published(database, "forward", TODAY, STRICTER)
    second = published(database, "forward", date(2027, 9, 1), LOWER, "2027 年调整")
    with database.reading() as session:
        editions = in_force.editions(session)
        assert [editions.on(date(*day)) for day in ((2026, 11, 23), (2026, 12, 1), (2027, 9, 1))] == [
            editions.named(TRIAL), editions.named(first.id), editions.named(second.id),
        ]  # fmt: skip
        overlay = editions.overlay(editions.named(second.id), "360000/360600/360603/")
    assert overlay is not None
    assert second.supersedes == first.id
    assert editions.named(second.id).rate("county", "centralized", "county_training").value == 12


def test_n5_a_job_that_was_killed_goes_on_where_it_was(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    register_people(database, *range(1, 6))
    deliver(database, audited(*[result(number) for number in range(1, 6)], audit_id="a1"))
    edition = published(database, "cycle_start", START, STRICTER)
    monkeypatch.setattr(adjusting, "CHUNK", 2)
    with database.transaction() as session:
        assert adjusting.adjust_chunk(session, edition.number) == 2
    assert len(lines(database)) == 9
    run_jobs(database, operations.ADJUST_JOB)
    assert len(lines(database)) == 15
    with database.reading() as session:
        found = session.get_one(PublishedEdition, edition.number)
        assert (found.adjusted_lines, found.adjusted_at is not None) == (5, True)
