"""The API as programs see it: scope, versions, bodies, files, jobs."""

from __future__ import annotations

import io
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient

from services.plans.tasks import JOBS
from shared.database import Database
from shared.jobs import JobRow, run_job
from shared.service import Runtime
from tests.plans import builders as make
from tests.plans.conftest import Caller

DATA = Path(__file__).parent.parent / "data"
As = Callable[..., Caller]
BODY: dict[str, Any] = {
    "school_year": make.YEAR,
    "title": "校本研修方案",
    "aims": "以课例研究促进课堂改进。",
    "items": [
        {
            "kind": "school_training",
            "title": "新课标专题培训",
            "hours": "20",
            "hours_per_credit": "10",
            "held_from": "2026-10-12",
            "held_to": "2026-12-18",
        }
    ],
}
PROJECT: dict[str, Any] = {
    "title": "县级骨干教师集中培训",
    "category": "county_training",
    "mode": "centralized",
    "convert": True,
    "school_year": make.YEAR,
    "held_from": "2026-10-12",
    "held_to": "2026-10-21",
    "hours": "60",
}


def submitted(call_as: As) -> dict[str, Any]:
    """A plan that waits at the county."""
    school = call_as("school.qingfeng")
    plan = school("POST", "/plans", json=BODY).json
    answer = school("POST", f"/plans/{plan['id']}/submit", version=plan["version"])
    assert answer.status_code == 200, answer.json
    return dict(answer.json)


def sheet(rows: list[list[Any]], name: str = "名单.xlsx") -> dict[str, Any]:
    """A roster as an upload."""
    return {"file": (io.BytesIO(make.workbook(rows)), name)}


def test_a_plan_through_the_api(call_as: As) -> None:
    school = call_as("school.qingfeng")
    created = school("POST", "/plans", json=BODY)
    plan = created.json
    assert created.status_code == 201
    assert created.headers["ETag"] == f'"{plan["version"]}"'
    assert (plan["status"], plan["stage"], plan["number"]) == ("draft", None, "F2026-3601020001-01")
    assert (Decimal(plan["totals"]["hours"]), plan["totals"]["credits"]) == (20, "2.0")
    assert [step["level"] for step in plan["route"]] == ["county", "district", "province"]
    assert [act["name"] for act in plan["acts"]] == ["submit", "abandon"]

    answer = school("POST", f"/plans/{plan['id']}/submit", version=plan["version"])
    plan = answer.json
    assert plan["stage"]["level"] == "county"
    assert (plan["round"], len(plan["digest"])) == (1, 64)
    assert plan["status_title"] == "审核中（县级审核）"

    county = call_as("county.donghu")
    assert county("GET", "/queue/count").json == {"count": 1}
    assert [p["id"] for p in county("GET", "/queue").json["items"]] == [plan["id"]]
    for username in ("county.donghu", "district.nanchang", "province"):
        reviewer = call_as(username)
        seen = reviewer("GET", f"/plans/{plan['id']}").json
        assert {"approve", "return", "refuse"} <= {act["name"] for act in seen["acts"]}
        answer = reviewer(
            "POST", f"/plans/{plan['id']}/decisions", version=seen["version"], json={"verdict": "approve"}
        )
        assert answer.status_code == 200, answer.json
    assert answer.json["status"] == "approved"
    history = school("GET", f"/plans/{plan['id']}/history").json["items"]
    assert [(line["act"], line["label"]) for line in history] == [("submit", "报送")] + [("approve", "同意")] * 3
    assert all(line["digest"] == plan["digest"] for line in history)
    assert county("GET", "/queue/count").json == {"count": 0}


def test_another_county_gets_404_everywhere(call_as: As) -> None:
    """T1."""
    plan = submitted(call_as)
    stranger = call_as("county.yujiang")
    path = f"/plans/{plan['id']}"
    for method, address, options in (
        ("GET", path, {}),
        ("GET", path + "/history", {}),
        ("GET", path + "/attachments/x", {}),
        ("POST", path + "/decisions", {"version": plan["version"], "json": {"verdict": "approve"}}),
    ):
        answer = stranger(method, address, **options)
        assert answer.status_code == 404, (method, address)
        assert "detail" in answer.json
    assert stranger("GET", "/plans").json["items"] == []
    assert stranger("GET", "/queue/count").json == {"count": 0}
    # Her right to draft her own county's schemes is no way in either.
    assert stranger("PUT", path, version=1, json=BODY).status_code == 404


def test_a_stale_version_is_409_and_says_who_when_and_what(call_as: As) -> None:
    """T2."""
    plan = submitted(call_as)
    path = f"/plans/{plan['id']}/decisions"
    call_as("county.donghu")("POST", path, version=plan["version"], json={"verdict": "approve"})
    answer = call_as("county.donghu2")("POST", path, version=plan["version"], json={"verdict": "approve"})
    assert answer.status_code == 409
    assert (answer.json["decided_by"], answer.json["verdict"]) == ("万青禾", "approve")
    assert "已由万青禾于" in answer.json["detail"]
    assert answer.json["decided_at"]
    school = call_as("school.qingfeng")
    draft = school("POST", "/plans", json=BODY).json
    changed = school("PUT", f"/plans/{draft['id']}", version=draft["version"], json={**BODY, "title": "改过的标题"})
    assert changed.status_code == 200
    again = school("PUT", f"/plans/{draft['id']}", version=draft["version"], json={**BODY, "title": "另一标题"})
    assert (again.status_code, again.json["verdict"]) == (409, "edit")
    assert school("GET", f"/plans/{draft['id']}").json["title"] == "改过的标题"


def test_what_is_missing_is_said(call_as: As, client: FlaskClient) -> None:
    school = call_as("school.qingfeng")
    plan = school("POST", "/plans", json=BODY).json
    assert school("POST", f"/plans/{plan['id']}/submit").status_code == 428
    assert school("PUT", f"/plans/{plan['id']}", json=BODY).status_code == 428
    without_key = client.post("/plans/api/v1/plans", json=BODY, headers={"Authorization": f"Bearer {school.token}"})
    assert without_key.status_code == 428
    answer = school("POST", "/plans", json={**BODY, "colour": "red", "items": [{**BODY["items"][0], "hours": "0"}]})
    assert answer.status_code == 422
    assert {error["field"] for error in answer.json["errors"]} == {"colour", "items.0.hours"}
    county = call_as("county.donghu")
    waiting = submitted(call_as)
    path = f"/plans/{waiting['id']}/decisions"
    for body, field in (
        ({"verdict": "return", "opinion": "改"}, "points"),
        ({"verdict": "refuse"}, "opinion"),
        ({"verdict": "return", "points": [{"section": "items", "field": "items.7.hours", "text": "错"}]}, "points.0"),
        ({"verdict": "驳回"}, "verdict"),
    ):
        answer = county("POST", path, version=waiting["version"], json=body)
        assert answer.status_code == 422, body
        assert any(error["field"].startswith(field) for error in answer.json["errors"]), answer.json


def test_a_repeated_request_has_one_effect(call_as: As) -> None:
    school = call_as("school.qingfeng")
    answers = [school("POST", "/plans", json=BODY, key="the-same-key") for _ in range(3)]
    assert len({answer.json["id"] for answer in answers}) == 1
    assert len(school("GET", "/plans").json["items"]) == 1


def test_lists_are_filtered_and_paged(call_as: As) -> None:
    school = call_as("school.qingfeng")
    ids = [school("POST", "/plans", json=BODY).json["id"] for _ in range(5)]
    seen: list[str] = []
    cursor = ""
    while True:
        page = school("GET", f"/plans?limit=2{cursor}").json
        seen += [plan["id"] for plan in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert sorted(seen) == sorted(ids)
    assert school("GET", "/plans?status=approved").json["items"] == []
    assert len(school("GET", f"/plans?status=draft&school_year={make.YEAR}").json["items"]) == 5
    assert school("GET", "/plans?status=gone").status_code == 422
    assert school("GET", "/plans?cursor=nonsense").status_code == 422


def test_the_queue_is_paged_by_arrival(call_as: As) -> None:
    ids = [submitted(call_as)["id"] for _ in range(3)]
    county = call_as("county.donghu")
    first = county("GET", "/queue?limit=2").json
    second = county("GET", f"/queue?limit=2&cursor={first['next']}").json
    assert [plan["id"] for plan in first["items"] + second["items"]] == ids
    assert second["next"] is None


def test_attachments(call_as: As) -> None:
    school = call_as("school.qingfeng")
    plan = school("POST", "/plans", json=BODY).json
    path = f"/plans/{plan['id']}/attachments"
    pdf = (DATA / "plan.pdf").read_bytes()
    answer = school("POST", path, data={"file": (io.BytesIO(pdf), "研修方案.pdf")})
    assert answer.status_code == 201, answer.json
    file = answer.json
    assert (file["name"], file["size"], file["media_type"]) == ("研修方案.pdf", len(pdf), "application/pdf")
    got = school("GET", f"{path}/{file['id']}")
    assert got.data == pdf
    assert got.headers["Content-Disposition"].startswith("attachment")
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    bad = school("POST", path, data={"file": (io.BytesIO(b"MZ not a pdf"), "研修方案.pdf")})
    assert (bad.status_code, bad.json["errors"][0]["field"]) == (422, "file")
    huge = school("POST", path, data={"file": (io.BytesIO(b"%PDF" + bytes(20 * 1024 * 1024 + 1)), "大.pdf")})
    assert huge.status_code == 413
    assert call_as("school.chenghu")("POST", path, data={"file": (io.BytesIO(pdf), "a.pdf")}).status_code == 404
    plan = school("POST", f"/plans/{plan['id']}/submit", version=file["version"]).json
    assert [a["sha256"] for a in plan["attachments"]] == [file["sha256"]]
    assert call_as("county.donghu")("GET", f"{path}/{file['id']}").data == pdf
    assert school("DELETE", f"{path}/{file['id']}", version=plan["version"]).status_code == 409


def test_projects_roster_audit_and_revocation(call_as: As, run: Runtime, database: Database) -> None:
    county, auditor = call_as("county.donghu"), call_as("audit.donghu")
    project = county("POST", "/projects", json=PROJECT).json
    assert (project["number"], project["status"]) == ("P2026-360102-0001", "published")
    assert project["preview"]["credits"] == "6.0"
    path = f"/projects/{project['id']}"

    bad = make.roster_rows(3)
    bad[1][0] = 3.60102e17
    report = county("POST", f"{path}/roster?dry_run=true", data=sheet(bad))
    assert report.status_code == 201
    assert (report.json["rows"], report.json["good"]) == (3, 2)
    (error,) = report.json["errors"]
    assert (error["row"], error["cell"], error["column"], error["heading"]) == (3, "A3", "A", "身份证号")
    refused = county("POST", f"{path}/roster", data=sheet(bad))
    assert refused.status_code == 422
    assert [(e["cell"], e["field"]) for e in refused.json["errors"]] == [("A3", "A3")]
    assert "没有导入任何一行" in refused.json["detail"]
    assert county("GET", f"{path}/results").json["items"] == []

    accepted = county("POST", f"{path}/roster?dry_run=false", data=sheet(make.roster_rows(3)))
    assert accepted.status_code == 202, accepted.json
    job_id = accepted.json["job_id"]
    assert county("GET", f"/jobs/{job_id}").json["state"] == "queued"
    assert call_as("county.donghu2")("GET", f"/jobs/{job_id}").status_code == 404
    with database.reading() as session:
        arguments = session.get_one(JobRow, job_id).arguments
    run_job(database, JOBS, job_id, "plans.import_roster", arguments, {}, run)
    job = county("GET", f"/jobs/{job_id}").json
    assert (job["state"], job["done"], job["total"], job["result"]["inserted"]) == ("done", 3, 3, 3)

    rows = county("GET", f"{path}/results").json["items"]
    assert [(r["state"], r["credits"], r["credits_state"]) for r in rows] == [("entered", None, "none")] * 3
    assert all(r["masked_identity"][6:14] == "********" for r in rows)
    assert make.teachers(1)[0].identity not in county("GET", f"{path}/results").text
    assert county("POST", f"{path}/audits", json={}).status_code == 403
    assert call_as("county.yujiang")("POST", f"{path}/audits", json={}).status_code == 404
    audit = auditor("POST", f"{path}/audits", json={})
    assert (audit.status_code, audit.json["count"]) == (201, 3)
    assert auditor("POST", f"{path}/audits", json={}).status_code == 409
    revocation = f"{path}/audits/{audit.json['audit_id']}/revocation"
    assert auditor("POST", revocation, json={}).status_code == 422
    assert auditor("POST", revocation, json={"reason": "学时有误"}).status_code == 201
    shown = county("GET", path).json
    assert shown["counts"] == {"entered": 0, "audited": 0, "audit_revoked": 3}
    assert (shown["audits"][0]["reason"], shown["audits"][0]["revoked_by"]) == ("学时有误", "闵若愚")
    assert auditor("POST", f"{path}/audits").status_code == 201
    assert {r["attempt"] for r in county("GET", f"{path}/results").json["items"]} == {2}


def test_a_roster_that_is_not_a_workbook(call_as: As) -> None:
    county = call_as("county.donghu")
    path = f"/projects/{county('POST', '/projects', json=PROJECT).json['id']}/roster?dry_run=true"
    for content, words in (((DATA / "plan.pdf").read_bytes(), "不是 XLSX"), (b"", "空文件"), (b"PK\x03\x04x", "不是")):
        answer = county("POST", path, data={"file": (io.BytesIO(content), "名单.xlsx")})
        assert answer.status_code == 422
        assert words in answer.json["detail"]
    assert county("POST", path, data={}).status_code == 422


def test_bad_projects_name_their_fields(call_as: As) -> None:
    county = call_as("county.donghu")
    answer = county("POST", "/projects", json={**PROJECT, "colour": "red", "convert": None, "category": "x"})
    assert answer.status_code == 422
    assert {error["field"] for error in answer.json["errors"]} == {"colour", "convert", "category"}
    missing = {name: value for name, value in PROJECT.items() if name != "convert"}
    answer = county("POST", "/projects", json=missing)
    assert [error["field"] for error in answer.json["errors"]] == ["convert"]
    assert call_as("teacher.li")("POST", "/projects", json=PROJECT).status_code == 403


def test_the_openapi_text_names_every_path(client: FlaskClient) -> None:
    spec = client.get("/plans/api/openapi.json").json
    assert spec is not None
    assert spec["openapi"] == "3.1.0"
    paths = set(spec["paths"])
    assert {"/plans/api/v1/plans", "/plans/api/v1/projects/{project_id}/roster", "/plans/api/v1/queue/count"} <= paths
    for methods in spec["paths"].values():
        for name, operation in methods.items():
            if name in ("get", "post", "put", "delete"):
                assert operation["x-allows"]
                assert operation["summary"]
