"""The yearly collection by workbook (采集, FAQ-Q17): checked, imported once, nobody taken over."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import xlsxwriter
from flask import Flask
from python_calamine import CalamineWorkbook
from sqlalchemy import func, select

from services.accounts.models import HistoryLine, Person
from services.accounts.people.sheet import HEADINGS
from shared.service import Runtime
from shared.web import build_app
from tests.accounts.conftest import Browser, Caller, events, run_jobs
from tests.accounts.steps import identity
from tests.accounts.test_people import SCHOOL, numbers, teacher

HEAD = ("identity", "name", "kind", "subject", "hired_on")


def workbook(rows: Sequence[Sequence[Any]], head: Sequence[str] = HEAD) -> bytes:
    """A workbook with those columns."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate([[HEADINGS[name] for name in head], *rows]):
            sheet.write_row(number, 0, row)
    return buffer.getvalue()


def send(caller: Caller, rows: Sequence[Sequence[Any]], head: Sequence[str] = HEAD) -> Any:
    """Uploads it; what the check found."""
    data = {"file": (io.BytesIO(workbook(rows, head)), "采集.xlsx")}
    return caller.call("POST", "/people-collections", status=201, data=data)


def bring_in(run: Runtime, caller: Caller, sent: Any, **body: Any) -> Any:
    """Imports it; what people read."""
    caller.post(f"/people-collections/{sent['id']}/import", body, status=202)
    run_jobs(run)
    kept = caller.get(f"/people-collections/{sent['id']}")
    assert kept["imported_at"]
    return kept


def person(run: Runtime, name: str) -> Person:
    """The one of that name."""
    with run.database.reading() as session:
        return session.scalars(select(Person).where(Person.name == name)).one()


def test_faq_q17_last_septembers_are_in_and_who_has_not_graduated_waits(app: Flask, run: Runtime) -> None:
    school = Caller(app.test_client()).sign_in("school.qingfeng")
    here = teacher(run)
    rows = [
        [identity("36010220010203000"), "新来的", "在职教师", "数学", "2026-09-01"],
        [identity("36010220030405000"), "定向的", "定向生（未毕业）", "语文", ""],
        [numbers()[here.id], here.name, "", "科学", ""],
    ]
    sent = send(school, rows)
    assert (sent["rows"], sent["good"], sent["error_count"]) == (3, 3, 0)
    assert [(w["cell"], "暂缓采集" in w["message"]) for w in sent["warnings"]] == [("C3", True)]
    with run.database.reading() as session:
        count = session.scalar(select(func.count()).select_from(Person))
        assert not session.scalar(select(Person.id).where(Person.name == "新来的")), "a dry run changes nobody"
    before = len(events(run, "accounts.people_changed.v1"))
    bring_in(run, school, sent)
    told = events(run, "accounts.people_changed.v1")[before:]
    made, changed = person(run, "新来的"), person(run, here.name)
    assert {(p["person_id"], p["version"], p["subject"]) for p in told[0]["people"]} == {
        (made.id, 1, "数学"),
        (here.id, here.version + 1, "科学"),
    }
    assert changed.stage == here.stage, "an empty cell says nothing"
    assert str(made.hired_on) == "2026-09-01"
    line = school.get(f"/people/{here.id}")["history"][-1]
    assert (line["act"], line["text"]) == ("信息采集", "任教学科：语文 → 科学")

    # The same again changes nothing and tells nobody.
    bring_in(run, school, send(school, rows))
    assert len(events(run, "accounts.people_changed.v1")) == before + 1
    with run.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Person)) == (count or 0) + 1
        acts = select(func.count()).select_from(HistoryLine).where(HistoryLine.act == "信息采集")
        assert session.scalar(acts) == 2


def test_t7_errors_name_row_and_cell_and_nobody_is_taken_over(sqlite_run: Runtime) -> None:
    school = Caller(build_app(sqlite_run).test_client()).sign_in("school.qingfeng")
    there = teacher(sqlite_run, "3601020002")
    rows = [
        [numbers("3601020002")[there.id], there.name, "", "", ""],
        [numbers("3601020002")[there.id][:17] + "9", "错号", "教授", "", "去年九月"],
        [numbers()[teacher(sqlite_run).id], "别名", "", "", ""],
        [identity("36010220010203000"), "无日期", "", "", ""],
        [identity("36010220020203000"), "未来的", "", "", "2031-09-01"],
        [identity("36010220040203000"), "好的", "在职教师", "语文", "2025.9.1"],
    ]
    sent = send(school, rows)
    found = {error["cell"]: error["message"] for error in sent["errors"]}
    assert found.keys() == {"A2", "A3", "C3", "E3", "B4", "E5", "E6"}
    assert found["A2"].startswith(f"{there.name}登记在“")
    assert "发起调动" in found["A2"]
    assert "登记在" not in found["B4"], "where she is, is told to who knows her name"
    refused = school.post(f"/people-collections/{sent['id']}/import", {}, status=422)
    assert "没有导入任何一行" in refused["detail"]
    Caller(build_app(sqlite_run).test_client()).sign_in("manager.donghu").get(
        f"/people-collections/{sent['id']}", status=404
    )

    bring_in(sqlite_run, school, sent, good_only=True)
    assert person(sqlite_run, "好的").subject == "语文"
    assert person(sqlite_run, there.name).unit_id == there.unit_id
    path = f"/accounts/api/v1/people-collections/{sent['id']}/errors.xlsx"
    content = school.client.get(path, headers=school.headers).data
    cells = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()
    assert (len(cells), cells[0][-1]) == (6, "错误原因")
    # What is kept of a workbook is sealed.
    folder = sqlite_run.settings.data_dir / "people-files"
    assert all(not file.read_bytes().startswith(b"PK") for file in folder.rglob("*") if file.is_file())


def test_faq_q17_a_county_names_the_school_in_each_row(sqlite_run: Runtime) -> None:
    county = Caller(build_app(sqlite_run).test_client()).sign_in("manager.donghu")
    head = (*HEAD, "unit")
    number = identity("36010220010203000")
    sent = send(county, [[number, "县里报的", "", "", "2025-09-01", code] for code in (SCHOOL,)], head)
    assert sent["error_count"] == 0
    outside = send(county, [[number, "县里报的", "", "", "2025-09-01", code] for code in ("3601240002",)], head)
    assert [error["cell"] for error in outside["errors"]] == ["F2"]
    nowhere = send(county, [[number, "县里报的", "", "", "2025-09-01"]])
    assert "单位代码为空" in nowhere["errors"][0]["message"]


def test_faq_q17_the_page_checks_first_and_imports_on_a_second_press(sqlite_run: Runtime) -> None:
    page = Browser(build_app(sqlite_run)).sign_in("school.qingfeng")
    assert "尚未毕业的定向生暂缓" in page.get("/accounts/people/collections")
    content = workbook([[identity("36010220010203000"), "页上来的", "在职教师", "数学", "2026-09-01"]])
    answer = page.submit("/accounts/people/collections", file=(io.BytesIO(content), "采集.xlsx"))
    target = answer.headers["Location"]
    assert "检查通过" in page.get(target)
    assert page.submit(target + "/import").status_code == 303
    run_jobs(sqlite_run)
    assert "页上来的" in page.get("/accounts/people?q=页上来")
    template = page.client.get("/accounts/people/collections/template.xlsx").data
    assert CalamineWorkbook.from_filelike(io.BytesIO(template)).get_sheet_by_index(0).to_python()[0][:2] == [
        "身份证号",
        "姓名",
    ]
    page.get("/accounts/people/collections")
    bad = page.submit("/accounts/people/collections", file=(io.BytesIO(b"PK not a workbook"), "采集.xlsx"))
    assert bad.status_code == 303
    assert "采集" in page.get("/accounts/people/collections")
