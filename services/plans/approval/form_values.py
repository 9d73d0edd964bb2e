"""The plan form as values: out of what a browser sent or autosave kept, into what operations and templates take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from marshmallow import ValidationError
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from services.plans import claims
from services.plans.approval import content as contents
from services.plans.approval import drafting
from services.plans.approval.content import Content, Cover, Forecast, Item
from services.plans.approval.models import Plan
from services.plans.approval.schemas import AnswersIn, PlanIn
from services.plans.approval.trail import PlanPoint
from services.plans.edge import without_blanks
from services.plans.kinds import Kind
from shared import directory
from shared.actors import Actor
from shared.parsing import form_rows

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A point of the return that the school is mending, where the form shows it, with the answer so far."""

    point: PlanPoint
    at: str
    """Name of the field, or of the part of the form."""
    verdict: str
    text: str


def read(form: MultiDict[str, str], kind: Kind) -> Values:
    """What was typed, as it was typed; rows in which nobody typed anything are left out."""
    # Where there is one form of training only, the form fills it in by itself.
    given = ("hours_per_credit", "kind") if len(kind.item_kinds) == 1 else ("hours_per_credit",)
    return {
        **{name: form.get(name, "").strip() for name in contents.BASIC_FIELDS},
        "items": form_rows(form, "items", given=given),
        "covers": form.getlist("covers"),
        "forecast": {name: form.get(f"forecast.{name}", "").strip() for name in contents.FORECAST_FIELDS},
        "claim": {name: form.get(f"claim.{name}", "").strip() for name in ("person_id", *claims.FIELDS)},
        "answers": form_rows(form, "answers", given=("number",)),
        "unit_code": form.get("unit_code") or None,
    }


def stored(plan: Plan) -> Values:
    """The working copy as the form shows it."""
    content = plan.content()
    return {
        **{name: getattr(content, name) for name in contents.BASIC_FIELDS},
        "items": content.items,
        "covers": [cover.unit_path for cover in content.covers],
        "forecast": content.forecast,
        "claim": content.claim,
        "answers": None,
    }


def load(values: Values, kind: Kind) -> tuple[Values, list[Values]]:
    """(what `drafting` takes, answers to points). Raises `ValidationError` whose fields are those of the form."""
    forecast = without_blanks(values["forecast"])
    body = {
        **{name: values[name] for name in contents.BASIC_FIELDS},
        "kind": kind.key,
        "items": [without_blanks(row) for row in values["items"]],
        "covers": values["covers"] if kind.covers else [],
        "forecast": (forecast or None) if kind.forecast else None,
        "claim": without_blanks(values["claim"]) if kind.claims else None,
        "unit_code": values["unit_code"],
    }
    rows = [without_blanks(row) for row in values["answers"]]
    wrong: dict[str, Any] = {}
    loaded: Values = {}
    answers: list[Values] = []
    try:
        loaded = PlanIn().load(body)
    except ValidationError as error:
        wrong |= cast(Any, error).normalized_messages()
    try:
        answers = AnswersIn().load({"answers": rows})["answers"] if rows else []
    except ValidationError as error:
        by_row: Any = cast(Any, error).normalized_messages().get("answers", {})
        # By the point's number, which the form knows; the row's place says nothing to it.
        wrong["answers"] = {rows[row].get("number"): ["请选“已修改”或“说明”，说明不超过 1000 字。"] for row in by_row}
    if wrong:
        raise ValidationError(wrong)
    return loaded, answers


def as_content(session: Session, plan: Plan, loaded: Values) -> Content:
    """What was typed as a content of that plan, to be compared with the one that somebody else has saved."""
    units = {unit.path: unit for unit in drafting.coverable(session, directory.unit(session, plan.unit_path))}
    covers = [units[path] for path in dict.fromkeys(loaded["covers"]) if path in units]
    return replace(
        plan.content(),
        school_year=loaded["school_year"],
        title=loaded["title"],
        aims=loaded["aims"].strip(),
        items=tuple(
            Item(id=row["id"] or f"new-{number}", **{name: row[name] for name in contents.ITEM_FIELDS})
            for number, row in enumerate(loaded["items"])
        ),
        covers=tuple(Cover(unit_path=unit.path, name=unit.name, kind=unit.kind) for unit in covers),
        forecast=Forecast(**loaded["forecast"]) if loaded["forecast"] else None,
        claim=_claim(plan.content().claim, loaded.get("claim")),
    )


def _claim(known: claims.Claim | None, loaded: Mapping[str, Any] | None) -> claims.Claim | None:
    if known is None or not loaded:
        return known
    return replace(known, **{name: loaded[name] for name in claims.fields_of(known.sort) if name != "category"})


def asked(points: Iterable[PlanPoint], values: Values) -> list[Asked]:
    """The points of the open return, each at its present field: an item that has moved takes its points along."""
    places = {_of(row, "id"): number for number, row in enumerate(values["items"]) if _of(row, "id")}
    typed = {row.get("number"): row for row in values["answers"] or ()}
    found = []
    for point in points:
        row = typed.get(str(point.number), {})
        verdict, text = row.get("verdict", ""), row.get("text", "")
        if values["answers"] is None and point.answer is not None:
            verdict, text = point.answer.verdict, point.answer.text
        found.append(Asked(point, _name(point.lasting, places), verdict, text))
    return found


def _name(lasting: str, places: Mapping[str, int]) -> str:
    """`items.<id>.hours` as the field `items.2.hours`; a part of the form for what has no field of its own."""
    head, _, rest = lasting.partition(".")
    if head == "attachments":
        return head
    if head != "items" or not rest:
        return lasting
    item, _, field = rest.partition(".")
    if item not in places:
        return "items"
    return f"items.{places[item]}" + (f".{field}" if field else "")


def labels(count: int, kind: Kind | None = None) -> dict[str, str]:
    """Field -> words, for the list of what is to be mended."""
    basics = contents.CLAIM_BASICS if kind is not None and kind.claims else contents.BASIC_FIELDS
    found = {**basics, "items": "研修项目", "covers": "联合申报单位", "attachments": "附件"}
    found |= {f"forecast.{name}": label for name, label in contents.FORECAST_FIELDS.items()}
    found |= {f"claim.{name}": label for name, label in {"person_id": "教师", **claims.FIELDS}.items()}
    for number in range(count):
        found |= {
            f"items.{number}.{name}": f"项目 {number + 1} · {label}" for name, label in contents.ITEM_FIELDS.items()
        }
    return found


def coverable(session: Session, actor: Actor, kind: Kind, plan: Plan | None) -> list[directory.UnitCopy]:
    """The units for which the plan may speak as well; of a new one, for any of the actor's schools."""
    if not kind.covers:
        return []
    paths: Sequence[str] = [plan.unit_path] if plan else [post.unit.path for post in actor.posts_of(kind.owner)]
    found: dict[str, directory.UnitCopy] = {}
    for path in paths:
        unit = session.get(directory.UnitCopy, path)
        found |= {other.path: other for other in drafting.coverable(session, unit)} if unit else {}
    return list(found.values())


def _of(row: Any, name: str) -> Any:
    return row.get(name) if isinstance(row, Mapping) else getattr(row, name)
