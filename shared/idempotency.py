"""`Idempotency-Key`: a POST that is sent twice (retry, double click) has its effect once and gets the first answer.

The key's row is written in the transaction of the change, so that both are there or neither. Programs send the
header; forms carry a hidden field of the same name that each rendered form gets afresh.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, cast
from urllib.parse import urlsplit

from flask import Response, request
from marshmallow import Schema
from sqlalchemy import Integer, String, Text
from sqlalchemy.orm import Mapped, Session, mapped_column
from werkzeug.datastructures import FileStorage

from shared.database import Database, PlatformBase, UtcDateTime, utc_now
from shared.errors import Invalid, PreconditionRequired
from shared.outbox import insert


class IdempotencyRow(PlatformBase):
    """A key that was used, and the answer it got. Pruned after a week."""

    __tablename__ = "idempotency_keys"

    caller: Mapped[str] = mapped_column(String(80), primary_key=True)
    key: Mapped[str] = mapped_column(String(80), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    status: Mapped[int | None] = mapped_column(Integer)
    body: Mapped[str | None] = mapped_column(Text)
    location: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class Replayed(Exception):
    """The key was used before: here is the answer it got then."""

    def __init__(self, response: Response) -> None:
        super().__init__("replayed")
        self.response = response


class Once:
    """One change under one key: the session to make it in, and the answers that are remembered."""

    def __init__(self, session: Session, row: IdempotencyRow) -> None:
        self.session = session
        self._row = row
        self.made: str | None = None
        """What came of it, for the audit trail: the id or number in the answer, or the page that follows."""

    def json(self, schema: Schema, value: Any, status: int = 200, *, version: int | None = None) -> Response:
        """The JSON answer; `version` goes into `ETag` for the next `If-Match`."""
        answer = schema.dump(value)
        body = json.dumps(answer, ensure_ascii=False)
        response = Response(body, status, mimetype="application/json")
        if version is not None:
            response.set_etag(str(version))
        self._row.status, self._row.body = status, body
        if isinstance(answer, dict):
            self.made = answer.get("id") or answer.get("number")
        return response

    def redirect(self, location: str) -> Response:
        """Where a form goes next (303)."""
        self._row.status, self._row.location = 303, location
        self.made = urlsplit(location).path
        return Response(status=303, headers={"Location": location})


@contextmanager
def once(database: Database, caller: str) -> Iterator[Once]:
    """The transaction of a POST. Raises `Replayed` when its key was used, `Invalid` when for something else.

    The block must give an answer (`tx.json`, `tx.redirect`), or there would be none for a replay.
    """
    key = request_key()
    if key is None:
        raise PreconditionRequired("请求缺少 Idempotency-Key 请求头；请为每次提交生成一个新的唯一值。")
    digest = _digest()
    with database.transaction() as session:
        made = session.execute(
            insert(session, IdempotencyRow)
            .values(caller=caller, key=key, digest=digest, created_at=utc_now())
            .on_conflict_do_nothing()
            .returning(IdempotencyRow.key)
        ).first()
        row = session.get_one(IdempotencyRow, (caller, key))
        if made is None:
            if row.digest != digest:
                raise Invalid("同一个 Idempotency-Key 已用于另一个请求，请换一个新值。")
            raise Replayed(_answer(row))
        yield Once(session, row)
        if row.status is None:
            raise RuntimeError("a change under an Idempotency-Key ended without an answer")


def request_key() -> str | None:
    """The key of this request: the header, or the hidden field of a form. Raises `Invalid` if it is none of use."""
    key = request.headers.get("Idempotency-Key") or request.form.get("idempotency_key")
    if key and not re.fullmatch(r"[!-~]{1,80}", key):
        # Cut to fit, two long keys could become one, and the second change would never be made.
        raise Invalid("Idempotency-Key 应为 1 至 80 个可见的英文字符（不含空格）。")
    return key or None


def _answer(row: IdempotencyRow) -> Response:
    headers = {"Idempotent-Replayed": "true"}
    if row.location:
        headers["Location"] = row.location
    return Response(row.body or "", row.status, headers, mimetype="application/json" if row.body else None)


def _digest() -> str:
    """What the request asks for. Of forms: what is in them, since the boundary differs with each retry."""
    parts: list[Any] = [request.method, request.path, request.query_string.decode("latin-1")]
    if request.mimetype == "multipart/form-data" or request.form:
        parts += sorted((k, v) for k, v in request.form.items(multi=True) if k not in ("csrf_token", "idempotency_key"))
        parts += sorted((name, file.filename or "", _content(file)) for name, file in request.files.items(multi=True))
    else:
        parts.append(request.get_data().decode("utf-8", "replace"))
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _content(file: FileStorage) -> str:
    """Digest of an upload, which the view may have read already and may read again."""
    place = file.stream.tell()
    file.stream.seek(0)
    digest = hashlib.file_digest(cast(Any, file.stream), "sha256").hexdigest()
    file.stream.seek(place)
    return digest
