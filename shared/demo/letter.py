"""A stamped letter becomes a working account."""

from __future__ import annotations

import json
import time
from typing import Any

from shared.client import Person, wait_for
from shared.demo.stage import Demo, DemoFailed

LETTER_PASSWORD = "Letter-2026-ok"  # noqa: S105


def answer_a_letter(demo: Demo) -> None:
    """Upload by a stranger, checks by the manager, one account, activation, sign-in, suspension everywhere."""
    letter = json.loads((demo.files / "letter.json").read_text())
    stranger, manager = Person(demo.url, key_seed=demo.run_id), demo.who("manager.donghu")
    form = {
        "kind": demo.decide_once("letter_kind", lambda: _kind_for(manager, letter)),
        "role": letter["role"],
        "unit_code": letter["unit_code"],
        "person_name": letter["person"],
        "identity_number": letter["identity"],
        "phone": letter["contact_phone"],
        "stamped_by": letter["signed_by"],
        "dated": letter["signed_on"],
    }
    hostile = (demo.files / "hostile" / "zip_named.pdf").read_bytes()
    demo.refused(
        lambda: stranger.post(
            "/accounts/api/v1/letters", step="zip", files={"file": ("授权函.pdf", hostile)}, form=form
        ),
        422,
        "名为 PDF、实为压缩包的文件被拒收",
    )
    scan = (demo.files / "letter.pdf").read_bytes()
    sent = stranger.post("/accounts/api/v1/letters", step="letter", files={"file": ("授权函.pdf", scan)}, form=form)
    path = f"/accounts/api/v1/letters/{sent['number']}"
    demo.say(f"收到授权函 {sent['number']}")
    demo.refused(lambda: demo.who("manager.nanchang").get(path + "x"), 404, "不存在的函号")
    seen = wait_for(lambda: _with_preview(manager, path), "扫描件预览")
    preview = manager.download(f"{path}/pages/1")
    is_image = preview.headers["Content-Type"] in ("image/png", "image/jpeg")
    demo.check(is_image and len(preview.content) > 10_000, f"预览已生成：{len(preview.content) // 1024} KB")
    if not all(check["answer"] for check in seen["checks"]):
        demo.refused(
            lambda: manager.post(f"{path}/issue", step="too-soon", version=seen["version"]),
            409,
            "核验未完成，不能开通",
            "还没有核验",
        )
        answers = {check["id"]: "yes" for check in seen["checks"]}
        # On data that an earlier demonstration left, this letter looks like the earlier one.
        remarks = {"not_duplicate": f"演示再次运行，前函 {'、'.join(seen['duplicates'])}"} if seen["duplicates"] else {}
        seen = manager.put(f"{path}/checks", {"answers": answers, "remarks": remarks}, version=seen["version"])
    issued = manager.post(f"{path}/issue", step="issue", version=seen["version"])
    again = manager.post(f"{path}/issue", step="issue-again", version=seen["version"])
    demo.check(
        issued["account"]["id"] == again["account"]["id"],
        f"{manager.account['name']}开通账号 {issued['account']['username']}；再按一次仍是同一个账号",
    )
    account = f"/accounts/api/v1/accounts/{issued['account']['id']}"
    state = manager.get(account)["state"]
    if demo.resumed and state == "suspended":
        state = manager.post(f"{account}/restore", {"reason": "演示续演"})["state"]
    link = issued["activation_url"]
    if link is None and state == "not_activated":
        # The answer with the link was lost with the connection: a link is told once, so a new one is sent.
        link = manager.post(f"{account}/activation-links", {})["activation_url"]
    if link is not None:
        _set_password(demo, stranger, f"/accounts/api/v1/activations/{link.rsplit('/', 1)[-1]}")
    holder = Person(demo.url).sign_in(issued["account"]["username"], LETTER_PASSWORD)
    everywhere = ("/plans/api/v1/plans", "/credits/api/v1/teachers", "/accounts/api/v1/sessions/current")
    for address in everywhere:
        holder.get(address)
    demo.check(True, f"{holder.account['name']}登录成功，三个服务都认得")
    manager.post(f"{account}/suspend", {"reason": "演示：人员调离"})
    asked = time.monotonic()
    for address in everywhere:
        wait_for(lambda address=address: _status(holder, address) == 401, f"{address} 拒绝已停用的账号", 5.0)  # type: ignore[misc]
    demo.check(True, f"停用后 {time.monotonic() - asked:.2f} 秒内三个服务都已拒绝")
    manager.post(f"{account}/restore", {"reason": "演示结束"})


def _set_password(demo: Demo, stranger: Person, path: str) -> None:
    """Uses the one-time link; it works once."""
    body = {"password": LETTER_PASSWORD}
    stranger.post(path, body)
    demo.say("凭一次性链接设置密码")
    demo.refused(lambda: stranger.post(path, body), 409, "同一链接不能再用")


def _kind_for(manager: Person, letter: dict[str, Any]) -> str:
    """A first account, or a new link for the one that an earlier demonstration left (FAQ-Q3)."""
    accounts = manager.all("/accounts/api/v1/accounts")
    return "lost_account" if any(account["name"] == letter["person"] for account in accounts) else "new_holder"


def _with_preview(manager: Person, path: str) -> dict[str, Any] | None:
    seen: dict[str, Any] = manager.get(path)
    if seen["preview"] == "failed":
        raise DemoFailed("预览失败")
    return seen if seen["preview"] == "ready" else None


def _status(person: Person, address: str) -> int:
    return person.http.get(address).status_code
