"""The words in which the approval is told: states, what may be pending, whose an act is, what it needs. Pure.

The acts themselves: `acts.py`; who may do one: `guards.py`; what must come with it: `needs.py`.

One rule says where a submission goes: to the first stage of its route whose signature does not stand. A signature
stands from the approval on until it is taken back, or until a field for which it was given has changed (N2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from services.plans.routes import Stage
from shared.actors import Office


class Status(StrEnum):
    """Where a submission stands. A closed set: the database checks it."""

    DRAFT = "draft"
    UNDER_REVIEW = "under_review"
    RETURNED = "returned"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    VOIDED = "voided"


STATUS_TITLES = {
    Status.DRAFT: "草稿",
    Status.UNDER_REVIEW: "审核中",
    Status.RETURNED: "待修改",
    Status.APPROVED: "已通过",
    Status.REFUSED: "不予通过",
    Status.WITHDRAWN: "已撤回",
    Status.VOIDED: "已作废",
}
WITH_SCHOOL = frozenset({Status.DRAFT, Status.RETURNED})
"""The school has it and may edit it."""
CLOSED = frozenset({Status.APPROVED, Status.REFUSED, Status.WITHDRAWN, Status.VOIDED})
"""Nothing waits; each has one way in (A18)."""


class Pending(StrEnum):
    """For whose word a submission waits, besides its reviewer's decision."""

    WITHDRAWAL = "withdrawal"
    REFUSAL = "refusal"
    VOID = "void"
    POLICY = "policy"
    COSIGN = "cosign"


PENDING_TITLES = {
    Pending.WITHDRAWAL: "申请撤回，待答复",
    Pending.REFUSAL: "拟不予通过，待第二人复核",
    Pending.VOID: "申请作废，待答复",
    Pending.POLICY: "等省厅意见",
    Pending.COSIGN: "已同意，待加签",
}
POLICY_CATEGORIES = {
    "one_teacher_school": "一人一校、教学点（问答第 18 问）",
    "education_authority_staff": "教育行政部门持证人员（问答第 20 问）",
    "seconded": "借调人员（问答第 21 问）",
    "fallback": "托底培训（问答第 11、12 问）",
    "other": "其他待明确事项",
}
"""What the province has not settled."""
SEEN_BY_SCHOOL = frozenset({Pending.WITHDRAWAL, Pending.VOID, Pending.POLICY})
"""The others are the reviewers' own affair (A16)."""
AMONG_REVIEWERS = frozenset(Pending) - SEEN_BY_SCHOOL
STOPS_CLOCK = frozenset({Pending.WITHDRAWAL, Pending.POLICY})
"""The reviewer waits for somebody else: working days do not count (N19, N27)."""


class By(StrEnum):
    """Whose an act is."""

    OWNER = "owner"
    """An administrator of the submitting unit."""
    REVIEWER = "reviewer"
    """Holds the stage's office for exactly that unit, had no part in drafting it (T11); if handed on, to her."""
    COLLEAGUE = "colleague"
    """The same, to whomever it was handed."""
    SECOND = "second"
    """The same, but another person than who proposed it, and to whomever it was handed."""
    SIGNATORY = "signatory"
    """Holds the office of one of its stages for its area, had no part in drafting it."""
    DECIDER = "decider"
    """Who made the last decision."""
    ASKED = "asked"
    """Who was asked for it by name."""
    OWNER_OR_ABOVE = "owner_or_above"
    """The same as the owner, or a reviewer of a level above the one that has it."""
    PROVINCE = "province"
    """A reviewer of the province."""
    RECORDER = "recorder"
    """Who made the line of the history that is spoken of."""
    SYSTEM = "system"
    """Recorded by the system; nobody is offered it."""


class Need(StrEnum):
    """What must come with an act, or be true, for it to happen."""

    OPINION = "opinion"
    """A written opinion or reason (A6)."""
    POINTS = "points"
    """At least one numbered point (N1)."""
    ANSWERS = "answers"
    """Every point of the last return has been answered (N1)."""
    CHECKS = "checks"
    """The content passes its blocking checks (FAQ-Q10)."""
    STAFF = "staff"
    """Every stage has somebody in post who may decide (T10)."""
    UNOPENED = "unopened"
    """Whoever has it now has not opened it."""
    OPENED = "opened"
    """The reviewer has opened it: before that, taking it back needs nobody's leave."""
    UNDECIDED = "undecided"
    """Nothing among reviewers is under way that the school is not to know of (A16)."""
    SILENT = "silent"
    """Somebody who was asked for a view or a signature has not answered."""
    IN_FORCE = "in_force"
    """No amendment has replaced it."""
    AMENDS = "amends"
    """What it amends, if anything, is in force."""
    NOT_FINAL = "not_final"
    """It is not settled for good."""
    SECOND = "second"
    """Somebody else is in post who may confirm it."""
    SIGNERS = "signers"
    """Nobody who was asked to sign first is missing or against it."""
    REPLIES = "replies"
    """No view that it was to wait for is missing."""
    TARGET = "target"
    """Named people who may be asked."""
    CATEGORY = "category"
    """A question of the register that is pending with the province."""
    DOCUMENT = "document"
    """Number of the province's document."""
    WAITED = "waited"
    """It has waited long enough, and the last reminder is long enough ago (T21)."""
    INTACT = "intact"
    """The version is, sign by sign, the one that was submitted (N3)."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An open request to somebody about a submission."""

    id: str
    kind: str
    """`consult`, `cosign` or `copy`."""
    account_id: str
    name: str
    blocking: bool
    """consult: the decision waits for it."""
    position: str
    """cosign: `before` or `after` the reviewer's own signature."""
    agreed: bool | None
    """cosign: what was answered; None while open."""
    asked_by: str = ""
    """Account of who asked: nobody answers their own request, not even for another."""
    path: str = ""
    """Of the unit for which the asked one was asked: the post in which it is answered."""
    by: frozenset[str] = frozenset()
    """Account and person of who answered: the asked one, or a deputy."""

    @property
    def waiting(self) -> bool:
        """A view or a signature that is still missing; a copy is only to be read."""
        return self.kind != "copy" and self.agreed is None


@dataclass(frozen=True, slots=True)
class Decision:
    """The last decision in the history."""

    line_id: str
    act: str
    stage: str
    account_id: str
    unit_path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the rules need to know of a submission."""

    status: Status
    stage: str | None
    """Name of the present stage; None when it is at none."""
    stages: tuple[Stage, ...]
    """All stages of its route."""
    unit_path: str
    owner: Office
    person_id: str | None = None
    """`owner`: office that drafts it for that unit; `person_id`: who alone does so, a teacher her own claim."""
    holder: str
    """Who has it now, as people read it: `南昌市东湖区教育体育局 · 县级审核`, or the school's name."""
    authors: frozenset[str]
    """Account and person ids of everybody who drafted, edited or submitted it."""
    reviewing_path: str | None = None
    pending: Pending | None = None
    signed: frozenset[str] = frozenset()
    """Stages whose signature stands."""
    opened: bool = False
    """Whoever has it now has opened it."""
    assignee: str | None = None
    """Account to which it was handed (转办)."""
    assignee_name: str = ""
    proposer: frozenset[str] = frozenset()
    """Account and person of who proposed what is pending."""
    approver: frozenset[str] = frozenset()
    """Account and person of who approved what waits for a signature, and for whom a deputy did."""
    last: Decision | None = None
    """The last decision, unless something has happened since."""
    asked: tuple[Asked, ...] = ()
    """Requests of the present visit."""
    superseded: bool = False
    """An approved amendment has replaced it."""
    recorded: frozenset[str] = frozenset()
    """Accounts that have a line of their own in the history."""

    @property
    def seen(self) -> bool:
        """The stage has looked at it: whoever set something pending has, though a second person may have not."""
        return self.opened or self.pending is not None

    @property
    def signers(self) -> frozenset[str]:
        """By whom, and for whom, the present visit has been signed already: nobody signs it twice (T11)."""
        signed = [a.by | {a.account_id} for a in self.asked if a.kind == "cosign" and a.agreed]
        return self.approver.union(*signed)

    @property
    def current(self) -> Stage | None:
        """The present stage."""
        return next((stage for stage in self.stages if stage.name == self.stage), None)


@dataclass(frozen=True, slots=True)
class Position:
    """Where an act leads."""

    status: Status
    stage: str | None = None
    pending: Pending | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What came with an act, and what was found out for it."""

    opinion: str = ""
    points: int = 0
    unanswered: Sequence[int] = ()
    """Numbers of the points without an answer."""
    findings: Mapping[str, Sequence[str]] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    """What blocks: field -> sentences, and the codes for programs."""
    unstaffed: tuple[str, ...] = ()
    """A sentence for each stage that has nobody in post."""
    seconds: int = 0
    """People who could confirm it."""
    targets: int = 0
    category: str | None = None
    document: str = ""
    to_stage: str | None = None
    """return: the earlier stage to which it goes; None: to the school. propose_void: the stage that confirms it."""
    agreed: bool = True
    """cosign: for or against."""
    request: Asked | None = None
    """The request that is answered."""
    waited: timedelta = timedelta()
    since_reminder: timedelta | None = None
    """Working time since it came, and since the last reminder of this visit."""
    intact: bool = True
    amends_gone: str = ""
    """Why what it amends is no longer in force, in words; empty while it is, or when it amends nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One row of the table of acts."""

    name: str
    label: str
    """On the button and in the history."""
    by: By
    starts: frozenset[Status]
    leads: Callable[[State, Brought], Position]
    refusal: str
    """Sentence when the state forbids it; `{state}`, `{noun}` and `{holder}` are filled in."""
    outcome: str
    """Second half of the history line; `{to}` is where it now is, `{names}` who was asked."""
    tone: str = "neutral"
    needs: tuple[Need, ...] = ()
    pending: frozenset[Pending | None] = frozenset({None})
    """What may be pending for it to start."""
    freezes: bool = False
    """Makes a new version of the content and begins a new round."""
    decides: bool = False
    """A decision at a stage, told to other systems as such."""
    strikes: bool = False
    """Cancels the decision that it answers; the old line stays, struck through."""
    internal: bool = False
    """Never shown to the school (A16)."""
    requests: str = ""
    """Kind of request that it makes."""
    answers: str = ""
    """Kind of request that it answers."""
    signs: bool = False
    """Gives one of the signatures of a stage, of which nobody gives two (T11)."""


def status_title(status: Status | str, stage_title: str = "") -> str:
    """The word that people read: 审核中（县级审核）, 待修改, …"""
    title = STATUS_TITLES[Status(status)]
    return f"{title}（{stage_title}）" if stage_title and status == Status.UNDER_REVIEW else title


def next_stage(state: State, signed: frozenset[str]) -> Position:
    """The first stage whose signature does not stand; approved when all do."""
    following = next((stage.name for stage in state.stages if stage.name not in signed), None)
    return Position(Status.UNDER_REVIEW, following) if following else Position(Status.APPROVED)
