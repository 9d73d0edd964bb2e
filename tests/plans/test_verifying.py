"""Verification codes of sheets: a slip is told from a forgery, and the public reads what became of a sheet."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import render_template
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.plans.printing import codes, verdict
from services.plans.printing.models import PlanSheet
from services.plans.printing.sheet import fingerprint
from services.plans.printing.verdict import State
from shared.database import Database
from shared.printing.codes import ALPHABET, grouped, new_code, read_code
from shared.printing.names import mask
from tests.at_once import at_once
from tests.plans import builders as make
from tests.plans.papers import OPINION, RARE, sheet


def test_the_fingerprint_is_of_what_is_said_and_not_of_the_print() -> None:
    made = sheet()
    again = replace(made, code="X", verify_url="y", printed_at=datetime(2025, 1, 1, tzinfo=UTC))
    assert fingerprint(again) == fingerprint(made)
    taken_back = replace(made, boxes=(replace(made.boxes[0], valid="已取回"), *made.boxes[1:]))
    assert len({fingerprint(made), fingerprint(taken_back), fingerprint(replace(made, status_title="已通过"))}) == 3


def test_a_code_is_easy_to_read_and_hard_to_guess() -> None:
    made = {new_code() for _ in range(2000)}
    assert len(made) == 2000
    assert not set("".join(made)) & set("0O1IL")
    assert all(read_code(code) == code for code in made)
    assert re.fullmatch(r"\w{4}-\w{4}-\w{4}", grouped(made.pop()))


def test_every_slip_of_typing_is_found() -> None:
    code = new_code()
    wrong = {code[:at] + letter + code[at + 1 :] for at in range(12) for letter in ALPHABET} - {code}
    swapped = {
        code[:i] + code[j] + code[i + 1 : j] + code[i] + code[j + 1 :] for i in range(12) for j in range(i + 1, 12)
    } - {code}
    assert len(wrong) == 12 * 30
    assert not [typed for typed in (*wrong, *swapped) if read_code(typed)]
    assert not [typed for typed in ("", code[:-1], code + "2", "0" * 12, "一" * 12, "\0" * 12) if read_code(typed)]


def test_a_code_may_be_typed_as_people_type() -> None:
    code = new_code()
    full_width = "".join(chr(ord(letter) + 0xFEE0) for letter in code.lower())
    for typed in (grouped(code).lower(), f" {code[:4]} {code[4:8]}　{code[8:]}\n", full_width, "—".join(code)):
        assert read_code(typed) == code


def test_printing_again_gives_the_same_code(session: Session) -> None:
    plan = make.submit(session, make.make_plan(session))
    county, school = make.actor("county.donghu"), make.actor("school.qingfeng")
    first = codes.code_for(session, plan.id, 1, "ab" * 32, county)
    again = codes.code_for(session, plan.id, 1, "ab" * 32, school)
    assert (again.code, again.made_by, again.made_by_name) == (first.code, county.account_id, county.name)
    others = [
        codes.code_for(session, plan.id, 1, "cd" * 32, school),
        codes.code_for(session, plan.id, 2, "ab" * 32, school),
    ]
    assert len({first.code, *[row.code for row in others]}) == 3
    session.expire_all()
    found = codes.find(session, grouped(first.code).lower())
    assert found is not None
    assert (found.plan_id, found.version, found.digest) == (plan.id, 1, "ab" * 32)
    assert found.made_at.tzinfo is not None


def test_a_code_never_made_and_a_slip_find_nothing(session: Session) -> None:
    plan = make.submit(session, make.make_plan(session))
    made = codes.code_for(session, plan.id, 1, "ab" * 32, make.actor("county.donghu")).code
    unknown, slip = new_code(), made[:-1] + ALPHABET[ALPHABET.index(made[-1]) - 1]
    assert codes.find(session, unknown) is None
    assert read_code(unknown) is not None
    assert codes.find(session, slip) is None
    assert read_code(slip) is None


@pytest.mark.servers
def test_two_who_print_at_once_get_one_code(postgres: Database) -> None:
    with postgres.transaction() as session:
        plan_id = make.submit(session, make.make_plan(session)).id

    def printing() -> str:
        with postgres.transaction() as session:
            return codes.code_for(session, plan_id, 1, "ab" * 32, make.actor("county.donghu")).code

    assert len(set(at_once(*[printing] * 6))) == 1
    with postgres.reading() as session:
        assert session.scalar(select(func.count()).select_from(PlanSheet)) == 1


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("李某", "李**"),
        ("欧阳娜娜", "欧**"),
        (f"{RARE[2]}某", f"{RARE[2]}**"),
        ("李某（代王某某）", "李**（代王**）"),
        ("", ""),
    ],
)
def test_names_are_masked_for_the_public(name: str, shown: str) -> None:
    assert mask(name) == shown


def words(client: FlaskClient, template: str, **context: Any) -> str:
    """A page of plans as the browser gets it."""
    with client.application.test_request_context("/plans/verify"):
        return render_template(f"plans/{template}.html", **context)


def test_the_page_says_what_the_paper_says(client: FlaskClient) -> None:
    made = sheet(opinion="同意<b>\n照办", more=(("涵盖学校", "甲村小学"),))
    html = words(client, "sheet", sheet=made, pdf_url="/plans/1/sheet.pdf")
    for shown in (
        made.number,
        made.title,
        made.code,
        made.digest,
        made.verify_url,
        "李某（代王某）",
        "甲村小学",
        "12.5",
    ):
        assert shown in html
    assert "同意&lt;b&gt;\n照办" in html
    assert 'href="/plans/1/sheet.pdf"' in html
    assert html.count('class="xf-sheet-box"') == 3
    assert "下载 PDF" not in words(client, "sheet", sheet=made)


@pytest.mark.parametrize(
    ("state", "label", "next_step"),
    [
        (State.VALID, "有效", "请逐项核对"),
        (State.SUPERSEDED, "已被第 3 版取代", "请向单位索取新版《自主培训方案审批单》"),
        (State.VOID, "已作废", "请联系出具此单的单位"),
        (State.REVOKED, "已撤销", "请联系出具此单的单位"),
    ],
)
def test_the_public_reads_what_became_of_a_sheet(client: FlaskClient, state: State, label: str, next_step: str) -> None:
    answer = verdict.about(sheet(), state, version=2, current=3, made_at=datetime(2024, 3, 6, 1, 2, tzinfo=UTC))
    html = words(client, "verify", result=answer)
    for shown in (label, next_step, "清风小学校本研修方案", "李**（代王**）", "赵**", "2024-03-06 09:02", "第 2 版"):
        assert shown in html
    assert "李某" not in html
    assert "赵六" not in html
    assert OPINION not in html


def test_the_public_is_told_of_later_opinions(client: FlaskClient) -> None:
    made_at = datetime(2024, 3, 6, tzinfo=UTC)
    answers = [
        verdict.about(sheet(), State.VALID, version=2, current=2, made_at=made_at, changed=changed)
        for changed in (True, False)
    ]
    told = [
        "请向单位索取重新打印的《自主培训方案审批单》" in words(client, "verify", result=answer) for answer in answers
    ]
    assert told == [True, False]


def test_the_public_reads_whether_it_was_a_slip_or_a_forgery(client: FlaskClient) -> None:
    forged = words(client, "verify", result=verdict.missing('<i>"', mistyped=False))
    slip = words(client, "verify", result=verdict.missing("123", mistyped=True))
    assert "查无此码" in forged
    assert "请不要采信这份材料" in forged
    assert "<i>" not in forged
    assert "核验码输入有误" in slip
    assert "请对照纸面重新输入" in slip
    for html in (forged, slip):
        assert "纸面版本" not in html
    asked = words(client, "verify", result=None)
    assert 'name="code"' in asked
    assert "xf-notice xf-tone" not in asked
