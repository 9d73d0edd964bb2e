"""Identity numbers and one-time links: nowhere in the clear, neither in the database nor in the logs (T24)."""

from __future__ import annotations

import io
import logging

import pytest
from flask import Flask

from services.accounts.sample import sample_province
from shared.logs import configure_logs
from shared.service import Runtime
from tests.accounts.conftest import Browser, Caller, letter_form, run_jobs
from tests.accounts.test_activation import find_in_database


@pytest.fixture
def logged() -> io.StringIO:
    """All that is logged, as it is in production."""
    configure_logs("DEBUG", json=True)
    handler = logging.getLogger().handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    text = io.StringIO()
    handler.setStream(text)
    return text


def test_the_number_of_an_applicant(app: Flask, run: Runtime, logged: io.StringIO) -> None:
    number = letter_form()["identity_number"]
    manager = Caller(app.test_client()).sign_in("manager.donghu")
    stranger = Caller(app.test_client())
    sent = stranger.send_letter()
    stranger.send_letter(status=422, identity_number=number[:-1] + "9")
    stranger.send_letter(status=422, role="emperor")
    run_jobs(run)
    version = manager.approve_checks(sent["number"])["version"]
    manager.post(f"/letters/{sent['number']}/issue", version=version)
    page = Browser(app).sign_in("manager.donghu").get(f"/accounts/letters/{sent['number']}")
    assert number not in page
    assert "360121********0004" in page
    assert find_in_database(run, [number]) == []
    assert number not in logged.getvalue()
    assert "request" in logged.getvalue(), "the log was looked at"


def test_the_numbers_of_the_sample(run: Runtime) -> None:
    assert find_in_database(run, [person.identity for person in sample_province().people]) == []
    for person in sample_province().people[:3]:
        assert find_in_database(run, [person.name]), "the search itself works"
