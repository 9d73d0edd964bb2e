"""N22, B16: the pages of papers, the public one that verifies them, and the same for programs."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from shared.actors import Actor
from shared.auth import COOKIE
from shared.database import Database
from shared.printing.codes import new_code
from shared.service import Runtime
from tests.credits.make import admin, bearer, cookie, teacher
from tests.credits.papers import RARE, live_in, make


@pytest.fixture(autouse=True)
def history(database: Database, now: datetime) -> None:
    """Two teachers, one of whom has credits."""
    live_in(database)


def send(client: FlaskClient, run: Runtime, actor: Actor | None, path: str, form: dict[str, str] | None = None) -> Any:
    """A page, or a form that is sent with its guards; as `actor`, or as a stranger."""
    client.delete_cookie(COOKIE)
    if actor is not None:
        client.set_cookie(*cookie(run, actor))
    if form is None:
        return client.get(path)
    source = client.get("/credits/papers" if actor and actor.person_id else "/credits/exports").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', source)
    assert token is not None
    return client.post(path, data={**form, "csrf_token": token[1], "idempotency_key": new_code()})


def test_n22_she_makes_downloads_and_withdraws_on_her_page(client: FlaskClient, run: Runtime) -> None:
    me = teacher(1)
    assert 'href="/credits/papers"' in send(client, run, me, "/credits/mine").text
    made = send(client, run, me, "/credits/teachers/person-1/papers", {"kind": "certificate", "cycle": "2023"})
    assert made.headers["Location"] == "/credits/papers"
    page = send(client, run, me, "/credits/papers").text
    code = re.search(r"\b\w{4}-\w{4}-\w{4}\b", page)
    assert code is not None
    file = send(client, run, me, f"/credits/papers/{code[0]}/paper.pdf")
    assert (file.status_code, file.mimetype, file.data[:5]) == (200, "application/pdf", b"%PDF-")
    public = send(client, run, None, f"/credits/verify?code={code[0]}").text
    assert "真实有效" in public
    assert f"{RARE[0]}**" in public
    for hidden in (RARE, "360102", "城南小学", "6.0", "3.0", "26.0"):
        assert hidden not in public
    compared = send(client, run, None, f"/credits/verify?code={code[0]}&coordinated=16&self_organized=3").text
    assert "所填学分与平台存档不一致" in compared
    send(client, run, me, f"/credits/papers/{code[0]}/withdrawal", {})
    assert "2026-11-24 10:00 本人撤销" in re.sub(r"<[^>]+>", "", send(client, run, me, "/credits/papers").text)
    assert send(client, run, me, f"/credits/papers/{code[0]}/paper.pdf").status_code == 409
    assert "本人已撤销此核验码" in send(client, run, None, f"/credits/verify?code={code[0]}").text


def test_the_county_reads_papers_and_makes_none(client: FlaskClient, run: Runtime) -> None:
    make(run.database)
    page = send(client, run, admin(), "/credits/teachers/person-1/papers").text
    assert "下载 PDF" in page
    assert "出具学分证明" not in page
    assert "/withdrawal" not in page
    assert send(client, run, admin(), "/credits/teachers/person-9/papers").status_code == 404


def test_papers_for_programs(client: FlaskClient, run: Runtime) -> None:
    api, headers = "/credits/api/v1", bearer(run, teacher(1))

    def post(path: str, body: dict[str, Any], key: str) -> Any:
        return client.post(api + path, json=body, headers={**headers, "Idempotency-Key": key})

    wrong = post("/me/papers", {"kind": "diploma"}, "k0")
    assert (wrong.status_code, "学分证明" in wrong.text) == (422, True)
    made = post("/me/papers", {"kind": "certificate"}, "k1")
    assert made.status_code == 201, made.text
    code = made.json["code"]
    assert post("/me/papers", {"kind": "certificate"}, "k1").json == made.json
    assert [one["code"] for one in client.get(f"{api}/me/papers", headers=headers).json["items"]] == [code]
    assert client.get(f"{api}/papers/{code}/pdf", headers=headers).data.startswith(b"%PDF-")
    others = bearer(run, teacher(2))
    assert client.get(f"{api}/papers/{code}/pdf", headers=others).status_code == 404
    seen = client.get(f"{api}/verification", query_string={"code": code})
    assert (seen.json["state"], seen.json["name"], seen.json["agrees"]) == ("genuine", f"{RARE[0]}**", None)
    assert post(f"/papers/{code}/withdrawal", {}, "k2").json["withdrawn_at"]
    assert client.get(f"{api}/verification", query_string={"code": code}).json["state"] == "withdrawn"
