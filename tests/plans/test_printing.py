"""《审批单》 as PDF: what is on the paper, and that nothing typed can break it."""

from __future__ import annotations

import hashlib
import io
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pikepdf
import pypdfium2
import pytest
import zxingcpp

from services.plans.printing import render
from services.plans.printing.sheet import SheetFile
from shared.printing import codes
from shared.printing.pdf import printable
from tests.at_once import at_once
from tests.plans.papers import OPINION, RARE, item, pages, sheet

FONTS = Path(__file__).resolve().parents[2] / "shared" / "fonts"
MM = 72 / 25.4


def han(content: bytes) -> Iterator[tuple[int, float, float]]:
    """Page and centre, in points, of each Chinese character."""
    for number, page in enumerate(pypdfium2.PdfDocument(content)):
        text = page.get_textpage()
        for index, letter in enumerate(text.get_text_range()):
            if "\u4e00" <= letter <= "\u9fff":
                left, bottom, right, top = text.get_charbox(index, loose=True)
                yield number, (left + right) / 2, (bottom + top) / 2


def overlaps(content: bytes) -> int:
    """How many pairs of Chinese characters (8 points wide at least) stand nearer to each other than 6 points."""
    cells: defaultdict[tuple[int, int, int], list[tuple[float, float]]] = defaultdict(list)
    found = 0
    for number, x, y in han(content):
        column, row = int(x // 6), int(y // 6)
        near = [(number, column + i, row + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        found += sum(abs(x - a) < 6 and abs(y - b) < 6 for cell in near for a, b in cells[cell])
        cells[number, column, row].append((x, y))
    return found


def test_the_paper_says_what_the_sheet_says() -> None:
    made = sheet(more=(("涵盖学校", "甲村小学、乙教学点"),))
    found = pages(render.pdf(made))
    text = "".join(found)
    for words in (
        *("《自主培训方案审批单》", made.number, made.title, "2023-2024", made.unit, "年度申报方案", made.digest),
        *(
            "第2版（共报送2次）",
            "2.5学分",
            "25学时",
            "提升课堂教学能力。",
            "每学期至少两次。",
            "涵盖学校甲村小学、乙教学点",
        ),
        *("第2项新课标研修", "12.5101.25", "2024-03-05至2024-06-30", "过程记录：签到表、照片", "校本培训·王五"),
        *("研修计划.pdf", "121KB", "aabbccdd"),
        *("县级审核东湖区教师进修学校同意", OPINION, "经办人：李某（代王某）", "日期：2024-03-05", "赵六"),
        *("针对第2版·摘要7f3a90b1", "有效", "省级审核江西省教育厅待审核", "（盖章）"),
        *("网址：https://xuefen.example/plans/verify", "打印时间2024-03-0609:02（北京时间）"),
    ):
        assert words in text, words
    for number, page in enumerate(found, start=1):
        assert f"编号{made.number}" in page
        assert f"核验码{made.code}" in page
        assert f"第{number}页，共{len(found)}页" in page


def test_n22_the_sheet_carries_the_address_at_which_it_is_verified() -> None:
    made = sheet()
    last = list(pypdfium2.PdfDocument(render.pdf(made)))[-1].render(scale=3).to_pil()
    address = f"{made.verify_url}?code={codes.read_code(made.code)}"
    assert [found.text for found in zxingcpp.read_barcodes(last)] == [address]


def test_the_heading_is_that_of_the_kind() -> None:
    text = "".join(pages(render.pdf(sheet(heading="托底培训方案备案单"))))
    assert "《托底培训方案备案单》" in text
    assert "自主培训方案审批单" not in text


@pytest.mark.parametrize(
    "typed",
    ["#panic()", "*粗*_斜_$x^2$", "= 标题", '\\u{41}#read("/etc/passwd")', "<script>&amp;", "]#sys.inputs[", '"\\'],
)
def test_what_looks_like_markup_is_printed_as_it_was_typed(typed: str) -> None:
    made = sheet(opinion=typed, title=typed, aims=typed, items=0)
    made = replace(made, items=(item(title=typed, who=typed, assessment=typed, records=typed, when=typed),))
    assert "".join(pages(render.pdf(made))).count(re.sub(r"\s", "", typed)) >= 9


def test_rare_characters_of_names_are_there() -> None:
    made = sheet()
    made = replace(made, boxes=(replace(made.boxes[0], name=f"李{RARE}"),), title=RARE)
    assert "".join(pages(render.pdf(made))).count(RARE) == 2
    assert printable(RARE) == RARE


def test_a_character_without_type_is_marked_and_costs_nothing_else() -> None:
    text = "".join(pages(render.pdf(sheet(opinion="很好😀\ue000\uffff\x01，同意"))))
    assert "很好〓〓〓〓，同意" in text


def test_marks_that_turn_the_reading_around_do_not_reach_the_paper() -> None:
    assert printable("同\u202e意\u2066不\u200b\ufeff") == "同意不"
    assert printable("龍\U000e0100葛\ufe00") == "龍葛"
    assert printable("甲\r\n乙\u2028丙\t丁") == "甲\n乙\n丙 丁"


def test_sixty_items_and_long_opinions_flow_over_pages() -> None:
    opinion = "".join(f"第{number}点意见请认真研究落实。" for number in range(1, 301))
    content = render.pdf(sheet(items=60, opinion=opinion))
    found = pages(content)
    text = "".join(re.sub(r"打印时间.*?共\d+页$", "", page) for page in found)
    assert len(found) > 6
    for number in range(1, 61):
        assert text.count(f"第{number}项新课标研修") == 1
    # Both boxes hold the whole opinion: the running head is all that stands between its parts.
    assert text.replace(f"《自主培训方案审批单》编号P2023-360102-0001核验码{_code(found[0])}", "").count(opinion) == 2
    _stays_on_paper(content)
    # The columns have their names on every page that has rows.
    assert all("考核办法与过程记录" in page for page in found if "项新课标研修" in page)


def test_an_item_longer_than_a_page_goes_on_on_the_next() -> None:
    content = render.pdf(replace(sheet(), items=(item(assessment="考核办法写得很长。" * 200, title="题目" * 50),)))
    assert "".join(pages(content)).count("长") == 200
    assert "".join(pages(content)).count("题") == 50
    _stays_on_paper(content)


@pytest.mark.parametrize(
    "word",
    [
        pytest.param("https://school.example/" + "a1b2" * 40, id="address"),
        pytest.param("W" * 100, id="wide"),
        pytest.param("Ж" * 100, id="foreign"),
        pytest.param("。》" * 40, id="marks that start no line"),
    ],
)
def test_words_without_blanks_stay_in_their_cell(word: str) -> None:
    files = (SheetFile(name=word, size=1, digest8="aabbccdd"),)
    made = replace(sheet(opinion=word, title=word, attachments=files), items=(item(title=word, records=word),))
    content = render.pdf(made)
    assert "".join(pages(content)).count(word) == 6
    _stays_on_paper(content)
    for page in pypdfium2.PdfDocument(content):
        lines = sorted((round(bottom + top), left, right) for left, bottom, right, top in _boxes(page, loose=True))
        # Chinese marks are set closer than their width; what lies on a neighbour lies on it by more.
        assert not [1 for (y, _, end), (other, start, _) in pairwise(lines) if y == other and end > start + 6]


def test_a_stage_is_kept_together_where_a_page_can_hold_it() -> None:
    for items in range(12):
        with_box = [
            page for page in pages(render.pdf(sheet(items=items, opinion="同意。" * 100))) if "市级审核" in page
        ]
        assert len(with_box) == 1
        assert "赵六" in with_box[0]
        assert "日期：2024-03-06" in with_box[0]


def test_the_file_is_for_the_archive_and_for_screen_readers() -> None:
    with pikepdf.open(io.BytesIO(render.pdf(sheet()))) as file:
        metadata = file.open_metadata()
        assert (metadata["pdfaid:part"], metadata["pdfaid:conformance"]) == ("2", "A")
        assert metadata["pdfuaid:part"] == "1"
        assert metadata["dc:title"] == "《自主培训方案审批单》P2023-360102-0001"
        assert file.Root.Lang == "zh-CN"
        fonts = {str(font.BaseFont) for page in file.pages for font in page.Resources.Font.values()}
    assert {re.sub(r"/[A-Z]{6}\+", "", font).split("-Identity")[0] for font in fonts} == {
        "NotoSansSC-Regular",
        "NotoSansSC-Bold",
    }


def test_the_same_sheet_gives_the_same_bytes() -> None:
    made = sheet()
    content = render.pdf(made)
    assert set(at_once(*[lambda: render.pdf(made)] * 4)) == {content}
    assert render.pdf(replace(made, printed_at=datetime(2024, 3, 7, tzinfo=UTC))) != content


def test_the_fonts_are_those_that_were_vendored() -> None:
    listed = dict(re.findall(r"\| `(\S+\.ttf)` \| `([0-9a-f]{64})` \|", (FONTS / "README.md").read_text("utf-8")))
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in FONTS.glob("*.ttf")} == listed
    assert "SIL OPEN FONT LICENSE Version 1.1" in (FONTS / "OFL.txt").read_text("utf-8")


def _code(first_page: str) -> str:
    found = re.search(r"核验码(\w{4}-\w{4}-\w{4})", first_page)
    assert found
    return found[1]


def _stays_on_paper(content: bytes) -> None:
    """Nothing lies on something else, nor outside of the margins."""
    assert overlaps(content) == 0
    for number, page in enumerate(pypdfium2.PdfDocument(content)):
        width, height = page.get_size()
        shown = _boxes(page, loose=False)
        assert shown, number
        assert min(left for left, *_ in shown) >= 19 * MM
        assert max(right for *_, right, _ in shown) <= width - 17 * MM
        assert min(bottom for _, bottom, *_ in shown) >= 8 * MM
        assert max(top for *_, top in shown) <= height - 8 * MM


def _boxes(page: pypdfium2.PdfPage, *, loose: bool) -> list[tuple[float, float, float, float]]:
    """Left, bottom, right, top of every character that has a shape; loose: with the white around it."""
    text = page.get_textpage()
    boxes = [text.get_charbox(index, loose=loose) for index in range(text.count_chars())]
    return [box for box in boxes if box[2] > box[0]]
