"""What a request may carry: how much, which characters, and JSON read so that nothing in it becomes a fault of ours."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, NoReturn

from flask import Request
from flask_smorest import Blueprint
from webargs.core import missing
from webargs.flaskparser import FlaskParser, abort

from shared.database import is_text
from shared.errors import Invalid

BODY_LIMIT = 1024 * 1024
"""Bytes of a request without files; where there are files, `UPLOAD_LIMIT` of `shared/web.py` holds."""


def limit_body(request: Request) -> None:
    """Holds the body to `BODY_LIMIT`, before anything reads it."""
    if request.mimetype != "multipart/form-data":
        request.max_content_length = BODY_LIMIT


def require_text(*values: Any) -> None:
    """Raises `Invalid` when a text anywhere in `values` has a character that no database keeps."""
    waiting = list(values)
    while waiting:
        value = waiting.pop()
        if isinstance(value, str) and not is_text(value):
            raise Invalid("提交的内容含有无法保存的字符（如空字符），请删除后重新提交。")
        if isinstance(value, dict):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, (list, tuple)):
            waiting += value


def form_rows(form: Mapping[str, str], name: str, given: Collection[str] = ()) -> list[dict[str, str]]:
    """`items.0.title=…&items.3.title=…` as a list of rows in order; rows in which nobody typed anything are dropped.

    `given`: what the form fills in by itself, which does not make a row one that somebody typed into.
    """
    rows: dict[int, dict[str, str]] = {}
    for key, value in form.items():
        found = re.fullmatch(rf"{name}\.(\d{{1,4}})\.(\w+)", key)
        if found:
            rows.setdefault(int(found[1]), {})[found[2]] = value.strip()
    return [
        row for _, row in sorted(rows.items()) if any(value for key, value in row.items() if key not in ("id", *given))
    ]


class _JsonParser(FlaskParser):
    """webargs in Chinese; what is no JSON, in whatever way, is the caller's fault and is told so."""

    def _raw_load_json(self, req: Request) -> Any:
        if not req.is_json and (req.content_length or req.get_data(cache=True)):
            # Taken for "nothing was sent", it would look like every field missing.
            abort(415)
        try:
            found = super()._raw_load_json(req)
        except (ValueError, RecursionError) as error:  # a number of 5000 figures, a list in a list in a list …
            if not req.get_data(cache=True):
                return missing
            self._handle_invalid_json_error(error, req)
        require_text(found)
        return found

    def _handle_invalid_json_error(
        self, error: ValueError | RecursionError, req: Request, *args: Any, **kwargs: Any
    ) -> NoReturn:
        abort(400, exc=error, messages={"json": {"_schema": ["不是有效的 JSON（UTF-8 编码）。"]}})


# Blueprints take it when their views are declared, so it must be there before: `shared/web.py` imports this.
Blueprint.ARGUMENTS_PARSER = _JsonParser()
