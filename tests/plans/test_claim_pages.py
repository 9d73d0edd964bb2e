"""The pages of a claim: its category first, then the form with the room above it; the school's review, the list."""

from __future__ import annotations

import io
import re
from typing import Any

from services.plans.approval.models import Plan
from shared.database import Database
from tests.plans import builders as make
from tests.plans.test_pages import DATA, Browser, browser  # noqa: F401  a fixture

FORM = {
    "kind": "claim",
    "claim.category": "degree_upgrade",
    "claim.rank": "master",
    "claim.obtained_on": "2026-10-12",
    "claim.credits": "5",
    "claim.issuer": "江西师范大学",
    "school_year": make.YEAR,
    "title": "教育硕士",
}


def with_file(form: dict[str, Any]) -> dict[str, Any]:
    """The form with its evidence."""
    return {**form, "attachments": (io.BytesIO((DATA / "plan.pdf").read_bytes()), "学位证书.pdf")}


def test_t19_a_teacher_claims_and_her_school_reviews(browser: Browser, database: Database) -> None:  # noqa: F811
    browser.sign_in("teacher.li")
    assert "申请认定" in browser.see("/mine")
    assert "学历提升" in browser.see("/new?kind=claim")
    page = browser.see("/new?kind=claim&category=degree_upgrade")
    assert "/credits/fragments/claim-room?category=degree_upgrade" in page
    assert "硕士" in page
    assert "研修项目" not in page
    answer = browser.send("/new", page, {**FORM, "then": "submit"})
    assert answer.status_code == 422
    assert "没有佐证不能认定" in answer.text
    answer = browser.send("/new", page, with_file({**FORM, "then": "submit"}))
    assert answer.status_code == 303, answer.text
    with database.reading() as session:
        plan = session.query(Plan).filter(Plan.kind == "claim", Plan.round == 1).one()
    shown = browser.see(f"/{plan.id}?tab=content")
    for words in ("教育硕士", "硕士", "江西师范大学", "学位证书.pdf", "学校初审"):
        assert words in shown
    assert "教育硕士" in browser.see("/mine")

    browser.sign_in("school.qingfeng")
    assert plan.number in browser.see("/queue")
    decide = browser.see(f"/{plan.id}/decide")
    assert "证书取得日期" in decide
    assert "将送达" in decide
    # The plans of the school and its claims are two lists.
    assert "教育硕士" not in browser.see("/mine")
    assert "教育硕士" not in browser.see("/mine?kind=school_claim")


def test_t19_a_school_files_for_one_of_its_teachers(browser: Browser, database: Database) -> None:  # noqa: F811
    browser.sign_in("school.qingfeng")
    page = browser.see("/new?kind=school_claim")
    person = make.actor("teacher.li").person_id
    assert f'value="{person}"' in page
    page = browser.see(f"/new?kind=school_claim&category=lesson_observation&person={person}")
    assert re.search(r'name="claim.person_id" value="[^"]+"', page)
    form = {**FORM, "kind": "school_claim", "claim.category": "lesson_observation", "claim.person_id": person}
    answer = browser.send("/new", page, with_file({**form, "claim.count": "-1", "then": "submit"}))
    assert answer.status_code == 422
    assert "不小于 1" in answer.text
    answer = browser.send("/new", page, with_file({**form, "claim.count": "20", "then": "submit"}))
    assert "问答第 9 问" in answer.text  # there is no approved plan
