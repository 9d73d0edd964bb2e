"""T16, N46, N8 on pages and in the API: 公示中 apart, a dispute from the line to its answer, the comparison."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.actors import Actor, Office
from shared.database import new_id
from shared.service import Runtime
from tests.credits.make import (
    COUNTY,
    OTHER_COUNTY,
    SCHOOL,
    admin,
    audited,
    bearer,
    cookie,
    deliver,
    register_people,
    result,
    teacher,
)
from tests.credits.make import post as office
from tests.credits.test_deliveries import one, told
from tests.credits.test_disputes import LATE, OTHER, PNG, TEXT
from tests.credits.test_pages import show
from tests.credits.test_publicity import in_publicity

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
CODES = r"provisional|rejected|upheld|not_arrived|county_training|\bNone\b"


def send(client: FlaskClient, run: Runtime, actor: Actor, page: str, to: str, **form: Any) -> TestResponse:
    """Sends a form of that page."""
    name, value = cookie(run, actor)
    client.set_cookie(name, value)
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get(page).text)
    assert token is not None
    guards = {"csrf_token": token[1], "idempotency_key": new_id()}
    return client.post(to, data=guards | form, content_type="multipart/form-data")


@pytest.fixture
def history(run: Runtime, now: object) -> None:
    """Person 1 has a line, and a result that is 公示中."""
    register_people(run.database, 1, 2)
    deliver(run.database, audited(result(1), audit_id="a1"), 1)
    deliver(run.database, in_publicity(2, audit_id="a2"), 1)


@pytest.mark.usefixtures("history")
def test_n46_the_page_shows_what_is_provisional_apart(client: FlaskClient, run: Runtime) -> None:
    text = show(client, run, teacher(2), "/credits/mine")
    assert "公示中（不计入达标）" in text
    assert "面授 60 学时 ÷ 10 = 6.0" in text
    assert "公示至 2026-12-01 10:00" in text
    assert "统筹培训 0.0 / 26.0" in text
    assert not re.search(CODES, text)
    assert "公示中（不计入达标）" not in show(client, run, teacher(1), "/credits/mine")
    body = client.get("/credits/api/v1/me/provisional", headers=bearer(run, teacher(2))).get_json()
    assert [(row["amount"], row["result_id"]) for row in body["items"]] == [("6.0", "result-2")]
    others = client.get("/credits/api/v1/teachers/person-2/provisional", headers=bearer(run, teacher(1)))
    assert others.status_code == 404


@pytest.mark.usefixtures("history")
def test_t16_from_the_line_to_the_answer_and_it_stays_on_the_line(client: FlaskClient, run: Runtime) -> None:
    assert "对这条记录提出异议" in show(client, run, teacher(), "/credits/mine")
    form = "/credits/disputes/new?line_id=1"
    refused = send(client, run, teacher(), form, "/credits/disputes", line_id="1", text=TEXT)
    assert refused.status_code == 422
    assert "请说明为何没有在公示期间提出" in refused.text
    assert TEXT in refused.text, "what was typed comes back"
    made = send(
        client, run, teacher(), form, "/credits/disputes", line_id="1", text=TEXT, late_reason=LATE,
        file=(io.BytesIO(PNG), "签到表.png"),
    )  # fmt: skip
    assert made.location == "/credits/disputes/1"
    assert "撤回异议" in show(client, run, teacher(), "/credits/disputes/1")
    file = re.search(r"/credits/disputes/1/files/[\w-]+", client.get("/credits/disputes/1").text)
    assert file is not None
    assert client.get(file[0]).data == PNG

    queue = show(client, run, OTHER, "/credits/disputes")
    assert "骨干教师课堂教学研修" in queue
    assert "待答复 1" in queue
    answered = send(
        client, run, OTHER, "/credits/disputes/1", "/credits/disputes/1/acts/answer", version="1", upheld="false",
        text="签到表为 60 学时，登记无误。",
    )  # fmt: skip
    assert answered.status_code == 303
    again = send(
        client, run, OTHER, "/credits/disputes/1", "/credits/disputes/1/acts/answer", version="1", upheld="true",
        text="情况属实，应予更正。", remedy="revoke",
    )  # fmt: skip
    assert again.status_code == 409
    assert "已由喻知白于" in again.text
    text = show(client, run, teacher(), "/credits/mine")
    assert "异议第 1 号 （2026-11-24）：异议不成立，东湖区 喻知白 2026-11-24 答复：签到表为 60 学时，登记无误。" in text
    assert not re.search(CODES, text + show(client, run, teacher(), "/credits/disputes/mine"))
    show(client, run, teacher(2), "/credits/disputes/1", 404)
    show(client, run, admin(path=OTHER_COUNTY), "/credits/disputes/1", 404)
    client.set_cookie(*cookie(run, teacher(2)))
    assert client.get(file[0]).status_code == 404


@pytest.mark.usefixtures("history")
def test_t16_who_audited_reads_why_it_is_not_for_her(client: FlaskClient, run: Runtime) -> None:
    send(client, run, teacher(), "/credits/disputes/new?line_id=1", "/credits/disputes", line_id="1", text=TEXT,
         late_reason=LATE)  # fmt: skip
    auditor = Actor("account-audits", None, "闵若愚", (office(Office.RESULT_AUDIT, COUNTY),), "s")
    text = show(client, run, auditor, "/credits/disputes/1")
    assert "须由其他人答复（回避）" in text
    assert "答复理由" not in text


@pytest.mark.usefixtures("history")
def test_t16_a_program_opens_one_about_a_missing_training(client: FlaskClient, run: Runtime) -> None:
    facts = {"project_title": "省级研修", "held_on": "2026-07-01", "hours": "40", "text": "参加过，没有记录。"}

    def opened(**more: Any) -> TestResponse:
        headers = bearer(run, teacher()) | {"Idempotency-Key": new_id()}
        data = facts | more
        return client.post("/credits/api/v1/disputes", data=data, headers=headers, content_type="multipart/form-data")

    refused = opened()
    assert refused.status_code == 422
    assert "请上传参加培训的佐证材料" in refused.text
    made = opened(file=(io.BytesIO(PNG), "证书.png"))
    assert made.status_code == 201, made.text
    body = made.get_json()
    assert (body["state"], body["kind"], body["hours"], len(body["files"])) == ("open", "missing", "40.0", 1)
    mine = client.get("/credits/api/v1/me/disputes", headers=bearer(run, teacher())).get_json()
    assert [one["id"] for one in mine["items"]] == [body["id"]]
    headers = bearer(run, OTHER) | {"Idempotency-Key": new_id(), "If-Match": "1"}
    path = f"/credits/api/v1/disputes/{body['id']}/answer"
    answer = {"upheld": True, "text": "情况属实，应予补登。", "remedy": "register"}
    done = client.post(path, json=answer, headers=headers).get_json()
    assert (done["state"], done["remedy"], [act["act"] for act in done["acts"]]) == (
        "upheld",
        "register",
        ["open", "uphold"],
    )


@pytest.mark.usefixtures("history")
def test_n8_the_comparison_lists_each_difference_with_its_cause(client: FlaskClient, run: Runtime) -> None:
    lost = audited(result(3), audit_id="a3")
    told(run.database, one(audited(result(1), audit_id="a1"), credits="6.0"), one(lost, answered=0, credits="0"))
    text = show(client, run, admin(), "/credits/deliveries")
    assert "未送达 1" in text
    assert "学分服务没有收到这次审核的成绩" in text
    assert not re.search(CODES, text)
    assert "全部审核 2" in text
    for _ in range(2):
        send(client, run, admin(), "/credits/deliveries", "/credits/deliveries/a3/redelivery")
    assert "龚立言 2026-11-24 10:00 已要求" in show(client, run, admin(), "/credits/deliveries")
    show(client, run, admin(Office.SCHOOL_ADMIN, SCHOOL), "/credits/deliveries", 403)
    body = client.get("/credits/api/v1/deliveries/counts", headers=bearer(run, admin(path="360000/"))).get_json()
    assert (body["audits"], body["differing"], body["causes"]) == (2, 1, {"not_arrived": 1})
