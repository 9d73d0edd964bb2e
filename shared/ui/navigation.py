"""The one menu of the site: what somebody sees follows from the offices held."""

from __future__ import annotations

from dataclasses import dataclass

from shared.actors import Actor, Office

_ENTRIES: tuple[tuple[str, str, str, tuple[Office, ...]], ...] = (
    ("首页", "/", "home", ()),
    ("申报方案", "/plans/mine", "file-text", (Office.SCHOOL_ADMIN,)),
    ("方案审核", "/plans/queue", "checks", (Office.PLAN_REVIEW,)),
    (
        "培训项目",
        "/plans/projects",
        "school",
        (Office.SCHOOL_ADMIN, Office.PROJECT_ADMIN, Office.PROVIDER_ADMIN, Office.RESULT_AUDIT),
    ),
    ("我的学分", "/credits/mine", "award", (Office.TEACHER,)),
    ("教师学分", "/credits/teachers", "users", (Office.SCHOOL_ADMIN, Office.CREDIT_ADMIN)),
    ("授权函", "/accounts/letters", "mail", (Office.ACCOUNT_MANAGER,)),
    ("单位与账号", "/accounts/units", "building", (Office.ACCOUNT_MANAGER,)),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the menu."""

    label: str
    href: str
    icon: str
    active: bool


def for_actor(actor: Actor | None, path: str) -> list[Entry]:
    """The menu for somebody who looks at `path`; empty for who is not signed in."""
    if actor is None:
        return []
    return [
        Entry(label, href, icon, path == href if href == "/" else path.startswith(href))
        for label, href, icon, offices in _ENTRIES
        if not offices or actor.holds(*offices)
    ]
