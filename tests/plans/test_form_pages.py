"""The form of a submission: typing is kept, points are answered at their fields, two people see both versions."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select

from services.plans.approval import form_values, operations, queries, typed
from services.plans.approval.models import Plan, TypedDraft
from services.plans.kinds import KINDS
from shared.database import Database
from tests.plans import builders as make
from tests.plans.test_pages import Browser, browser  # noqa: F401  a fixture
from tests.plans.test_pages import typed as filled

CENTRAL = next(path for path, unit in make.units().items() if unit.kind == "central_school")
VILLAGE = next(
    path
    for path, unit in make.units().items()
    if unit.kind == "village_school" and path.startswith(CENTRAL.rsplit("/", 2)[0])
)


def returned(database: Database, *points: dict[str, Any]) -> Plan:
    """A plan that the county has sent back."""
    with database.transaction() as session:
        plan = make.submit(session, make.make_plan(session))
        return operations.perform(
            session, make.actor("county.donghu"), plan.id, "return", version=plan.version, points=list(points), days=5
        )


def hidden(page: str, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(rf'name="{re.escape(name)}" value="([^"]*)"', page)
    assert found is not None
    return found[1]


def saved_drafts(database: Database) -> int:
    """How many forms are kept."""
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(TypedDraft)) or 0


def keep(browser: Browser, page: str, key: str, form: dict[str, list[str]], **more: str) -> Any:  # noqa: F811
    """What autosave sends."""
    return browser.send("/drafts/typed", page, {"key": key, "form": json.dumps(form), **more})


def test_what_is_half_typed_is_kept_and_given_back(browser: Browser, database: Database) -> None:  # noqa: F811
    browser.sign_in("school.qingfeng")
    page = browser.see("/new")
    form = {"title": ["没写完的方"], "school_year": ["20"], "items.7.title": ["读书"], "items.7.hours": ["十二"]}
    answer = keep(browser, page, "new:school_plan", form)
    assert re.fullmatch(r"\d\d:\d\d", answer.json["saved_at"])
    page = browser.see("/new")
    assert "有未保存的输入" in page
    assert "没写完的方" not in page
    page = browser.see("/new?kind=school_plan&typed=restore")
    for value in ("没写完的方", "20", "读书", "十二"):
        assert f'value="{value}"' in page
    answer = browser.send("/new", page, filled())
    assert answer.status_code == 303, answer.text
    assert "有未保存的输入" not in browser.see("/new")
    assert saved_drafts(database) == 0


def test_what_is_not_wanted_is_dropped(browser: Browser, database: Database) -> None:  # noqa: F811
    browser.sign_in("school.qingfeng")
    page = browser.see("/new")
    keep(browser, page, "new:school_plan", {"title": ["不要了"]})
    answer = browser.send("/drafts/typed/drop", page, {"key": "new:school_plan"})
    assert answer.status_code == 303
    assert "有未保存的输入" not in browser.see("/new")


def test_nobody_keeps_or_sees_what_others_type(browser: Browser, database: Database) -> None:  # noqa: F811
    with database.transaction() as session:
        plan = make.make_plan(session)
    page = browser.sign_in("school.qingfeng").see(f"/{plan.id}/edit")
    assert keep(browser, page, plan.id, {"title": ["只有我看得见"]}).status_code == 200
    other = browser.sign_in(make.school_admin(make.QINGFENG, "colleague")).see(f"/{plan.id}/edit")
    assert "有未保存的输入" not in other
    assert "只有我看得见" not in browser.see(f"/{plan.id}/edit?typed=restore")
    page = browser.sign_in("school.chenghu").see("/new")
    assert keep(browser, page, plan.id, {"title": ["别人的"]}).status_code == 404
    assert keep(browser, page, "new:fallback_scheme", {}).status_code == 404
    page = browser.sign_in("county.donghu").see("/new")
    assert keep(browser, page, "new:school_plan", {}).status_code == 404
    assert saved_drafts(database) == 1


@pytest.mark.parametrize("text", ["", "[]", '{"a": "b"}', '{"a": [1]}', "{" * 3000, '{"a": ["\\u0000"]}'])
def test_what_is_no_form_is_not_kept(browser: Browser, database: Database, text: str) -> None:  # noqa: F811
    page = browser.sign_in("school.qingfeng").see("/new")
    answer = browser.send("/drafts/typed", page, {"key": "new:school_plan", "form": text})
    assert answer.status_code == 422
    assert saved_drafts(database) == 0


def test_a_form_beyond_its_size_is_not_kept(browser: Browser, database: Database) -> None:  # noqa: F811
    page = browser.sign_in("school.qingfeng").see("/new")
    answer = keep(browser, page, "new:school_plan", {"aims": ["a" * typed.LIMIT]})
    assert answer.status_code == 413
    assert saved_drafts(database) == 0


def test_points_stand_at_their_fields_and_must_be_answered(browser: Browser, database: Database) -> None:  # noqa: F811
    plan = returned(
        database,
        {"section": "items", "field": "items.1.records", "text": "请写明过程记录形式"},
        {"section": "basics", "field": "aims", "text": "目标宜更具体", "must": False},
    )
    browser.sign_in("school.qingfeng")
    page = browser.see(f"/{plan.id}/edit")
    assert '<a href="#f-answers-1">项目 2“读书沙龙” · 过程记录要求</a>' in page
    assert page.index('id="f-items-1-records"') < page.index('id="f-answers-1"') < page.index("</fieldset>\n  </div>")
    assert "请在 5 个工作日内修改后重报" in page
    with database.reading() as session:
        ids = [item.id for item in session.get_one(Plan, plan.id).items]
    # The second item becomes the first: its point goes along.
    moved = {f"items.{new}.{name}": value for new, old in ((0, 3), (1, 0)) for name, value in _row(old).items()}
    form = {name: value for name, value in filled().items() if not name.startswith("items.")}
    form |= moved | {"items.0.id": ids[1], "items.1.id": ids[0], "items.0.records": "签到、领读提纲"}
    answer = browser.send(f"/{plan.id}/edit", page, {**form, "then": "submit"})
    assert answer.status_code == 422
    assert answer.text.count("xf-point is-wrong") == 2
    answers = {"answers.1.number": "1", "answers.1.verdict": "changed", "answers.2.number": "2"}
    answer = browser.send(f"/{plan.id}/edit", page, {**form, **answers, "answers.2.text": "没有选择"})
    assert answer.status_code == 422
    assert 'class="xf-point is-wrong" id="f-answers-2"' in answer.text
    assert "没有选择" in answer.text
    answer = browser.send(
        f"/{plan.id}/edit", page, {**form, **answers, "answers.2.verdict": "explained", "answers.2.text": ""}
    )
    assert answer.status_code == 422
    assert "请写明情况" in answer.text
    answers |= {"answers.2.verdict": "explained", "answers.2.text": "目标已按学校实际写明"}
    answer = browser.send(f"/{plan.id}/edit", page, {**form, **answers})
    assert answer.status_code == 303, answer.text
    page = browser.see(f"/{plan.id}/edit")
    assert page.index('id="f-items-0-records"') < page.index('id="f-answers-1"') < page.index('id="f-items-1-records"')
    assert "目标已按学校实际写明" in page
    answer = browser.send(f"/{plan.id}/edit", page, {**form, **answers, "then": "submit"})
    assert answer.status_code == 303, answer.text
    assert "已修改" in browser.see(f"/{plan.id}")


def _row(number: int) -> dict[str, str]:
    """One row of the filled form."""
    return {name.split(".")[2]: value for name, value in filled().items() if name.startswith(f"items.{number}.")}


def test_two_people_see_both_versions_and_choose(browser: Browser, database: Database) -> None:  # noqa: F811
    with database.transaction() as session:
        plan = make.make_plan(session)
    page = browser.sign_in("school.qingfeng").see(f"/{plan.id}/edit")
    colleague = browser.sign_in(make.school_admin(make.QINGFENG, "colleague")).see(f"/{plan.id}/edit")
    assert browser.send(f"/{plan.id}/edit", colleague, filled(aims="同事写的目标")).status_code == 303
    browser.sign_in("school.qingfeng")
    answer = browser.send(f"/{plan.id}/edit", page, filled(aims="我写了很久的目标"))
    assert answer.status_code == 409
    assert "已由某管理员于" in answer.text
    assert '<del class="xf-del">同事写的目标</del>' in answer.text
    assert '<ins class="xf-ins">我写了很久的目标</ins>' in answer.text
    assert "方案名称</strong>" not in answer.text  # the same in both
    assert hidden(answer.text, "version") == str(plan.version + 1)
    # With a mistake in it the form comes back on the version that was seen, not on the newer one.
    wrong = browser.send(f"/{plan.id}/edit", page, filled(title="甲"))
    assert wrong.status_code == 422
    assert hidden(wrong.text, "version") == str(plan.version)
    assert browser.send(f"/{plan.id}/edit", answer.text, filled(aims="我写了很久的目标")).status_code == 303
    with database.reading() as session:
        assert session.get_one(Plan, plan.id).aims == "我写了很久的目标"


def test_what_was_submitted_meanwhile_cannot_be_overwritten(browser: Browser, database: Database) -> None:  # noqa: F811
    with database.transaction() as session:
        plan = make.make_plan(session)
    page = browser.sign_in("school.qingfeng").see(f"/{plan.id}/edit")
    with database.transaction() as session:
        make.submit(session, session.get_one(Plan, plan.id))
    answer = browser.send(f"/{plan.id}/edit", page, filled(aims="我写了很久的目标"))
    assert answer.status_code == 409
    assert "我写了很久的目标" in answer.text
    assert "用我的覆盖" not in answer.text


def test_restoring_on_a_version_that_has_moved_shows_both(browser: Browser, database: Database) -> None:  # noqa: F811
    with database.transaction() as session:
        plan = make.make_plan(session)
    page = browser.sign_in("school.qingfeng").see(f"/{plan.id}/edit")
    keep(browser, page, plan.id, {name: [value] for name, value in filled(aims="没存的目标").items()})
    colleague = browser.sign_in(make.school_admin(make.QINGFENG, "colleague")).see(f"/{plan.id}/edit")
    assert browser.send(f"/{plan.id}/edit", colleague, filled(aims="同事写的目标")).status_code == 303
    page = browser.sign_in("school.qingfeng").see(f"/{plan.id}/edit?typed=restore")
    assert "没存的目标" in page
    answer = browser.send(f"/{plan.id}/edit", page, filled(aims="没存的目标"))
    assert answer.status_code == 409
    assert '<del class="xf-del">同事写的目标</del>' in answer.text


def test_a_county_drafts_a_fallback_scheme_with_its_forecast(browser: Browser, database: Database) -> None:  # noqa: F811
    browser.sign_in("county.donghu")
    assert "还没有托底方案" in browser.see("/mine?kind=fallback_scheme")
    page = browser.see("/new?kind=fallback_scheme")
    assert "预判人数" in page
    assert "校本研修" not in page
    form = {
        "kind": "fallback_scheme",
        "school_year": make.YEAR,
        "title": "东湖区托底培训方案",
        "aims": "为无法完成学分的教师托底。",
        "items.0.kind": "fallback",
        "items.0.title": "全员培训",
        "items.0.hours": "30",
        "items.0.hours_per_credit": "20",
        "forecast.teachers": "12",
        "forecast.basis": "按去年学分情况预判",
        "then": "save",
    }
    answer = browser.send("/new", page, form)
    assert answer.status_code == 422
    assert 'id="f-forecast-shortfall-error"' in answer.text
    answer = browser.send("/new", page, {**form, "forecast.shortfall": "18.5"})
    assert answer.status_code == 303, answer.text
    path = answer.headers["Location"].removeprefix("/plans")
    detail = browser.see(path)
    for text in ("东湖区托底培训方案", "12 人", "18.5 学分", "按去年学分情况预判"):
        assert text in detail
    assert "东湖区托底培训方案" in browser.see("/mine?kind=fallback_scheme")
    answer = browser.send(
        path + "/edit", browser.see(path + "/edit"), {**form, "forecast.shortfall": "9", "then": "submit"}
    )
    assert answer.status_code == 422
    assert "预判名单" in answer.text
    browser.sign_in("school.qingfeng")
    browser.see("/new?kind=fallback_scheme", 403)
    browser.see(path, 404)


def test_a_central_school_plans_for_its_village_schools(browser: Browser, database: Database) -> None:  # noqa: F811
    who = make.school_admin(CENTRAL)
    page = browser.sign_in(who).see("/new")
    name = make.units()[VILLAGE].name
    assert f"{name}（村小）" in page
    answer = browser.send("/new", page, {**filled(), "covers": [VILLAGE]})
    assert answer.status_code == 303, answer.text
    path = answer.headers["Location"].removeprefix("/plans")
    assert name in browser.see(path)
    assert re.search(rf'value="{VILLAGE}"\s+checked', browser.see(path + "/edit"))
    answer = browser.send(path + "/edit", browser.see(path + "/edit"), {**filled(), "covers": [make.QINGFENG]})
    assert answer.status_code == 422
    assert "不能联合申报" in answer.text
    assert "联合申报" not in browser.sign_in("school.qingfeng").see("/new")


def test_an_approved_plan_is_amended_and_is_next_years_start(browser: Browser, database: Database) -> None:  # noqa: F811
    with database.transaction() as session:
        plan = make.approved_plan(session)
    page = browser.sign_in("school.qingfeng").see(f"/{plan.id}")
    assert "修订" in page
    answer = browser.send(f"/{plan.id}/copies", page, {"purpose": "next_year"})
    edit = browser.see(answer.headers["Location"].removeprefix("/plans"))
    assert 'value="2027-2028"' in edit
    assert 'value="读书沙龙"' in edit
    answer = browser.send(f"/{plan.id}/copies", page, {"purpose": "amend"})
    path = answer.headers["Location"].removeprefix("/plans").removesuffix("/edit")
    assert "的修订稿" in browser.see(path)
    assert browser.send(f"/{plan.id}/copies", page, {"purpose": "amend"}).status_code == 409
    assert browser.send(f"/{plan.id}/copies", page, {"purpose": "steal"}).status_code == 422
    with database.transaction() as session:
        amended = session.get_one(Plan, path.strip("/"))
        make.approve(session, make.submit(session, amended), "county.donghu", "district.nanchang", "province")
    assert "取代" in browser.see(f"/{plan.id}")
    assert "以此起草下一学年" not in browser.see(f"/{plan.id}")


def test_a_form_that_was_read_back_says_the_same(database: Database) -> None:
    with database.transaction() as session:
        plan = make.make_plan(session, items=[make.item(kind="workshop", level="county", audience="骨干教师")])
        values = form_values.stored(plan)
        loaded = {name: values[name] for name in ("school_year", "title", "aims", "covers", "forecast", "claim")}
        loaded["items"] = [make.item(kind="workshop", level="county", audience="骨干教师") | {"id": plan.items[0].id}]
        assert form_values.as_content(session, plan, loaded) == plan.content()
        assert plan.content().items[0].hours == Decimal(20)
    assert form_values.labels(1)["items.0.hours"] == "项目 1 · 学时"
    assert [kind.key for kind in typed.draftable(make.actor("school.qingfeng"))] == ["school_plan", "school_claim"]
    assert [kind.key for kind in typed.draftable(make.actor("county.donghu"))] == ["fallback_scheme"]
    assert typed.draftable(make.actor("province")) == []
    assert KINDS["school_plan"].covers
    with database.reading() as session:
        assert queries.count(session, queries.own_plans(make.actor("school.qingfeng"))) == 1
