"""`Idempotency-Key`: once is once, for whoever sent it and for nobody else, on both databases."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from shared.idempotency import IdempotencyRow
from tests.shared.kernel import BOTH, REVIEWER, TEACHER, Site
from tests.shared.site import DEEDS, deeds, open_site

LETTERS = "/plans/api/v1/letters"


@pytest.fixture(params=BOTH)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """The service on each database in turn."""
    with open_site(request.param, request, tmp_path) as opened:
        yield opened


def make(site: Site, key: str | None = "key-1", name: str = "one", who: Any = TEACHER, **rest: Any) -> TestResponse:
    """Asks for a deed."""
    headers = site.bearer(who) | ({"Idempotency-Key": key} if key is not None else {})
    return site.app.test_client().post(rest.pop("path", DEEDS), json={"name": name}, headers=headers, **rest)


def send(site: Site, content: bytes = b"%PDF", *, key: str = "key-1", **rest: Any) -> TestResponse:
    """Sends a letter in, from `address`."""
    form = {"name": rest.pop("name", "letter"), "file": (io.BytesIO(content), rest.pop("filename", "a.pdf"))}
    return site.app.test_client().post(
        LETTERS,
        data=form,
        headers={"Idempotency-Key": key},
        environ_overrides={"REMOTE_ADDR": rest.pop("address", "10.0.0.1")},
        **rest,
    )


def test_a_post_without_a_key_does_nothing(site: Site) -> None:
    for key in (None, ""):
        answer = make(site, key)
        assert answer.status_code == 428
        assert answer.content_type == "application/problem+json"
    assert deeds(site.run.database) == []


@pytest.mark.parametrize("key", ["k" * 81, "two words", "钥匙".encode().decode("latin-1"), "k" * 5000])
def test_a_key_that_could_be_taken_for_another_is_refused(site: Site, key: str) -> None:
    """Cut to the length of a column, `…-1` and `…-2` would be one, and the second change would never be made."""
    answer = make(site, key)
    assert answer.status_code == 422
    assert "Idempotency-Key" in answer.get_json()["detail"]
    assert deeds(site.run.database) == []
    assert make(site, "k" * 80).status_code == 201


def test_the_second_time_has_the_first_answer_and_no_effect(site: Site) -> None:
    first, second = make(site), make(site)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.get_json() == second.get_json()
    assert second.content_type == first.content_type
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert deeds(site.run.database) == ["one"]
    assert make(site, "key-2").get_json()["id"] != first.get_json()["id"]
    assert deeds(site.run.database) == ["one", "one"]


def test_the_same_key_for_something_else_is_refused(site: Site) -> None:
    make(site)
    assert make(site, name="two").status_code == 422
    assert make(site, path="/plans/api/v1/refused").status_code == 422
    assert make(site, query_string={"dry_run": "true"}).status_code == 422, "a dry run is not the run"
    assert deeds(site.run.database) == ["one"]


def test_nobody_gets_the_answer_of_another(site: Site) -> None:
    mine, theirs = make(site), make(site, who=REVIEWER)
    assert mine.get_json()["id"] != theirs.get_json()["id"]
    assert "Idempotent-Replayed" not in theirs.headers
    assert deeds(site.run.database) == ["one", "one"]


def test_strangers_behind_one_address_get_an_answer_only_for_the_very_same_letter(site: Site) -> None:
    assert send(site, b"%PDF one").status_code == 201
    assert send(site, b"%PDF one").headers["Idempotent-Replayed"] == "true"
    other = send(site, b"%PDF two")
    assert other.status_code == 422, "as long and with the same name, but another file"
    assert "id" not in other.get_json()
    assert send(site, b"%PDF one", name="of another").status_code == 422
    assert send(site, b"%PDF one", filename="b.pdf").status_code == 422
    elsewhere = send(site, b"%PDF one", address="10.0.0.2")
    assert elsewhere.status_code == 201
    assert "Idempotent-Replayed" not in elsewhere.headers
    assert deeds(site.run.database) == ["letter 8", "letter 8"]


def test_a_signed_in_person_and_a_stranger_are_two(site: Site) -> None:
    send(site)
    answer = send(site, key="key-1", address="10.0.0.1")
    assert answer.headers["Idempotent-Replayed"] == "true"
    form = {"name": "letter", "file": (io.BytesIO(b"%PDF"), "a.pdf")}
    headers = {"Idempotency-Key": "key-1", **site.bearer(TEACHER)}
    mine = site.app.test_client().post(LETTERS, data=form, headers=headers)
    assert "Idempotent-Replayed" not in mine.headers


def test_what_failed_leaves_the_key_free(site: Site) -> None:
    path = "/plans/api/v1/refused"
    refused = make(site, path=path)
    assert refused.status_code == 409
    assert refused.get_json()["decided_by"] == "李某"
    assert deeds(site.run.database) == []
    assert make(site, path=path, query_string={"anyway": "1"}).status_code == 200
    assert deeds(site.run.database) == ["refused"]


def test_a_change_without_an_answer_is_taken_back(site: Site) -> None:
    """There would be nothing to replay, so the view is wrong: better no effect than one that looks like none."""
    assert make(site, path="/plans/api/v1/silent").status_code == 500
    assert deeds(site.run.database) == []


def test_many_at_once_have_one_effect(site: Site) -> None:
    start = threading.Barrier(6)

    def work(_: int) -> TestResponse:
        start.wait()
        return make(site)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(work, range(6)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.get_data() for answer in answers}) == 1
    assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 5
    assert deeds(site.run.database) == ["one"]


def test_many_different_at_once_all_have_theirs(site: Site) -> None:
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda n: make(site, f"key-{n}", f"deed {n}"), range(24)))
    assert {answer.status_code for answer in answers} == {201}
    assert sorted(deeds(site.run.database)) == sorted(f"deed {n}" for n in range(24))


def test_what_is_kept_is_the_answer_and_not_the_question(site: Site) -> None:
    """A body may hold what must not lie about for a week."""
    make(site, name="only in the answer")
    send(site, b"%PDF content", key="key-2")
    with site.run.database.reading() as session:
        rows = list(session.scalars(select(IdempotencyRow).order_by(IdempotencyRow.key)))
        assert session.scalar(select(func.count()).select_from(IdempotencyRow)) == 2
    assert [(row.caller, row.key, row.status) for row in rows] == [
        (TEACHER.account_id, "key-1", 201),
        ("anonymous:10.0.0.1", "key-2", 201),
    ]
    assert all(len(row.digest) == 64 for row in rows)
    assert "content" not in str([vars(row) for row in rows])
