"""The one menu of the site: what somebody sees follows from the offices held."""

from __future__ import annotations

from dataclasses import dataclass

from shared.actors import Actor, Office

_ENTRIES: tuple[tuple[str, str, str, tuple[Office, ...], tuple[str, ...]], ...] = (
    # label, address, icon, offices (none: everybody), what else belongs to it; the longest match is where one is
    ("首页", "/", "home", (), ()),
    ("申报方案", "/plans/mine", "file-text", (Office.SCHOOL_ADMIN,), ("/plans/",)),
    ("认定申请", "/plans/mine?kind=school_claim", "certificate", (Office.SCHOOL_ADMIN,), ()),
    ("认定审核", "/plans/queue", "checks", (Office.SCHOOL_ADMIN,), ("/plans/queue",)),
    ("我的申请", "/plans/mine?kind=claim", "certificate", (Office.TEACHER,), ("/plans/mine", "/plans/new", "/plans/")),
    ("方案审核", "/plans/queue", "checks", (Office.PLAN_REVIEW,), ("/plans/",)),
    ("督办看板", "/plans/board", "chart-bar", (Office.PLAN_REVIEW,), ("/plans/spotchecks",)),
    (
        "托底方案",
        "/plans/mine?kind=fallback_scheme",
        "file-text",
        (Office.PROJECT_ADMIN,),
        ("/plans/mine", "/plans/new", "/plans/"),
    ),
    (
        "培训项目",
        "/plans/projects",
        "school",
        (Office.SCHOOL_ADMIN, Office.PROJECT_ADMIN, Office.PROVIDER_ADMIN, Office.RESULT_AUDIT),
        (),
    ),
    ("工作日历", "/plans/calendar", "calendar", (Office.SCHOOL_ADMIN, Office.PLAN_REVIEW, Office.PROJECT_ADMIN), ()),
    ("我的学分", "/credits/mine", "award", (Office.TEACHER,), ()),
    ("教师学分", "/credits/teachers", "users", (Office.SCHOOL_ADMIN, Office.CREDIT_ADMIN), ("/credits/",)),
    (
        "学分异议",
        "/credits/disputes",
        "scale",
        (Office.SCHOOL_ADMIN, Office.CREDIT_ADMIN, Office.RESULT_AUDIT),
        ("/credits/disputes/",),
    ),
    ("授权函", "/accounts/letters", "mail", (Office.ACCOUNT_MANAGER,), ()),
    (
        "教师名册",
        "/accounts/people",
        "user-circle",
        (Office.SCHOOL_ADMIN, Office.ACCOUNT_MANAGER),
        ("/accounts/people/",),
    ),
    ("单位与账号", "/accounts/units", "building", (Office.ACCOUNT_MANAGER,), ("/accounts/",)),
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
    shown = [entry for entry in _ENTRIES if not entry[3] or actor.holds(*entry[3])]
    here = max(shown, key=lambda entry: _match(path, entry[1], *entry[4]))
    return [Entry(label, href, icon, href == here[1]) for label, href, icon, _, _ in shown]


def _match(path: str, *places: str) -> int:
    """How much of the path one of the places covers; the home page covers only itself."""
    return max(
        (len(place) for place in places if path == place or (place != "/" and path.startswith(place))), default=0
    )
