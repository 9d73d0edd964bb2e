"""What the flows are made of: the sample's people, plans that may be submitted, points, and refusals."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

import pytest

from services.accounts.sample import SamplePerson, sample_province
from shared.client import Refused
from shared.ui.filters import CHINA

PLANS = "/plans/api/v1"
COUNTY_ROUTE = ("county.donghu", "district.nanchang", "province")
"""Who decides on a plan of the sample's primary school, in order."""
VILLAGE_ROUTE = ("county.jinxian", "district.nanchang", "province")
"""The same where the county's training school reviews (FAQ-Q15)."""
TODAY = datetime.now(CHINA).date()
"""A training that ends today may be audited, and lies in the present school year whenever the tests run."""

Body = dict[str, Any]


def school_year(later: int = 0) -> str:
    """The present school year, or one that many years later."""
    first = TODAY.year - (TODAY.month < 9) + later
    return f"{first}-{first + 1}"


def item(kind: str = "school_training", title: str = "新课标专题校本培训", **changes: Any) -> Body:
    """One item of a plan, of twenty hours at ten hours per credit."""
    return {
        "kind": kind,
        "title": title,
        "hours": "20",
        "hours_per_credit": "10",
        "responsible": "教导处",
        "assessment": "出勤与研修心得",
        "records": "签到表、讲义、心得",
        **changes,
    }


def content(later: int = 0, **changes: Any) -> Body:
    """A plan that may be submitted, and in which the checks find nothing."""
    year = school_year(later)
    dates = {"held_from": f"{year[:4]}-10-12", "held_to": f"{year[:4]}-12-18"}
    body = {
        "school_year": year,
        "title": f"{year} 学年校本研修方案",
        "aims": "以课例研究促进课堂改进。",
        "items": [item()],
        **changes,
    }
    return {**body, "items": [dates | one for one in body["items"]]}


def point(field: str = "items.0.records", text: str = "请写明过程记录的形式。") -> Body:
    """One point of a return."""
    return {"section": field.split(".")[0] if field.startswith("items") else "basics", "field": field, "text": text}


def editable(plan: Body) -> Body:
    """What the school would send to change a plan that it has read."""
    names = ("school_year", "title", "aims", "forecast")
    drop = ("credits", "kind_title")
    items = [{key: value for key, value in one.items() if key not in drop} for one in plan["items"]]
    covers = [cover["unit_path"] for cover in plan["covers"]]
    return {name: plan[name] for name in names} | {"items": items, "covers": covers}


@cache
def teachers(unit: str) -> tuple[SamplePerson, ...]:
    """In-service teachers of the unit with that code, who teach and whom no exception touches."""
    return tuple(
        person
        for person in sample_province().people
        if person.unit_path.endswith(f"/{unit}/")
        and person.kind == "in_service"
        and person.stage
        and person.formal_appointment_on
        and person.seconded_to is None
    )


@cache
def person_of(username: str) -> SamplePerson:
    """Who signs in under that name."""
    province = sample_province()
    person_id = next(account.person_id for account in province.accounts if account.username == username)
    return next(person for person in province.people if person.person_id == person_id)


def refused(call: Callable[[], Any], status: int, word: str) -> Refused:
    """The refusal of that status, whose sentences hold the word."""
    with pytest.raises(Refused) as caught:
        call()
    assert caught.value.status == status, str(caught.value)
    said = caught.value.detail + str(caught.value.fields)
    assert word in said, said
    return caught.value
