"""The tables that officials change: routes and categories; and the content of a plan with its checks."""

from __future__ import annotations

import ast
import tomllib
from contextlib import nullcontext
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from services.plans import categories, needs, routes
from services.plans.acts import ACTS
from services.plans.approval import checks
from services.plans.approval import content as contents
from services.plans.calendar.rules import CHINA, WorkCalendar, shipped
from services.plans.routes import route_in_force
from services.plans.terms import DAY, bounds, first_year, school_year_of
from services.plans.workflow import Brought, Position, Status
from shared.actors import Level
from shared.errors import Conflict
from shared.tables import TableError
from tests.plans import walking


@pytest.mark.parametrize(
    ("affiliation", "levels"),
    [
        (Level.COUNTY, ["county", "district", "province"]),
        (Level.DISTRICT, ["district", "province"]),
        (Level.PROVINCE, ["province"]),
    ],
)
def test_stages_follow_from_who_runs_the_school(affiliation: Level, levels: list[str]) -> None:
    route = route_in_force("school_plan", date(2026, 9, 1), "360000/")
    assert [stage.level for stage in route.stages_of(affiliation)] == levels


def test_no_route_before_the_first_version() -> None:
    with pytest.raises(LookupError):
        route_in_force("school_plan", date(2018, 8, 31), "360000/")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('office = "plan_review"', 'office = "plan_reviewer"'), "office"),
        (('level = "county"', 'level = "town"'), "level"),
        (('name = "district_review"', 'name = "county_review"'), "same name"),
        (("since = 2018-09-01", 'since = "soon"'), "since"),
        (('act = "filing"', 'akt = "filing"'), "akt"),
        (("limit = 10", "limit = 0"), "limit"),
        (('signs = ["substance", "evidence"]', 'signs = ["colour"]'), "signs"),
        (('signs = ["substance"]', "signs = []"), "signs"),
    ],
)
def test_a_wrong_line_stops_the_service(
    change: tuple[str, str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "routes.toml"
    broken.write_text(routes.TABLE.read_text(encoding="utf-8").replace(change[0], change[1], 1), encoding="utf-8")
    monkeypatch.setattr(routes, "TABLE", broken)
    with pytest.raises(TableError, match=words):
        routes.routes.__wrapped__()


PREVIEWS = [
    ("county_training", "centralized", "60", True, None, "6.0", "60 学时 ÷ 10（集中培训）= 6.0 学分，计入统筹"),
    ("county_training", "online", "50", True, None, "2.5", "50 学时 ÷ 20（网络研修）"),
    ("county_training", "centralized", "60", False, None, "0.0", "未勾选折算"),
    ("school_training", "centralized", "20", True, "12.5", "1.6", "方案自定标准"),
    ("fallback_training", "online", "60", True, None, "3.0", "每学年最多计 1.5 学分"),
    ("full_staff_training", "online", "60", True, None, None, "待省厅明确"),
]


@pytest.mark.parametrize(("key", "mode", "hours", "convert", "rate", "credits", "words"), PREVIEWS)
def test_preview(
    key: str, mode: str, hours: str, convert: bool, rate: str | None, credits: str | None, words: str
) -> None:
    found = categories.preview(
        categories.categories()[key], mode, Decimal(hours), convert, Decimal(rate) if rate else None
    )
    assert (str(found.credits) if found.credits is not None else None) == credits
    assert words in found.sentence
    assert found.sentence.endswith("以学分服务按当前版本折算为准。")


def test_r25_the_preview_knows_the_factor_that_a_county_has() -> None:
    county = categories.categories()["county_training"]

    def worth(programme: str, mode: str = "centralized", path: str = "360000/360600/360603/") -> str:
        return str(categories.preview(county, mode, Decimal(40), True, None, programme, path).credits)

    assert (worth("headmaster"), worth("general"), worth("headmaster", "online")) == ("2.0", "4.0", "2.0")
    assert worth("headmaster", path="360000/360100/360102/") == "4.0"
    found = categories.preview(county, "centralized", Decimal(40), True, None, "headmaster", "360000/360600/360603/")
    assert "40 学时 × 0.5（校长研修，本地规定）÷ 10（集中培训）= 2.0 学分" in found.sentence
    # It says the same as the overlay of credits, by which the credits are converted in the end.
    told = categories.TABLE.parents[1] / "credits" / "editions" / "overlays" / "yujiang-2019.toml"
    overlay = tomllib.loads(told.read_text(encoding="utf-8"))
    ours = tomllib.loads(categories.TABLE.read_text(encoding="utf-8"))["conversion_preview"]["factors"]
    theirs = [(f["programme"], f["mode"], overlay["region"], f["factor"]["value"]) for f in overlay["factors"]]
    assert [(f["programme"], f["mode"], f["region"], float(f["factor"])) for f in ours] == theirs


def test_self_organized_training_is_the_schools_and_needs_a_plan() -> None:
    for category in categories.categories().values():
        of_school = category.bucket == "self_organized"
        assert (category.publishers == (Level.SCHOOL,)) is of_school
        if of_school:
            assert category.needs_plan == "school_plan"
            assert set(category.item_kinds) <= set(contents.ITEM_KINDS)


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("2026-2027", 2026), ("2026-2028", None), ("2026", None), ("26-27", None), ("", None),
        ("2026-2027\n", None), ("２０２６-２０２７", None), ("2026-202７", None), ("2099-2100", None),
    ],
)  # fmt: skip
def test_school_years(text: str, year: int | None) -> None:
    assert first_year(text) == year


@pytest.mark.parametrize("extra", [timedelta(0), timedelta(minutes=1)])
def test_a_reminder_waits_for_a_working_day_as_the_calendar_has_it(extra: timedelta) -> None:
    morning = datetime(2026, 3, 2, 9, tzinfo=CHINA)
    day = WorkCalendar(shipped()).elapsed(morning, morning.replace(hour=0) + timedelta(days=1))
    assert day == DAY
    node = (Position(Status.UNDER_REVIEW, "county_review"), frozenset[str](), False, None, (), None)
    state = walking.state_of(node, walking.ROUTES["school_plan.v1-county"])
    needed = nullcontext() if extra else pytest.raises(Conflict, match="还不满 1 个工作日")
    with needed:
        needs.require(ACTS["remind"], state, Brought(waited=day + extra))


def test_a_school_year_begins_in_september() -> None:
    assert school_year_of(date(2026, 8, 31)) == "2025-2026"
    assert school_year_of(date(2026, 9, 1)) == "2026-2027"
    assert bounds("2026-2027") == (date(2026, 9, 1), date(2027, 8, 31))


def test_an_overlay_holds_under_its_region_and_the_newest_version_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = routes.TABLE.read_text(encoding="utf-8")
    stage = text[text.index("[[school_plan.v1.stages]]") : text.index('signs = ["substance", "evidence"]')]
    stage = stage.replace("school_plan.v1.stages", "school_plan.v1.regions.360700.stages") + 'signs = ["substance"]\n'
    later = "[school_plan.v2]\nsince = 2027-09-01\n" + stage.replace("v1.regions.360700", "v2")
    table = tmp_path / "routes.toml"
    table.write_text(text + "\n" + stage + "\n" + later, encoding="utf-8")
    monkeypatch.setattr(routes, "TABLE", table)
    found = routes.routes.__wrapped__()
    monkeypatch.setattr(routes, "routes", lambda: found)
    on = date(2026, 9, 1)
    assert route_in_force("school_plan", on, "360000/360700/360702/1/").key == "school_plan.v1@360700"
    assert route_in_force("school_plan", on, "360000/360100/").key == "school_plan.v1"
    # A submission keeps the version under which it was submitted: that one is still there.
    assert route_in_force("school_plan", date(2027, 9, 1), "360000/360700/").key == "school_plan.v2"
    assert "school_plan.v1@360700" in found


def test_no_label_button_or_sentence_says_refused_without_saying_by_what() -> None:
    """Features, section 3: there is no 驳回. Comments and docstrings may say so; what a user reads may not."""
    root = Path(routes.__file__).parents[2]
    files = [p for top in ("services", "shared/ui") for p in (root / top).rglob("*") if p.suffix in TEXTS]
    assert len(files) > 100
    said = [path for path in files if "驳回" in _read_by_users(path)]
    assert said == []


TEXTS = {".py", ".html", ".toml", ".js", ".typ"}


def _read_by_users(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        tree = ast.parse(text)
        docs = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        strings = [n for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        return "\n".join(str(n.value) for n in strings if id(n) not in docs)
    if path.suffix == ".toml":
        return "\n".join(line.partition("#")[0] for line in text.splitlines())
    return text


ITEM = contents.Item(
    id="i1",
    kind="school_training",
    title="专题培训",
    hours=Decimal(20),
    hours_per_credit=Decimal(10),
    held_from=date(2026, 10, 1),
    held_to=date(2026, 10, 2),
    responsible="教导处",
    assessment="考核",
    records="签到表",
)
FILE = contents.Attachment(id="a1", name="方案.pdf", media_type="application/pdf", size=9, sha256="ab" * 32)
CONTENT = contents.Content(
    kind="school_plan",
    unit_path="36/1/2/3/",
    school_year="2026-2027",
    title="方案",
    aims="目标",
    items=(ITEM,),
    attachments=(FILE,),
)
CHANGES = [
    replace(CONTENT, title="方案 "),
    replace(CONTENT, items=(replace(ITEM, hours=Decimal("20.01")),)),
    replace(CONTENT, items=(replace(ITEM, held_to=None),)),
    replace(CONTENT, items=()),
    replace(CONTENT, attachments=(replace(FILE, sha256="cd" * 32),)),
    replace(CONTENT, attachments=()),
]


@pytest.mark.parametrize("changed", CHANGES)
def test_any_change_changes_the_digest(changed: contents.Content) -> None:
    assert changed.digest() != CONTENT.digest()


def test_a_frozen_version_comes_back_with_the_same_digest() -> None:
    again = contents.load(CONTENT.dump())
    assert again.digest() == CONTENT.digest()
    assert (again.hours, again.credits) == (20, 2)
    # The database gives 20.0 where the form gave 20: the same figure, the same digest.
    assert replace(CONTENT, items=(replace(ITEM, hours=Decimal("20.0")),)).digest() == CONTENT.digest()


def of_items(*items: contents.Item) -> contents.Content:
    """The content with other items."""
    return replace(CONTENT, items=items)


AROUND = checks.Surroundings(today=date(2026, 10, 1), unit_kind="primary")
SCHEME = replace(
    CONTENT, kind="fallback_scheme", forecast=contents.Forecast(teachers=3, shortfall=Decimal(9), basis="预判")
)
FINDINGS = [
    (replace(CONTENT, school_year="2024-2025"), "YEAR_CLOSED", True),
    (of_items(replace(ITEM, hours=Decimal(101))), "TOTALS_BEYOND", False),
    (of_items(replace(ITEM, kind="workshop")), "WORKSHOP_LEVEL_MISSING", False),
    (of_items(replace(ITEM, assessment=" ")), "ASSESSMENT_MISSING", False),
    (replace(CONTENT, covers=(contents.Cover(unit_path="36/", name="某教学点", kind="x"),)), "JOINT_PLAN", False),
    (replace(SCHEME, forecast=None), "FORECAST_MISSING", True),
    (replace(SCHEME, attachments=()), "FORECAST_LIST_MISSING", True),
    (of_items(replace(ITEM, hours_per_credit=Decimal("9.9"))), "PLAN_STANDARD_BELOW_COUNTY", True),
    (of_items(replace(ITEM, kind="other", hours_per_credit=Decimal(5))), "PLAN_STANDARD_BELOW_COUNTY", True),
    (of_items(replace(ITEM, kind="other")), "OWN_STANDARD", False),
    (replace(CONTENT, aims=" "), "AIMS_MISSING", True),
    (of_items(), "ITEMS_MISSING", True),
    (of_items(replace(ITEM, held_to=date(2026, 9, 1))), "DATES_REVERSED", True),
    (of_items(replace(ITEM, held_to=date(2027, 9, 1))), "DATES_OUTSIDE_YEAR", False),
    (of_items(replace(ITEM, held_to=None)), "DATES_MISSING", False),
    (of_items(replace(ITEM, records="")), "RECORDS_MISSING", False),
    (of_items(ITEM, replace(ITEM, id="i2")), "ITEM_DOUBLED", False),
]


@pytest.mark.parametrize(("content", "code", "blocking"), FINDINGS)
def test_checks_find_it(content: contents.Content, code: str, blocking: bool) -> None:
    found = [finding for finding in checks.check(content, AROUND) if finding.code == code]
    assert len(found) == 1
    assert found[0].blocking is blocking


@pytest.mark.parametrize(
    ("around", "code"),
    [
        (replace(AROUND, unit_kind="village_school"), "VILLAGE_SCHOOL"),
        (replace(AROUND, same_year=("F2026-1-01",)), "PLAN_DOUBLED"),
        (replace(AROUND, like_last_year=True), "LIKE_LAST_YEAR"),
    ],
)
def test_checks_find_what_lies_around_it(around: checks.Surroundings, code: str) -> None:
    assert [(finding.code, finding.blocking) for finding in checks.check(CONTENT, around)] == [(code, False)]


def test_a_good_plan_has_no_findings_and_a_stricter_rate_is_allowed() -> None:
    stricter = replace(CONTENT, items=(replace(ITEM, hours_per_credit=Decimal(12)),))
    assert checks.check(stricter, AROUND) == []


def test_points_may_be_tied_to_every_field_and_file() -> None:
    places = CONTENT.places()
    assert places[("items", "items.0.hours_per_credit")] == "项目 1“专题培训” · 学分折算标准"
    assert places[("attachments", "a1")] == "附件“方案.pdf”"
    assert ("items", "items.1.hours") not in places
