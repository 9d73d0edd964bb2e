"""Opening a dispute: who may, what is needed, and where it goes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.credits import in_force
from services.credits.disputes import parties
from services.credits.disputes.evidence import MOST, Evidence
from services.credits.disputes.models import Dispute, DisputeFile, State
from services.credits.disputes.recording import due_on, record
from services.credits.disputes.subjects import Subject
from shared.actors import Actor, Office
from shared.database import utc_now
from shared.errors import Conflict, Invalid, NotAllowed
from shared.outbox import insert
from shared.ui.filters import local_time


def open_dispute(
    session: Session,
    actor: Actor,
    subject: Subject,
    *,
    text: str,
    late_reason: str | None = None,
    files: Sequence[Evidence] = (),
) -> Dispute:
    """Opens a dispute, for the teacher herself or by her school for her. The files are kept already.

    Raises `NotAllowed` for others, `Invalid` naming the field for what is missing (a reason why only now, after the
    公示; evidence of a training of which nothing is known), `Conflict` while one about the same is open.
    """
    body = _opener(actor, subject)
    text, late_reason = text.strip(), (late_reason or "").strip() or None
    wrong: dict[str, list[str]] = {}
    if len(text) < 5:
        wrong["text"] = ["请写明异议的内容和理由，不少于 5 个字。"]
    if subject.kind == "line" and not late_reason:
        wrong["late_reason"] = ["这条记录已经确认，请说明为何没有在公示期间提出。"]
    if subject.kind == "missing":
        wrong |= _missing_errors(subject, files)
    if len(files) > MOST:
        wrong["file"] = [f"佐证材料最多 {MOST} 个文件。"]
    if wrong:
        raise Invalid("异议还不能提交，请按提示补充。", fields=wrong)
    now = utc_now()
    row = {
        name: getattr(subject, name)
        for name in (
            "kind", "line_id", "result_id", "project_id", "project_number", "project_title", "organizer_path",
            "organizer_name", "held_on", "hours",
        )
    }  # fmt: skip
    row |= {
        "person_id": subject.person.person_id,
        "text": text,
        "late_reason": late_reason,
        "state": State.OPEN.value,
        "handling_path": _first_authority(session, subject),
        "due_on": due_on(),
        "open_key": subject.key,
        "opened_by": actor.account_id,
        "opened_at": now,
        "version": 1,
    }
    # Of two who press at once the second waits here, and finds the first one's.
    statement = insert(session, cast(Any, Dispute)).values(row).on_conflict_do_nothing(index_elements=["open_key"])
    made = session.scalar(statement.returning(Dispute.id))
    if made is None:
        same = session.scalars(select(Dispute).where(Dispute.open_key == subject.key)).one()
        raise Conflict(
            f"就此事已于 {local_time(same.opened_at)} 提出异议（第 {same.id} 号），正在办理，无需再次提出。",
            dispute=same.id,
        )
    dispute = session.get_one(Dispute, made)
    for file in files:
        session.add(
            DisputeFile(
                dispute_id=dispute.id,
                name=file.name,
                media_type=file.media_type,
                size=len(file.content),
                sha256=file.sha256,
                uploaded_by=actor.account_id,
                uploaded_at=now,
            )
        )
    late = f"公示期后提出的原因：{late_reason}" if late_reason else ""
    record(session, dispute, actor, body, "open", text, late)
    return dispute


def _opener(actor: Actor, subject: Subject) -> str:
    """The body for which the actor opens it."""
    if actor.person_id == subject.person.person_id and actor.holds(Office.TEACHER):
        return "本人"
    post = actor.post_at(subject.person.unit_path, Office.SCHOOL_ADMIN)
    if post is None:
        raise NotAllowed("异议由教师本人或所在学校的管理员提出。")
    return post.body


def _missing_errors(subject: Subject, files: Sequence[Evidence]) -> dict[str, list[str]]:
    wrong: dict[str, list[str]] = {}
    if not subject.project_title.strip():
        wrong["project_title"] = ["请填写培训项目的名称。"]
    if subject.held_on > in_force.today():
        wrong["held_on"] = ["培训日期不能晚于今天。"]
    if subject.held_on < date(2000, 1, 1):
        wrong["held_on"] = ["培训日期有误，请核对。"]
    if subject.hours is None or not 0 < subject.hours <= 1000:
        wrong["hours"] = ["学时应大于 0，不超过 1000。"]
    if not files:
        wrong["file"] = ["请上传参加培训的佐证材料，如结业证书、签到表。"]
    return wrong


def _first_authority(session: Session, subject: Subject) -> str:
    """The lowest authority over the training in which somebody is in post who may answer."""
    units = parties.authorities(session, subject)
    if not units:
        raise Invalid("找不到受理异议的单位，请联系学校管理员。", fields={"text": ["名册中没有上级主管部门。"]})
    free = parties.staffed(session, units, parties.involved(session, subject))
    return (free or units)[0].path
