"""The sample province is what it claims to be, and the files in tests/data fit it."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from PIL import Image, ImageChops
from python_calamine import load_workbook
from stdnum import numdb

from services.accounts.sample import DEMO_COUNTY, SampleProvince, SampleUnit, sample_province
from shared.actors import Level, Office, ancestors
from shared.errors import Invalid
from shared.identity import birth_date, normalize_identity

TESTS = Path(__file__).parents[1]
DATA = TESTS / "data"
ROLES = tomllib.loads((TESTS.parent / "services/accounts/roles.toml").read_text(encoding="utf-8"))
DEMO_PATH = f"360000/360100/{DEMO_COUNTY}/"
COUNTIES = {
    "360100": 9, "360200": 4, "360300": 5, "360400": 13, "360500": 2, "360600": 3,
    "360700": 18, "360800": 13, "360900": 10, "361000": 11, "361100": 12,
}  # fmt: skip
KINDS = {
    "province", "district", "county", "primary", "junior", "senior", "nine_year", "central_school",
    "village_school", "one_teacher_school", "kindergarten", "special_school", "vocational_school",
    "county_training_school", "provider",
}  # fmt: skip


@pytest.fixture(scope="module")
def sample() -> SampleProvince:
    return sample_province()


@pytest.fixture(scope="module")
def units(sample: SampleProvince) -> dict[str, SampleUnit]:
    """By path."""
    return {unit.path: unit for unit in sample.units}


def register_name(code: str) -> str | None:
    """The name that the GB/T 2260 table of python-stdnum gives to the code today, or None."""
    entries = [props["county"] for _, props in numdb.get("cn/loc").info(code) if "county" in props]
    if not entries:
        return None
    latest: str = entries[0].split(",")[-1]
    years, _, name = latest.rpartition("]")
    return name if not years or years.endswith("-") else None


def area_of(account_path: str, role: str) -> str:
    """The path of the area in which the offices of the role hold."""
    lowest_first = list(ancestors(account_path))
    return lowest_first[0] if ROLES[role]["area"] == "own" else lowest_first[1]


def holders(sample: SampleProvince, office: Office, path: str) -> set[str]:
    """Usernames in post for exactly that area."""
    return {
        account.username
        for account in sample.accounts
        if office in ROLES[account.role]["offices"] and area_of(account.unit_path, account.role) == path
    }


def test_two_calls_are_equal() -> None:
    assert sample_province() == sample_province()


def test_districts_and_counties_are_those_of_the_code_table(sample: SampleProvince) -> None:
    listed = {unit.code: unit.name for unit in sample.units if unit.level in (Level.DISTRICT, Level.COUNTY)}
    # 01 is 市辖区, the sum of a city's districts and no unit of its own.
    codes = [f"36{d:02d}{c:02d}" for d in range(1, 12) for c in range(100) if c != 1]
    assert listed == {code: name for code in codes if (name := register_name(code))}
    counted = Counter(unit.path.split("/")[1] for unit in sample.units if unit.level is Level.COUNTY)
    assert counted == COUNTIES
    assert counted.total() == 100


def test_paths_hang_together(sample: SampleProvince, units: dict[str, SampleUnit]) -> None:
    assert len(units) == len(sample.units) == len({unit.code for unit in sample.units})
    seen: set[str] = set()
    for unit in sample.units:
        own, *above = ancestors(unit.path)
        assert own == unit.path
        assert set(above) <= seen, f"{unit.path} comes before a unit above it"
        seen.add(own)
        if unit.level is Level.SCHOOL:
            assert unit.code[:-4] == units[above[0]].code
        assert unit.kind in KINDS
        assert (unit.level == unit.kind) == (unit.level is not Level.SCHOOL)
        assert unit.phone.split("-")[1].startswith("0000")
    assert {unit.kind for unit in sample.units} == KINDS


def test_a_county_has_central_village_and_one_teacher_school(sample: SampleProvince) -> None:
    kinds = {unit.kind for unit in sample.units if "/360124/" in unit.path}
    assert {"central_school", "village_school", "one_teacher_school", "county_training_school"} <= kinds


def test_identity_numbers_are_valid_unique_and_nobodys(sample: SampleProvince) -> None:
    for person in sample.people:
        assert normalize_identity(person.identity) == person.identity
        assert person.identity[14:17] == "000"
        assert person.retires_on == birth_date(person.identity).replace(year=int(person.identity[6:10]) + 60)
    assert len({person.identity for person in sample.people}) == len(sample.people)
    assert len({person.person_id for person in sample.people}) == len(sample.people)
    assert len({person.name for person in sample.people}) == len(sample.people)
    assert {len(person.person_id) for person in sample.people} == {36}


def test_people_work_where_their_stage_is_taught(sample: SampleProvince, units: dict[str, SampleUnit]) -> None:
    for person in sample.people:
        unit = units[person.unit_path]
        assert (person.stage in unit.stages) if unit.stages else person.stage is None
        assert (person.subject is None) == (person.stage is None)


def test_the_cases_are_there(sample: SampleProvince) -> None:
    assert {person.kind for person in sample.people} == {
        "in_service",
        "education_authority_staff",
        "seconded_to_authority",
        "contracted_pre_graduation",
    }
    assert any(p.kind == "education_authority_staff" and p.certificate_subject for p in sample.people)
    assert [p.hired_on for p in sample.people if p.hired_on and not p.formal_appointment_on] == [date(2026, 9, 1)]
    assert [p.retires_on for p in sample.people if p.retires_on and p.retires_on <= date(2028, 8, 31)] == [
        date(2027, 10, 1)
    ]
    assert {"䶮", "㛃"} <= set("".join(p.name for p in sample.people))
    assert any(p.subject != p.certificate_subject for p in sample.people if p.stage)


def test_accounts_fit_the_roles(sample: SampleProvince, units: dict[str, SampleUnit]) -> None:
    assert len({account.username for account in sample.accounts}) == len(sample.accounts)
    people = {person.person_id: person for person in sample.people}
    for account in sample.accounts:
        role = ROLES[account.role]
        assert account.username.isascii()
        assert people[account.person_id].unit_path == account.unit_path
        assert units[account.unit_path].kind in role["unit_kinds"]
        assert units[area_of(account.unit_path, account.role)].level in role["levels"]
    assert {account.role for account in sample.accounts} == set(ROLES)


def test_roles_name_known_offices_and_kinds() -> None:
    for role in ROLES.values():
        assert role["offices"]
        assert set(role["offices"]) <= set(Office)
        assert set(role["levels"]) <= set(Level)
        assert set(role["unit_kinds"]) <= KINDS
        assert set(role["stamped_by"]) <= {"own", "parent"}
    assert {office for role in ROLES.values() for office in role["offices"]} == set(Office)


def test_the_demo_route_is_staffed(sample: SampleProvince) -> None:
    for path in ancestors(DEMO_PATH):
        for office in (Office.PLAN_REVIEW, Office.RESULT_AUDIT, Office.ACCOUNT_MANAGER):
            assert holders(sample, office, path), f"nobody holds {office} at {path}"
    publishers = holders(sample, Office.PROJECT_ADMIN, DEMO_PATH)
    assert all(holders(sample, Office.RESULT_AUDIT, DEMO_PATH) - {one} for one in publishers)
    assert len(holders(sample, Office.PLAN_REVIEW, DEMO_PATH)) >= 2


def test_a_training_school_acts_where_the_data_say_so(sample: SampleProvince, units: dict[str, SampleUnit]) -> None:
    acting = {(body.area_path, body.office): body.body_path for body in sample.bodies}
    assert {units[path].kind for path in acting.values()} == {"county_training_school"}
    for (area, office), body in acting.items():
        assert body.startswith(area)
        in_post = holders(sample, office, area)
        assert {account.unit_path for account in sample.accounts if account.username in in_post} == {body}


def sheet(name: str) -> list[Any]:
    """The rows of the list, the header first."""
    return list(load_workbook(DATA / name).get_sheet_by_name("名单").to_python())


def test_the_roster_names_two_hundred_teachers_of_the_demo_county(sample: SampleProvince) -> None:
    register = {p.identity: p for p in sample.people if p.unit_path.startswith(DEMO_PATH)}
    rows = sheet("roster.xlsx")[1:]
    assert len(rows) == len({row[0] for row in rows}) == 200
    assert all(register[str(row[0])].name == row[1] and row[2] == 60 for row in rows)
    assert Counter(row[3] for row in rows) == {"合格": 198, "不合格": 2}
    accounts = {account.username: account.person_id for account in sample.accounts}
    results = {register[str(row[0])].person_id: row[3] for row in rows}
    assert (results[accounts["teacher.li"]], results[accounts["teacher.xu"]]) == ("合格", "不合格")


def test_each_error_in_the_roster_is_where_the_list_says() -> None:
    expected = json.loads((DATA / "roster_with_errors.json").read_text(encoding="utf-8"))
    right, wrong = sheet("roster.xlsx"), sheet("roster_with_errors.xlsx")
    differing = {row for row, pair in enumerate(zip(right, wrong, strict=True), 1) if pair[0] != pair[1]}
    assert {error["row"] for error in expected} == differing
    cells = {error["cause"]: wrong[error["row"] - 1]["ABCDE".index(error["column"])] for error in expected}
    assert len(cells) == len(expected) == 9
    for cause in ("wrong_check_digit", "turned_into_number"):
        keyword = next(error["keyword"] for error in expected if error["cause"] == cause)
        with pytest.raises(Invalid, match=keyword):
            normalize_identity(str(cells[cause]))
    assert isinstance(cells["turned_into_number"], float)
    assert normalize_identity(str(cells["unknown_person"]))


def test_the_letter_is_that_of_somebody_in_the_register(sample: SampleProvince) -> None:
    facts = json.loads((DATA / "letter.json").read_text(encoding="utf-8"))
    person = next(person for person in sample.people if person.person_id == facts["person_id"])
    assert (person.name, person.identity) == (facts["person"], facts["identity"])
    assert person.unit_path.endswith(f"/{facts['unit_code']}/")
    assert person.person_id not in {account.person_id for account in sample.accounts}
    with Image.open(DATA / "letter.jpg") as scan:
        assert (scan.format, scan.mode) == ("JPEG", "RGB")
        # The lower half only: the school's name at the top is red too.
        red, green, _ = scan.resize((413, 585)).crop((0, 292, 413, 585)).split()
        # Clearly more red than green: neither paper nor print, on a scan that is not grey.
        reds = sum(ImageChops.subtract(red, green).histogram()[70:])
    assert reds > 500, "the seal is not red any more"


def test_hostile_files_are_what_their_names_say() -> None:
    hostile = DATA / "hostile"
    with pytest.raises(pikepdf.PasswordError):
        pikepdf.open(hostile / "encrypted.pdf")
    with pikepdf.open(hostile / "openaction.pdf") as pdf:
        assert pdf.Root.OpenAction.S == "/JavaScript"
    with pikepdf.open(hostile / "eleven_pages.pdf") as pdf:
        assert len(pdf.pages) == 11
    assert (hostile / "empty.pdf").stat().st_size == 0
    header = (hostile / "bomb.png").read_bytes()[16:24]
    assert int.from_bytes(header[:4]) * int.from_bytes(header[4:]) > 100_000_000
    assert (hostile / "zip_named.pdf").read_bytes().startswith(b"PK")
    assert (hostile / "svg_named.png").read_bytes().startswith(b"<svg")


def test_the_files_stay_small() -> None:
    assert sum(path.stat().st_size for path in DATA.rglob("*")) < 4_000_000
