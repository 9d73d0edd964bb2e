"""Who acts, from where, in which office. Plain data, so that pure rules may use it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """A level of administration. Training levels are another list (see `services/plans/models.py`)."""

    SCHOOL = "school"
    COUNTY = "county"
    DISTRICT = "district"
    PROVINCE = "province"

    @property
    def label(self) -> str:
        """The Chinese word that people read, for example 县级."""
        return LEVEL_TITLES[self]


LEVEL_TITLES = {
    Level.SCHOOL: "校级",
    Level.COUNTY: "县级",
    Level.DISTRICT: "市级",
    Level.PROVINCE: "省级",
}


class Office(StrEnum):
    """What somebody is entitled to do for a unit. A role (县级管理员 …) is a bundle of these, see `roles.toml`."""

    SCHOOL_ADMIN = "school_admin"
    """Drafts and submits the school's plans, publishes its projects, enters results."""
    PLAN_REVIEW = "plan_review"
    """Reviews what is submitted, at the stage of the post's level (FAQ-Q15: bureau or county training school)."""
    PROJECT_ADMIN = "project_admin"
    """Publishes training projects of an authority and enters their results."""
    PROVIDER_ADMIN = "provider_admin"
    """The same for a training provider (承训机构)."""
    RESULT_AUDIT = "result_audit"
    """Audits results (成绩审核) of projects in the area, and takes an audit back."""
    ACCOUNT_MANAGER = "account_manager"
    """Answers authorization letters, issues and suspends accounts in the area."""
    CREDIT_ADMIN = "credit_admin"
    """Sees the credits of every teacher in the area."""
    TEACHER = "teacher"
    """Sees her own credits."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit in the tree.

    `path` is the chain of codes from the province down, each followed by a slash, for example
    `360000/360100/360102/3601020001/`: "under my authority" is one prefix comparison.
    """

    path: str
    name: str
    level: Level

    @property
    def code(self) -> str:
        """The unit's own code: the last part of the path."""
        return self.path.rstrip("/").rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class Post:
    """One office held for one area. `unit` is the area, `body` the name of the body that acts for it."""

    office: Office
    unit: Unit
    body: str
    for_account: str = ""
    """Whose post it is, where a deputy acts for somebody absent (代办)."""
    for_name: str = ""


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody signed in (or the system itself) with the posts that the account gives."""

    account_id: str
    person_id: str | None
    name: str
    posts: tuple[Post, ...]
    session_id: str = ""

    def holds(self, *offices: Office) -> bool:
        """Whether any post is one of `offices`, anywhere."""
        return any(post.office in offices for post in self.posts)

    def posts_of(self, *offices: Office) -> tuple[Post, ...]:
        """The posts that are one of `offices`, in the order given at sign-in."""
        return tuple(post for post in self.posts if post.office in offices)

    def post_over(self, path: str, *offices: Office) -> Post | None:
        """The first post of `offices` whose area contains the unit at `path`, or None."""
        return next((p for p in self.posts_of(*offices) if path.startswith(p.unit.path)), None)

    def post_at(self, path: str, *offices: Office) -> Post | None:
        """The first post of `offices` whose area is exactly the unit at `path`, or None."""
        return next((p for p in self.posts_of(*offices) if p.unit.path == path), None)


SYSTEM = Actor(account_id="system", person_id=None, name="系统", posts=())
"""The actor of what no person did: schedules, effects of events. Shown as 系统."""


def ancestors(path: str) -> Iterable[str]:
    """Paths of the unit at `path` and all above it, lowest first."""
    parts = path.rstrip("/").split("/")
    for length in range(len(parts), 0, -1):
        yield "/".join(parts[:length]) + "/"


def level_of_path(path: str) -> int:
    """How deep the unit lies: 1 is the province."""
    return path.count("/")
