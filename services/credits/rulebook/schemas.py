"""Bodies of the API of rule changes."""

from __future__ import annotations

from datetime import date
from typing import Any

from marshmallow import fields, validate

from services.credits.in_force import PublishedEdition
from services.credits.rulebook import figures
from services.credits.rulebook.models import EditionDraft
from services.credits.rulebook.preview import CHANGES
from services.credits.rulebook.queries import Listed, Previewed
from shared.schemas import Credits, PageQuery, Schema, paged


class FigureIn(Schema):
    """A changed figure; `value` empty: it is no longer known."""

    value = fields.String(required=True, validate=validate.Length(max=20))
    grade = fields.String(required=True)
    source = fields.String(required=True)


class DraftIn(Schema):
    """A draft as a whole: what differs from the edition that it was copied from."""

    title = fields.String(required=True)
    document = fields.String(required=True, metadata={"description": "文号"})
    effective_from = fields.Date(required=True, allow_none=True)
    reach = fields.String(required=True, metadata={"description": "forward | current_cycle | cycle_start"})
    reason = fields.String(required=True)
    figures = fields.Dict(keys=fields.String(), values=fields.Nested(FigureIn), required=True)


class CopyIn(Schema):
    """Which edition to copy."""

    edition = fields.String(required=True)


class FigureOut(Schema):
    """One figure of an edition; `value` null: not known."""

    key = fields.String()
    title = fields.String()
    unit = fields.String()
    value = fields.String(allow_none=True)
    rule = fields.String()
    grade = fields.String(allow_none=True)
    source = fields.String(allow_none=True)


class ChangeOut(Schema):
    """What was changed, for people."""

    key = fields.String()
    title = fields.String()
    before = fields.String()
    after = fields.String()
    unit = fields.String()
    grade = fields.String()
    source = fields.String()


class EditionOut(Schema):
    """One edition in the list."""

    id = fields.String()
    title = fields.String()
    document = fields.String()
    effective_from = fields.Date(allow_none=True)
    published = fields.Boolean(metadata={"description": "由省级发布；否则随系统提供"})
    supersedes = fields.String(allow_none=True)
    reach = fields.String(allow_none=True)
    reason = fields.String(allow_none=True)
    drafted_by = fields.String(allow_none=True)
    published_by = fields.String(allow_none=True)
    published_at = fields.AwareDateTime(allow_none=True)
    adjusted_lines = fields.Integer(allow_none=True, metadata={"description": "已重新折算的记录条数"})
    adjusted_at = fields.AwareDateTime(allow_none=True, metadata={"description": "全部调整完毕的时间"})
    changes = fields.List(fields.Nested(ChangeOut))


class EditionFiguresOut(EditionOut):
    """An edition with every figure."""

    figures = fields.List(fields.Nested(FigureOut))


class EditionsOut(Schema):
    """Every edition, the newest first."""

    items = fields.List(fields.Nested(EditionOut))


class AreaOut(Schema):
    """What becomes of one area's teachers."""

    path = fields.String()
    name = fields.String()
    people = fields.Integer()
    met = fields.Integer(metadata={"description": "变为已达标"})
    unmet = fields.Integer(metadata={"description": "不再达标"})
    other = fields.Integer(metadata={"description": "其他状态变化"})
    credits = fields.Integer(metadata={"description": "仅学分变化"})
    change = fields.Dict(keys=fields.String(), values=Credits(), metadata={"description": "各类学分变化合计"})


class PreviewOut(Schema):
    """The totals of a preview."""

    version = fields.Integer()
    made_at = fields.AwareDateTime()
    cycle = fields.String()
    day = fields.Date()
    total = fields.Nested(AreaOut)
    areas = fields.List(fields.Nested(AreaOut))


class DraftOut(Schema):
    """A draft with its changes and its preview, if there is one of this version."""

    id = fields.String()
    state = fields.String()
    copied_from = fields.String()
    title = fields.String()
    document = fields.String()
    effective_from = fields.Date(allow_none=True)
    reach = fields.String()
    reason = fields.String()
    figures = fields.Dict(keys=fields.String(), values=fields.Nested(FigureIn))
    version = fields.Integer()
    changed_by = fields.String()
    changed_at = fields.AwareDateTime()
    preview_job = fields.String(allow_none=True)
    preview = fields.Nested(PreviewOut, allow_none=True)


class PreviewedQuery(PageQuery):
    """Which people of a preview; left out, the samples."""

    change = fields.String(load_default="", validate=validate.OneOf(["", *list(CHANGES)[:-1]]))


class SumsOut(Schema):
    """How somebody stands."""

    status = fields.String()
    coordinated = Credits()
    self_organized = Credits()


class PreviewedOut(Schema):
    """Somebody whose standing a draft changes."""

    person_id = fields.String()
    name = fields.String()
    unit_name = fields.String()
    change = fields.String()
    before = fields.Nested(SumsOut)
    after = fields.Nested(SumsOut)


DraftsPage = paged(DraftOut)
PreviewedPage = paged(PreviewedOut)


def edition_body(listed: Listed) -> dict[str, Any]:
    """An edition for `EditionOut`."""
    edition, row = listed.edition, listed.published
    return {
        "id": edition.id,
        "title": edition.title,
        "document": edition.document,
        "effective_from": edition.effective_from,
        "published": row is not None,
        **(_published(row) if row else dict.fromkeys(("supersedes", "reach", "reason", "drafted_by", "published_by"))),
        "changes": row.changes if row else [],
    }


def _published(row: PublishedEdition) -> dict[str, Any]:
    names = ("supersedes", "reach", "reason", "published_at", "adjusted_at", "adjusted_lines")
    who = {"drafted_by": row.drafted_by_name, "published_by": row.published_by_name}
    return {name: getattr(row, name) for name in names} | who


def figures_body(listed: Listed, content: dict[str, Any]) -> dict[str, Any]:
    """An edition for `EditionFiguresOut`."""
    slots = figures.slots(content)
    return edition_body(listed) | {
        "figures": [
            {
                "key": slot.key,
                "title": f"{slot.section} · {slot.title}",
                "unit": slot.unit,
                "value": slot.value or None,
                "rule": slot.rule,
                "grade": slot.present["grade"] if slot.present else None,
                "source": slot.present["source"] if slot.present else None,
            }
            for slot in slots
        ]
    }


def draft_body(draft: EditionDraft) -> dict[str, Any]:
    """A draft for `DraftOut`."""
    names = (
        "id", "state", "copied_from", "title", "document", "effective_from", "reach", "reason", "figures", "version",
        "changed_at",
    )  # fmt: skip
    told = {name: getattr(draft, name) for name in names}
    preview = _preview(draft) if draft.preview and draft.previewed_version == draft.version else None
    return told | {"changed_by": draft.changed_by_name, "preview_job": draft.preview_job_id, "preview": preview}


def _preview(draft: EditionDraft) -> dict[str, Any]:
    kept = draft.preview or {}
    return {
        "version": draft.previewed_version,
        "made_at": draft.previewed_at,
        "cycle": kept["cycle"],
        "day": date.fromisoformat(kept["day"]),
        "total": kept["total"],
        "areas": kept["areas"],
    }


def previewed_body(one: Previewed) -> dict[str, Any]:
    """Somebody for `PreviewedOut`."""
    row = one.row
    return {
        "person_id": row.person_id,
        "name": one.person.name if one.person else "",
        "unit_name": one.unit.name if one.unit else "",
        "change": row.change,
        **{
            when: {
                "status": getattr(row, f"status_{when}"),
                "coordinated": getattr(row, f"coordinated_{when}"),
                "self_organized": getattr(row, f"self_organized_{when}"),
            }
            for when in ("before", "after")
        },
    }
