"""People and sign-ins of the sample province: those named in `people.toml`, and teachers made up by counting.

The same every time, on every machine: nothing is drawn by chance, the n-th person follows from n alone.
No identity number here is anybody's: the three digits before the check digit are 000,
which is never given out.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from stdnum.cn.ric import calc_check_digit

from services.accounts.sample.units import SampleUnit, acting_bodies, load, sample_units
from shared.actors import Office

NAMESPACE = uuid.UUID("6f0c2a58-3d1b-5e07-9a44-0c1f6d2b8e36")
"""Of the person ids. Never change it: stored samples and tests/data hold ids made with it."""

ACTING_OFFICES = (Office.PLAN_REVIEW, Office.PROJECT_ADMIN, Office.RESULT_AUDIT, Office.CREDIT_ADMIN)
"""What a training school takes over where it acts for its county. Accounts stay with the bureau."""

# Counties as they were coded until 2000, and codes that are in use since 1983: an identity number keeps the code of
# the day on which it was given, so the sample looks as such numbers do.
REGIONS_UNTIL_2000 = (
    "360121", "362226", "362227", "362228", "362232", "362321", "362323", "362326", "362329", "362421",
    "362422", "362425", "362427", "362430", "362522", "362524", "362525", "362528", "362531",
)  # fmt: skip
REGIONS_SINCE_1983 = ("360102", "360103", "360203", "360428", "360502", "360602")

# The lengths 61, 43 and 41 are prime, so that no two people of a sample of this size get the same name.
SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭"
    "陆汪范金石"
)
FIRST = "文明晓春秋雨雪佳思静志建国海江永庆红素玉慧俊宏立德景安云青若子天心如书启承守怀望远小振"
SECOND = "华平芳英兰梅松柏涛波峰岩清洁萍莲琴燕霞珍荣辉斌勇强刚毅诚信仁义礼智娟敏丽婷颖莹琳瑶"

SUBJECTS = {
    "kindergarten": ("学前教育",),
    "primary": ("语文", "数学", "英语", "科学", "道德与法治", "音乐", "体育", "美术", "信息科技"),
    "junior": ("语文", "数学", "英语", "物理", "化学", "生物学", "历史", "地理", "道德与法治", "体育"),
    "senior": ("语文", "数学", "英语", "物理", "化学", "生物学", "历史", "地理", "思想政治", "通用技术"),
    "vocational": ("语文", "数学", "机电技术应用", "计算机应用", "护理"),
}


@dataclass(frozen=True, slots=True)
class SamplePerson:
    """One person of the register. Fields are those of `shared.events.accounts.PersonRecord`."""

    person_id: str
    name: str
    identity: str
    unit_path: str
    kind: str
    stage: str | None
    subject: str | None
    certificate_subject: str | None
    """Subject on the teacher's certificate; None where nothing says that there is one."""
    hired_on: date | None
    formal_appointment_on: date | None
    """None on probation and before graduation."""
    retires_on: date | None
    seconded_from: date | None = None
    seconded_to: date | None = None


@dataclass(frozen=True, slots=True)
class SampleAccount:
    """One sign-in. `unit_path` is the unit worked for; `roles.toml` says for which area the offices hold."""

    username: str
    person_id: str
    role: str
    unit_path: str


@dataclass(frozen=True, slots=True)
class SampleBody:
    """That a training school holds the office for the area (FAQ-Q15). None named: the bureau does."""

    area_path: str
    office: Office
    body_path: str


@dataclass(frozen=True, slots=True)
class SampleProvince:
    """All that the embedded default loads on its first start."""

    units: tuple[SampleUnit, ...]
    people: tuple[SamplePerson, ...]
    accounts: tuple[SampleAccount, ...]
    bodies: tuple[SampleBody, ...]
    password: str
    """One for every sign-in."""


def sample_province() -> SampleProvince:
    """The whole sample; two calls give equal results."""
    units = sample_units()
    by_code = {unit.code: unit for unit in units}
    tables = load("people.toml")
    named = [(entry, _person(number, entry, by_code[entry["unit"]])) for number, entry in enumerate(tables["people"])]
    return SampleProvince(
        units=units,
        people=(*(person for _, person in named), *_made_up(units, first=len(named))),
        accounts=tuple(
            SampleAccount(entry["username"], person.person_id, entry["role"], person.unit_path)
            for entry, person in named
            if "username" in entry
        ),
        bodies=tuple(
            SampleBody(by_code[area].path, office, by_code[body].path)
            for area, body in acting_bodies().items()
            for office in ACTING_OFFICES
        ),
        password=tables["password"],
    )


def _made_up(units: tuple[SampleUnit, ...], first: int) -> Iterator[SamplePerson]:
    """As many in-service teachers for each unit as it says, numbered on from `first`."""
    number = first
    for unit in units:
        for place in range(unit.teachers):
            stage = unit.stages[place % len(unit.stages)]
            subjects = SUBJECTS[stage]
            subject = subjects[place // len(unit.stages) % len(subjects)]
            entry = {
                "name": _name(number),
                # 30, 12 and 28 come round together only after 420 people: no birthday twice.
                "born": date(1970 + number * 7 % 30, 1 + number * 5 % 12, 1 + number * 11 % 28),
                "stage": stage,
                "subject": subject,
                # Every seventeenth teaches something else than the certificate says, which FAQ-Q19 allows.
                "certificate": subjects[0] if number % 17 == 0 else subject,
            }
            yield _person(number, entry, unit)
            number += 1


def _name(number: int) -> str:
    """Surname and given name; every ninth given name is a single character."""
    lap, surname = divmod(number, len(SURNAMES))
    first = "" if number % 9 == 4 else FIRST[(number * 7 + lap) % len(FIRST)]
    return SURNAMES[surname] + first + SECOND[(number * 5 + lap) % len(SECOND)]


def _person(number: int, entry: dict[str, Any], unit: SampleUnit) -> SamplePerson:
    """The person of an entry of `people.toml`, or of the same shape."""
    born: date = entry["born"]
    kind: str = entry.get("kind", "in_service")
    hired_on: date | None = entry.get("hired_on")
    formal_on: date | None = None
    if hired_on is None and kind != "contracted_pre_graduation":
        # Who is not said to be new began at 23 and ended the year of probation long ago.
        hired_on, formal_on = date(born.year + 23, 9, 1), date(born.year + 24, 9, 1)
    identity = _identity(number, born)
    return SamplePerson(
        person_id=str(uuid.uuid5(NAMESPACE, identity)),
        name=entry["name"],
        identity=identity,
        unit_path=unit.path,
        kind=kind,
        stage=entry.get("stage"),
        subject=entry.get("subject"),
        certificate_subject=entry.get("certificate", entry.get("subject")),
        hired_on=hired_on,
        formal_appointment_on=formal_on,
        # A plain sixty: real dates come from the personnel office, they are not computed by the system.
        retires_on=born.replace(year=born.year + 60),
        seconded_from=entry.get("seconded_from"),
        seconded_to=entry.get("seconded_to"),
    )


def _identity(number: int, born: date) -> str:
    """A number with a right check digit that can belong to nobody."""
    regions = REGIONS_UNTIL_2000 if born.year <= 2000 else REGIONS_SINCE_1983
    digits = f"{regions[number % len(regions)]}{born:%Y%m%d}000"
    return digits + calc_check_digit(digits + "0")
