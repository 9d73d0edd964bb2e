"""What pages and API of disputes share: reading evidence, opening, files as answers."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

from flask import Response, send_file
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage

from services.credits.disputes import evidence, opening, queries, subjects
from services.credits.disputes.evidence import Evidence
from services.credits.disputes.models import Dispute
from services.credits.disputes.subjects import Subject
from shared.errors import Invalid
from shared.uploads import MAX_SIZE
from shared.web import actor, reading, runtime


def take(sent: Iterable[FileStorage]) -> list[Evidence]:
    """The evidence, looked into and kept. Raises `Invalid` or `TooLarge` for what may not be kept."""
    chosen = [file for file in sent if file.filename]
    if len(chosen) > evidence.MOST:
        sentence = f"佐证材料最多 {evidence.MOST} 个文件。"
        raise Invalid(sentence, fields={"file": [sentence]})
    found = [evidence.look_at(file.filename, file.stream.read(MAX_SIZE + 1)) for file in chosen]
    store = evidence.store(runtime().settings.data_dir)
    for one in found:
        store.put(one)
    return found


def subject_of(session: Session, body: dict[str, Any]) -> Subject:
    """What the body is about. Raises `NotFound` outside what the actor may see, `Invalid` without date or hours."""
    if body["line_id"] is not None:
        return subjects.line_subject(session, actor(), body["line_id"])
    if body["result_id"]:
        return subjects.provisional_subject(session, actor(), body["result_id"])
    missing = {name: ["必填。"] for name in ("held_on", "hours") if body[name] is None}
    if missing:
        raise Invalid("异议还不能提交，请按提示补充。", fields=missing)
    return subjects.missing_subject(
        session,
        actor(),
        body["person_id"] or actor().person_id,
        project_number=body["project_number"].strip(),
        project_title=body["project_title"].strip(),
        held_on=body["held_on"],
        hours=body["hours"],
    )


def open_dispute(session: Session, body: dict[str, Any], files: list[Evidence]) -> Dispute:
    """Opens a dispute as `DisputeIn` says it."""
    subject = subject_of(session, body)
    late = body["late_reason"]
    return opening.open_dispute(session, actor(), subject, text=body["text"], late_reason=late, files=files)


def send_evidence(dispute_id: int, file_id: str) -> Response:
    """A piece of evidence, for the parties."""
    with reading() as session:
        file = queries.find_file(session, actor(), dispute_id, file_id)
    content = evidence.store(runtime().settings.data_dir).get(file.sha256)
    return send_file(io.BytesIO(content), mimetype=file.media_type, as_attachment=True, download_name=file.name)
