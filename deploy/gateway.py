"""The gateway of `make run-servers` where nginx is not installed: the same routes, without its rate limit.

For a local trial only; production has nginx (`deploy/nginx/`).
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.middleware.http_proxy import ProxyMiddleware
from werkzeug.wrappers import Response

BODY_LIMIT = 21 * 1024 * 1024
TARGETS = {
    name: {
        "target": f"http://{os.environ[f'{name.upper()}_UPSTREAM']}",
        "host": None,  # the services see the address that the browser sees, or redirects would lead elsewhere
        "headers": {},
        "remove_prefix": False,
        "ssl_context": None,
    }
    for name in ("plans", "credits", "accounts")
}


def _nowhere(_: dict[str, Any], __: Any) -> Iterable[bytes]:
    raise LookupError("every path has a target")


proxy = ProxyMiddleware(_nowhere, {}, timeout=60)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Hands the request to the service that the first part of its path names; accounts has the rest."""
    # WSGI gives the bytes of the path as Latin-1; the proxy wants text.
    path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
    if path == "/healthz":
        return Response("ok\n")(environ, start_response)
    if int(environ.get("CONTENT_LENGTH") or 0) > BODY_LIMIT:
        return Response("文件超过 20 MB，请压缩或拆分后重新上传。", 413)(environ, start_response)
    if not re.fullmatch(r"[A-Za-z0-9-]{8,64}", environ.get("HTTP_X_REQUEST_ID", "")):
        environ["HTTP_X_REQUEST_ID"] = str(uuid.uuid4())
    environ["HTTP_X_FORWARDED_FOR"] = environ["REMOTE_ADDR"]
    environ["HTTP_X_FORWARDED_PROTO"] = "http"  # gunicorn would believe what a local caller says of itself
    options = TARGETS.get(path.lstrip("/").split("/", 1)[0], TARGETS["accounts"])
    came: list[Any] = []
    body = proxy.proxy_to(options, path, "/")(environ, lambda *answer: came.extend(answer))
    if came[0].startswith("502"):  # the proxy's own: no service of ours answers so
        return Response("系统暂时无法访问，请稍后刷新；已提交成功的内容不会丢失。", 503)(environ, start_response)
    start_response(came[0], came[1])
    return body
