"""Units of the sample province, read from `jiangxi.toml` and `schools.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.actors import Level

HERE = Path(__file__).parent
DEMO_COUNTY = "360102"
"""Code of 南昌市东湖区, where the demonstration happens and most of the teachers are."""


@dataclass(frozen=True, slots=True)
class SampleUnit:
    """One unit. A list of them has every unit after the one above it."""

    path: str
    name: str
    level: Level
    kind: str
    """province, district, county, primary, junior, senior, nine_year, central_school, village_school,
    one_teacher_school, kindergarten, special_school, vocational_school, county_training_school, provider."""
    body: str
    """Who acts for it, in full: the bureau of an area, the school itself."""
    phone: str
    stages: tuple[str, ...] = ()
    """School stages taught there: kindergarten, primary, junior, senior, vocational."""
    teachers: int = 0
    """How many teachers are made up besides those who are named."""

    @property
    def code(self) -> str:
        """The unit's own code: the last part of the path."""
        return self.path.rstrip("/").rsplit("/", 1)[-1]


def load(name: str) -> dict[str, Any]:
    """The TOML file of that name beside this one."""
    return tomllib.loads((HERE / name).read_text(encoding="utf-8"))


def sample_units() -> tuple[SampleUnit, ...]:
    """The province, its districts, counties, schools, the provider; those above come before those below."""
    tables = load("jiangxi.toml")
    top = tables["province"]
    province = SampleUnit(f"{top['code']}/", top["name"], Level.PROVINCE, "province", top["authority"], top["phone"])
    units = {province.code: province}
    for code, district in tables["districts"].items():
        path = f"{province.path}{code}/"
        name, area_code = district["name"], district["area_code"]
        units[code] = SampleUnit(path, name, Level.DISTRICT, "district", f"{name}教育局", f"{area_code}-0000{code[2:]}")
        for county_code, county in district["counties"].items():
            # A 区 is only known together with its city: other cities may have one of the same name.
            full_name = f"{name}{county}" if county.endswith("区") else county
            units[county_code] = SampleUnit(
                f"{path}{county_code}/",
                county,
                Level.COUNTY,
                "county",
                f"{full_name}教育体育局",
                f"{area_code}-0000{county_code[2:]}",
            )
    for school in load("schools.toml")["schools"]:
        code, name = school["code"], school["name"]
        units[code] = SampleUnit(
            path=f"{units[code[:-4]].path}{code}/",
            name=name,
            level=Level.SCHOOL,
            kind=school["kind"],
            body=name,
            phone=school["phone"],
            stages=tuple(school["stages"]),
            teachers=school["teachers"],
        )
    return tuple(units.values())


def acting_bodies() -> dict[str, str]:
    """Code of a county -> code of the training school that acts for it instead of the bureau (FAQ-Q15)."""
    return dict(load("jiangxi.toml")["acting_bodies"])
