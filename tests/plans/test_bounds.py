"""What a body may say at most, so that no column overflows and nothing is read as something else."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from marshmallow import ValidationError
from sqlalchemy.orm import Session

from services.plans.approval.schemas import CompareQuery, PlanIn, PlanQuery
from services.plans.desk.schemas import QueueQuery
from services.plans.reports.schemas import BehindQuery, DrawIn
from shared.schemas import Schema
from tests.plans import builders as make

DRAW = {"school_year": make.YEAR, "count": 1, "seed": "1", "purpose": "抽查"}
ITEM = {"kind": "other", "title": "读书沙龙", "hours": "5000", "hours_per_credit": "0.5"}
PLAN = {"school_year": make.YEAR, "title": "校本研修方案"}


@pytest.mark.parametrize(
    ("schema", "body", "field"),
    [
        (PlanIn, {**PLAN, "school_year": make.YEAR + "\n"}, "school_year"),
        (PlanIn, {**PLAN, "school_year": "２０２６-２０２７"}, "school_year"),
        (PlanIn, {**PLAN, "school_year": "2098-2099"}, "school_year"),
        (PlanIn, {**PLAN, "items": [{**ITEM, "hours_per_credit": "0.49"}]}, "items"),
        (PlanQuery, {"school_year": make.YEAR + "\n"}, "school_year"),
        (CompareQuery, {"old": "last_year\n"}, "old"),
        (QueueQuery, {"flag": "PLAN_DOUBLED\n"}, "flag"),
        (QueueQuery, {"school_year": make.YEAR + "\n"}, "school_year"),
        (BehindQuery, {"school_year": make.YEAR + "\n"}, "school_year"),
        (BehindQuery, {"region": make.DONGHU + "\n"}, "region"),
        (DrawIn, {**DRAW, "school_year": make.YEAR + "\n"}, "school_year"),
        (DrawIn, {**DRAW, "area": "\n"}, "area"),
    ],
)
def test_a_body_is_refused(schema: type[Schema], body: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        schema().load(body)
    assert list(caught.value.messages) == [field]


def test_the_last_year_that_may_be_entered_has_a_next_one() -> None:
    assert PlanIn().load({**PLAN, "school_year": "2097-2098"})["school_year"] == "2097-2098"


def test_the_largest_plan_fits_its_columns(session: Session) -> None:
    """60 items of 5000 hours at the lowest rate: 600,000 credits, of 21,474,836 that a column holds."""
    body = PlanIn().load({**PLAN, "items": [ITEM] * 60})
    plan = make.make_plan(session, **{name: body[name] for name in ("items", "title", "school_year")})
    session.flush()
    session.refresh(plan)
    assert (plan.total_hours, plan.total_credits) == (Decimal(300_000), Decimal(600_000))
