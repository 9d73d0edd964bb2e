"""Bodies: every message is Chinese, what is not known is refused, and figures are exact whatever is sent."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import Schema as MarshmallowSchema
from marshmallow import ValidationError, fields, validate

from shared.schemas import Credits, PageQuery, Schema, paged
from shared.tables import flatten

FORMATS = re.compile(r"\{[^}]*\}|UTF-8|JSON|true|false|2024-03-05T09")
"""What may stand in Latin letters: figures and words that must be typed so."""


def fields_of_marshmallow() -> Iterator[type[fields.Field[Any]]]:
    """All field classes, ours too."""
    waiting: list[type[fields.Field[Any]]] = [fields.Field]
    while waiting:
        cls = waiting.pop()
        yield cls
        waiting += [c for c in cls.__subclasses__() if c.__module__ in ("marshmallow.fields", "shared.schemas")]


def english(text: str) -> bool:
    """Whether a person would read English letters."""
    return re.search("[A-Za-z]", FORMATS.sub("", text)) is not None


def test_no_message_of_any_field_is_english() -> None:
    seen: dict[str, str] = {}
    for cls in fields_of_marshmallow():
        if cls.__name__.startswith("_"):
            continue  # the base of the fields for times, never used itself
        messages: dict[str, str] = {}
        for base in reversed(cls.__mro__):
            messages.update(getattr(base, "default_error_messages", {}))
        assert {"required", "null", "validator_failed"} <= set(messages)
        seen |= {f"{cls.__name__}.{key}": message for key, message in messages.items()}
    assert len(seen) > 80
    # A date has no zone, so nothing ever says this of it.
    unreachable = {"Date.invalid_awareness", "Time.invalid_awareness"}
    assert not {name: text for name, text in seen.items() if english(text) and name not in unreachable}


def test_no_message_of_any_validator_is_english() -> None:
    seen = {}
    for cls in [c for c in vars(validate).values() if inspect.isclass(c) and issubclass(c, validate.Validator)]:
        for base in cls.__mro__:
            for key, value in vars(base).items():
                if "message" in key and isinstance(value, str):
                    seen[f"{cls.__name__}.{key}"] = getattr(cls, key)
    assert len(seen) > 15
    assert not {name: text for name, text in seen.items() if english(text)}
    assert not [text for text in MarshmallowSchema.error_messages.values() if english(text)]


class Inner(Schema):
    number = fields.Integer(validate=validate.Range(1, 9))


class Everything(Schema):
    """A field of each kind that bodies use."""

    text = fields.String(validate=validate.Length(2, 4))
    long = fields.String(validate=validate.Length(max=3))
    same = fields.String(validate=validate.Length(equal=3))
    pattern = fields.String(validate=validate.Regexp("a+"))
    choice = fields.String(validate=validate.OneOf(["甲", "乙"]))
    number = fields.Integer(validate=validate.Range(min=1, min_inclusive=False))
    small = fields.Float(validate=validate.Range(max=5))
    credits = Credits()
    day = fields.Date()
    moment = fields.AwareDateTime()
    yes = fields.Boolean()
    inner = fields.Nested(Inner)
    many = fields.List(fields.Nested(Inner), validate=validate.Length(max=2))
    table = fields.Dict(keys=fields.String(), values=fields.Integer())
    must = fields.String(required=True)


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats() | st.text(max_size=5)
    | st.sampled_from(["2024-13-01", "2024-03-05", "2024-03-05T09:12:00", "1E+999999", "-1E-999999", "NaN", "12.345"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["number", "中"]), inner, max_size=2),
    max_leaves=5,
)  # fmt: skip


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([*Everything().fields, "不认识"]), VALUES, max_size=6) | VALUES)
def test_whatever_is_sent_is_taken_or_answered_in_chinese(body: Any) -> None:
    try:
        Everything().load(body)
    except ValidationError as error:
        pairs = flatten(error.messages)
        assert pairs
        for name, sentence in pairs:
            assert not english(sentence), (name, sentence)
            assert sentence.endswith("。")


def test_what_is_not_known_is_refused_by_name_also_inside() -> None:
    with pytest.raises(ValidationError) as caught:
        Everything().load({"must": "x", "extra": 1, "many": [{"number": 1}, {"numbr": 2}]})
    assert flatten(caught.value.messages) == [
        ("many.1.numbr", "没有这个字段，请删除或核对名称。"),
        ("extra", "没有这个字段，请删除或核对名称。"),
    ]


class Figure(Schema):
    credits = Credits(required=True)


@pytest.mark.parametrize(
    "wrong",
    ["0.005", "1.234", 1.005, "100000.01", "-100001", "1E+999999", "1E-999999", "NaN", "Infinity", "六", True, []],
)
def test_credits_that_are_no_credits(wrong: Any) -> None:
    with pytest.raises(ValidationError):
        Figure().load({"credits": wrong})


@settings(deadline=None)
@given(st.decimals(-100000, 100000, places=2))
def test_credits_go_through_json_exactly(amount: Decimal) -> None:
    sent = json.loads(json.dumps(Figure().dump({"credits": amount})))
    assert isinstance(sent["credits"], str)
    assert Figure().load(sent)["credits"] == amount


@pytest.mark.parametrize(
    ("amount", "shown"),
    [("6", "6.0"), ("6.00", "6.0"), ("0.25", "0.25"), ("0", "0.0"), ("-6", "-6.0"), ("1E+2", "100.0"), ("60", "60.0")],
)
def test_credits_look_the_same_however_they_were_written(amount: str, shown: str) -> None:
    assert Figure().dump({"credits": Decimal(amount)}) == {"credits": shown}


def test_pages_have_their_schema_and_their_limits() -> None:
    assert paged(Inner).__name__ == "InnerPage"
    assert paged(Inner)().dump({"items": [{"number": 1}], "next": None}) == {"items": [{"number": 1}], "next": None}
    assert PageQuery().load({}) == {"cursor": None, "limit": 50}
    for limit in ("0", "201", "x"):
        with pytest.raises(ValidationError):
            PageQuery().load({"limit": limit})
