"""The words of notices: `notices.toml` as checked data. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from typing import Any

from marshmallow import ValidationError, fields, post_load, validate

from shared.schemas import Schema
from shared.tables import TableError, load_table

FILE = Path(__file__).with_name("notices.toml")
PLACEHOLDERS = frozenset(["number", "title", "unit", "reason", "plan_id", "lines"])
OCCASIONS = frozenset(
    [
        "stage_entered",
        "returned",
        "refused",
        "taken_back",
        "approved",
        "voided",
        "credits_recorded",
        "credits_revoked",
    ]
)
TITLE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Words:
    """A notice in words, ready to be kept."""

    title: str
    body: str
    link: str
    urgent: bool


@dataclass(frozen=True, slots=True)
class Template:
    """One occasion, as in `notices.toml`."""

    title: str
    body: str
    link: str
    urgent: bool

    def fill(self, values: Mapping[str, str]) -> Words:
        """The words for what the event says; what it does not say is left out. A title is one line, whatever comes."""
        given = dict.fromkeys(PLACEHOLDERS, "") | dict(values)
        title = " ".join(self.title.format_map(given).split())
        if len(title) > TITLE_LENGTH:
            title = title[: TITLE_LENGTH - 1] + "…"
        return Words(title, self.body.format_map(given).strip(), self.link.format_map(given), self.urgent)


def _known_placeholders(text: str) -> None:
    unknown = {name for _, name, _, _ in Formatter().parse(text) if name is not None} - PLACEHOLDERS
    if unknown:
        raise ValidationError(f"unknown placeholder {', '.join(sorted(unknown))}")


class _TemplateSchema(Schema):
    title = fields.String(required=True, validate=[validate.Length(1, 80), _known_placeholders])
    body = fields.String(required=True, validate=[validate.Length(1, 400), _known_placeholders])
    link = fields.String(required=True, validate=[validate.Regexp(r"^/[a-z]"), _known_placeholders])
    urgent = fields.Boolean(required=True)

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Template:
        return Template(**data)


def load_templates(path: Path = FILE) -> Mapping[str, Template]:
    """The templates by occasion. Raises `TableError`: the service must not start with a table that does not fit."""
    schema = Schema.from_dict({key: fields.Nested(_TemplateSchema, required=True) for key in sorted(OCCASIONS)})
    try:
        found: dict[str, Template] = load_table(path, schema())
    except ValueError as error:  # of a brace that is not closed
        raise TableError(f"{path.name}: {error}") from error
    return found


TEMPLATES = load_templates()
"""Read when the service starts."""
