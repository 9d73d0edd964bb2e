"""What tests of papers are made of: a teacher with some history, a paper about her, the text of its pages."""

from __future__ import annotations

import re
from dataclasses import replace

import pypdfium2

from services.credits.certificates import operations
from services.credits.certificates.models import CreditPaper
from services.credits.certificates.wording import Kind
from shared.actors import Actor, Office
from shared.database import Database
from tests.credits.make import (
    SCHOOL,
    SCHOOL_PROJECT,
    admin,
    audited,
    deliver,
    register_people,
    result,
    revoked,
    teacher,
)

URL = "https://xuefen.example/credits/verify"
RARE = "䶮㛃𬱖"
SCHOOL_ADMIN = admin(Office.SCHOOL_ADMIN, SCHOOL)


def live_in(database: Database) -> None:
    """Person 1: 6.0 coordinated, one line countered, 3.0 self-organised; person 2 has nothing."""
    register_people(database, 1, 2, name=RARE)
    deliver(database, audited(result(hours="60"), audit_id="a1"), 1)
    deliver(database, audited(replace(result(hours="30"), result_id="r2"), audit_id="a2", project=SCHOOL_PROJECT))
    deliver(database, audited(replace(result(hours="40"), result_id="r3"), audit_id="a3"), 1)
    deliver(database, revoked("a3"), 2)


def make(database: Database, kind: Kind = Kind.CERTIFICATE, actor: Actor | None = None, person: int = 1) -> CreditPaper:
    """A paper made now."""
    with database.transaction() as session:
        return operations.make_paper(session, actor or teacher(person), f"person-{person}", kind, None, URL)


def text_of(content: bytes) -> list[str]:
    """The text of each page, without blanks and line ends."""
    return [re.sub(r"\s", "", page.get_textpage().get_text_range()) for page in pypdfium2.PdfDocument(content)]
