"""What the page of one decision shows besides the plan: where it would go, whom one may ask, places of points, what is
next. Each of these is found out for one reviewer and one plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from services.plans import guards, terms
from services.plans.acts import ACTS
from services.plans.approval import api, comparing, looking, queries, staffing, views
from services.plans.approval.content import Content
from services.plans.approval.models import Plan
from services.plans.desk import phrases, precedents, queue
from services.plans.workflow import POLICY_CATEGORIES, Act, Brought, Need, Pending, State, Status
from shared.actors import Actor
from shared.database import utc_now
from shared.directory import OfficeCopy
from shared.paging import cursor_after

ASKING = ("transfer", "add_signer", "consult", "recall", "copy", "park")
"""更多: what a reviewer may do besides deciding."""
ANSWERING = (
    "confirm_refusal", "decline_refusal", "grant_withdrawal", "decline_withdrawal", "confirm_void", "decline_void",
    "resume", "reply", "cosign", "seen", "take_back", "remind",
)  # fmt: skip
"""What waits for this person's word, or may still be undone."""
ON_DESK = (*ASKING, *ANSWERING)
STAYS = frozenset(
    {"transfer", "add_signer", "consult", "recall", "copy", "resume", "take_back", "remind", "decline_withdrawal"}
)
"""After these one goes on with the same plan."""
HELP = {
    "transfer": "交给本单位同岗的另一位审核人办理；办理过程留痕，学校看不到。",
    "add_signer": "请其他审核人在本环节签署；“先签”未同意前您不能同意，“后签”同意后才送下一环节。",
    "consult": "征询其他审核人的意见，属内部意见，学校看不到。",
    "recall": "对方迟迟不答复时用：尚未答复的征询和加签全部撤销；已同意而等后签的，由本环节重新办理。",
    "copy": "只供对方知悉，不影响办理。",
    "park": "政策尚未明确的事项：其间不计办理时限，省厅按类别答复后恢复办理。",
    "confirm_refusal": "您作为第二人复核：确认后办理结束，学校可另行申报。",
    "decline_refusal": "不同意不予通过，交回原审核人继续办理。",
    "grant_withdrawal": "同意后退回为草稿，学校修改后可再次报送。",
    "decline_withdrawal": "不同意撤回，继续审核；理由会告知学校。",
    "confirm_void": "同意后即作废：方案不能再据此举办培训，认定申请的学分予以冲销；记录保留。",
    "decline_void": "继续有效；理由会告知申报单位。",
    "resume": "不再等省厅意见，恢复办理并继续计时。",
    "cosign": "您的签署意见，属内部意见。",
    "take_back": "对方打开之前可以取回；原意见保留并划线。",
    "remind": "提醒现在的办理单位，记入办理过程；每 8 个工作小时一次。",
}
REMINDING = {"remind": "督办"}
"""Words for a level above, where they differ from the school's."""


@dataclass(frozen=True, slots=True)
class Dialog:
    """One act as a form: which fields it has."""

    act: Act
    label: str
    help: str
    opinion: bool
    required: bool
    people: Sequence[staffing.Target]
    one: bool
    """Exactly one person may be chosen."""


def dialogs(session: Session, actor: Actor, view: views.PlanView) -> tuple[list[Dialog], list[Dialog]]:
    """The forms of the answering and of the asking acts that are open now."""
    names = {act.name for act in view.acts}
    people = views.candidates(session, actor, view.plan) if names & set(ASKING) else []
    same = views.colleagues(session, actor, view.plan) if "transfer" in names else []
    found = {name: _dialog(ACTS[name], same if name == "transfer" else people) for name in ON_DESK if name in names}
    return [found[n] for n in ANSWERING if n in found], [found[n] for n in ASKING if n in found]


def _dialog(act: Act, people: Sequence[staffing.Target]) -> Dialog:
    return Dialog(
        act=act,
        label=REMINDING.get(act.name, act.label),
        help=HELP.get(act.name, ""),
        opinion=act.name not in ("seen", "take_back", "remind"),
        required=Need.OPINION in act.needs,
        people=people if Need.TARGET in act.needs else (),
        one=act.name == "transfer",
    )


def destination(session: Session, plan: Plan, state: State) -> str:
    """将送达：××市教育局 · 市级审核（2 人在岗）, or what else the approval would do; empty when it cannot be given."""
    if state.current is None or state.status is not Status.UNDER_REVIEW:
        return ""
    position = ACTS["approve"].leads(state, Brought())
    if position.pending is Pending.COSIGN:
        names = "、".join(a.name for a in state.asked if a.kind == "cosign" and a.agreed is None)
        return f"将送达：{names}（本级加签）"
    stage = next((stage for stage in state.stages if stage.name == position.stage), None)
    if stage is None:
        claimed = plan.claim is not None
        return "同意后即为认定，自动计入学分" if claimed else "同意后即为通过，申报单位可据此组织培训"
    unit = queries.reviewing_units(session, plan.unit_path).get(stage.level)
    office = session.get(OfficeCopy, (unit.path, stage.office.value)) if unit else None
    body = office.body if office else unit.name if unit else "上级单位"
    number = len([h for h in office.holders if h["account_id"] not in state.authors]) if office else 0
    return f"将送达：{body} · {stage.title}（{number} 人在岗）"


def grouped_places(content: Content) -> list[tuple[str, list[tuple[str, str]]]]:
    """Every place for a point, by chapter and item: group -> (`section|field`, words in full)."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for (section, place), words in content.places().items():
        parts = place.split(".")
        number = int(parts[1]) if parts[0] == "items" and len(parts) > 1 else None
        if number is not None:
            group = f"研修项目 {number + 1}：{content.items[number].title}"
        else:
            group = {"basics": "基本情况", "covers": "联合申报单位", "items": "研修项目", "attachments": "附件"}[
                section
            ]
        groups.setdefault(group, []).append((f"{section}|{place}", words))
    return list(groups.items())


def comparisons(
    session: Session, plan: Plan, chosen: str
) -> tuple[list[tuple[str, str]], list[comparing.Change] | None]:
    """The switches 与上一版, 与首报, 与上年 as far as there is something, and the changes of the chosen one."""
    found = [("previous", "与上一版", str(plan.round - 1))] if plan.round > 1 else []
    if plan.round > 2:
        found.append(("first", "与首报", "1"))
    if looking.last_years_plan(session, plan, str(plan.submitted_year)) is not None:
        found.append(("last_year", "与上年", "last_year"))
    old = next((old for name, _, old in found if name == chosen), None)
    changes = api.comparison(session, plan, old, None) if old else None
    return [(name, label) for name, label, _ in found], changes


def answered(view: views.PlanView) -> views.Entry | None:
    """The last return that the school has answered with a resubmission: its points with before and after (N1)."""
    last = next((e for e in reversed(view.entries) if e.act.name == "return" and not e.struck), None)
    return last if last and last.points and view.plan.round > last.line.round else None


def context(
    session: Session, actor: Actor, view: views.PlanView, compare: str, typed: Mapping[str, Any]
) -> dict[str, Any]:
    """Everything besides the plan that `plans/decide.html` shows."""
    plan = view.plan
    state = queries.state_of(session, plan)
    names, at = {act.name for act in view.acts}, state.current
    switches, changes = comparisons(session, plan, compare)
    answering, asking = dialogs(session, actor, view)
    own_standard = any(item.kind == "other" for item in view.content.items)
    stages = [stage.name for stage in state.stages]
    earlier = stages[: stages.index(state.stage)] if state.stage in stages else []
    return {
        "view": view,
        "plan": plan,
        "switches": switches,
        "changes": changes,
        "answering": answering,
        "asking": asking,
        "places": grouped_places(view.content),
        "phrases": phrases.phrases_of(session, actor),
        "destination": destination(session, plan, state) if "approve" in names else "",
        "seconds": staffing.seconds(session, plan, at, state, actor) if at and "refuse" in names else 0,
        "earlier": [(step.stage, f"{step.title} · {step.body}") for step in view.steps if step.stage in earlier],
        "answered": answered(view),
        "opinions": [e for e in view.entries if e.act.decides and not e.line.internal],
        "precedents": precedents.of_school(session, actor, plan),
        "form_precedents": precedents.of_form(session, actor, plan) if own_standard else [],
        "categories": list(POLICY_CATEGORIES.items()),
        "policy_titles": POLICY_CATEGORIES,
        "claim": claim_of_other(plan, actor),
        "typed": typed,
        "decides": "return" in names,
        "approves": "approve" in names,
    }


def claim_of_other(plan: Plan, actor: Actor) -> str:
    """The name of a colleague who is working on it now; empty if nobody else is."""
    theirs = plan.claimed_by is not None and plan.claimed_by != actor.account_id
    return str(plan.claimed_by_name) if theirs and not staffing.claim_is_over(plan, utc_now()) else ""


def may_take_back(session: Session, actor: Actor, plan: Plan) -> bool:
    """Whether the decision just made could be undone right now."""
    return bool(guards.open_acts({"take_back": ACTS["take_back"]}, queries.state_of(session, plan), actor))


def place_in_queue(plan: Plan, now: datetime) -> str:
    """The cursor of what follows this plan in the queue; read before the plan moves."""
    if plan.entered_at is None:
        return ""
    keys = [Plan.entered_at, Plan.id]
    return f"{queue.LAMPS.index(queue.lamp_of(plan, now))}.{cursor_after(plan, keys)}"


def following(
    session: Session, actor: Actor, tab: str, chosen: queue.Filters, now: datetime, place: str, but: str
) -> str | None:
    """The next plan of the filtered queue after that place, or its first (T26); `but`: never this one."""
    if tab not in ("todo", "claimed"):
        return None
    query = queue.narrowed(queue.tab(actor, tab, now), chosen, now, terms.tonight(now)).where(Plan.id != but)
    for cursor in dict.fromkeys((place, "")):
        rows = queue.by_lamp(session, query, now, cursor=cursor or None, limit=1).items
        if rows:
            return rows[0].id
    return None


def points_of(rows: Iterable[Mapping[str, str]]) -> list[dict[str, Any]]:
    """The form's one choice of place as section and field."""
    found = []
    for row in rows:
        section, _, place = row.get("place", "").partition("|")
        must = row.get("must", "") == "yes"
        found.append({"section": section, "field": place, "text": row.get("text", ""), "must": must})
    return found
