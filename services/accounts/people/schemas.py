"""Bodies in and out of the API of people."""

from __future__ import annotations

from typing import Any

from flask_smorest.fields import Upload
from marshmallow import fields, pre_load, validate
from sqlalchemy.orm import Session

from services.accounts.models import Person
from services.accounts.people.facts import KINDS, LABELS, STAGES, Purpose
from services.accounts.queries import history
from shared.schemas import PageQuery, Schema

REASON = {"description": "理由，记入此人的历史"}


class PeopleQuery(PageQuery):
    """Query of the list of people."""

    q = fields.String(load_default="", validate=validate.Length(0, 60), metadata={"description": "姓名的一部分"})
    unit = fields.String(
        load_default="", validate=validate.Length(0, 120), metadata={"description": "单位代码或全称，含其下属单位"}
    )
    kind = fields.String(load_default="", validate=validate.OneOf(("", *KINDS)))
    stage = fields.String(load_default="", validate=validate.OneOf(("", *STAGES)))


class FactsIn(Schema):
    """All facts of a person as they are to be, and why they are changed; an empty one is none."""

    name = fields.String(required=True, validate=validate.Length(1, 60))
    kind = fields.String(required=True, validate=validate.OneOf(tuple(KINDS)))
    stage = fields.String(required=True, allow_none=True, validate=validate.OneOf(tuple(STAGES)))
    subject = fields.String(required=True, allow_none=True, validate=validate.Length(0, 40))
    certificate_subject = fields.String(required=True, allow_none=True, validate=validate.Length(0, 40))
    hired_on = fields.Date(required=True, allow_none=True)
    formal_appointment_on = fields.Date(required=True, allow_none=True)
    retires_on = fields.Date(required=True, allow_none=True)
    seconded_from = fields.Date(required=True, allow_none=True)
    seconded_to = fields.Date(required=True, allow_none=True)
    reason = fields.String(required=True, validate=validate.Length(1, 300), metadata=REASON)

    @pre_load
    def _tidy(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Blanks around a text do not count, and a fact that is empty then is none."""
        plain = {key: value.strip() if isinstance(value, str) else value for key, value in data.items()}
        return {key: None if value == "" and key in LABELS else value for key, value in plain.items()}


class IdentityIn(Schema):
    """Whom one looks for."""

    identity_number = fields.String(required=True, validate=validate.Length(1, 40))


class PurposeIn(Schema):
    """What a whole identity number is needed for."""

    purpose = fields.Enum(Purpose, by_value=True, required=True)
    reason = fields.String(required=True, validate=validate.Length(1, 300), metadata=REASON)


class IdentityOut(Schema):
    """A whole identity number, shown once."""

    identity_number = fields.String()


class LineOut(Schema):
    """One line of the history."""

    at = fields.AwareDateTime()
    act = fields.String()
    who = fields.String(attribute="actor_name")
    body = fields.String(attribute="actor_body", allow_none=True)
    text = fields.String(allow_none=True)


class PersonOut(Schema):
    """One person of the register; the identity number masked."""

    id = fields.String()
    version = fields.Integer()
    identity_masked = fields.String()
    unit_code = fields.String(attribute="unit.code")
    unit_name = fields.String(attribute="unit.name")
    name = fields.String()
    kind = fields.String()
    stage = fields.String(allow_none=True)
    subject = fields.String(allow_none=True)
    certificate_subject = fields.String(allow_none=True)
    hired_on = fields.Date(allow_none=True)
    formal_appointment_on = fields.Date(allow_none=True)
    retires_on = fields.Date(allow_none=True)
    seconded_from = fields.Date(allow_none=True)
    seconded_to = fields.Date(allow_none=True)


class PersonHistoryOut(PersonOut):
    """The same with everything that was done to the record, oldest first."""

    history = fields.List(fields.Nested(LineOut))


class AwayIn(Schema):
    """A transfer to another unit."""

    to_unit = fields.String(required=True, validate=validate.Length(1, 120), metadata={"description": "代码或全称"})
    on = fields.Date(required=True, metadata={"description": "从这一天起"})
    reason = fields.String(required=True, validate=validate.Length(1, 300), metadata={"description": "文号或理由"})


class HereIn(AwayIn):
    """A transfer to a unit of one's own, of somebody whose number and name one knows."""

    identity_number = fields.String(required=True, validate=validate.Length(1, 40))
    name = fields.String(required=True, validate=validate.Length(1, 60))


class WhyIn(Schema):
    """Why a transfer is refused or withdrawn."""

    reason = fields.String(required=True, validate=validate.Length(1, 300))


class TransferOut(Schema):
    """A transfer and where it stands."""

    id = fields.String()
    state = fields.String(metadata={"description": "asked、confirmed、done、refused 或 withdrawn"})
    name = fields.String(attribute="person.name")
    identity_masked = fields.String(attribute="person.identity_masked")
    from_unit = fields.String(attribute="from_unit.name")
    to_unit = fields.String(attribute="to_unit.name")
    on = fields.Date()
    reason = fields.String()
    asked_by = fields.String(attribute="asked_by_name")
    asked_at = fields.AwareDateTime()
    answer = fields.String(allow_none=True)


class CollectionIn(Schema):
    """A workbook of the yearly collection, as multipart/form-data."""

    file = Upload(required=True, metadata={"description": "采集表（.xlsx），表头见模板"})


class ImportIn(Schema):
    """`good_only=true` leaves out the rows with errors; otherwise a workbook is imported whole or not at all."""

    good_only = fields.Boolean(load_default=False)


class CellOut(Schema):
    """What is wrong in one cell, or worth knowing."""

    row = fields.Integer()
    cell = fields.String()
    column = fields.String()
    heading = fields.String()
    message = fields.String()


class CollectionOut(Schema):
    """A workbook and what its check found; while it is being checked the report is missing.

    `errors` and `warnings` end after the first thousand; the counts count them all.
    """

    id = fields.String()
    name = fields.String()
    check_job_id = fields.String(allow_none=True)
    import_job_id = fields.String(attribute="job_id", allow_none=True)
    imported_at = fields.AwareDateTime(allow_none=True)
    rows = fields.Integer(attribute="report.rows")
    good = fields.Integer(attribute="report.good")
    error_count = fields.Integer(attribute="report.error_count")
    errors = fields.List(fields.Nested(CellOut), attribute="report.errors")
    warning_count = fields.Integer(attribute="report.warning_count")
    warnings = fields.List(fields.Nested(CellOut), attribute="report.warnings")


def history_body(session: Session, person: Person) -> dict[str, Any]:
    """A person as `PersonHistoryOut` shows it; made while the session is open."""
    facts = {name: getattr(person, name) for name in PersonOut().fields if not name.startswith("unit_")}
    return facts | {"unit": person.unit, "history": history(session, "person", person.id)}
