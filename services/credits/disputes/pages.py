"""异议 for people: the teacher's own, the form, the handler's queue, and one dispute with its acts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flask import Blueprint, Response, flash, make_response, render_template, request, url_for
from marshmallow import ValidationError
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from services.credits import in_force
from services.credits import queries as credits_queries
from services.credits.disputes import edge, operations, queries, subjects, wording
from services.credits.disputes.models import Dispute, State
from services.credits.disputes.parties import HANDLERS
from services.credits.disputes.recording import answer_days
from services.credits.disputes.schemas import AnswerIn, DisputeIn, ForwardIn, SettleIn, WithdrawIn
from services.credits.disputes.subjects import Subject
from shared.actors import Office
from shared.directory import PersonCopy, UnitCopy
from shared.errors import DomainError, Invalid, NotFound
from shared.paging import page
from shared.schemas import Schema
from shared.tables import flatten
from shared.web import actor, allow, expected_version, once, reading

bp = Blueprint("disputes_pages", __name__, url_prefix="/credits/disputes")

OPENERS = (Office.TEACHER, Office.SCHOOL_ADMIN)
READERS = (*OPENERS, *HANDLERS)
TABS = {"waiting": "待答复", "overdue": "超期", "upheld": "待更正", "all": "全部"}
FORM: Sequence[str] = tuple(DisputeIn().fields)
FORMS: Mapping[str, type[Schema]] = {
    "answer": AnswerIn, "forward": ForwardIn, "withdraw": WithdrawIn, "settle": SettleIn,
}  # fmt: skip
LABELS = {
    "project_title": "项目名称",
    "held_on": "培训日期",
    "hours": "学时",
    "text": "内容和理由",
    "file": "佐证材料",
    "late_reason": "公示期后提出的原因",
    "to": "接收单位",
    "reason": "转办原因",
    "remedy": "如何更正",
    "line_id": "更正记录",
    "note": "说明",
}


@bp.app_context_processor
def words_for_templates() -> dict[str, object]:
    """Chinese words and tones."""
    return {"dispute_words": wording}


@bp.get("/mine")
@allow(Office.TEACHER)
def mine() -> str:
    """My disputes, newest first."""
    with reading() as session:
        found = queries.of_person(session, actor(), actor().person_id, cursor=request.args.get("cursor"))
        return render_template("credits/disputes/mine.html", rows=found.items, next_cursor=found.next)


@bp.get("")
@allow(*READERS)
def queue() -> str:
    """The handler's lists; a school sees those of its teachers."""
    chosen = request.args.get("show", "waiting" if actor().holds(*HANDLERS) else "all")
    with reading() as session:
        lists = queries.tabs(actor(), in_force.today())
        if chosen not in lists:
            raise NotFound("没有这个列表，请从页面上方选择。")
        keys = [Dispute.id]
        found = page(session, lists[chosen], keys, cursor=request.args.get("cursor"))
        numbers = queries.counts(session, lists)
        return render_template(
            "credits/disputes/queue.html",
            rows=found.items,
            next_cursor=found.next,
            people=queries.people_of(session, found.items),
            today=in_force.today(),
            tabs=[
                {
                    "label": label,
                    "href": url_for(".queue", show=key),
                    "count": numbers[key],
                    "active": key == chosen,
                }
                for key, label in TABS.items()
            ],
        )


@bp.get("/new")
@allow(*OPENERS)
def new() -> str:
    """The form: about the line or the result in the address, or about a training that is missing."""
    return _form({name: request.args.get(name, "") for name in FORM})


@bp.post("")
@allow(*OPENERS)
def open_one() -> AnyResponse:
    """Opens it; what was typed comes back when something is missing."""
    typed = {name: request.form.get(name, "").strip() for name in FORM}
    try:
        body = DisputeIn().load({name: value for name, value in typed.items() if value or name == "text"})
        files = edge.take(request.files.getlist("file"))
        with once() as tx:
            dispute = edge.open_dispute(tx.session, body, files)
            flash(f"异议（第 {dispute.id} 号）已提交，应于 {dispute.due_on} 前答复。", "success")
            return tx.redirect(url_for(".show", dispute_id=dispute.id))
    except ValidationError as error:
        return make_response(_form(typed, _by_field(error)), 422)
    except Invalid as error:
        fields = {name: list(sentences) for name, sentences in error.fields.items()}
        return make_response(_form(typed, fields, error.detail), error.status)


@bp.get("/<int:dispute_id>")
@allow(*READERS)
def show(dispute_id: int) -> str:
    """One dispute with everything that was done."""
    return _show(dispute_id)


@bp.get("/<int:dispute_id>/files/<file_id>")
@allow(*READERS)
def evidence(dispute_id: int, file_id: str) -> Response:
    """A piece of evidence as a file."""
    return edge.send_evidence(dispute_id, file_id)


@bp.post("/<int:dispute_id>/acts/<act>")
@allow(*READERS)
def do(dispute_id: int, act: str) -> AnyResponse:
    """Answers, forwards, withdraws or settles; what was typed comes back when something is missing."""
    if act not in FORMS:
        raise NotFound("没有这种办理。")
    schema = FORMS[act]()
    typed = {name: request.form.get(name, "").strip() for name in schema.fields}
    try:
        body = schema.load({name: value for name, value in typed.items() if value or name == "text"})
        with once() as tx:
            doing = getattr(operations, act)
            dispute = doing(tx.session, actor(), dispute_id, expected_version(), **body)
            flash(f"异议（第 {dispute.id} 号）：{wording.STATES[dispute.state]}。", "success")
            return tx.redirect(url_for(".show", dispute_id=dispute_id))
    except ValidationError as error:
        return make_response(_show(dispute_id, typed, _by_field(error)), 422)
    except DomainError as error:
        if isinstance(error, NotFound):
            raise
        fields = {name: list(sentences) for name, sentences in error.fields.items()}
        return make_response(_show(dispute_id, typed, fields, error.detail), error.status)


def _form(typed: Mapping[str, str], errors: Mapping[str, list[str]] | None = None, detail: str = "") -> str:
    with reading() as session:
        subject = _subject(session, typed)
        person_id = subject.person.person_id if subject else typed["person_id"] or actor().person_id
        person = session.scalar(credits_queries.visible_people(actor()).where(PersonCopy.person_id == person_id))
        if person is None:
            raise NotFound()
        return render_template(
            "credits/disputes/new.html",
            subject=subject,
            person=person,
            own=person.person_id == actor().person_id,
            typed=typed,
            errors=errors or {},
            detail=detail,
            labels=LABELS,
            days=answer_days(),
        )


def _subject(session: Session, typed: Mapping[str, str]) -> Subject | None:
    """The line or the result of the address; None: a training that is missing."""
    if typed["line_id"]:
        if not typed["line_id"].isdecimal() or len(typed["line_id"]) > 18:
            raise NotFound()
        return subjects.line_subject(session, actor(), int(typed["line_id"]))
    if typed["result_id"]:
        return subjects.provisional_subject(session, actor(), typed["result_id"])
    return None


def _show(
    dispute_id: int,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, list[str]] | None = None,
    detail: str = "",
) -> str:
    with reading() as session:
        dispute = queries.find_dispute(session, actor(), dispute_id)
        here = actor().post_at(dispute.handling_path, *HANDLERS) is not None
        person, unit = queries.people_of(session, [dispute]).get(dispute.person_id, (None, None))
        return render_template(
            "credits/disputes/show.html",
            dispute=dispute,
            person=person,
            unit=unit,
            handling=session.get(UnitCopy, dispute.handling_path),
            acts=queries.acts(session, dispute),
            files=queries.files(session, dispute),
            candidates=queries.candidates(session, dispute) if dispute.state == State.UPHELD else [],
            party=queries.is_party(session, actor(), dispute),
            own=dispute.person_id == actor().person_id,
            here=here,
            refused=operations.why_not_answer(session, actor(), dispute) if here else None,
            targets=[(one.path, one.name) for one in operations.forwardable(session, dispute)]
            if here and dispute.state == State.OPEN
            else [],
            overdue=dispute.state == State.OPEN and dispute.due_on < in_force.today(),
            typed=typed or {},
            errors=errors or {},
            detail=detail,
            labels=LABELS,
        )


def _by_field(error: ValidationError) -> dict[str, list[str]]:
    told: dict[str, list[str]] = {}
    for name, sentence in flatten(error.messages):
        told.setdefault(name, []).append(sentence)
    return told
