"""What API and pages do alike where a whole identity number comes in or goes out: throttled, never in an address."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response, send_file
from marshmallow import ValidationError
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage

from services.accounts import parts
from services.accounts.access.attempts import count_attempt
from services.accounts.models import Person
from services.accounts.people import collecting, jobs, operations, sheet
from services.accounts.people.facts import Purpose
from services.accounts.people.keeping import Workbooks
from services.accounts.people.models import Collection
from services.accounts.people.queries import find_by_hash
from shared.errors import Invalid, NotFound
from shared.files import Upload, look_at
from shared.sheets.reading import KINDS, is_long
from shared.sheets.writing import error_rows_name
from shared.tables import flatten
from shared.uploads import MAX_SIZE, refused
from shared.web import actor, counting, reading, runtime, transaction
from shared.workbooks import XLSX

SHOWN_LIMIT = 20
"""Whole identity numbers shown to one account within the window of `attempts`."""
SOUGHT_LIMIT = 100
"""Identity numbers that one account may look for within the window."""


def shown_identity(person_id: str, purpose: Purpose, reason: str) -> str:
    """A whole identity number, once its showing is on record. Raises `NotFound`, `Invalid`, `TooMany`."""
    with counting() as session:
        count_attempt(session, f"identity-shown:{actor().account_id}", SHOWN_LIMIT, "短时间内查看证件号码过多。")
    with transaction() as session:
        sealed = operations.show_identity(session, actor(), person_id, purpose, reason).identity_sealed
    return parts.identities(runtime()).open(sealed)


def sought(identity_number: str) -> Person:
    """The person with that identity number, in the actor's areas. Raises `NotFound`, `Invalid`, `TooMany`."""
    identity_hash = sought_hash(identity_number)
    with reading() as session:
        return find_by_hash(session, actor(), identity_hash)


def sought_hash(identity_number: str) -> str:
    """By what somebody is found whose number was typed; counted, so that nobody tries numbers. Raises `Invalid`."""
    with counting() as session:
        count_attempt(session, f"identity-sought:{actor().account_id}", SOUGHT_LIMIT, "短时间内按证件号码查找过多。")
    return parts.identities(runtime()).take(identity_number).hash


@dataclass(frozen=True, slots=True)
class Checked:
    """A workbook that has been looked at and stored; no report: it is too long to wait for."""

    upload: Upload
    stored: str
    report: dict[str, Any] | None
    error_rows: str | None

    def keep(self, session: Session) -> Collection:
        """Notes it for the actor; a long one starts to be checked."""
        return collecting.keep(session, actor(), self.upload, self.stored, self.report, self.error_rows)


def checked(sent: FileStorage | None) -> Checked:
    """Looks at an uploaded workbook and stores it sealed; one of few rows is checked here and now.

    Raises `Invalid` or `TooLarge` naming the field `file`, and stores nothing then.
    """
    if sent is None or not sent.filename:
        raise refused("请选择要上传的采集表（.xlsx）。")
    upload = look_at(sent.filename, sent.stream.read(MAX_SIZE + 1), KINDS)
    store, report, errors = Workbooks(runtime().settings), None, None
    with reading() as session:
        unit = collecting.home(session, actor())
        if not is_long(upload):
            found = collecting.read(upload, parts.identities(runtime()))
            collecting.match(session, unit, actor().person_id, found)
            report, errors = found.report(), jobs.keep_errors(store, upload, found)
    return Checked(upload, store.put(upload), report, errors)


def send_errors(collection_id: str) -> Response:
    """The rows with errors as a download. Raises `NotFound` when there are none."""
    with reading() as session:
        kept = collecting.find(session, actor(), collection_id)
    if kept.error_rows is None:
        raise NotFound("这份采集表没有需要改正的行。")
    return _workbook(Workbooks(runtime().settings).content(kept.error_rows), error_rows_name(kept.name))


def send_template() -> Response:
    """An empty workbook as a download."""
    return _workbook(sheet.template(), sheet.TEMPLATE_NAME)


def _workbook(content: bytes, name: str) -> Response:
    return send_file(io.BytesIO(content), mimetype=XLSX, as_attachment=True, download_name=name)


def load(schema: Any, typed: Mapping[str, str]) -> dict[str, Any]:
    """What a schema makes of a form. Raises `Invalid` naming the fields."""
    try:
        loaded: dict[str, Any] = schema.load(dict(typed))
    except ValidationError as error:
        wrong: dict[str, list[str]] = {}
        for name, sentence in flatten(error.messages):
            wrong.setdefault(name, []).append(sentence)
        raise Invalid("有内容需要改正，没有保存。", fields=wrong) from None
    return loaded
