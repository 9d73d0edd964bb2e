"""The gateway in front of the services, nginx and its Python stand-in: who answers what, and what gets through."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from tests import servers

ROOT = Path(__file__).resolve().parents[2]


class Echo(BaseHTTPRequestHandler):
    """A service that answers with what reached it."""

    def do_GET(self) -> None:
        """Who was asked what, with which headers and how long a body."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        told = {
            "service": self.server.name,  # type: ignore[attr-defined]
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": len(body),
        }
        answer = json.dumps(told).encode()
        self.send_response(303 if self.path.endswith("/redirect") else 200)
        self.send_header("Location", "/plans/next")
        self.send_header("Set-Cookie", "a=1")
        self.send_header("Set-Cookie", "b=2")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module", params=["nginx", "python"])
def gateway(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A running gateway before services that echo; credits is away."""
    if request.param == "nginx" and not shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"):
        servers.leave_out("no nginx (apt-get install nginx-light)")
    data, port = tmp_path_factory.mktemp("gateway"), free_port()
    with ExitStack() as stack:
        ports = {"credits": free_port()}
        for name in ("plans", "accounts"):
            server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
            server.name = name  # type: ignore[attr-defined]
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            ports[name] = server.server_port
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("XUEFEN_")},
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "DATA": str(data),
            "PORT": str(port),
            **{f"{name.upper()}_PORT": str(number) for name, number in ports.items()},
            **{f"{name.upper()}_UPSTREAM": f"127.0.0.1:{number}" for name, number in ports.items()},
            "GATEWAY": request.param,
            "NGINX_DIR": str(data / "nginx"),
            "BIND": f"127.0.0.1:{port}",
            "WEB_CONCURRENCY": "1",
            "XUEFEN_LOG_LEVEL": "WARNING",
        }
        render = "from prepare_servers import Place, write_nginx; write_nginx(Place())"
        subprocess.run([sys.executable, "-c", render], cwd=ROOT / "deploy", env=environment, check=True, timeout=60)
        process = subprocess.Popen([ROOT / "deploy" / "gateway.sh"], env=environment, cwd=ROOT)
        stack.callback(process.wait, timeout=20)
        stack.callback(process.terminate)
        client = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False))
        pause = threading.Event()
        for _ in range(200):
            try:
                client.get("/healthz").raise_for_status()
                break
            except httpx.HTTPError:
                assert process.poll() is None, "the gateway ended"
                pause.wait(0.05)
        yield client


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/", "accounts"),
        ("/accounts/sign-in", "accounts"),
        ("/plans/plans?status=approved&cursor=a%2Fb", "plans"),
        ("/plans/api/v1/plans", "plans"),
        ("/plansandmore", "accounts"),
        ("/plans/%E6%96%B9%E6%A1%88", "plans"),
    ],
)
def test_the_first_part_of_the_path_chooses(gateway: httpx.Client, path: str, service: str) -> None:
    told = gateway.get(path).json()
    assert (told["service"], told["path"]) == (service, path)


def test_services_see_the_host_that_the_browser_sees(gateway: httpx.Client) -> None:
    told = gateway.get("/plans/x", headers={"Host": "xuefen.example.org:8443"}).json()
    assert told["headers"]["host"] == "xuefen.example.org:8443"


def test_nobody_chooses_the_address_by_which_they_are_throttled(gateway: httpx.Client) -> None:
    told = gateway.get("/plans/x", headers={"X-Forwarded-For": "10.1.2.3", "X-Forwarded-Proto": "https"}).json()
    assert told["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert told["headers"]["x-forwarded-proto"] == "http"


def test_a_request_id_is_kept_or_made(gateway: httpx.Client) -> None:
    kept = gateway.get("/plans/x", headers={"X-Request-ID": "abc-12345678"}).json()["headers"]["x-request-id"]
    assert kept == "abc-12345678"
    forged = gateway.get("/plans/x", headers={"X-Request-ID": "x' OR 1=1 --"}).json()["headers"]["x-request-id"]
    assert forged.replace("-", "").isalnum()
    assert forged != "x' OR 1=1 --"


def test_redirects_and_cookies_come_back_as_they_are(gateway: httpx.Client) -> None:
    answer = gateway.post("/plans/redirect", data={"a": "1"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/plans/next")
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]


def test_a_scan_of_20_mb_gets_through_and_more_does_not(gateway: httpx.Client) -> None:
    assert gateway.post("/accounts/letters", content=b"x" * (20 * 1024 * 1024)).json()["body"] == 20 * 1024 * 1024
    try:
        answer = gateway.post("/accounts/letters", content=b"x" * (22 * 1024 * 1024))
    except httpx.WriteError:
        return  # refused while the body was still on its way
    assert answer.status_code == 413
    assert "20 MB" in answer.text


@pytest.mark.parametrize("gateway", ["nginx"], indirect=True)
def test_guessing_codes_is_limited(gateway: httpx.Client) -> None:
    assert 429 in [gateway.get("/plans/verify?code=X").status_code for _ in range(100)]


@pytest.mark.parametrize("gateway", ["nginx"], indirect=True)
def test_sign_in_is_limited_and_nothing_else(gateway: httpx.Client) -> None:
    elsewhere = {gateway.post("/plans/api/v1/plans").status_code for _ in range(100)}
    assert elsewhere == {200}
    answers = [gateway.post("/accounts/api/v1/sessions") for _ in range(100)]
    assert [a.status_code for a in answers[:40]] == [200] * 40
    refused = [a for a in answers if a.status_code == 429]
    assert refused
    assert refused[0].headers["content-type"].startswith("application/problem+json")
    assert refused[0].json()["title"] == "请求过于频繁"


def test_a_service_that_is_away_gives_an_answer_and_the_others_go_on(gateway: httpx.Client) -> None:
    away = gateway.get("/credits/fragments/mine")
    assert away.status_code == 503
    assert "暂时无法访问" in away.text
    assert gateway.get("/plans/x").status_code == 200


@pytest.mark.parametrize("gateway", ["nginx"], indirect=True)
def test_programs_get_problems_that_they_can_read(gateway: httpx.Client) -> None:
    away = gateway.get("/credits/api/v1/me/standing")
    assert away.headers["content-type"].startswith("application/problem+json")
    assert (away.status_code, away.json()["status"]) == (503, 503)
