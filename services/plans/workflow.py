"""What may happen to a submission (plan, later scheme or claim): its statuses, and every act as one row of one table.

Pure. An act says from which statuses it starts, whose it is, what must come with it, where it leads, the sentence of
its refusal and its line in the history; operations, API, pages and tests read the same row. A new act is a new row and
at most one function that says where it leads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from services.plans.routes import Stage
from shared.actors import Actor, Office, Post
from shared.errors import Conflict, Invalid, NotAllowed


class Status(StrEnum):
    """Where a submission stands. A closed set: the database checks it."""

    DRAFT = "draft"
    UNDER_REVIEW = "under_review"
    RETURNED = "returned"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


STATUS_TITLES = {
    Status.DRAFT: "草稿",
    Status.UNDER_REVIEW: "审核中",
    Status.RETURNED: "待修改",
    Status.APPROVED: "已通过",
    Status.REFUSED: "不予通过",
    Status.WITHDRAWN: "已撤回",
}
WITH_SCHOOL = frozenset({Status.DRAFT, Status.RETURNED})
"""The school has it and may edit it."""
CLOSED = frozenset({Status.APPROVED, Status.REFUSED, Status.WITHDRAWN})
"""Nothing more happens; each has one way in (A18)."""


class By(StrEnum):
    """Whose an act is."""

    OWNER = "owner"
    """An administrator of the submitting school."""
    REVIEWER = "reviewer"
    """Whoever holds the stage's office for exactly the reviewing unit, and had no part in drafting it (T11)."""


class Need(StrEnum):
    """What must come with an act, or be true, for it to happen."""

    OPINION = "opinion"
    """A written opinion or reason (A6)."""
    POINTS = "points"
    """At least one numbered point (N1)."""
    CHECKS = "checks"
    """The content passes its blocking checks (FAQ-Q10)."""
    STAFF = "staff"
    """Every stage has somebody in post who may decide (T10)."""
    UNDECIDED = "undecided"
    """Nobody has decided since the last submission."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the rules need to know of a submission."""

    status: Status
    stage: str | None
    """Name of the present stage; None unless under review."""
    stages: tuple[Stage, ...]
    """All stages of its route."""
    return_stage: str | None
    """The stage to which a resubmission goes."""
    unit_path: str
    reviewing_path: str | None
    holder: str
    """Who has it now, as people read it: `南昌市东湖区教育体育局 · 县级审核`, or the school's name."""
    authors: frozenset[str]
    """Account and person ids of everybody who drafted, edited or submitted it."""
    decided_since_submission: bool = False

    @property
    def current(self) -> Stage | None:
        """The present stage."""
        return next((stage for stage in self.stages if stage.name == self.stage), None)


@dataclass(frozen=True, slots=True)
class Position:
    """Where an act leads."""

    status: Status
    stage: str | None = None
    return_stage: str | None = None


@dataclass(frozen=True, slots=True)
class Brought:
    """What came with an act, and what was found out for it."""

    opinion: str = ""
    points: int = 0
    findings: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Blocking findings: field -> sentences."""
    flags: tuple[str, ...] = ()
    """Their codes, for programs."""
    unstaffed: tuple[str, ...] = ()
    """A sentence for each stage that has nobody in post."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One row of the table."""

    name: str
    label: str
    """On the button and in the history."""
    by: By
    starts: frozenset[Status]
    needs: tuple[Need, ...]
    leads: Callable[[State], Position]
    refusal: str
    """Sentence when the status forbids it; `{state}` and `{holder}` are filled in."""
    outcome: str
    """Second half of the history line; `{to}` is where it now is."""
    tone: str
    freezes: bool = False
    """Makes a new version of the content and begins a new round."""
    decides: bool = False
    """A decision of a reviewing stage, told to others as such."""


def _to_first_or_returning_stage(state: State) -> Position:
    """A resubmission goes to the stage that returned it, not through the whole chain again (A2, N2)."""
    names = [stage.name for stage in state.stages]
    goal = state.return_stage if state.return_stage in names else names[0]
    return Position(Status.UNDER_REVIEW, goal)


def _to_next_stage(state: State) -> Position:
    names = [stage.name for stage in state.stages]
    following = names[names.index(str(state.stage)) + 1 :]
    return Position(Status.UNDER_REVIEW, following[0]) if following else Position(Status.APPROVED)


def _back_to_school(state: State) -> Position:
    return Position(Status.RETURNED, return_stage=state.stage)


def _back_to_draft(state: State) -> Position:
    return Position(Status.DRAFT, return_stage=state.stage)


def _refused(state: State) -> Position:
    return Position(Status.REFUSED)


def _given_up(state: State) -> Position:
    return Position(Status.WITHDRAWN)


_AT_A_STAGE = frozenset({Status.UNDER_REVIEW})
_NOT_AT_A_STAGE = "此方案目前为“{state}”，由{holder}办理，不能审核。"

ACTS: dict[str, Act] = {
    act.name: act
    for act in (
        Act(
            name="submit", label="报送", by=By.OWNER, starts=WITH_SCHOOL, needs=(Need.CHECKS, Need.STAFF),
            leads=_to_first_or_returning_stage, tone="info", freezes=True,
            refusal="此方案目前为“{state}”，由{holder}办理，不能再次报送。", outcome="送达：{to}",
        ),
        Act(
            name="withdraw", label="撤回", by=By.OWNER, starts=_AT_A_STAGE, needs=(Need.UNDECIDED,),
            leads=_back_to_draft, tone="warn",
            refusal="此方案目前为“{state}”，没有可撤回的报送。", outcome="退回为草稿，修改后可再次报送",
        ),
        Act(
            name="abandon", label="放弃申报", by=By.OWNER, starts=WITH_SCHOOL, needs=(),
            leads=_given_up, tone="neutral",
            refusal="此方案目前为“{state}”，由{holder}办理，不能放弃申报。", outcome="办理结束，可另行申报",
        ),
        Act(
            name="approve", label="同意", by=By.REVIEWER, starts=_AT_A_STAGE, needs=(),
            leads=_to_next_stage, tone="good", decides=True, refusal=_NOT_AT_A_STAGE, outcome="送达：{to}",
        ),
        Act(
            name="return", label="退回修改", by=By.REVIEWER, starts=_AT_A_STAGE, needs=(Need.POINTS,),
            leads=_back_to_school, tone="warn", decides=True, refusal=_NOT_AT_A_STAGE,
            outcome="退回至学校，重报后回到本环节",
        ),
        Act(
            name="refuse", label="不予通过", by=By.REVIEWER, starts=_AT_A_STAGE, needs=(Need.OPINION,),
            leads=_refused, tone="bad", decides=True, refusal=_NOT_AT_A_STAGE,
            outcome="办理结束，学校可另行申报新方案",
        ),
    )
}  # fmt: skip
"""Every act by its name."""


def status_title(status: Status | str, stage_title: str = "") -> str:
    """The word that people read: 审核中（县级审核）, 待修改, …"""
    title = STATUS_TITLES[Status(status)]
    return f"{title}（{stage_title}）" if stage_title else title


def post_for(act: Act, state: State, actor: Actor) -> Post | None:
    """The post in which the actor may do this, leaving the status aside; None: it is not the actor's to do."""
    if act.by is By.OWNER:
        return actor.post_at(state.unit_path, Office.SCHOOL_ADMIN)
    if state.current is None or state.reviewing_path is None or is_author(state, actor):
        return None
    return actor.post_at(state.reviewing_path, state.current.office)


def is_author(state: State, actor: Actor) -> bool:
    """Whether the actor drafted, edited or submitted it: by account, or as the same person with another account."""
    return actor.account_id in state.authors or (actor.person_id is not None and actor.person_id in state.authors)


def open_acts(state: State, actor: Actor) -> tuple[Act, ...]:
    """What the actor can do now, in the order of the table."""
    return tuple(
        act
        for act in ACTS.values()
        if state.status in act.starts
        and post_for(act, state, actor)
        and not (Need.UNDECIDED in act.needs and state.decided_since_submission)
    )


def guard(act: Act, state: State, actor: Actor) -> Post:
    """The post in which the actor does it. Raises `Conflict` for the status, `NotAllowed` for the person."""
    if state.status not in act.starts:
        title = status_title(state.status, state.current.title if state.current else "")
        raise Conflict(act.refusal.format(state=title, holder=state.holder), status_now=state.status.value)
    post = post_for(act, state, actor)
    if post is not None:
        return post
    if act.by is By.OWNER:
        raise NotAllowed(f"只有本校的学校管理员可以{act.label}。")
    if is_author(state, actor):
        raise NotAllowed("您起草、修改或报送过此方案，须由其他人审核（回避）。")
    raise NotAllowed(f"此方案现由{state.holder}办理，不在您的审核环节。")


def require(act: Act, state: State, brought: Brought) -> None:
    """That everything an act needs is there. Raises `Invalid` naming fields, or `Conflict` naming whom to call."""
    if brought.points and Need.POINTS not in act.needs:
        raise Invalid(
            f"{act.label}时不能附修改意见条目；如需学校修改，请选“退回修改”。",
            fields={"points": ["请删除修改意见条目。"]},
        )
    for need in act.needs:
        _NEEDS[need](act, state, brought)


def _need_opinion(act: Act, state: State, brought: Brought) -> None:
    if len(brought.opinion.strip()) < 2:
        raise Invalid(f"{act.label}须写明理由。", fields={"opinion": ["请写明理由。"]})


def _need_points(act: Act, state: State, brought: Brought) -> None:
    if brought.points < 1:
        raise Invalid(
            f"{act.label}须至少列出一条修改意见，并指明所在章节或字段。",
            fields={"points": ["请至少列出一条修改意见。"]},
        )


def _need_checks(act: Act, state: State, brought: Brought) -> None:
    if brought.findings:
        raise Invalid("方案还不能报送，请按提示修改后再报送。", fields=brought.findings, flags=list(brought.flags))


def _need_staff(act: Act, state: State, brought: Brought) -> None:
    if brought.unstaffed:
        raise Conflict("暂时不能报送：" + "".join(brought.unstaffed), unstaffed=list(brought.unstaffed))


def _need_undecided(act: Act, state: State, brought: Brought) -> None:
    if state.decided_since_submission:
        raise Conflict(f"本次报送已有审核意见，不能{act.label}；如需修改，请联系{state.holder}退回修改。")


_NEEDS: dict[Need, Callable[[Act, State, Brought], None]] = {
    Need.OPINION: _need_opinion,
    Need.POINTS: _need_points,
    Need.CHECKS: _need_checks,
    Need.STAFF: _need_staff,
    Need.UNDECIDED: _need_undecided,
}
