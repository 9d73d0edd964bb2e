"""Who may stand on a project's roster: area, school stage, subject (FAQ-Q19), and seats by area and school. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from services.plans.categories import STAGES
from shared.actors import ancestors

Error = tuple[int, str, str]
"""Row of the file, our name of its column, the Chinese sentence."""
COLUMN = "identity"
"""All of it is about the person, so it is said where the person is named."""


class Person(Protocol):
    """What is needed of a person in the register (`shared.directory.PersonCopy`)."""

    @property
    def unit_path(self) -> str: ...
    @property
    def stage(self) -> str | None: ...
    @property
    def subject(self) -> str | None: ...


class Facts(Protocol):
    """What is needed of a project (`models.Project`)."""

    @property
    def organizer_path(self) -> str: ...
    @property
    def organizer_name(self) -> str: ...
    @property
    def authority_name(self) -> str: ...
    @property
    def area_path(self) -> str: ...
    @property
    def covers(self) -> list[str]: ...
    @property
    def stages(self) -> list[str]: ...
    @property
    def subjects(self) -> list[str]: ...


class Seats(Protocol):
    """What is needed of a quota (`models.Quota`)."""

    @property
    def unit_path(self) -> str: ...
    @property
    def unit_name(self) -> str: ...
    @property
    def seats(self) -> int: ...


def check(
    people: Sequence[tuple[int, Person]], project: Facts, quotas: Sequence[Seats], already: Mapping[str, int]
) -> list[Error]:
    """Everything that stands against people of a roster, as (row, column, sentence), in the order of the file.

    `people`: each row of the file with the person whom the register knows there. `already`: results registered before,
    of people who are not in this file, by unit path. Whoever may not take part for another reason takes no seat.
    """
    found: list[Error] = []
    fit: list[tuple[int, str]] = []
    for row, person in people:
        sentences = reasons(person, project)
        found += [(row, COLUMN, sentence) for sentence in sentences]
        if not sentences:
            fit.append((row, person.unit_path))
    return sorted(found + quota_errors(fit, quotas, already), key=lambda error: error[0])


def reasons(person: Person, project: Facts) -> list[str]:
    """Why the person may not take part; empty: may. Outside the area nothing else is said of somebody."""
    if not in_area(person.unit_path, project):
        return [not_registered(project)]
    found = []
    if project.stages and person.stage not in project.stages:
        meant = _titles(project.stages)
        found.append(
            f"现任教学段为{STAGES.get(person.stage, person.stage)}，本项目面向{meant}"
            "（问答第 19 问：按现任教学科报，学段须一致）。"
            if person.stage
            else f"名册中没有登记现任教学段，本项目面向{meant}（问答第 19 问）；请先补充名册。"
        )
    if project.subjects and person.subject not in project.subjects:
        meant = "、".join(project.subjects)
        found.append(
            f"现任教学科为{person.subject}，本项目面向{meant}（问答第 19 问：按现任教学科报）。"
            if person.subject
            else f"名册中没有登记现任教学科，本项目面向{meant}（问答第 19 问）；请先补充名册。"
        )
    return found


def in_area(unit_path: str, project: Facts) -> bool:
    """Whether a unit's teachers may take part: of the project's area, or of a school that a joint plan covers."""
    return any(unit_path.startswith(path) for path in (project.area_path, *project.covers))


def not_registered(project: Facts) -> str:
    """The one sentence for who is unknown or outside the area: a list must not tell who is registered elsewhere."""
    own = project.area_path == project.organizer_path
    area = project.organizer_name if own else project.authority_name
    return f"{area}范围内没有登记此身份证号的教师，请核对号码，或先登记此人。"


def quota_errors(people: Iterable[tuple[int, str]], quotas: Sequence[Seats], already: Mapping[str, int]) -> list[Error]:
    """Rows beyond the seats; `people` are (row, unit path) in the order of the file, the first ones get the seats.

    Seats hold for a unit and everything under it, so one person may take a seat of the school and one of its county.
    Where seats are allotted at all, a unit under none of them has none.
    """
    if not quotas:
        return []
    seats = {quota.unit_path: quota for quota in quotas}
    registered = dict.fromkeys(seats, 0)
    for unit_path, count in already.items():
        for path in ancestors(unit_path):
            if path in seats:
                registered[path] += count
    used = dict(registered)
    found: list[Error] = []
    for row, unit_path in people:
        over = [path for path in ancestors(unit_path) if path in seats]
        full = next((seats[path] for path in over if used[path] >= seats[path].seats), None)
        if not over:
            found.append((row, COLUMN, "所在单位没有分配本项目的名额，请删去此行，或请发布单位分配名额。"))
        elif full:
            found.append((row, COLUMN, _no_seat(full, registered[full.unit_path])))
        else:
            for path in over:
                used[path] += 1
    return found


def _no_seat(quota: Seats, registered: int) -> str:
    before = f"（此前已登记 {registered} 人）" if registered else ""
    return f"{quota.unit_name}的名额 {quota.seats} 人已满{before}，请删去此行，或请发布单位调整名额。"


def _titles(stages: Iterable[str]) -> str:
    return "、".join(STAGES.get(stage, stage) for stage in stages)
