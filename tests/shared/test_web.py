"""The web side of a service: closed unless opened, safe headers on everything, errors that people can act on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.utils import redirect

from shared.actors import Actor
from shared.auth import COOKIE
from shared.web import CSP, safe_next
from tests.shared.kernel import REVIEWER, TEACHER, Site, log_lines, make_site, open_database
from tests.shared.site import CHINESE, DEEDS, SECRET, SERVICE, deeds, hidden, open_site, problem


@pytest.fixture
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """The service on SQLite."""
    with open_site("sqlite", request, tmp_path) as opened:
        yield opened


@pytest.fixture
def client(site: Site) -> FlaskClient:
    """Somebody at the other end."""
    return site.app.test_client()


def signed_in(site: Site, actor: Actor = TEACHER) -> FlaskClient:
    """A browser with the session cookie."""
    client = site.app.test_client()
    client.set_cookie(COOKIE, site.signer.sign(actor))
    return client


class TestWhoMayCall:
    @pytest.mark.parametrize("path", ["/plans/forgotten", "/plans/api/v1/forgotten"])
    def test_a_view_that_does_not_say_who_is_closed_to_all(self, site: Site, path: str) -> None:
        for actor in (None, TEACHER, REVIEWER):
            client = site.app.test_client()
            if actor:
                client.set_cookie(COOKIE, site.signer.sign(actor))
            headers = site.bearer(actor) if actor else {}
            with log_lines() as lines:
                answer = client.get(path, headers=headers)
            assert answer.status_code == 403
            assert "came in" not in answer.text
            assert "view_without_allow" in [line["event"] for line in lines]

    def test_programs_come_with_a_token_and_never_with_a_cookie(self, site: Site) -> None:
        problem(signed_in(site).get(DEEDS + "/x"), 401)
        for scheme in ("Bearer", "bearer", "BEARER"):
            answer = site.app.test_client().get(
                DEEDS + "/x", headers={"Authorization": f"{scheme} {site.signer.sign(TEACHER)}"}
            )
            assert answer.get_json() == {"name": "x", "actor": TEACHER.account_id}
        for header in ("", "Bearer", "Bearer ", "Basic YTpi", "Bearer x.y.z", site.signer.sign(TEACHER)):
            problem(site.app.test_client().get(DEEDS + "/x", headers={"Authorization": header}), 401)

    def test_pages_come_with_a_cookie_and_never_with_a_token(self, site: Site, client: FlaskClient) -> None:
        answer = client.get("/plans/form", headers=site.bearer(TEACHER))
        assert answer.status_code == 302
        assert answer.headers["Location"] == "/accounts/sign-in?next=/plans/form"
        assert TEACHER.account_id in signed_in(site).get("/plans/form").text

    def test_an_office_is_needed_where_one_is_named(self, site: Site, client: FlaskClient) -> None:
        headers = {**site.bearer(TEACHER), "If-Match": '"1"'}
        problem(client.put(DEEDS + "/x", json={"name": "x"}, headers=headers), 403)
        assert deeds(site.run.database) == []
        headers = {**site.bearer(REVIEWER), "If-Match": '"1"'}
        assert client.put(DEEDS + "/x", json={"name": "x"}, headers=headers).status_code == 204

    def test_a_token_whose_access_has_ended(self, request: pytest.FixtureRequest, tmp_path: Path) -> None:
        database = open_database("sqlite", request, *SERVICE.metadata)
        service = replace(SERVICE, access_is_good=lambda _, claims: claims.actor.account_id != TEACHER.account_id)
        site = make_site(tmp_path, service, database)
        client = site.app.test_client()
        assert "已失效" in problem(client.get(DEEDS + "/x", headers=site.bearer(TEACHER)), 401)["detail"]
        assert client.get(DEEDS + "/x", headers=site.bearer(REVIEWER)).status_code == 200
        assert signed_in(site).get("/plans/form").status_code == 302
        # A dead token does not lock its holder out of what is open to all.
        assert signed_in(site).get("/plans/open").status_code == 200
        database.dispose()

    def test_somebody_sent_to_sign_in_comes_back_to_the_same_page(self, client: FlaskClient) -> None:
        answer = client.get("/plans/form?a=1&b=中 文")
        assert answer.headers["Location"] == "/accounts/sign-in?next=/plans/form%3Fa%3D1%26b%3D%E4%B8%AD%20%E6%96%87"
        assert client.get("/plans/form", headers={"HX-Request": "true"}).status_code == 401, (
            "a fragment cannot go there"
        )


class TestForms:
    def test_a_form_counts_once_and_goes_on(self, site: Site) -> None:
        browser = signed_in(site)
        page = browser.get("/plans/form").text
        form = {name: hidden(page, name) for name in ("csrf_token", "idempotency_key", "version")}
        for _ in range(2):  # a double click
            answer = browser.post("/plans/form", data={**form, "name": "one"})
            assert (answer.status_code, answer.headers["Location"]) == (303, "/plans/form?done=1")
        assert deeds(site.run.database) == ["one at 3"]
        fresh = hidden(browser.get("/plans/form").text, "idempotency_key")
        assert fresh != form["idempotency_key"], "each form that is shown is a new one"

    @pytest.mark.parametrize("without", ["csrf_token", "idempotency_key", "version"])
    def test_each_guard_of_a_form_is_needed(self, site: Site, without: str) -> None:
        browser = signed_in(site)
        page = browser.get("/plans/form").text
        form = {name: hidden(page, name) for name in ("csrf_token", "idempotency_key", "version") if name != without}
        answer = browser.post("/plans/form", data={**form, "name": "one"})
        assert answer.status_code == (400 if without == "csrf_token" else 428)
        assert answer.content_type.startswith("text/html")
        assert CHINESE.search(answer.text)
        assert deeds(site.run.database) == []

    def test_a_token_of_another_browser_is_none(self, site: Site) -> None:
        theirs = signed_in(site, REVIEWER).get("/plans/form").text
        browser = signed_in(site)
        browser.get("/plans/form")
        form = {name: hidden(theirs, name) for name in ("csrf_token", "idempotency_key", "version")}
        assert browser.post("/plans/form", data={**form, "name": "one"}).status_code == 400
        assert deeds(site.run.database) == []

    def test_forms_that_anybody_may_send_are_guarded_too(self, client: FlaskClient) -> None:
        """Or a stranger's page could sign somebody in as somebody else."""
        assert client.post("/plans/open").status_code == 400
        token = hidden(client.get("/plans/open").text, "csrf_token")
        assert client.post("/plans/open", data={"csrf_token": token}).text == "touched"

    def test_a_page_in_another_tongue_of_addresses_is_no_way_round(self, site: Site) -> None:
        """What makes an address one for programs takes the cookie away."""
        browser = signed_in(site)
        for path in ("/plans/api/../form", "/plans/form/api/", "/plans/form?/api/", "//plans/form", "/plans/FORM"):
            answer = browser.post(path, data={"idempotency_key": "k", "name": "one", "version": "1"})
            assert answer.status_code in (400, 401, 404, 405, 308), path
        assert deeds(site.run.database) == []


class TestAnswers:
    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/plans/open", 200),
            ("GET", "/plans/form", 302),
            ("POST", "/plans/open", 400),
            ("GET", "/plans/nothing", 404),
            ("PUT", "/plans/open", 405),
            ("GET", "/plans/boom", 500),
            ("GET", "/plans/healthz", 200),
            ("GET", "/plans/readyz", 503),
            ("GET", "/plans/api/", 200),
            ("GET", "/plans/api/openapi.json", 200),
            ("GET", "/plans/api/v1/nothing", 404),
            ("GET", "/plans/api/v1/boom", 500),
            ("GET", "/plans/api/v1/deeds/x", 401),
            ("GET", "/plans/static/xuefen.css", 200),
            ("GET", "/plans/static/../../settings.py", 404),
        ],
    )
    def test_every_answer_is_safe_to_show(self, client: FlaskClient, method: str, path: str, status: int) -> None:
        answer = client.open(path, method=method)
        assert answer.status_code == status
        assert answer.headers["Content-Security-Policy"] == CSP
        assert "unsafe" not in CSP
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert re.fullmatch(r"[0-9a-f-]{36}|", answer.headers["X-Request-ID"])
        static = path == "/plans/static/xuefen.css"
        assert answer.headers["Cache-Control"] == ("public, max-age=3600" if static else "no-store")

    def test_cookies_are_out_of_reach(self, site: Site, client: FlaskClient) -> None:
        cookie = client.get("/plans/open").headers["Set-Cookie"]
        for flag in ("HttpOnly", "SameSite=Lax", "Path=/"):
            assert flag in cookie
        assert "Secure" not in cookie
        assert "Domain" not in cookie

    def test_cookies_are_secure_where_the_address_is(self, site: Site, tmp_path: Path) -> None:
        secure = make_site(tmp_path, SERVICE, site.run.database, secure_cookies=True)
        assert "Secure" in secure.app.test_client().get("/plans/open").headers["Set-Cookie"]

    def test_static_files_ask_no_database(self, site: Site) -> None:
        browser = signed_in(site)
        site.run.database.dispose()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(site.run.database, "reading", None)
            assert browser.get("/plans/static/xuefen.css").status_code == 200
            assert browser.get("/plans/form").status_code == 500

    def test_an_address_that_is_not_there(self, client: FlaskClient) -> None:
        problem(client.get("/plans/api/v1/nothing"), 404)
        page = client.get("/plans/nothing")
        assert page.content_type.startswith("text/html")
        assert "没有这个地址" in page.text

    def test_a_method_that_is_not_there_says_which_are(self, client: FlaskClient) -> None:
        answer = client.delete(DEEDS)
        problem(answer, 405)
        assert set(answer.headers["Allow"].split(", ")) == {"POST", "OPTIONS"}
        page = client.delete("/plans/open")
        assert (page.status_code, page.content_type) == (405, "text/html; charset=utf-8")
        assert {"GET", "POST"} <= set(page.headers["Allow"].split(", "))

    @pytest.mark.parametrize("path", ["/plans/boom", "/plans/api/v1/boom", "/plans/activate/boom"])
    def test_a_fault_of_ours_tells_nothing_but_its_number(self, client: FlaskClient, path: str) -> None:
        with log_lines() as lines:
            answer = client.get(path)
        assert answer.status_code == 500
        for word in ("RuntimeError", "Traceback", "site.py", *SECRET.split()):
            assert word not in answer.text
        assert answer.headers["X-Request-ID"] in answer.text
        assert [line["event"] for line in lines if line["log_level"] == "error"] == ["unexpected_error"]
        if "/api/" in path:
            problem(answer, 500)

    def test_a_request_id_is_taken_over_only_if_it_is_harmless(self, client: FlaskClient) -> None:
        given_id = "0123-abcd-EF"
        assert client.get("/plans/open", headers={"X-Request-ID": given_id}).headers["X-Request-ID"] == given_id
        for strange in (
            "short",
            "x" * 65,
            "中文中文中文中文".encode().decode("latin-1"),
            '{"a":1,"b":2}',
            "a b c d e f g",
        ):
            answer = client.get("/plans/open", headers={"X-Request-ID": strange})
            assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["X-Request-ID"])

    def test_a_one_time_link_is_in_no_log(self, client: FlaskClient) -> None:
        for token in ("SECRETSECRET", "boom"):
            with log_lines() as lines:
                client.get(f"/plans/activate/{token}")
            assert lines
            assert {line["path"] for line in lines} == {"/plans/activate/<token>"}


SAFE = ["/", "/plans/mine", "/plans/mine?a=1&b=/x#c", "/计划/草稿", "/a//b", "/.//x", "/@evil.example", "/%2f%2fevil"]
UNSAFE = [
    None, "", "plans", "//evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example", "javascript:x",
    " /x", "/x y", "/x\n", "/x\r\nSet-Cookie: a=b", "/\t/evil.example", "/\n/evil.example", "/x\0", "/\x7f", "/a\\b",
    "\u3000/x", "/x\u3000", "/" + "x" * 1000,
]  # fmt: skip


class TestSafeNext:
    @pytest.mark.parametrize("target", SAFE)
    def test_a_page_of_this_site(self, target: str) -> None:
        assert safe_next(target, "/home") == target

    @pytest.mark.parametrize("target", UNSAFE, ids=ascii)
    def test_anything_else(self, target: str | None) -> None:
        assert safe_next(target, "/home") == "/home"

    @settings(deadline=None)
    @given(st.text(alphabet=[*"/\\.:@?#%a \n\t\r\0", "\u3000", "中", "\u2028"], max_size=9))
    def test_whatever_passes_stays_here_and_fits_into_a_header(self, target: str) -> None:
        found = safe_next(target, "/")
        # As a browser reads it: tabs and line ends vanish, and a backslash is a slash.
        browser = re.sub(r"[\t\n\r]", "", found).strip().replace("\\", "/")
        assert urlsplit(urljoin("http://here.example/accounts/", browser)).netloc == "here.example"
        redirect(found).get_wsgi_headers({"wsgi.url_scheme": "http", "HTTP_HOST": "here.example"})
