"""托底方案 (FAQ-Q11): a county's, filed with its superior, with the forecast and the list of names."""

from __future__ import annotations

import base64
import io
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.plans import files
from services.plans.approval import drafting, queries
from services.plans.approval.forecasts import START_JOB
from services.plans.approval.models import Plan, PlanAuthor
from services.plans.files import Upload
from services.plans.subscriptions import HANDLERS
from services.plans.tasks import JOBS
from shared import inbox
from shared.database import Database, new_id
from shared.errors import Invalid, NotAllowed
from shared.events.credits import ForecastMade
from shared.jobs import JobRow, run_job
from shared.workbooks import workbook
from tests.plans import builders as make
from tests.plans.acting import COUNTY, COUNTY2, DISTRICT, PROVINCE, REASON, act, offered, see

FORECAST = {"teachers": 120, "shortfall": Decimal("180.5"), "basis": "本年度仅有县级集中培训一期。"}


def scheme(session: Session, who: str = COUNTY, **changes: Any) -> Plan:
    """A draft of a county's or district's scheme."""
    body = make.plan_body(items=[make.item(kind="fallback", title="托底培训")], title="托底培训方案")
    return drafting.create_plan(session, make.actor(who), kind="fallback_scheme", **{**body, **changes})


def with_list(session: Session, plan: Plan, who: str = COUNTY) -> Plan:
    """With the list of names attached."""
    upload = Upload("预判名单.xlsx", "application/pdf", b"1", "ab" * 32)
    drafting.attach(session, make.actor(who), plan.id, upload)
    return plan


def submitted_scheme(session: Session, who: str = COUNTY) -> Plan:
    """One that waits with the superior."""
    plan = with_list(session, scheme(session, who, forecast=FORECAST), who)
    return make.submit(session, plan, make.actor(who))


def test_q11_a_countys_scheme_is_filed_with_its_district(session: Session) -> None:
    plan = submitted_scheme(session)
    assert (plan.number[:5], plan.stage, plan.reviewing_path) == ("T2026", "district_filing", make.NANCHANG)
    assert [step.stage for step in see(session, COUNTY, plan).steps] == ["district_filing"]
    plan = act(session, plan, DISTRICT, "approve")
    assert plan.status == "approved"
    content = queries.frozen(session, plan)
    assert content.forecast is not None
    assert (content.forecast.teachers, content.forecast.shortfall) == (120, Decimal("180.50"))


def test_q11_a_districts_scheme_is_filed_with_the_province(session: Session) -> None:
    plan = submitted_scheme(session, DISTRICT)
    assert (plan.stage, plan.reviewing_path) == ("province_filing", make.PROVINCE)
    assert act(session, plan, PROVINCE, "approve").status == "approved"


def test_q11_it_rests_on_a_forecast_and_a_list(session: Session) -> None:
    with pytest.raises(Invalid) as caught:
        make.submit(session, scheme(session), make.actor(COUNTY))
    assert set(caught.value.fields) == {"forecast.teachers", "attachments"}
    with pytest.raises(Invalid) as caught:
        make.submit(session, scheme(session, forecast=FORECAST), make.actor(COUNTY))
    assert set(caught.value.fields) == {"attachments"}


def test_q11_only_an_authority_files_it_and_only_with_its_own_kind_of_item(session: Session) -> None:
    for who in ("school.qingfeng", "province"):
        with pytest.raises(NotAllowed, match="托底培训方案"):
            scheme(session, who)
    with pytest.raises(Invalid) as caught:
        scheme(session, items=[make.item()])
    assert list(caught.value.fields) == ["items.0.kind"]
    with pytest.raises(Invalid) as caught:
        make.make_plan(session, items=[make.item(kind="fallback")])
    assert list(caught.value.fields) == ["items.0.kind"]


def test_t11_nobody_of_the_county_decides_the_countys_scheme(session: Session) -> None:
    plan = submitted_scheme(session)
    for who in (COUNTY, COUNTY2):
        with pytest.raises(NotAllowed):
            act(session, plan, who, "approve")
        assert not {"approve", "return", "refuse"} & set(offered(session, who, plan))
    # Nor are its reviewers asked for a view or a signature on it.
    for name in ("consult", "add_signer", "copy"):
        with pytest.raises(Invalid):
            act(session, plan, DISTRICT, name, to=[COUNTY2], opinion=REASON)


def told(content: bytes) -> ForecastMade:
    """What credits tells when a county starts a scheme from its forecast."""
    return ForecastMade(
        forecast_id=new_id(),
        unit_path=make.DONGHU,
        school_year=make.YEAR,
        teachers=120,
        shortfall=Decimal("180.5"),
        basis="按学分记录预判。",
        made_by="account-credits",
        made_by_person=None,
        made_by_name="龚立言",
        made_at=datetime(2026, 11, 24, 2, 0, tzinfo=UTC),
        file_name="学分预判名单-东湖区-2026-11-24.xlsx",
        workbook=base64.b64encode(content).decode(),
    )


def test_q11_a_forecast_of_credits_becomes_the_countys_draft_once(database: Database, tmp_path: Path) -> None:
    file = io.BytesIO()
    workbook(file, [("预判名单", {"姓名": 12}, [["教师1"]])])
    event = told(file.getvalue())
    message = {
        "event_id": new_id(),
        "name": event.name,
        "aggregate_type": "forecast",
        "aggregate_id": event.forecast_id,
        "aggregate_version": 1,
        "occurred_at": event.made_at.isoformat(),
        "headers": {},
        "payload": event.dump(),
    }
    assert inbox.receive(database, "plans", HANDLERS, message) is inbox.Outcome.APPLIED
    assert inbox.receive(database, "plans", HANDLERS, message) is inbox.Outcome.DUPLICATE
    with database.reading() as session:
        (job,) = session.scalars(select(JobRow).where(JobRow.name == START_JOB))
    context = SimpleNamespace(settings=SimpleNamespace(data_dir=tmp_path))
    for _ in range(2):
        run_job(database, JOBS, job.id, job.name, job.arguments, {}, context)
    with database.transaction() as session:
        assert session.get_one(JobRow, job.id).error is None
        (plan,) = session.scalars(select(Plan).where(Plan.kind == "fallback_scheme"))
        content = plan.content()
        assert (plan.status, plan.school_year, plan.created_by_name) == ("draft", make.YEAR, "龚立言")
        assert content.forecast is not None
        assert (content.forecast.teachers, content.forecast.shortfall) == (120, Decimal("180.50"))
        (kept,) = content.attachments
        assert files.store(tmp_path).get(kept.sha256) == file.getvalue()
        # The county's administrator finds it and completes it; whoever started it is an author.
        mine = drafting.change_plan(
            session, make.actor(COUNTY), plan.id, version=plan.version, forecast=FORECAST,
            **make.plan_body(items=[make.item(kind="fallback")]),
        )  # fmt: skip
        make.submit(session, mine, make.actor(COUNTY))
        authors = session.scalars(select(PlanAuthor.account_id).where(PlanAuthor.plan_id == plan.id))
        assert "account-credits" in set(authors)
