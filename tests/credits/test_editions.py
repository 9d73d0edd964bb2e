"""Editions as data: what is shipped is whole, what is wrong stops the service and says where."""

from __future__ import annotations

import re
import shutil
from datetime import date
from pathlib import Path

import pytest

from services.credits.edition_files import FOLDER, load, shipped
from shared.events.plans import Bucket
from shared.tables import TableError

TRIAL = shipped().named("jx-2018-trial")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped tables to spoil."""
    return Path(shutil.copytree(FOLDER, tmp_path / "editions"))


def spoil(folder: Path, name: str, old: str, new: str) -> None:
    """Replaces text in one table."""
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


TRIAL_FILE, REVISED_FILE = "jx-2018-trial.toml", "jx-revised.toml"
OVERLAY_FILE = "overlays/yujiang-2019.toml"
IN_FORCE = 'title = "修订"\neffective_from = 2023-09-01'
CYCLE = "cycle = { first_start = 2018-09-01, years = 5 }"


@pytest.mark.parametrize(
    ("name", "old", "new", "where"),
    [
        (TRIAL_FILE, "per_year       =", "per_yeer =", "jx-2018-trial.toml: minimums.per_yeer: 没有这个字段"),
        (TRIAL_FILE, "closes_after = { value = 91", "closes_after = { value = 91.5", "value: 应为整数天"),
        (TRIAL_FILE, "value = 1.5", "value = -1.5", "jx-2018-trial.toml: pots.0.cap_year.value: 应不小于 0"),
        (
            TRIAL_FILE,
            'value = 10, rule = "R-20"',
            'value = 0, rule = "R-20"',
            "rates.0.hours_per_credit.value: 应大于 0",
        ),
        (TRIAL_FILE, "first_start = 2018-09-01", 'first_start = "2018-09-01"', "cycle.first_start: 应为日期"),
        (TRIAL_FILE, '["degree_upgrade"]', '["fallback_training"]', "pots.1.categories: fallback_training 已在"),
        (TRIAL_FILE, 'id = "jx-2018-trial"', 'id = "jx-2018"', "jx-2018-trial.toml: id: 应与文件名一致"),
        (TRIAL_FILE, "{ seconded = true }", "{ second = true }", "persons.1.when.second: 没有这个字段"),
        (REVISED_FILE, 'title = "修订"', IN_FORCE, "jx-revised.toml: cycle: 施行中的版本必须写明培训周期"),
        (
            REVISED_FILE,
            'title = "修订"',
            f"{IN_FORCE}\n{CYCLE}",
            "jx-revised.toml: effective_from: 2023-09-01 时 jx-2018-trial.toml 仍在施行",
        ),
        (OVERLAY_FILE, 'parent = "jx-2018-trial"', 'parent = "jx"', "yujiang-2019.toml: parent: 没有名为 jx"),
        (OVERLAY_FILE, "factor =", "faktor =", "yujiang-2019.toml: factors.0.faktor: 没有这个字段"),
    ],
)
def test_a_wrong_table_names_file_and_key(folder: Path, name: str, old: str, new: str, where: str) -> None:
    spoil(folder, name, old, new)
    with pytest.raises(TableError, match=re.escape(where)):
        load(folder)


def test_editions_may_follow_each_other(folder: Path) -> None:
    since = "effective_from = 2018-09-01"
    spoil(folder, TRIAL_FILE, since, f"{since}\neffective_to = 2028-08-31")
    later = f"{IN_FORCE}\n{CYCLE}".replace("2023-09-01", "2028-09-01")
    spoil(folder, REVISED_FILE, 'title = "修订"', later)
    editions = load(folder)
    before, after = editions.on(date(2028, 8, 31)), editions.on(date(2028, 9, 1))
    assert (before and before.id, after and after.id) == ("jx-2018-trial", "jx-revised")


def test_the_revised_edition_is_not_in_force_and_copies_no_figure() -> None:
    revised = shipped().named("jx-revised")
    assert not revised.in_force(date(2030, 1, 1))
    assert all(revised.minimum(bucket) is None for bucket in Bucket)
    assert not revised.rates


@pytest.mark.parametrize(
    ("school_year", "number"),
    [(2017, None), (2018, 2018), (2022, 2018), (2023, 2023), (2026, 2023), (2028, 2028)],
)
def test_cycles_are_five_school_years(school_year: int, number: int | None) -> None:
    cycle = TRIAL.cycle_of(school_year)
    assert (cycle.number if cycle else None) == number


def test_border_days_of_the_cycle() -> None:
    today = shipped().cycle_at(date(2026, 11, 24))
    assert today is not None
    cycle = today[1]
    assert (cycle.start, cycle.end, cycle.title) == (date(2023, 9, 1), date(2028, 8, 31), "2023—2028 周期")
    assert list(cycle.school_years) == [2023, 2024, 2025, 2026, 2027]
    assert cycle.school_year_of(date(2027, 8, 31)) == 2026
    assert cycle.school_year_of(date(2027, 9, 1)) == 2027
    assert not cycle.ended(date(2028, 8, 31))
    assert cycle.ended(date(2028, 9, 1))
    assert shipped().cycle_at(date(2018, 8, 31)) is None


def test_an_overlay_holds_for_what_its_county_organises() -> None:
    editions = shipped()
    found = editions.overlay(TRIAL, "360000/360600/360603/3606030001/")
    assert found is not None
    assert found.id == "yujiang-2019"
    assert editions.overlay(TRIAL, "360000/360100/360102/") is None
    assert editions.overlay(TRIAL, "360000/") is None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("cap_year  = { value = 1.5", "cap_year  = { value = -1", "pots.0.cap_year.value"),
        ('unit = "次"', 'unitt = "次"', "items.2.unitt"),
        ("[cycle]\n", "[cykle]\n", "cykle"),
    ],
)
def test_a_wrong_table_names_the_line(folder: Path, old: str, new: str, words: str) -> None:
    spoil(folder, TRIAL_FILE, old, new)
    line = (folder / TRIAL_FILE).read_text("utf-8").split(new)[0].count("\n") + 1
    with pytest.raises(TableError) as caught:
        load(folder)
    (told,) = [told for told in str(caught.value).splitlines() if words in told]
    assert told.endswith(f"（第 {line} 行）")
