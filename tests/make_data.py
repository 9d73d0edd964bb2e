"""Makes the files in tests/data/ that the demonstration and tests send. Run by hand, the results committed.

    python tests/make_data.py

Needs Debian's fonts-noto-cjk and Chromium, which the tests that read the files do not. The same input gives
the same bytes on one machine; other versions of font or browser may give others.
"""

from __future__ import annotations

import io
import json
import struct
import subprocess
import tempfile
import zipfile
import zlib
from datetime import date, datetime
from pathlib import Path

import make_letter
import pikepdf
import xlsxwriter
from stdnum.cn.ric import calc_check_digit

from services.accounts.sample import DEMO_COUNTY, SamplePerson, SampleProvince, sample_province

DATA = Path(__file__).parent / "data"
ROSTER_SIZE = 200
FAILED_ROWS = (3, 121)
HOURS = 60
SCHOOL = "/3601020001/"
SCHOOL_HOURS = 20
HEADER = ("身份证号", "姓名", "学时", "考核结果（合格/不合格）", "备注")
CYCLE_ENDS = date(2028, 8, 31)
MADE_AT = datetime(2026, 11, 16, 9, 0)

Row = list[str | float]


def main() -> None:
    """Write every file."""
    sample = sample_province()
    (DATA / "hostile").mkdir(parents=True, exist_ok=True)
    write_plan_attachment()
    write_rosters(sample)
    make_letter.write_letters(sample, DATA)
    write_hostile()


def roster_people(sample: SampleProvince) -> list[SamplePerson]:
    """The first 200 teachers of the demo county whom no exception touches and who audit or enter nothing."""
    unit_paths = {unit.path for unit in sample.units if f"/{DEMO_COUNTY}/" in unit.path}
    officials = {account.person_id for account in sample.accounts if account.role != "teacher"}
    fitting = [
        person
        for person in sample.people
        if person.unit_path in unit_paths
        and person.kind == "in_service"
        and person.stage
        and person.formal_appointment_on
        and person.retires_on
        and person.retires_on > CYCLE_ENDS
        and person.person_id not in officials
    ]
    return fitting[:ROSTER_SIZE]


def write_rosters(sample: SampleProvince) -> None:
    """roster.xlsx, the same with errors and a JSON that says where, and one school's own roster."""
    rows: list[Row] = [
        [person.identity, person.name, HOURS, "不合格" if number in FAILED_ROWS else "合格", ""]
        for number, person in enumerate(roster_people(sample), start=2)
    ]
    rows[10][4] = "补训后考核"
    write_roster(DATA / "roster.xlsx", rows)
    write_roster(
        DATA / "roster_school.xlsx",
        [
            [person.identity, person.name, SCHOOL_HOURS, "合格", ""]
            for person in roster_people(sample)
            if SCHOOL in person.unit_path
        ],
    )

    expected = []

    def spoil(row: int, column: str, value: str | float, cause: str, keyword: str) -> None:
        """Put `value` into the cell, named as in the spreadsheet, and note what a reader must say of it."""
        rows[row - 2]["ABCDE".index(column)] = value
        expected.append({"row": row, "column": column, "cause": cause, "keyword": keyword})

    identity = str(rows[5 - 2][0])
    wrong_digit = next(digit for digit in "123456789" if digit != identity[-1])
    spoil(5, "A", identity[:-1] + wrong_digit, "wrong_check_digit", "校验位")
    spoil(17, "A", float(str(rows[17 - 2][0])[:17] + "0"), "turned_into_number", "科学计数法")
    rows[29 - 2][1] = rows[12 - 2][1]
    spoil(29, "A", rows[12 - 2][0], "duplicate_in_file", "重复")
    stranger = "36222619650607000"  # older than anybody in the sample
    rows[41 - 2][1] = "孟不在"
    spoil(41, "A", stranger + calc_check_digit(stranger + "0"), "unknown_person", "登记")
    spoil(53, "C", "六十", "hours_not_a_number", "学时")
    spoil(66, "C", -8, "hours_negative", "学时")
    spoil(78, "D", "", "result_missing", "考核结果")
    spoil(91, "D", "优秀", "result_unknown", "考核结果")
    spoil(104, "B", rows[105 - 2][1], "name_mismatch", "姓名")
    write_roster(DATA / "roster_with_errors.xlsx", rows)
    write_json(DATA / "roster_with_errors.json", expected)


def write_roster(path: Path, rows: list[Row]) -> None:
    """One workbook: the list on the first sheet, how to fill it on the second."""
    with xlsxwriter.Workbook(path, {"strings_to_formulas": False, "strings_to_urls": False}) as book:
        book.set_properties({"title": "培训学员成绩名单", "created": MADE_AT})
        bold, text = book.add_format({"bold": True}), book.add_format({"num_format": "@"})
        sheet = book.add_worksheet("名单")
        sheet.set_column(0, 0, 22, text)
        sheet.set_column(1, 4, 14)
        sheet.freeze_panes(1, 0)
        sheet.write_row(0, 0, HEADER, bold)
        for number, row in enumerate(rows, start=1):
            sheet.write_row(number, 0, row)
        book.add_worksheet("填表说明").write_column(
            0, 0, ["身份证号列请保持“文本”格式。", "学时填数字；考核结果填“合格”或“不合格”。"]
        )


def write_json(path: Path, value: object) -> None:
    """Readable JSON with Chinese left as it is."""
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


PLAN_HTML = """<!doctype html><html lang="zh-CN"><meta charset="utf-8">
<title>2026-2027学年校本研修实施方案</title><style>
@page {{ size: A4; margin: 26mm 24mm }}
body {{ font: 11.5pt/1.8 "Noto Serif CJK SC"; }} h1 {{ font-size: 18pt; text-align: center }}
h2 {{ font-size: 13pt }}
p {{ text-indent: 2em; margin: .3em 0 }} table {{ border-collapse: collapse; width: 100%; font-size: 10pt }}
td, th {{ border: 1px solid #333; padding: 2pt 5pt }} .page {{ break-before: page }}
.sign {{ text-align: right }}
</style>
<h1>{school}<br>2026-2027学年校本研修实施方案</h1>
<h2>一、指导思想</h2>
<p>以课堂为基点、以教研组为单位，面向全体在岗教师开展自主培训，做到有计划、有过程记录、有考核。</p>
<h2>二、组织与分工</h2>
<p>校长为第一责任人，教务处负责计划、考勤与资料归档，各教研组负责活动实施，学校管理员负责在平台上登记成绩。</p>
<h2>三、研修内容与学分</h2>
<table><tr><th>序号<th>项目<th>形式<th>学时或次数<th>折算标准<th>学分</tr>
<tr><td>1<td>听课<td>随堂听课<td>20 节/学年<td>按项计<td>1</tr>
<tr><td>2<td>公开课<td>校级公开课<td>2 节<td>按项计<td>1</tr>
<tr><td>3<td>校本培训：小学语文整本书阅读教学<td>集中培训<td>20 学时<td>10 学时/学分<td>2</tr>
<tr><td>4<td>同课异构研磨（其他形式）<td>教研组活动<td>12 学时<td>12 学时/学分<td>1</tr></table>
<h2>四、过程记录要求</h2>
<p>听课须有听课记录本并经教研组长签字；公开课须有教案、评课记录；集中培训须有签到表、讲义与考核成绩。</p>
<div class="page"><h2>五、进度安排</h2>
<table><tr><th>时间<th>内容<th>负责人</tr>
<tr><td>2026年9月<td>制定方案并在平台上申报备案<td>教务处</tr>
<tr><td>2026年10月至12月<td>校本培训第一、二单元，听课与公开课<td>各教研组</tr>
<tr><td>2027年2月至5月<td>校本培训第三单元，同课异构研磨<td>各教研组</tr>
<tr><td>2027年6月<td>考核、登记成绩、整理过程记录<td>教务处</tr></table>
<h2>六、考核办法</h2>
<p>出勤不低于规定学时的百分之九十，提交一份研修心得和一份教学设计，经教研组评议合格者计为“合格”。</p>
<h2>七、保障措施</h2>
<p>学校在年度预算中安排研修经费，为外聘专家、资料印制和设备使用提供保障。</p>
<p class="sign">{school}<br>2026年9月10日</p></div></html>"""


def write_plan_attachment() -> None:
    """plan.pdf: what a school attaches to its plan, two pages with real text, printed by Chromium."""
    with tempfile.TemporaryDirectory() as folder:
        page, printed = Path(folder, "plan.html"), Path(folder, "plan.pdf")
        page.write_text(PLAN_HTML.format(school="南昌市东湖区青枫小学"), encoding="utf-8")
        flags = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking")
        command = ["chromium", *flags, "--no-pdf-header-footer", f"--print-to-pdf={printed}", page.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        with pikepdf.open(printed) as pdf:
            del pdf.docinfo["/CreationDate"], pdf.docinfo["/ModDate"]
            pdf.save(DATA / "plan.pdf", deterministic_id=True)


def write_hostile() -> None:
    """Files that an upload must refuse, each for another reason."""
    folder = DATA / "hostile"
    (folder / "empty.pdf").write_bytes(b"")
    (folder / "svg_named.png").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>alert(1)</script></svg>\n',
        encoding="utf-8",
    )
    with zipfile.ZipFile(folder / "zip_named.pdf", "w") as archive:
        archive.writestr(zipfile.ZipInfo("授权函.txt", (2026, 11, 16, 9, 0, 0)), "不是 PDF")
    write_bomb(folder / "bomb.png", side=20_000)

    with blank_pdf(pages=11) as pdf:
        pdf.save(folder / "eleven_pages.pdf", deterministic_id=True)
    with blank_pdf(pages=1) as pdf:
        script = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=pikepdf.String("app.alert('x')"))
        pdf.Root.OpenAction = script
        pdf.Root.Names = pikepdf.Dictionary(
            JavaScript=pikepdf.Dictionary(Names=pikepdf.Array([pikepdf.String("x"), script]))
        )
        pdf.save(folder / "openaction.pdf", deterministic_id=True)
    with blank_pdf(pages=1) as pdf:
        # An old cipher, because newer ones draw by chance; what matters is that a password is asked for.
        pdf.save(
            folder / "encrypted.pdf",
            static_id=True,
            encryption=pikepdf.Encryption(user="secret", owner="owner", R=3, aes=False, metadata=False),
        )


def blank_pdf(pages: int) -> pikepdf.Pdf:
    """A well-formed PDF of so many empty A4 pages."""
    pdf = pikepdf.new()
    for _ in range(pages):
        pdf.add_blank_page(page_size=(595, 842))
    return pdf


def write_bomb(path: Path, side: int) -> None:
    """A PNG of some ten kilobytes that unpacks to `side` × `side` pixels (one bit each)."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    packer, packed, line = zlib.compressobj(9), io.BytesIO(), bytes(1 + side // 8)
    for _ in range(side):
        packed.write(packer.compress(line))
    packed.write(packer.flush())
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed.getvalue()) + chunk(b"IEND", b"")
    )


if __name__ == "__main__":
    main()
