"""Home, and the page of units with their offices and accounts."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, render_template, request

from services.accounts.access import second_step
from services.accounts.access.pages import take_links
from services.accounts.access.queries import accounts_at, beyond, holders_at, newest_links
from services.accounts.kinds import OFFICE_TITLES, AccountState, UnitKind
from services.accounts.models import Unit
from services.accounts.queries import children, count_under, get_unit, visible_units
from shared.actors import Office, ancestors
from shared.database import utc_now
from shared.errors import NotFound
from shared.ui.filters import CHINA
from shared.web import SIGNED_IN, actor, allow, reading

bp = Blueprint("accounts_pages", __name__)

PARTS = (
    (
        "待办 · 方案与培训",
        "/plans/fragments/waiting",
        (
            Office.PLAN_REVIEW,
            Office.SCHOOL_ADMIN,
            Office.PROJECT_ADMIN,
            Office.PROVIDER_ADMIN,
            Office.RESULT_AUDIT,
        ),
    ),
    ("待办 · 授权函", "/accounts/fragments/waiting", (Office.ACCOUNT_MANAGER,)),
    ("我的学分", "/credits/fragments/mine", (Office.TEACHER,)),
)
"""What the home page fetches from each service: heading, address, for whom."""


@bp.get("/")
@allow(SIGNED_IN)
def home() -> str:
    """Greeting, posts, and what waits in each service; a service that is away leaves only its own part empty."""
    parts = [(title, href) for title, href, offices in PARTS if actor().holds(*offices)]
    posts: dict[tuple[str, str], list[str]] = {}
    for post in actor().posts:
        posts.setdefault((post.body, post.unit.name), []).append(OFFICE_TITLES[post.office])
    return render_template(
        "accounts/home.html",
        greeting=_greeting(utc_now().astimezone(CHINA)),
        today=utc_now().astimezone(CHINA).date(),
        parts=parts,
        posts=posts,
    )


@bp.get("/accounts/units")
@allow(Office.ACCOUNT_MANAGER)
def units() -> str:
    """One unit of the tree: what lies under it, who is in post, which accounts there are."""
    manager = Office.ACCOUNT_MANAGER
    with reading() as session:
        code = request.args.get("under")
        if code:
            unit = get_unit(session, actor(), code, manager)
        else:
            top = session.scalars(visible_units(actor(), manager).order_by(Unit.path).limit(1)).first()
            if top is None:
                raise NotFound("您的账号没有管辖的单位。")
            unit = top
        trail = list(
            session.scalars(
                visible_units(actor(), manager).where(Unit.path.in_(list(ancestors(unit.path)))).order_by(Unit.path)
            )
        )
        below = children(session, unit)
        accounts = accounts_at(session, actor(), unit)
        return render_template(
            "accounts/units.html",
            unit=unit,
            trail=trail,
            roots=list(
                session.scalars(
                    visible_units(actor(), manager).where(
                        Unit.path.in_([post.unit.path for post in actor().posts_of(manager)])
                    )
                )
            ),
            below=below,
            counts=count_under(session, [child.path for child in below]),
            holders=holders_at(session, unit),
            accounts=accounts,
            resettable={
                account.id
                for account in second_step.with_factor(session, accounts)
                if second_step.may_reset(actor(), account)
            },
            managed={account.id for account in accounts if beyond(actor(), account) is None},
            links=newest_links(session, [account.id for account in accounts]),
            shown_links=take_links(),
            now=utc_now(),
            states={state.value: state.label for state in AccountState},
            kinds={kind.value: kind.label for kind in UnitKind},
            offices=OFFICE_TITLES,
        )


def _greeting(now: datetime) -> str:
    if now.hour < 6:
        return "夜深了"
    return "上午好" if now.hour < 12 else "下午好" if now.hour < 18 else "晚上好"
