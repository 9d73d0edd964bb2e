"""What must come with an act, and the sentence when it does not: `workflow.Need`, one small function each. Pure."""

from __future__ import annotations

from collections.abc import Callable

from services.plans.terms import DAY
from services.plans.workflow import AMONG_REVIEWERS, Act, Brought, Need, State
from shared.errors import Conflict, Invalid


def require(act: Act, state: State, brought: Brought) -> None:
    """That everything an act needs is there. Raises `Invalid` naming fields, or `Conflict` naming whom to call."""
    if brought.points and Need.POINTS not in act.needs:
        raise Invalid(
            f"{act.label}时不能附修改意见条目；如需学校修改，请选“退回修改”。",
            fields={"points": ["请删除修改意见条目。"]},
        )
    for need in act.needs:
        _NEEDS[need](act, state, brought)


def _opinion(act: Act, state: State, brought: Brought) -> None:
    if len(brought.opinion.strip()) < 2:
        raise Invalid(f"{act.label}须写明理由。", fields={"opinion": ["请写明理由。"]})


def _points(act: Act, state: State, brought: Brought) -> None:
    if brought.points < 1:
        raise Invalid(
            f"{act.label}须至少列出一条修改意见，并指明所在章节或字段。",
            fields={"points": ["请至少列出一条修改意见。"]},
        )


def _answers(act: Act, state: State, brought: Brought) -> None:
    if brought.unanswered:
        numbers = "、".join(str(number) for number in brought.unanswered)
        raise Invalid(
            f"第 {numbers} 条修改意见还没有答复，请逐条选“已修改”或“说明”后再报送。",
            fields={f"answers.{number}": ["请答复这一条意见。"] for number in brought.unanswered},
        )


def _checks(act: Act, state: State, brought: Brought) -> None:
    if brought.findings:
        raise Invalid("还不能报送，请按提示修改后再报送。", fields=brought.findings, flags=list(brought.flags))


def _staff(act: Act, state: State, brought: Brought) -> None:
    if brought.unstaffed:
        raise Conflict("暂时不能报送：" + "".join(brought.unstaffed), unstaffed=list(brought.unstaffed))


def _unopened(act: Act, state: State, brought: Brought) -> None:
    if state.opened:
        hint = "请改用“申请撤回”" if act.name == "withdraw" else "已不能取回；如需更改，请联系对方"
        raise Conflict(f"{state.holder}已经打开，不能{act.label}，{hint}。")


def _opened(act: Act, state: State, brought: Brought) -> None:
    if not state.seen:
        raise Conflict("审核单位还没有打开，可以直接撤回，不必申请。")


def _undecided(act: Act, state: State, brought: Brought) -> None:
    # In the same words whatever it is that reviewers settle among themselves (A16).
    if state.pending in AMONG_REVIEWERS:
        raise Conflict(f"审核单位正在办理，暂不能{act.label}；请稍后再试，或致电办理单位。")


def _silent(act: Act, state: State, brought: Brought) -> None:
    if not any(a.waiting for a in state.asked):
        raise Conflict("没有尚待答复的征询或加签，无需撤销。")


def _in_force(act: Act, state: State, brought: Brought) -> None:
    if state.superseded:
        raise Conflict(f"已由修订方案取代，不能{act.label}；如有需要，请对修订方案{act.label}。")


def _amends(act: Act, state: State, brought: Brought) -> None:
    if brought.amends_gone and brought.agreed:
        raise Conflict(f"{brought.amends_gone}，此修订不能再{act.label}；如仍需举办，请另行申报新方案。")


def _not_final(act: Act, state: State, brought: Brought) -> None:
    if state.last is None:
        raise Conflict("上一次办理之后已有其他办理，不能取回。")


def _second(act: Act, state: State, brought: Brought) -> None:
    if brought.seconds < 1:
        raise Conflict(
            f"“{act.label}”须由第二人复核，而本级和上级目前都没有其他在岗审核人；请先请账号管理员安排"
            + ("，或退回修改。" if state.current else "。")
        )


def _signers(act: Act, state: State, brought: Brought) -> None:
    # What somebody answered last, or has been asked since.
    signers = {a.account_id: a for a in state.asked if a.kind == "cosign"}.values()
    missing = [a.name for a in signers if a.position == "before" and a.agreed is None]
    if missing:
        raise Conflict(f"加签人{'、'.join(missing)}尚未签署，请等其签署后再{act.label}，或先撤销加签。")
    against = [a.name for a in signers if a.agreed is False]
    if against:
        raise Conflict(f"加签人{'、'.join(against)}不同意，不能{act.label}；请退回修改，或再请其签署。")


def _replies(act: Act, state: State, brought: Brought) -> None:
    missing = [a.name for a in state.asked if a.kind == "consult" and a.blocking and a.agreed is None]
    if missing:
        raise Conflict(f"正在征询{'、'.join(missing)}的意见，请等答复后再{act.label}，或先撤销征询。")


def _target(act: Act, state: State, brought: Brought) -> None:
    if brought.targets < 1:
        raise Invalid(f"请选择{act.label}的人员。", fields={"to": ["请选择人员。"]})


def _category(act: Act, state: State, brought: Brought) -> None:
    if not brought.category:
        raise Invalid("请选择等省厅意见的事项类别。", fields={"category": ["请选择类别。"]})


def _document(act: Act, state: State, brought: Brought) -> None:
    if len(brought.document.strip()) < 4:
        raise Invalid("请填写省厅文号。", fields={"document": ["请填写文号，如“赣教师字〔2026〕12号”。"]})


def _waited(act: Act, state: State, brought: Brought) -> None:
    if brought.waited <= DAY:
        raise Conflict(f"到达{state.holder}还不满 1 个工作日，请稍后再催办。")
    if brought.since_reminder is not None and brought.since_reminder < DAY:
        raise Conflict("上一次催办还不满 8 个工作小时，请稍后再催办；也可以致电办理单位。")


def _intact(act: Act, state: State, brought: Brought) -> None:
    if not brought.intact:
        raise Conflict("内容与报送时的版本不一致，各级意见已失效，不能办理；请联系省级管理员核查。")


_NEEDS: dict[Need, Callable[[Act, State, Brought], None]] = {
    Need.OPINION: _opinion,
    Need.POINTS: _points,
    Need.ANSWERS: _answers,
    Need.CHECKS: _checks,
    Need.STAFF: _staff,
    Need.UNOPENED: _unopened,
    Need.OPENED: _opened,
    Need.UNDECIDED: _undecided,
    Need.SILENT: _silent,
    Need.IN_FORCE: _in_force,
    Need.AMENDS: _amends,
    Need.NOT_FINAL: _not_final,
    Need.SECOND: _second,
    Need.SIGNERS: _signers,
    Need.REPLIES: _replies,
    Need.TARGET: _target,
    Need.CATEGORY: _category,
    Need.DOCUMENT: _document,
    Need.WAITED: _waited,
    Need.INTACT: _intact,
}
