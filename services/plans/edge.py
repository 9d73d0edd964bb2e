"""Small things that the edges of both halves do: an answer with its version, rows out of a form, errors by field."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from flask import Response, jsonify
from marshmallow import Schema, ValidationError
from werkzeug.datastructures import FileStorage

from services.plans import files
from shared.file_store import FileStore
from shared.tables import flatten
from shared.uploads import MAX_SIZE
from shared.web import runtime


def answer(schema: Schema, value: Any, *, status: int = 200, version: int | None = None) -> Response:
    """A JSON answer, made while the session is open; `version` goes into `ETag` for the next `If-Match`."""
    response = jsonify(schema.dump(value))
    response.status_code = status
    if version is not None:
        response.set_etag(str(version))
    return response


def without_blanks(values: Mapping[str, Any]) -> dict[str, Any]:
    """A form sends an empty text for what was left out; JSON would not send it at all."""
    return {key: value for key, value in values.items() if value not in ("", None)}


def plain(value: Decimal | str | None) -> str:
    """A figure without needless places: 60, 12.5. What somebody typed is left as it is."""
    return f"{value.normalize():f}" if isinstance(value, Decimal) else value or ""


def by_field(error: ValidationError) -> dict[str, list[str]]:
    """marshmallow's messages as the mapping that the form macros show."""
    found: dict[str, list[str]] = {}
    for name, sentence in flatten(error.messages):
        found.setdefault(name, []).append(sentence)
    return found


def look_at(sent: FileStorage, kinds: dict[str, tuple[str, ...]] | None = None) -> files.Upload:
    """An uploaded file after its checks. Raises `Invalid` or `TooLarge`."""
    return files.look_at(sent.filename, sent.stream.read(MAX_SIZE + 1), kinds or files.ATTACHMENTS)


def file_store() -> FileStore:
    """This process's store."""
    return files.store(runtime().settings.data_dir)
