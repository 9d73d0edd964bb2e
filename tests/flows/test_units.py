"""FAQ-Q4, N42: one letter makes a county with its managers; a school moves there, and its plan is in the new queue."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select
from stdnum.cn.ric import calc_check_digit

from services.accounts.access.models import Account, AccountRole
from services.accounts.access.operations import end_role, give_role
from services.accounts.models import Unit
from shared.client import Person, wait_for
from tests.flows.material import PLANS, TODAY, Body
from tests.flows.story import Story
from tests.running import DATA

ACCOUNTS = "/accounts/api/v1"
COUNTY = "360198"


def test_faq_q4_a_new_county_in_one_letter_has_the_plans_of_its_schools(story: Story) -> None:
    plan = story.submitted("school.qiaobei")
    assert plan["stage"]["level"] == "county"
    school = story.who("school.qiaobei").account["posts"][0]["unit_path"].rstrip("/").rsplit("/", 1)[-1]
    county = _by_letter(story)
    body = county.account["posts"][0]["body"]
    assert body == "南昌市临湖县教育体育局"

    moved = _move(story, school, COUNTY)
    try:
        assert moved["state"] == "done"
        wait_for(lambda: plan["id"] in {row["id"] for row in county.all(f"{PLANS}/queue")}, "新县的待办")
        assert plan["id"] not in {row["id"] for row in story.who("county.jinxian").all(f"{PLANS}/queue")}
        seen: Body = county.get(f"{PLANS}/plans/{plan['id']}")
        assert "区划调整" in {line["label"] for line in county.get(f"{PLANS}/plans/{plan['id']}/history")["items"]}
        county.post(f"{PLANS}/plans/{plan['id']}/acts/approve", {"opinion": "同意。"}, version=seen["version"])
        assert story.plan("district.nanchang", plan)["stage"]["level"] == "district"
    finally:
        _move(story, school, "360124")
    again = story.who("school.qiaobei").account["posts"][0]["unit_path"]
    assert again.endswith(f"/360124/{school}/")


def _move(story: Story, school: str, to: str) -> Body:
    """Moves the school today; who works there signs in again."""
    province = story.who("manager.province")
    unit = province.get(f"{ACCOUNTS}/units/{school}")
    body = {
        "act": "move",
        "code": to,
        "in_force_on": TODAY.isoformat(),
        "document": "赣民〔2026〕1号",
        "reason": "设立临湖县",
    }
    done: Body = province.post(f"{ACCOUNTS}/units/{school}/changes", body, version=unit["version"])
    story._people.pop("school.qiaobei", None)
    return done


def _by_letter(story: Story) -> Person:
    """The county by one letter for two people, whom two managers of the province let in; its reviewer, signed in."""
    people = [("county_admin", "程临湖", "36012419880101000"), ("account_manager", "管临湖", "36012419880102000")]
    first, second = [
        {"role": role, "person_name": name, "identity_number": digits + calc_check_digit(digits + "0")}
        for role, name, digits in people
    ]
    letter: dict[str, Any] = {
        "kind": "new_district",
        "unit_code": COUNTY,
        "unit_name": "临湖县",
        "phone": "13800000001",
        "stamped_by": "南昌市临湖县教育体育局",
        "dated": (TODAY - timedelta(days=1)).isoformat(),
        **first,
        **{f"further.0.{name}": value for name, value in second.items()},
    }
    stranger, province = Person(story.system.url), story.who("manager.province")
    scan = (DATA / "letter.pdf").read_bytes()
    sent = stranger.post(f"{ACCOUNTS}/letters", files={"file": ("授权函.pdf", scan)}, form=letter)
    path = f"{ACCOUNTS}/letters/{sent['number']}"
    wait_for(lambda: province.get(path)["preview"] == "ready", "扫描件预览")
    province.download(f"{path}/pages/1")
    shown = province.get(path)
    remarks = {"not_duplicate": "另一单位"} if shown["duplicates"] else {}
    answers = {check["id"]: "yes" for check in shown["checks"]}
    shown = province.put(f"{path}/checks", {"answers": answers, "remarks": remarks}, version=shown["version"])
    with story.database("accounts").transaction() as session:
        helper = session.scalars(select(Account).where(Account.username == "audit.province")).one()
        unit = session.scalars(select(Unit).where(Unit.parent_id.is_(None))).one()
        give_role(session, helper, "account_manager", unit)
    shown = story.system.sign_in("audit.province").post(f"{path}/confirm", version=shown["version"])
    issued = province.post(f"{path}/issue", version=shown["version"])
    with story.database("accounts").transaction() as session:
        query = select(AccountRole).join(Account, Account.id == AccountRole.account_id)
        given = query.where(
            Account.username == "audit.province", AccountRole.role == "account_manager", AccountRole.held_to.is_(None)
        )
        end_role(session, session.scalars(given).one())
    story._people.pop("audit.province", None)
    assert [account["role"] for account in issued["accounts"]] == ["county_admin", "account_manager"]
    for account in issued["accounts"]:
        link = account["activation_url"].rsplit("/", 1)[-1]
        stranger.post(f"{ACCOUNTS}/activations/{link}", {"password": "Flow-2026-ok"})
    return Person(story.system.url).sign_in(issued["accounts"][0]["username"], "Flow-2026-ok")
