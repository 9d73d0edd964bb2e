"""B6: what waits for a closed cycle on pages and for programs, and the form of the provincial office."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from shared.database import new_id
from shared.service import Runtime
from tests.credits.changing import DOCUMENT, lines, province
from tests.credits.make import COUNTY, OTHER_COUNTY, admin, audited, bearer, cookie, deliver, register_people, teacher
from tests.credits.test_closed_cycles import CLOSED, LAST_SUMMER, decide, kept
from tests.credits.test_pages import show
from tests.credits.test_publicity import in_publicity


@pytest.fixture
def one_late(client: FlaskClient, run: Runtime) -> int:
    """A result that waits; its number."""
    register_people(run.database, 1)
    deliver(run.database, audited(project=LAST_SUMMER))
    return kept(run.database)[0].id


def test_b6_programs_see_it_and_the_province_decides(client: FlaskClient, run: Runtime, one_late: int) -> None:
    path = "/credits/api/v1/late-entries"
    (item,) = client.get(path, headers=bearer(run, admin())).json["items"]
    assert (item["id"], item["amount"], item["state"]) == (one_late, "6.0", "waiting")
    body = {"admit": True, "document": DOCUMENT, "reason": "县局漏审"}
    key = {"Idempotency-Key": new_id()}
    answers = [
        client.post(f"{path}/{one_late}/decision", json=body, headers=bearer(run, actor) | key)
        for actor in (admin(), province(), province())
    ]
    assert [answer.status_code for answer in answers] == [403, 201, 201]
    assert len(lines(run.database)) == 1
    assert client.get(path, headers=bearer(run, admin())).json["items"] == []
    (done,) = client.get(f"{path}?state=ended", headers=bearer(run, admin())).json["items"]
    assert (done["state"], done["decided_by_name"], done["document"]) == ("admitted", "省厅甲", DOCUMENT)


def test_b6_pages_show_it_and_the_province_decides(client: FlaskClient, run: Runtime, one_late: int) -> None:
    where = f"/credits/late/{one_late}"
    assert "另有 1 条记录在培训周期关闭后才送达" in show(client, run, admin(), "/credits/unknown")
    assert CLOSED in show(client, run, admin(), "/credits/late")
    assert "准予补记</button>" not in client.get(where).text
    assert CLOSED in show(client, run, teacher(1), "/credits/mine?cycle=2018")
    assert CLOSED not in show(client, run, teacher(1), "/credits/mine")
    show(client, run, admin(path=OTHER_COUNTY), where, 404)

    client.set_cookie(*cookie(run, province()))
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get(where).text)
    assert token
    form = {"csrf_token": token[1], "act": "dismiss", "document": DOCUMENT, "reason": ""}
    answer = client.post(where, data=form | {"idempotency_key": new_id()})
    assert (answer.status_code, "请写明理由" in answer.text) == (422, True)
    answer = client.post(where, data=form | {"reason": "超过期限", "idempotency_key": new_id()})
    assert answer.status_code == 303, answer.text
    assert "不予补记" in show(client, run, admin(), "/credits/late?show=ended")
    assert f"江西省教育厅已不予补记（{DOCUMENT}）：超过期限" in show(client, run, admin(path=COUNTY), where)
    assert "超过期限" in show(client, run, teacher(1), "/credits/mine?cycle=2018")
    show(client, run, admin(), "/credits/late?show=nothing", 404)


def test_b6_a_teacher_finds_the_closed_cycle_in_which_something_waits(client: FlaskClient, run: Runtime) -> None:
    register_people(run.database, 1, 2)
    past = "2018—2023 周期（往期）"
    assert past not in show(client, run, teacher(1), "/credits/mine")
    deliver(run.database, replace(in_publicity(1), project=LAST_SUMMER), 1)
    assert past in show(client, run, teacher(1), "/credits/mine"), "already while it is 公示中"
    assert "周期关闭后才确认，不计入" in show(client, run, teacher(1), "/credits/mine?cycle=2018")
    deliver(run.database, audited(project=LAST_SUMMER), 2)
    assert past in show(client, run, teacher(1), "/credits/mine")
    assert past not in show(client, run, teacher(2), "/credits/mine")
    decide(run.database, admit=False)
    assert past in show(client, run, teacher(1), "/credits/mine"), "what was dismissed is told there too"
