"""Takes the pictures of the README (`make screenshots`): starts a system, lives in it, looks at each main page.

Needs Chromium, and Debian's fonts-noto-cjk for the letters that it draws; with chromium-l10n the browser's own words
are Chinese too. Pictures are 1280 wide, one is a phone's; few colours keep them small.
"""

from __future__ import annotations

import io

from PIL import Image
from playwright.sync_api import Browser, expect

from shared.migrations import ROOT
from tests.browser.chromium import new_person, open_chromium
from tests.browser.desk import Desk
from tests.browser.life import YEAR, live_in
from tests.make_letter import draw_letter, scanned
from tests.running import System

FOLDER = ROOT / "docs" / "screenshots"
MOST_BYTES = 250 * 1024
PHONE = 390


def main() -> None:
    """Takes them all."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    system = System("embedded").start()
    try:
        live_in(system.url, scan)
        with open_chromium() as browser:
            take_all(system.url, browser)
    finally:
        system.remove()


def scan(facts: dict[str, str]) -> bytes:
    """The letter that says this, as a scanner gives it."""
    picture = io.BytesIO()
    scanned(draw_letter(facts)).save(picture, "JPEG", quality=80)
    return picture.getvalue()


def take_all(url: str, browser: Browser) -> None:
    """One picture after the other, each as the person whose page it is."""

    def desk(username: str, *, phone: bool = False) -> Desk:
        return Desk(url, new_person(browser, phone=phone)).sign_in(username)

    stranger = Desk(url, new_person(browser))
    stranger.open("/accounts/sign-in")
    stranger.type("账号", "teacher.li")
    take(stranger, "sign-in", height=720)

    school, county, teacher = desk("school.qingfeng"), desk("county.donghu"), desk("teacher.li")
    take(desk("audit.donghu"), "home", height=720)
    fill_plan_form(school)
    take(school, "plan-form", height=1500)
    county.open("/plans/queue")
    take(county, "queue", height=760)
    county.press("办理", where=county.row("文澜学校"))
    county.type("总体意见", "方案总体可行，请补充一处后重报。")
    county.page.locator("[data-return] > summary").click()
    row = county.page.locator("#f-points [data-row]").first
    county.type("所在位置", "项目 2“每周一书读书沙龙” · 过程记录要求", row)
    county.type("需要怎样修改", "请写明读书沙龙的过程记录形式，如签到、领读提纲、读后感。", row)
    # The decision scrolls by itself beside the plan; for the picture it is shown whole.
    county.page.set_viewport_size({"width": 1280, "height": 1660})
    take(county, "decide", height=1660)
    county.page.set_viewport_size({"width": 1280, "height": 900})
    school.open("/plans/mine?status=approved")
    school.row("已通过").get_by_role("link").first.click()
    take(school, "plan", height=1500)
    school.open("/plans/mine?status=returned")
    school.press("按意见修改", where=school.row("待修改").first)
    take(school, "plan-returned", height=1900)
    province = desk("province")
    province.open("/plans/board")
    take(province, "board", height=760)
    county.open("/plans/projects")
    county.page.get_by_role("link", name="县级骨干教师集中培训").click()
    county.attach("名单文件", "roster_with_errors.xlsx")
    county.press("上传并检查")
    take(county, "project", height=1400)

    show_credits(teacher)
    take(teacher, "credits", height=1300)
    phone = desk("teacher.li", phone=True)
    show_credits(phone)
    take(phone, "credits-phone", height=1500)

    manager = desk("manager.donghu")
    manager.open("/accounts/letters")
    take(manager, "letters", height=640)
    manager.press(first_link(manager, "桃苑小学"))
    expect(manager.page.locator(".xf-scan-page img").first).to_have_js_property("complete", True)
    for question in manager.page.get_by_role("group").filter(has=manager.page.get_by_role("radio")).all()[:5]:
        question.get_by_label("是", exact=True).check()
    take(manager, "letter", height=1300)


def fill_plan_form(school: Desk) -> None:
    """A form that is being filled in: two items, live sums."""
    school.open("/plans/new")
    school.type("方案名称", f"{YEAR} 学年校本研修方案（补充）")
    school.type("目标与要求", "以课例研究促进课堂改进，覆盖全体在岗教师，每人每学年不少于 20 学时。")
    items = (("校本培训", "新课标专题校本培训", "20", "10"), ("其他形式", "读书沙龙", "15", "12"))
    for number, (kind, title, hours, rate) in enumerate(items):
        if number:
            school.press("增加一个项目")
        row = school.page.locator("[data-row]").nth(number)
        school.type("形式", kind, row)
        school.type("项目名称", title, row)
        school.type("负责人", "教导处", row)
        school.type("学时", hours, row)
        school.type("学分折算标准", rate, row)
        school.type("开始日期", f"{YEAR[:4]}-1{number + 1}-12", row)
        school.type("结束日期", f"{YEAR[:4]}-1{number + 1}-14", row)
        school.type("考核办法", "出勤与成果考核", row)
        school.type("过程记录要求", "签到表、教案、照片", row)


def show_credits(teacher: Desk) -> None:
    """The page with its newest line opened."""
    teacher.open("/credits/mine")
    teacher.row("省级班主任").locator("summary").click()


def first_link(here: Desk, text: str) -> str:
    """The words of the first link of the row in which that stands."""
    return here.row(text).first.get_by_role("link").first.inner_text()


def take(here: Desk, name: str, height: int) -> None:
    """Writes the picture of what the desk shows, at most that high, once everything on it has arrived."""
    page = here.page
    expect(page.locator(".xf-lazy-wait").filter(visible=True)).to_have_count(0)
    page.evaluate("document.activeElement?.blur(); window.scrollTo(0, 0)")
    page.mouse.move(0, 0)
    width = page.viewport_size["width"] if page.viewport_size else 1280
    whole = int(page.evaluate("document.documentElement.scrollHeight"))
    picture = page.screenshot(full_page=True, clip={"x": 0, "y": 0, "width": width, "height": min(height, whole)})
    assert here.faults == [], here.faults
    target = FOLDER / f"{name}.png"
    target.write_bytes(small(picture))
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size // 1024} KB")


def small(picture: bytes) -> bytes:
    """The PNG in as many colours as fit into `MOST_BYTES`."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    for colours in (256, 128, 64, 32):
        smaller = io.BytesIO()
        image.quantize(colours, dither=Image.Dither.NONE).save(smaller, "PNG", optimize=True)
        if smaller.tell() <= MOST_BYTES:
            return smaller.getvalue()
    raise AssertionError("too large even in 32 colours; make the picture less high")


if __name__ == "__main__":
    main()
