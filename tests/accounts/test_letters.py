"""The checks on letters: the table that officials may change, and what follows from the answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from services.accounts import letters
from services.accounts.intake.queries import differences
from services.accounts.kinds import LetterKind, UnitKind
from services.accounts.letters import TABLE, Facts, checks_for, failed, hints, obstacles, sentence
from services.accounts.roles import ROLES, Role, load_roles, offices_given
from shared.actors import Level, Office
from shared.tables import TableError

FACTS = Facts(
    stamped_by="南昌市东湖区听涛中学",
    register_name="南昌市东湖区听涛高级中学",
    stamp_owners=("南昌市东湖区听涛高级中学", "南昌市东湖区教育体育局"),
    role="学校管理员",
    dated=date(2026, 11, 16),
    received=date(2026, 11, 20),
    duplicates=(),
    person="程若川",
    handler="南昌市东湖区教育体育局",
)
CHECKS = checks_for(LetterKind.NEW_HOLDER, ROLES["school_admin"])
ALL_YES = {check.key: "yes" for check in CHECKS}


def test_every_kind_and_role_has_the_checks_of_the_specification() -> None:
    for kind in LetterKind:
        for role in ROLES.values():
            keys = {check.key for check in checks_for(kind, role)}
            assert {"seal_clear", "seal_matches", "seal_entitled", "contact", "date", "person_role"} <= keys
            assert ("call_back" in keys) == role.high_privilege
            assert ("founding" in keys) == (kind is LetterKind.NEW_DISTRICT)
            assert ("unit_name" in keys) == (kind is not LetterKind.NEW_DISTRICT)


def test_every_sentence_can_be_filled_in() -> None:
    for check in TABLE.checks:
        assert "{" not in sentence(check, FACTS)
    told = next(check for check in TABLE.checks if check.key == "unit_name")
    assert sentence(told, FACTS).startswith("落款单位“南昌市东湖区听涛中学”与名册“南昌市东湖区听涛高级中学”不一致")


def test_only_when_all_are_yes_nothing_stands_against_it() -> None:
    assert obstacles(CHECKS, ALL_YES, {}, FACTS) == []
    for check in CHECKS:
        for answer in (None, "no", "not_applicable"):
            answers = {**ALL_YES, check.key: answer}
            found = obstacles(CHECKS, {k: a for k, a in answers.items() if a}, {}, FACTS)
            assert len(found) == 1, f"{check.key} = {answer}"
            assert check.label in found[0]


def test_not_applicable_is_enough_where_a_check_is_not_required() -> None:
    checks = [replace(CHECKS[0], required=False), *CHECKS[1:]]
    assert obstacles(checks, {**ALL_YES, CHECKS[0].key: "not_applicable"}, {}, FACTS) == []


def test_a_look_alike_needs_a_reason() -> None:
    facts = replace(FACTS, duplicates=("L2026-000007",))
    assert "L2026-000007" in obstacles(CHECKS, ALL_YES, {}, facts)[0]
    assert obstacles(CHECKS, ALL_YES, {"not_duplicate": "前函已撤回"}, facts) == []


def test_a_returned_letter_lists_exactly_the_noes() -> None:
    answers = {**ALL_YES, "seal_clear": "no", "date": "no"}
    points = failed(CHECKS, answers, {"seal_clear": "第 1 页印章太淡。", "contact": "电话已核对"}, FACTS)
    assert [(point["check"], point["text"]) for point in points] == [
        ("seal_clear", "第 1 页印章太淡。"),
        ("date", "落款日期 2026-11-16 不在 90 日内，请重新出具。"),
    ]


@pytest.mark.parametrize(
    ("dated", "received", "tone"),
    [
        (date(2026, 11, 16), date(2026, 11, 16), "good"),
        (date(2026, 8, 18), date(2026, 11, 16), "good"),
        (date(2026, 8, 17), date(2026, 11, 16), "warn"),
    ],
)
def test_the_hint_on_the_date(dated: date, received: date, tone: str) -> None:
    assert hints(replace(FACTS, dated=dated, received=received), "0791-1")["date"].tone == tone


def test_hints_compare_with_the_register() -> None:
    found = hints(FACTS, "0791-00001003")
    assert found["unit_name"].tone == found["seal_entitled"].tone == "warn"
    parents = hints(replace(FACTS, stamped_by="南昌市东湖区教育体育局"), "0791-00001003")
    assert parents["unit_name"].tone == parents["seal_entitled"].tone == "good"
    spaced = hints(replace(FACTS, stamped_by="南昌市 东湖区听涛高级中学"), "0791-00001003")
    assert spaced["unit_name"].tone == "good"


@pytest.mark.parametrize(
    ("role", "owners"),
    [
        ("school_admin", ("本单位", "上级")),
        ("county_admin", ("本单位",)),
        ("county_training_school_admin", ("上级",)),
    ],
)
def test_who_may_stamp(role: str, owners: tuple[str, ...]) -> None:
    assert letters.stamp_owners(ROLES[role], "本单位", "上级") == owners


def test_differences_are_marked_character_by_character() -> None:
    pieces = differences("南昌市东湖区听涛中学", "南昌市东湖区听涛高级中学")
    assert "".join(text for text, _ in pieces) == "南昌市东湖区听涛中学"
    assert all(same for _, same in pieces)
    assert ("山", False) in differences("程若山", "程若川")
    assert differences("", "程若川") == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("required = true", "required = 7"), "required"),
        (("{stamped_by}", "{stamped}"), "stamped"),
        (('key = "seal_clear"', 'key = "unit_name"'), "twice"),
        (('kinds = ["new_district"]', 'kinds = ["old_district"]'), "kinds"),
        (("valid_days = 90", "valid_days = -1"), "valid_days"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    text = letters.FILE.read_text(encoding="utf-8")
    assert change[0] in text
    broken = tmp_path / "letters.toml"
    broken.write_text(text.replace(*change), encoding="utf-8")
    with pytest.raises(TableError, match=said):
        letters.load_letters(broken)


def test_roles_are_checked_too(tmp_path: Path) -> None:
    broken = tmp_path / "roles.toml"
    for old, new in (
        ('"plan_review"', '"plan_reviews"'),
        ("high_privilege = true", ""),
        ('area = "own"', 'area = "x"'),
    ):
        text = Path(letters.FILE).with_name("roles.toml").read_text(encoding="utf-8")
        broken.write_text(text.replace(old, new, 1), encoding="utf-8")
        with pytest.raises(TableError):
            load_roles(broken)


def test_only_the_body_named_for_an_area_reviews_its_plans() -> None:
    """FAQ-Q15: bureau or training school, as the place decides; other offices either may hold."""
    bureau, school = ROLES["county_admin"], ROLES["county_training_school_admin"]
    named_bureau, named_school = {Office.PLAN_REVIEW: "bureau"}, {Office.PLAN_REVIEW: "school"}

    def reviews(role: Role, unit: str, bodies: dict[Office, str]) -> bool:
        given = set(offices_given(role, unit, bodies))
        assert given | {Office.PLAN_REVIEW} == set(role.offices)
        return Office.PLAN_REVIEW in given

    assert reviews(bureau, "bureau", named_bureau)
    assert not reviews(school, "school", named_bureau)
    assert reviews(school, "school", named_school)
    assert not reviews(bureau, "bureau", named_school)


def test_roles_say_for_which_units_they_are() -> None:
    assert ROLES["school_admin"].refusal(UnitKind.VILLAGE_SCHOOL) is None
    assert "只能由" in (ROLES["school_admin"].refusal(UnitKind.COUNTY) or "")
    assert all(Level.SCHOOL in role.levels for role in ROLES.values() if Office.TEACHER in role.offices)
