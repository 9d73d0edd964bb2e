"""Pages and API of notices, and the mails that are only shown."""

from __future__ import annotations

import re

from services.accounts.notices.models import MailState
from shared.events.plans import StageEntered
from shared.service import Runtime
from shared.web import build_app
from tests.accounts.conftest import Browser, Caller
from tests.accounts.noticing import (
    PLAN,
    Plans,
    entered,
    mails,
    work,
)


def test_notices_on_pages_and_in_the_head(sqlite_run: Runtime) -> None:
    app, plans = build_app(sqlite_run), Plans(sqlite_run)
    plans.entered()
    plans.tell(StageEntered(**{**vars(entered()), "plan_id": "p2", "title": "<b>第二份</b>"}))
    reviewer, other = Browser(app).sign_in("county.donghu"), Browser(app).sign_in("county.donghu2")
    assert 'hx-get="/accounts/fragments/unread"' in reviewer.get("/")
    assert ">2</span>" in reviewer.get("/accounts/fragments/unread")
    page = reviewer.get("/accounts/notices")
    assert "&lt;b&gt;第二份" in page
    first, second = sorted({int(found) for found in re.findall(r"/accounts/notices/(\d+)/read", page)})
    opened = reviewer.submit(f"/accounts/notices/{first}/read", open="yes")
    assert opened.headers["Location"] == f"/plans/{PLAN}/decide"
    page = reviewer.get("/accounts/notices")
    assert page.index("第二份") < page.index("校本研修"), "unread ones come first"
    other.get("/accounts/notices")
    assert other.submit(f"/accounts/notices/{second}/read").status_code == 404, "another's"
    # What comes while the page is open is not read by 全部标为已读.
    plans.tell(StageEntered(**{**vars(entered()), "plan_id": "p3", "title": "第三份"}))
    reviewer.page = page
    assert reviewer.submit("/accounts/notices/read", up_to=str(second)).status_code == 303
    assert ">1</span>" in reviewer.get("/accounts/fragments/unread")
    assert Browser(app).client.get("/accounts/fragments/unread", headers={"HX-Request": "true"}).status_code == 401


def test_notices_for_programs_come_in_pages(sqlite_run: Runtime) -> None:
    plans, app = Plans(sqlite_run), build_app(sqlite_run)
    for number in range(3):
        plans.tell(StageEntered(**{**vars(entered()), "plan_id": f"p{number}"}))
    caller = Caller(app.test_client()).sign_in("county.donghu")
    newest = caller.get("/notices?limit=2")["items"]
    assert caller.post(f"/notices/{newest[0]['id']}/read")["read_at"] is not None
    first = caller.get("/notices?limit=2")
    rest = caller.get(f"/notices?limit=2&cursor={first['next']}")
    assert first["items"][0]["id"] == newest[1]["id"]
    assert [item["id"] for item in rest["items"]] == [newest[0]["id"]], "the one that is read comes last"
    assert rest["next"] is None
    assert caller.post("/notices/read", {"up_to": newest[0]["id"]})["read"] == 2
    assert caller.get("/notices?unread=true")["items"] == []


def test_mails_are_shown_where_there_is_no_mail_server(sqlite_run: Runtime) -> None:
    app, plans = build_app(sqlite_run), Plans(sqlite_run)
    school = Browser(app).sign_in("school.qingfeng")
    school.get("/accounts/notices/mail")
    assert "邮箱格式有误" in school.submit("/accounts/notices/mail", address="not-an-address").text
    assert school.submit("/accounts/notices/mail", address="q@example.com").status_code == 303
    work(sqlite_run)
    shown = school.get("/accounts/notices/mails")
    code = re.findall(r"验证码是 (\d{6})", shown)[0]
    school.get("/accounts/notices/mail")
    assert "验证码不正确" in school.submit("/accounts/notices/mail/confirm", code="x12345"[1:] + "0").text
    assert school.submit("/accounts/notices/mail/confirm", code=code).status_code == 303
    plans.decided("refuse", "refused")
    work(sqlite_run)
    # The manager of the school's accounts sees it, the manager of another city does not, nor does a colleague.
    for username, sees in (("manager.donghu", True), ("manager.nanchang", True), ("school.qiaobei", False)):
        assert ("不予通过：" in Browser(app).sign_in(username).get("/accounts/notices/mails")) is sees
    assert [mail.state for mail in mails(sqlite_run)] == [MailState.SHOWN]
    # Codes are counted: nobody's mailbox is filled from here, and none is guessed.
    for _ in range(5):
        school.get("/accounts/notices/mail")
        answer = school.submit("/accounts/notices/mail", address="other@example.com")
    assert answer.status_code == 429
    school.get("/accounts/notices/mail")
    assert school.submit("/accounts/notices/mail/drop").status_code == 303
    assert "未设置" in school.get("/accounts/notices/mail")
