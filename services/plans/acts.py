"""Every act of the approval as one row of one table.

Operations, API, pages and tests read the same row. A new act is a new row and at most one function that says where
it leads. Words of buttons are fixed (features.md, section 3); no act is called 驳回.
"""

from __future__ import annotations

from collections.abc import Callable

from services.plans.workflow import (
    AMONG_REVIEWERS,
    WITH_SCHOOL,
    Act,
    Brought,
    By,
    Need,
    Pending,
    Position,
    State,
    Status,
    next_stage,
)

_Leads = Callable[[State, Brought], Position]


def _on(state: State, brought: Brought) -> Position:
    """To the first stage whose signature does not stand: after a return, the one that returned it (A2, N2)."""
    return next_stage(state, state.signed)


def _signed(state: State, brought: Brought) -> Position:
    """With this stage's signature, unless somebody was asked to sign after it."""
    if any(a.kind == "cosign" and a.position == "after" and a.agreed is None for a in state.asked):
        return Position(Status.UNDER_REVIEW, state.stage, Pending.COSIGN)
    return next_stage(state, state.signed | {str(state.stage)})


def _cosigned(state: State, brought: Brought) -> Position:
    """Signed before the reviewer: the reviewer's turn. After: on with the last one, back to the reviewer if against."""
    if state.pending is not Pending.COSIGN or not brought.agreed:
        return Position(Status.UNDER_REVIEW, state.stage)
    others = [a for a in state.asked if a.kind == "cosign" and a.position == "after" and a.agreed is None]
    if [a for a in others if brought.request is None or a.id != brought.request.id]:
        return Position(Status.UNDER_REVIEW, state.stage, Pending.COSIGN)
    return next_stage(state, state.signed)


def _recalled(state: State, brought: Brought) -> Position:
    # An approval that waited for a signature is not taken for signed: the stage decides anew, without it.
    return Position(Status.UNDER_REVIEW, state.stage)


def _returned(state: State, brought: Brought) -> Position:
    if brought.to_stage is not None:
        return Position(Status.UNDER_REVIEW, brought.to_stage)
    return Position(Status.RETURNED)


def _back_to_decider(state: State, brought: Brought) -> Position:
    return Position(Status.UNDER_REVIEW, state.last.stage if state.last else state.stage)


def _void_asked(state: State, brought: Brought) -> Position:
    return Position(Status.APPROVED, state.stages[0].name, Pending.VOID)


def _void_proposed(state: State, brought: Brought) -> Position:
    return Position(Status.APPROVED, brought.to_stage, Pending.VOID)


def _stays(state: State, brought: Brought) -> Position:
    return Position(state.status, state.stage, state.pending)


def _to(status: Status) -> _Leads:
    return lambda state, brought: Position(status)


def _waits(pending: Pending | None) -> _Leads:
    return lambda state, brought: Position(state.status, state.stage, pending)


_AT_A_STAGE = frozenset({Status.UNDER_REVIEW})
_APPROVED = frozenset({Status.APPROVED})
_ANY_PENDING = frozenset({None, *Pending})
_NOT_AT_A_STAGE = "此{noun}目前为“{state}”，由{holder}办理，不能审核。"
_NOTHING_PENDING = "此{noun}目前为“{state}”，没有需要这样答复的事项。"
_DECIDING = (Need.AMENDS, Need.INTACT, Need.SIGNERS, Need.REPLIES)

_ROWS = (
    # Of the school.
    Act(
        name="submit", label="报送", by=By.OWNER, starts=WITH_SCHOOL, leads=_on, tone="info", freezes=True,
        needs=(Need.AMENDS, Need.ANSWERS, Need.CHECKS, Need.STAFF),
        refusal="此{noun}目前为“{state}”，由{holder}办理，不能再次报送。", outcome="送达：{to}",
    ),
    Act(
        name="withdraw", label="撤回", by=By.OWNER, starts=_AT_A_STAGE, leads=_to(Status.DRAFT), tone="warn",
        needs=(Need.UNOPENED,),
        refusal="此{noun}目前为“{state}”，没有可撤回的报送。", outcome="退回为草稿，修改后可再次报送",
    ),
    Act(
        name="ask_withdraw", label="申请撤回", by=By.OWNER, starts=_AT_A_STAGE, leads=_waits(Pending.WITHDRAWAL),
        # Offered while reviewers settle something among themselves, too: else its absence would tell (A16).
        pending=frozenset({None, Pending.POLICY, *AMONG_REVIEWERS}),
        tone="warn", needs=(Need.OPENED, Need.OPINION, Need.UNDECIDED),
        refusal="此{noun}目前为“{state}”，审核单位正在办理，暂不能申请撤回；可致电办理单位。", outcome="请{to}答复",
    ),
    Act(
        name="abandon", label="放弃申报", by=By.OWNER, starts=WITH_SCHOOL, leads=_to(Status.WITHDRAWN),
        refusal="此{noun}目前为“{state}”，由{holder}办理，不能放弃申报。", outcome="办理结束，可另行申报",
    ),
    Act(
        name="ask_void", label="申请作废", by=By.OWNER, starts=_APPROVED, leads=_void_asked, tone="bad",
        needs=(Need.IN_FORCE, Need.OPINION),
        refusal="此{noun}目前为“{state}”，只有已通过的才能申请作废。", outcome="请{to}答复",
    ),
    # Of the stage.
    Act(
        name="approve", label="同意", by=By.REVIEWER, starts=_AT_A_STAGE, leads=_signed, tone="good", decides=True,
        signs=True, needs=_DECIDING, refusal=_NOT_AT_A_STAGE, outcome="送达：{to}",
    ),
    Act(
        name="return", label="退回修改", by=By.REVIEWER, starts=_AT_A_STAGE, leads=_returned, tone="warn",
        decides=True, needs=(Need.POINTS, Need.REPLIES), refusal=_NOT_AT_A_STAGE,
        outcome="退回至：{to}；重报后回到本环节",
    ),
    Act(
        name="refuse", label="不予通过", by=By.REVIEWER, starts=_AT_A_STAGE, leads=_waits(Pending.REFUSAL), tone="bad",
        needs=(Need.INTACT, Need.OPINION, Need.REPLIES, Need.SECOND), internal=True, refusal=_NOT_AT_A_STAGE,
        outcome="待第二人复核：{to}",
    ),
    Act(
        name="confirm_refusal", label="复核不予通过", by=By.SECOND, starts=_AT_A_STAGE,
        pending=frozenset({Pending.REFUSAL}), leads=_to(Status.REFUSED), tone="bad", decides=True, needs=(Need.INTACT,),
        refusal=_NOTHING_PENDING, outcome="不予通过，办理结束，可另行申报",
    ),
    Act(
        name="decline_refusal", label="不同意不予通过", by=By.SECOND, starts=_AT_A_STAGE, internal=True,
        pending=frozenset({Pending.REFUSAL}), leads=_waits(None), needs=(Need.OPINION,),
        refusal=_NOTHING_PENDING, outcome="交回：{to}",
    ),
    Act(
        name="grant_withdrawal", label="同意撤回", by=By.REVIEWER, starts=_AT_A_STAGE, tone="warn",
        pending=frozenset({Pending.WITHDRAWAL}), leads=_to(Status.DRAFT),
        refusal=_NOTHING_PENDING, outcome="退回为草稿，修改后可再次报送",
    ),
    Act(
        name="decline_withdrawal", label="不同意撤回", by=By.REVIEWER, starts=_AT_A_STAGE,
        pending=frozenset({Pending.WITHDRAWAL}), leads=_waits(None), needs=(Need.OPINION,),
        refusal=_NOTHING_PENDING, outcome="继续办理：{to}",
    ),
    Act(
        # What was approved on false papers is not only for who filed it to undo.
        name="propose_void", label="提出作废", by=By.SIGNATORY, starts=_APPROVED, leads=_void_proposed, tone="bad",
        needs=(Need.IN_FORCE, Need.OPINION, Need.SECOND),
        refusal="此{noun}目前为“{state}”，只有已通过的才能提出作废。", outcome="待第二人复核：{to}",
    ),
    Act(
        name="confirm_void", label="同意作废", by=By.SECOND, starts=_APPROVED, tone="bad",
        pending=frozenset({Pending.VOID}), leads=_to(Status.VOIDED), needs=(Need.OPINION,),
        refusal=_NOTHING_PENDING, outcome="已作废，不能再据此举办培训",
    ),
    Act(
        name="decline_void", label="不同意作废", by=By.SECOND, starts=_APPROVED,
        pending=frozenset({Pending.VOID}), leads=_to(Status.APPROVED), needs=(Need.OPINION,),
        refusal=_NOTHING_PENDING, outcome="继续有效",
    ),
    Act(
        name="take_back", label="取回", by=By.DECIDER, starts=frozenset({Status.UNDER_REVIEW, Status.RETURNED}),
        pending=frozenset({None, Pending.REFUSAL, Pending.COSIGN}), leads=_back_to_decider, tone="warn", strikes=True,
        needs=(Need.NOT_FINAL, Need.UNOPENED),
        refusal="此{noun}目前为“{state}”，不能取回。", outcome="回到：{to}",
    ),
    Act(
        name="park", label="等省厅意见", by=By.REVIEWER, starts=_AT_A_STAGE, leads=_waits(Pending.POLICY), tone="info",
        needs=(Need.CATEGORY, Need.OPINION), refusal=_NOT_AT_A_STAGE, outcome="等省厅明确后继续办理，其间不计办理时限",
    ),
    Act(
        name="resume", label="恢复办理", by=By.REVIEWER, starts=_AT_A_STAGE, pending=frozenset({Pending.POLICY}),
        leads=_waits(None), needs=(Need.OPINION,), tone="info", refusal=_NOTHING_PENDING, outcome="继续办理：{to}",
    ),
    Act(
        name="settle_policy", label="省厅意见", by=By.PROVINCE, starts=_AT_A_STAGE, pending=frozenset({Pending.POLICY}),
        leads=_waits(None), tone="info", needs=(Need.DOCUMENT, Need.OPINION), refusal=_NOTHING_PENDING,
        outcome="继续办理：{to}",
    ),
    # Among reviewers.
    Act(
        name="transfer", label="转办", by=By.COLLEAGUE, starts=_AT_A_STAGE, pending=_ANY_PENDING, leads=_stays,
        needs=(Need.TARGET, Need.OPINION), internal=True, refusal=_NOT_AT_A_STAGE, outcome="转给：{names}",
    ),
    Act(
        name="consult", label="意见征询", by=By.REVIEWER, starts=_AT_A_STAGE, leads=_stays,
        needs=(Need.TARGET, Need.OPINION), internal=True, requests="consult", refusal=_NOT_AT_A_STAGE,
        outcome="征询：{names}",
    ),
    Act(
        name="add_signer", label="加签", by=By.REVIEWER, starts=_AT_A_STAGE, leads=_stays,
        needs=(Need.TARGET, Need.OPINION), internal=True, requests="cosign", refusal=_NOT_AT_A_STAGE,
        outcome="请加签：{names}",
    ),
    Act(
        name="recall", label="撤销征询、加签", by=By.REVIEWER, starts=_AT_A_STAGE, leads=_recalled,
        pending=frozenset({None, Pending.COSIGN}), needs=(Need.SILENT, Need.OPINION), internal=True, tone="warn",
        refusal=_NOTHING_PENDING, outcome="已撤销：{names}",
    ),
    Act(
        name="copy", label="抄送", by=By.REVIEWER, starts=_AT_A_STAGE, leads=_stays, needs=(Need.TARGET,),
        internal=True, requests="copy", refusal=_NOT_AT_A_STAGE, outcome="抄送：{names}",
    ),
    Act(
        name="reply", label="答复征询", by=By.ASKED, starts=frozenset(Status), pending=_ANY_PENDING, leads=_stays,
        needs=(Need.OPINION,), internal=True, answers="consult", refusal=_NOTHING_PENDING, outcome="已答复",
    ),
    Act(
        name="cosign", label="加签意见", by=By.ASKED, starts=_AT_A_STAGE, pending=frozenset({None, Pending.COSIGN}),
        leads=_cosigned, needs=(Need.AMENDS, Need.INTACT), answers="cosign", internal=True, signs=True,
        refusal=_NOTHING_PENDING, outcome="送达：{to}",
    ),
    Act(
        name="seen", label="已阅", by=By.ASKED, starts=frozenset(Status), pending=_ANY_PENDING, leads=_stays,
        internal=True, answers="copy", refusal=_NOTHING_PENDING, outcome="已阅",
    ),
    Act(
        name="correct", label="更正", by=By.RECORDER, starts=frozenset(Status), pending=_ANY_PENDING, leads=_stays,
        needs=(Need.OPINION,), refusal=_NOT_AT_A_STAGE, outcome="更正上面的记录，原记录保留",
    ),
    # From outside the stage.
    Act(
        name="remind", label="催办", by=By.OWNER_OR_ABOVE, starts=_AT_A_STAGE, leads=_stays, needs=(Need.WAITED,),
        pending=frozenset({None, *AMONG_REVIEWERS}),
        refusal="此{noun}目前为“{state}”，不需要催办。", outcome="已提醒：{to}",
    ),
    Act(
        name="open", label="查看", by=By.SYSTEM, starts=frozenset(Status), pending=_ANY_PENDING, leads=_stays,
        refusal="", outcome="已打开",
    ),
    Act(
        name="overdue", label="超时", by=By.SYSTEM, starts=_AT_A_STAGE, pending=_ANY_PENDING, leads=_stays, tone="bad",
        refusal="", outcome="超过办理时限，已告知：{to}",
    ),
    Act(
        name="supersede", label="由修订取代", by=By.SYSTEM, starts=_APPROVED, pending=_ANY_PENDING,
        leads=_to(Status.APPROVED), refusal="", outcome="由修订方案 {names} 取代{to}",
    ),
    Act(
        name="release", label="调整办理人", by=By.SYSTEM, starts=frozenset(Status), pending=_ANY_PENDING, leads=_stays,
        internal=True, refusal="", outcome="{names}已不在岗，{to}",
    ),
    Act(
        name="rezone", label="区划调整", by=By.SYSTEM, starts=frozenset(Status), pending=_ANY_PENDING, leads=_stays,
        refusal="", outcome="依据{names}，{to}",
    ),
)  # fmt: skip

ACTS: dict[str, Act] = {act.name: act for act in _ROWS}
"""Every act by its name."""
OFFERED = {name: act for name, act in ACTS.items() if act.by is not By.SYSTEM}
"""Those that somebody may do."""
