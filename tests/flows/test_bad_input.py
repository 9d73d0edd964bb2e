"""What bad input gets: a Chinese sentence that names field, row or cell, and nothing half-applied."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from shared.client import Person, Refused
from tests.running import DATA, System

PLANS = "/plans/api/v1/plans"
PROJECT = {
    "title": "县级专题培训",
    "category": "county_training",
    "mode": "centralized",
    "convert": True,
    "school_year": "2026-2027",
    "held_from": "2026-10-12",
    "held_to": "2026-10-21",
    "hours": "60",
}


def refused(person: Person, method: str, path: str, status: int, *args: Any, **kwargs: Any) -> Refused:
    """The refusal, which has that status and speaks Chinese."""
    with pytest.raises(Refused) as caught:
        getattr(person, method)(path, *args, **kwargs)
    assert caught.value.status == status, str(caught.value)
    sentences = [caught.value.detail, *(s for all_ in caught.value.fields.values() for s in all_)]
    for sentence in sentences:
        assert re.search(r"[\u4e00-\u9fff]", sentence), sentence
        assert not re.search(r"[A-Za-z]{4,} [a-z]{2,}", sentence), f"English reached the user: {sentence}"
    assert caught.value.problem["status"] == status
    assert caught.value.problem["request_id"]
    return caught.value


def test_unknown_field_is_422_and_named(system: System) -> None:
    error = refused(
        system.sign_in("county.donghu"), "post", "/plans/api/v1/projects", 422, {**PROJECT, "colour": "red"}
    )
    assert "colour" in error.fields


def test_every_missing_field_is_named_at_once(system: System) -> None:
    error = refused(system.sign_in("county.donghu"), "post", "/plans/api/v1/projects", 422, {})
    assert {"title", "category"} <= error.fields.keys()


def test_a_post_without_a_key_is_refused(system: System) -> None:
    person = system.sign_in("county.donghu")
    answer = person.http.post("/plans/api/v1/projects", json=PROJECT)
    assert answer.status_code == 428
    assert "Idempotency-Key" in answer.json()["detail"]


def test_the_same_key_has_one_effect(system: System) -> None:
    person = system.sign_in("county.donghu")
    headers = {"Idempotency-Key": "flow-same-key-" + person.account["id"] + system.name}
    answers = [person.http.post("/plans/api/v1/projects", json=PROJECT, headers=headers) for _ in range(3)]
    assert len({a.json()["id"] for a in answers}) == 1
    other = person.http.post("/plans/api/v1/projects", json={**PROJECT, "hours": "50"}, headers=headers)
    assert other.status_code == 422


def test_nobody_without_a_token_gets_in(system: System) -> None:
    stranger = Person(system.url)
    for path in (PLANS, "/credits/api/v1/me/standing", "/accounts/api/v1/letters"):
        refused(stranger, "get", path, 401)
    stranger.http.headers["Authorization"] = "Bearer " + "x" * 40
    refused(stranger, "get", PLANS, 401)


def test_wrong_office_is_403_and_wrong_place_is_404(system: System) -> None:
    teacher = system.sign_in("teacher.li")
    refused(teacher, "get", "/plans/api/v1/queue", 403)
    project = system.sign_in("county.donghu").post("/plans/api/v1/projects", PROJECT)
    refused(system.sign_in("county.yujiang"), "get", f"/plans/api/v1/projects/{project['id']}", 404)
    refused(system.sign_in("county.donghu"), "get", "/plans/api/v1/plans/no-such-plan", 404)


def test_another_countys_teacher_is_404(system: System) -> None:
    teacher = system.sign_in("teacher.li")
    person = teacher.get("/credits/api/v1/me/standing")["person_id"]
    system.sign_in("county.donghu").get(f"/credits/api/v1/teachers/{person}/standing")
    refused(system.sign_in("county.yujiang"), "get", f"/credits/api/v1/teachers/{person}/standing", 404)
    refused(system.sign_in("teacher.wu"), "get", f"/credits/api/v1/teachers/{person}/ledger", 404)


@pytest.mark.parametrize(
    "name",
    ["zip_named.pdf", "svg_named.png", "empty.pdf", "bomb.png", "openaction.pdf", "encrypted.pdf", "eleven_pages.pdf"],
)
def test_a_file_that_is_not_a_letter_is_refused(system: System, name: str) -> None:
    letter = json.loads((DATA / "letter.json").read_text())
    form = {
        "kind": "new_holder",
        "role": letter["role"],
        "unit_code": letter["unit_code"],
        "person_name": letter["person"],
        "identity_number": letter["identity"],
        "phone": letter["contact_phone"],
        "stamped_by": letter["signed_by"],
        "dated": letter["signed_on"],
    }
    content = (DATA / "hostile" / name).read_bytes()
    error = refused(
        Person(system.url), "post", "/accounts/api/v1/letters", 422, files={"file": (name, content)}, form=form
    )
    assert error.detail


def test_more_than_20_megabytes_is_refused(system: System) -> None:
    stranger = Person(system.url)
    content = b"%PDF-1.7\n" + b"0" * (22 * 1024 * 1024)
    answer = stranger.http.post(
        "/accounts/api/v1/letters",
        files={"file": ("大文件.pdf", content)},
        data={"kind": "new_holder"},
        headers={"Idempotency-Key": "flow-too-large"},
    )
    assert answer.status_code == 413
    assert re.search(r"[\u4e00-\u9fff]", answer.text)


def test_errors_of_a_roster_name_row_and_cell(system: System) -> None:
    county = system.sign_in("county.donghu")
    path = f"/plans/api/v1/projects/{county.post('/plans/api/v1/projects', PROJECT)['id']}"
    book = (DATA / "roster_with_errors.xlsx").read_bytes()
    expected = json.loads((DATA / "roster_with_errors.json").read_text())
    report = county.post(f"{path}/roster", files={"file": ("名单.xlsx", book)}, form={}, dry_run="true")
    assert {e["cell"] for e in report["errors"]} == {f"{e['column']}{e['row']}" for e in expected}
    turned = next(e for e in report["errors"] if e["cell"] == "A17")
    assert "科学计数法" in turned["message"]
    refused(county, "post", f"{path}/roster", 422, files={"file": ("名单.xlsx", book)}, form={}, dry_run="false")
    assert county.get(f"{path}/results")["items"] == []


@pytest.mark.parametrize("name", ["plan.pdf", "hostile/zip_named.pdf", "letter.jpg"])
def test_a_roster_that_is_no_workbook_is_refused(system: System, name: str) -> None:
    county = system.sign_in("county.donghu")
    path = f"/plans/api/v1/projects/{county.post('/plans/api/v1/projects', PROJECT)['id']}"
    content = (DATA / name).read_bytes()
    refused(county, "post", f"{path}/roster", 422, files={"file": ("名单.xlsx", content)}, form={}, dry_run="true")
