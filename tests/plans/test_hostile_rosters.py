"""Rosters made to do harm: each is refused with a sentence, none is an error of ours."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable

import pytest

from tests.plans import builders as make
from tests.plans.test_api import PROJECT, As, sheet

SHEET = "xl/worksheets/sheet1.xml"
Change = Callable[[str], str]


def rewritten(change: Change) -> bytes:
    """A good roster whose sheet was changed by hand."""
    before, after = io.BytesIO(make.workbook(make.roster_rows(2))), io.BytesIO()
    with zipfile.ZipFile(before) as old, zipfile.ZipFile(after, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            text = old.read(name)
            new.writestr(name, change(text.decode()).encode() if name == SHEET else text)
    return after.getvalue()


def broken() -> bytes:
    """A good roster whose compressed sheet begins with a block of no kind."""
    content = bytearray(rewritten(lambda text: text))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        start = archive.getinfo(SHEET).header_offset
    # Behind the local header: 30 bytes, the name, and the extra field, whose lengths stand in it.
    lengths = [int.from_bytes(content[start + at : start + at + 2], "little") for at in (26, 28)]
    start += 30 + sum(lengths)
    content[start : start + 4] = b"\xff" * 4
    return bytes(content)


FILES: dict[str, Callable[[], bytes]] = {
    "a row that is no number": lambda: rewritten(lambda text: text.replace('<row r="2"', '<row r="abc"')),
    "a row of 5000 digits": lambda: rewritten(lambda text: text.replace('<row r="2"', f'<row r="{"9" * 5000}"')),
    "a cell of 5000 digits": lambda: rewritten(lambda text: text.replace('r="A2"', f'r="A{"9" * 5000}"')),
    "a cell of 5000 letters": lambda: rewritten(lambda text: text.replace('r="A2"', f'r="{"A" * 5000}2"')),
    "a cell that is nowhere": lambda: rewritten(lambda text: text.replace('r="A2"', 'r="２Ａ"')),
    "a foreign encoding": lambda: rewritten(lambda text: text.replace("UTF-8", "gb18030")),
    "an encoding of no kind": lambda: rewritten(lambda text: text.replace("UTF-8", "x-none")),
    "a broken stream": broken,
}


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_is_refused(call_as: As, name: str) -> None:
    county = call_as("county.donghu")
    path = f"/projects/{county('POST', '/projects', json=PROJECT).json['id']}/roster?dry_run=true"
    answer = county("POST", path, data={"file": (io.BytesIO(FILES[name]()), "名单.xlsx")})
    assert answer.status_code == 422, answer.text
    assert re.search("已损坏|不合规范|无法读取", answer.json["detail"])


@pytest.mark.parametrize(
    "hours", ["1E+999999", "-1E+999999", "1E-999999", "0E+999999", "9" * 5000, "1." + "0" * 40 + "1", "NaN", "Infinity"]
)
def test_hours_of_any_size_are_an_error_of_their_cell(call_as: As, hours: str) -> None:
    county = call_as("county.donghu")
    path = f"/projects/{county('POST', '/projects', json=PROJECT).json['id']}/roster"
    rows = make.roster_rows(2)
    rows[1][2] = hours
    report = county("POST", path + "?dry_run=true", data=sheet(rows))
    assert report.status_code == 201, report.text
    assert [(error["cell"], "不是数字" in error["message"]) for error in report.json["errors"]] == [("C3", True)]
    assert county("POST", path, data=sheet(rows)).status_code == 422
