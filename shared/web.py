"""The web side of a service: who may call what, errors that people and programs can act on, safe headers.

Deny by default: a view that does not say `@allow(…)` cannot be called. Programs (`/<service>/api/…`) come with a
bearer token and never with a cookie; pages come with the session cookie and a CSRF token in each form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from copy import deepcopy
from functools import wraps
from typing import Any, TypeVar, cast
from urllib.parse import quote

import structlog
from flask import Flask, Response, current_app, g, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFProtect
from jinja2 import ChoiceLoader, FileSystemLoader
from sqlalchemy.orm import Session
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter, Map

from shared import audit_trail, health, problems, web_trail
from shared.actors import Actor, Office
from shared.auth import COOKIE
from shared.database import new_id
from shared.errors import DomainError, NotAllowed, NotSignedIn, PreconditionRequired
from shared.idempotency import Once, Replayed, request_key
from shared.idempotency import once as _once
from shared.jobs import visible_job
from shared.logs import get_logger
from shared.migrations import ROOT
from shared.openapi import make_api
from shared.parsing import limit_body, require_text
from shared.service import Runtime
from shared.ui import filters, navigation

log = get_logger(__name__)
View = TypeVar("View", bound=Callable[..., Any])

ANYONE = "anyone"
"""Callable without signing in. Spelled out wherever it is meant."""
SIGNED_IN = "signed_in"
"""Callable by every account; the operation decides what it sees."""

PUBLIC_ENDPOINTS = {"static", "api-docs.openapi_json"}
"""Endpoints made by libraries that everybody may call."""

UPLOAD_LIMIT = 20 * 1024 * 1024
CSP = (
    "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'"
)


class RowNumber(IntegerConverter):
    """A number in an address, no larger than a database takes: what is larger is not there, and no fault of ours."""

    def __init__(self, map: Map, **limits: Any) -> None:
        super().__init__(map, **{"max": 2**63 - 1, **limits})


def allow(*who: Office | str) -> Callable[[View], View]:
    """Names who may call a view: offices (anywhere), `SIGNED_IN`, or `ANYONE`."""

    def mark(view: View) -> View:
        @wraps(view)
        def inner(*args: Any, **kwargs: Any) -> Any:
            return view(*args, **kwargs)

        inner.allows = who  # type: ignore[attr-defined]
        # flask-smorest copies this into the OpenAPI text.
        doc = deepcopy(getattr(view, "_apidoc", {}))
        doc.setdefault("manual_doc", {})["x-allows"] = [str(w) for w in who]
        inner._apidoc = doc  # type: ignore[attr-defined]
        return cast(View, inner)

    return mark


def repeatable(reason: str) -> Callable[[View], View]:
    """Marks a POST that needs no `Idempotency-Key`, and says why."""

    def mark(view: View) -> View:
        @wraps(view)
        def inner(*args: Any, **kwargs: Any) -> Any:
            return view(*args, **kwargs)

        inner.repeatable = reason  # type: ignore[attr-defined]
        return cast(View, inner)

    return mark


def runtime() -> Runtime:
    """The service that answers this request."""
    return cast(Runtime, current_app.extensions["xuefen"])


def actor() -> Actor:
    """Who is signed in. Raises `NotSignedIn`."""
    found: Actor | None = g.get("actor")
    if found is None:
        raise NotSignedIn("请先登录。")
    return found


@contextmanager
def reading() -> Iterator[Session]:
    """A session for a view that only looks."""
    with runtime().database.reading() as session:
        yield session


@contextmanager
def transaction() -> Iterator[Session]:
    """A transaction for a change that may safely be repeated (PUT, autosave); the audit trail has it."""
    with runtime().database.transaction() as session:
        yield session
        audit_trail.record(session, web_trail.entry())


def counting() -> AbstractContextManager[Session]:
    """A transaction that only counts tries, before what is tried: no act yet, so the audit trail has nothing of it."""
    return runtime().database.transaction()


@contextmanager
def once() -> Iterator[Once]:
    """The transaction of a POST under its `Idempotency-Key`: `with once() as tx: … return tx.json(…)`.

    The audit trail has it.
    """
    signed_in: Actor | None = g.get("actor")
    caller = signed_in.account_id if signed_in else f"anonymous:{request.remote_addr}"
    with _once(runtime().database, caller) as tx:
        yield tx
        audit_trail.record(tx.session, web_trail.entry(tx.made))


def expected_version() -> int:
    """The version that the caller has seen: `If-Match`, or the hidden field `version`. Raises when missing."""
    raw = request.headers.get("If-Match") or request.form.get("version", "")
    # A weak tag counts as well: a gateway that compresses an answer weakens its ETag.
    found = re.fullmatch(r'(?:W/)?"?([0-9]{1,9})"?', raw.strip())
    if found is None:
        raise PreconditionRequired("请求缺少 If-Match 请求头（所见版本号）；请先读取最新内容再提交。")
    return int(found[1])


def safe_next(target: str | None, default: str = "/") -> str:
    """A page of this site to go on to; anything else becomes `default` (no open redirect)."""
    if target and re.fullmatch(r"/(?![/\\])[^\s\\\x00-\x1f\x7f]{0,300}", target):
        return target
    return default


def build_app(run: Runtime) -> Flask:
    """The Flask app of a service, with its API, its pages and everything around them."""
    name = run.service.name
    ui = ROOT / "shared" / "ui"
    app = Flask(f"services.{name}", static_folder=str(ui / "static"), static_url_path=f"/{name}/static")
    app.config.update(
        SECRET_KEY=run.settings.secret_key,
        # One for all services: a form on any page may be sent to another service, as signing out is.
        SESSION_COOKIE_NAME="xuefen_forms",
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=run.settings.secure_cookies,
        MAX_CONTENT_LENGTH=UPLOAD_LIMIT + 1024 * 1024,
        WTF_CSRF_CHECK_DEFAULT=False,
        WTF_CSRF_TIME_LIMIT=None,
        PROPAGATE_EXCEPTIONS=False,
        SEND_FILE_MAX_AGE_DEFAULT=3600,
        API_TITLE=f"学分 · {run.service.title}",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX=f"/{name}/api",
        OPENAPI_JSON_PATH="openapi.json",
    )
    app.extensions["xuefen"] = run
    app.url_map.converters["int"] = RowNumber
    if hops := run.settings.trusted_proxies:
        # Callers are throttled by address: without this all would share the gateway's, and with one hop too many
        # anybody could claim another's.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=0)  # type: ignore[method-assign]
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.jinja_loader = ChoiceLoader(
        [FileSystemLoader(ROOT / "services" / name / "templates"), FileSystemLoader(ui / "templates")]
    )
    filters.register(app)
    csrf = CSRFProtect(app)
    app.extensions["smorest_api"] = make_api(app, run.service.title)

    @app.before_request
    def guard() -> Response | None:
        g.request_id = _request_id()
        limit_body(request)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id, service=name)
        if request.endpoint in PUBLIC_ENDPOINTS:
            return None
        g.actor, failure = _identify(runtime())
        if g.actor is not None:
            structlog.contextvars.bind_contextvars(account_id=g.actor.account_id)
        if request.endpoint is None:
            return None
        view = app.view_functions[request.endpoint]
        _require_allowed(view, failure)
        if request.method in ("POST", "PUT", "PATCH", "DELETE"):
            if not problems.is_api():
                csrf.protect()
            if request.method == "POST" and not getattr(view, "repeatable", None):
                _require_key()
        require_text(request.path, request.args.to_dict(flat=False), request.form.to_dict(flat=False))
        return None

    @app.after_request
    def finish(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", CSP)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers["X-Request-ID"] = g.get("request_id", "")
        response.headers.setdefault("Cache-Control", "no-store")  # files have their own already
        if request.endpoint != "static":
            log.info("request", method=request.method, path=problems.path_for_logs(), status=response.status_code)
        return response

    @app.teardown_request
    def forget(_: BaseException | None) -> None:
        # The thread goes on to other work, which must not speak in this caller's name.
        structlog.contextvars.clear_contextvars()

    @app.context_processor
    def page_context() -> dict[str, Any]:
        return {
            "service": name,
            "actor": g.get("actor"),
            "nav": navigation.for_actor(g.get("actor"), request.path),
            "idempotency_key": new_id,
            "request_id": g.get("request_id", ""),
        }

    @app.errorhandler(Replayed)
    def replayed(error: Replayed) -> Response:
        return error.response

    @app.errorhandler(NotSignedIn)
    def not_signed_in(error: NotSignedIn) -> Response:
        if problems.is_api() or request.method != "GET" or request.headers.get("HX-Request"):
            return problems.domain_error(error)
        target = request.full_path.rstrip("?")
        return cast(Response, redirect(f"/accounts/sign-in?next={quote(target)}"))

    app.register_error_handler(DomainError, problems.domain_error)
    app.register_error_handler(Exception, problems.unexpected)
    health.register(app, run)
    _register_common(app, run)
    run.service.register(app, run)
    app.extensions["smorest_api"].complete(app)
    return app


def _register_common(app: Flask, run: Runtime) -> None:
    name = run.service.name

    @app.get(f"/{name}/api/", endpoint="api_docs")
    @allow(ANYONE)
    def api_docs() -> str:
        """The OpenAPI text as a page."""
        return render_template("api.html", spec=app.extensions["smorest_api"].spec.to_dict())

    @app.get(f"/{name}/jobs/<job_id>", endpoint="job")
    @allow(SIGNED_IN)
    def job(job_id: str) -> tuple[str, int]:
        """Progress of a job as a fragment; 286 tells htmx to stop asking."""
        with reading() as session:
            row = visible_job(session, actor().account_id, job_id)
            return render_template("job.html", job=row, url=url_for("job", job_id=job_id)), 286 if row.finished else 200


def _identify(run: Runtime) -> tuple[Actor | None, NotSignedIn | None]:
    """Who calls, or why the token that came does not count."""
    if problems.is_api():
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        token = value.strip() if scheme.lower() == "bearer" else None
    else:
        token = request.cookies.get(COOKIE)
    if not token:
        return None, None
    try:
        claims = run.verifier.verify(token)
        with run.database.reading() as session:
            if not run.service.access_is_good(session, claims):
                raise NotSignedIn("登录已失效（账号已停用、已退出或权限有变化），请重新登录。")
    except NotSignedIn as error:
        return None, error
    return claims.actor, None


def _require_allowed(view: Callable[..., Any], failure: NotSignedIn | None) -> None:
    who: tuple[Any, ...] | None = getattr(view, "allows", None)
    if who is None:
        log.error("view_without_allow", endpoint=request.endpoint)
        raise NotAllowed("此地址没有开放。")
    if ANYONE in who:
        return
    if g.actor is None:
        raise failure or NotSignedIn("请先登录。")
    if SIGNED_IN not in who and not g.actor.holds(*who):
        raise NotAllowed("您的账号没有办理此事的岗位。如需开通，请提交授权函。")


def _require_key() -> None:
    if request_key() is None:
        raise PreconditionRequired("请求缺少 Idempotency-Key 请求头；请为每次提交生成一个新的唯一值。")


def _request_id() -> str:
    given = request.headers.get("X-Request-ID", "")
    return given if re.fullmatch(r"[A-Za-z0-9-]{8,64}", given) else new_id()
