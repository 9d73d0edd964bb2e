"""Errors as answers: RFC 9457 problem+json for programs, a page with the same sentence for people."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, g, jsonify, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from shared.errors import DomainError
from shared.logs import get_logger
from shared.tables import flatten

log = get_logger(__name__)

TITLES = {
    400: ("请求格式有误", "请求无法理解，请核对格式后重试。"),
    404: ("没有找到", "没有这个地址，请核对。"),
    405: ("不支持的请求方法", "此地址不支持这种请求方法。"),
    413: ("文件过大", "上传内容超过 20 MB（没有文件的请求：1 MB），请压缩或分次上传。"),
    415: ("内容类型不支持", "请以 application/json 提交。"),
    422: ("提交的内容有误", "请按下列提示修改后重新提交。"),
    500: ("系统错误", "系统出现错误，已记录。请稍后重试；若仍不行，请把请求编号告诉管理员。"),
}


def is_api() -> bool:
    """Whether a program asks."""
    return "/api/" in request.path or request.path.endswith("/readyz")


def path_for_logs() -> str:
    """The path; or its rule, where the path itself holds a secret, such as an activation link."""
    return str(request.url_rule) if "token" in (request.view_args or {}) else request.path


def domain_error(error: DomainError) -> Response:
    """The answer to an error that an operation raised."""
    fields = [(name, sentence) for name, sentences in error.fields.items() for sentence in sentences]
    return _answer(error.status, error.title, error.detail, error.code, fields, error.extra)


def http_error(error: HTTPException) -> Response:
    """The answer to an error of the framework: a wrong address, a body that does not fit its schema."""
    status = error.code or 500
    if isinstance(error, CSRFError):
        return _answer(400, "页面已过期", "此页面打开太久或已在别处退出，请刷新页面后重新提交。", "csrf", [])
    title, detail = TITLES.get(status, ("请求无法处理", "请求无法处理。"))
    data: dict[str, Any] = getattr(error, "data", {}) or {}
    # webargs groups by where the value was: json, query, form, files.
    fields = [found for messages in data.get("messages", {}).values() for found in flatten(messages)]
    response = _answer(status, title, detail, str(status), fields)
    for name, value in error.get_headers():
        if name not in ("Content-Type", "Content-Length"):
            response.headers[name] = value
    return response


def unexpected(error: Exception) -> Response:
    """The answer to a fault of ours: no text of the error leaves the house."""
    if isinstance(error, HTTPException):
        return http_error(error)
    if current_app.config.get("TESTING"):
        raise error
    log.exception("unexpected_error", path=path_for_logs())
    title, detail = TITLES[500]
    return _answer(500, title, detail, "internal", [])


def _answer(
    status: int,
    title: str,
    detail: str,
    code: str,
    fields: list[tuple[str, str]],
    extra: dict[str, Any] | None = None,
) -> Response:
    request_id = g.get("request_id", "")
    if is_api():
        body: dict[str, Any] = {
            "type": f"urn:xuefen:problem:{code}",
            "title": title,
            "status": status,
            "detail": detail,
            "instance": request.path,
            "request_id": request_id,
        }
        if fields:
            body["errors"] = [
                {"field": name, "pointer": _pointer(name), "detail": sentence} for name, sentence in fields
            ]
        response = jsonify({**(extra or {}), **body})
        response.status_code = status
        response.mimetype = "application/problem+json"
        return response
    page = render_template("error.html", status=status, title=title, detail=detail, fields=fields, extra=extra or {})
    return make_response(page, status)


def _pointer(name: str) -> str:
    """`items.0.hours` as a JSON pointer (RFC 6901); `#` is the body as a whole."""
    return "#" + "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in name.split(".") if part)
