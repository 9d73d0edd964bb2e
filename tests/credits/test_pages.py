"""The pages: both buckets, every line explained, nobody else's data, nothing in bare codes."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, datetime

import pytest
import time_machine
from flask.testing import FlaskClient

from shared.actors import Actor, Office
from shared.service import Runtime
from tests.credits.conftest import BEFORE_IT_CLOSES
from tests.credits.make import (
    OTHER_COUNTY,
    OTHER_SCHOOL,
    PROJECT,
    SCHOOL,
    SCHOOL_PROJECT,
    admin,
    audited,
    cookie,
    deliver,
    register_people,
    result,
    revoked,
    teacher,
)


def show(client: FlaskClient, run: Runtime, actor: Actor, path: str, status: int = 200) -> str:
    """The text of a page as `actor` reads it, without tags."""
    name, value = cookie(run, actor)
    client.set_cookie(name, value)
    response = client.get(path)
    assert response.status_code == status, response.text
    text = re.sub(r"<(script|style|svg).*?</\1>", "", response.text, flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


@pytest.fixture
def history(run: Runtime, now: datetime) -> None:
    """One teacher with a line of every kind."""
    register_people(run.database, 1, 2)
    deliver(run.database, audited(result(hours="60"), audit_id="a1"), 1)
    deliver(run.database, audited(replace(result(hours="30"), result_id="r2"), audit_id="a2", project=SCHOOL_PROJECT))
    deliver(run.database, audited(replace(result(hours="40"), result_id="r3"), audit_id="a3"), 1)
    deliver(run.database, revoked("a3"), 2)
    fallback = replace(PROJECT, category="fallback_training", plan_id="p", plan_number="TD1", plan_status="filed")
    deliver(run.database, audited(replace(result(hours="20"), result_id="r4"), audit_id="a4", project=fallback))
    pending = replace(PROJECT, category="full_staff_training")
    deliver(run.database, audited(replace(result(), result_id="r5"), audit_id="a5", project=pending))


@pytest.mark.usefixtures("history")
def test_my_page_explains_every_credit(client: FlaskClient, run: Runtime) -> None:
    text = show(client, run, teacher(1), "/credits/mine")
    for words in (
        "2023—2028 周期 · 第 4 学年",
        "进行中",
        "统筹培训 7.5 / 26.0",
        "自主培训 3.0 / 10.0",
        "统筹还差 18.5 学分（另有 1 条记录待定）。今年托底培训最多再得 0.0，到周期末最多再得 1.5；"
        "学历提升冲抵本周期最多再得 8.0；"
        "国培计划、省级培训、设区市级培训、县（市、区）级培训没有上限，以实际名额为准。",
        "自主还差 7.0 学分。今年听课、公开课、培训讲座最多再得 3.0，到周期末最多再得 6.0；",
        "上限：托底培训本学年 1.5/1.5，本周期 1.5/7.5",
        "上限：学历提升冲抵本周期 0.0/8.0",
        "2023-2024、2024-2025、2025-2026 学年计入的学分都不足每年的要求",
        "规则条目",
        "2026-2027 学年",
        "面授 60 学时 ÷ 10 = 6.0，计入统筹；规则：2018 试行。",
        "已达本学年托底培训上限 1.5，未计入 0.5（问答第 11、12 问）",
        "审核已撤回（学时登记有误），冲正原记录，不再计入。",
        "全员培训每学年计多少学分，省厅尚未公布",
        "FA2026-0001",
        "万青禾",
        "闵若愚",
        "审核 2026-11-20 09:12 → 送达 2026-11-24 10:00",
        "有误请联系城南小学，电话 0791-00000102",
        "360102********001X",
    ):
        assert words in text
    assert not re.search(r"[（(](R|U|FAQ)-?Q?\d", text), "no rule by its number in a sentence"
    assert not re.search(r"coordinated|self_organized|not_counted|county_training|in_progress|None", text)


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize(
    ("chosen", "seen", "unseen"),
    [
        ("counted", "面授 60 学时", "暂不折算，待定"),
        ("not_counted", "未计入 0.5", "面授 60 学时"),
        ("pending", "省厅尚未公布", "面授 60 学时"),
    ],
)
def test_the_ledger_can_be_filtered(client: FlaskClient, run: Runtime, chosen: str, seen: str, unseen: str) -> None:
    text = show(client, run, teacher(1), f"/credits/mine?show={chosen}")
    assert seen in text
    assert unseen not in text


@pytest.mark.usefixtures("history")
def test_a_past_cycle_has_its_own_page(client: FlaskClient, run: Runtime) -> None:
    text = show(client, run, teacher(1), "/credits/mine?cycle=2018")
    assert "2018—2023 周期 · 已结束" in text
    assert "未达标" in text
    assert "没有记录" in text
    assert "面授 60 学时" not in text
    for nonsense in ("2019", "9223372036854775808", "abc", "-1"):
        show(client, run, teacher(1), f"/credits/mine?cycle={nonsense}", 404)
    # A past without a line is not offered: it would say nothing about the teacher.
    assert "往期" not in show(client, run, teacher(1), "/credits/mine")
    old = replace(PROJECT, school_year="2021-2022", held_from=date(2021, 10, 1), held_to=date(2021, 10, 10))
    with time_machine.travel(BEFORE_IT_CLOSES):
        deliver(run.database, audited(replace(result(), result_id="r6"), audit_id="a6", project=old))
    assert "2018—2023 周期（往期）" in show(client, run, teacher(1), "/credits/mine")


@pytest.mark.usefixtures("history")
def test_admins_see_their_teachers_and_nobody_else(client: FlaskClient, run: Runtime) -> None:
    text = show(client, run, admin(Office.SCHOOL_ADMIN, SCHOOL), "/credits/teachers")
    assert "教师1" in text
    assert re.search(r"7\.5 / 26\.0", text)
    assert "教师1的学分" in show(client, run, admin(), "/credits/teachers/person-1")
    for other in (admin(Office.CREDIT_ADMIN, OTHER_COUNTY), admin(Office.SCHOOL_ADMIN, OTHER_SCHOOL)):
        assert "教师1" not in show(client, run, other, "/credits/teachers")
        show(client, run, other, "/credits/teachers/person-1", 404)
    show(client, run, teacher(2), "/credits/teachers/person-1", 403)
    show(client, run, teacher(2), "/credits/teachers", 403)


@pytest.mark.usefixtures("history")
def test_units_lead_down_the_tree(client: FlaskClient, run: Runtime) -> None:
    county = show(client, run, admin(), "/credits/teachers")
    assert "城南小学" in county
    school = show(client, run, admin(), f"/credits/teachers?under={SCHOOL}")
    assert "城南小学 · 2023—2028 周期" in school
    elsewhere = show(client, run, admin(), f"/credits/teachers?under={OTHER_SCHOOL}")
    assert "锦江小学" not in elsewhere
    assert "没有教师" in elsewhere


def test_lines_to_be_checked_are_shown(client: FlaskClient, run: Runtime) -> None:
    register_people(run.database, 1)
    deliver(run.database, audited(result(7)))
    assert "有 1 条学分记录已照常入账，待核对" in show(client, run, admin(), "/credits/teachers")
    assert "person-7" in show(client, run, admin(), "/credits/unknown")
    register_people(run.database, 7)
    assert "条学分记录已照常入账，待核对" not in show(client, run, admin(), "/credits/teachers")
    assert "没有待核对的记录" in show(client, run, admin(), "/credits/unknown")


@pytest.mark.usefixtures("history")
def test_the_fragment_for_the_home_page(client: FlaskClient, run: Runtime) -> None:
    text = show(client, run, teacher(1), "/credits/fragments/mine")
    assert "统筹培训 7.5 / 26.0" in text
    assert "<html" not in text


def test_a_teacher_whom_the_register_does_not_know_yet(client: FlaskClient, run: Runtime) -> None:
    assert "名册中还没有您的信息" in show(client, run, teacher(9), "/credits/mine", 404)
    assert "名册中还没有您的信息" in show(client, run, teacher(9), "/credits/fragments/mine")


def test_signed_out_people_are_sent_to_sign_in(client: FlaskClient) -> None:
    response = client.get("/credits/mine")
    assert (response.status_code, response.location) == (302, "/accounts/sign-in?next=/credits/mine")
