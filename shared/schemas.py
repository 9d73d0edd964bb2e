"""marshmallow in Chinese, and the few fields and schemas that all services share.

Import `Schema` from here: unknown fields are refused with the field's name, and every message is Chinese.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from marshmallow import RAISE, ValidationError, fields, validate
from marshmallow import Schema as MarshmallowSchema

_MESSAGES: dict[type[Any], dict[str, str]] = {
    fields.Field: {
        "required": "必填。",
        "null": "不能为空。",
        "validator_failed": "值无效。",
        "type": "类型不对。",
    },
    fields.String: {"invalid": "应为文字。", "invalid_utf8": "文字编码有误，应为 UTF-8。"},
    fields.UUID: {"invalid_uuid": "编号格式有误。"},
    fields.Number: {"invalid": "应为数字。", "too_large": "数字过大。"},
    fields.Integer: {"invalid": "应为整数。"},
    fields.Float: {"special": "应为普通数字。"},
    fields.Decimal: {"special": "应为普通数字。"},
    fields.Boolean: {"invalid": "应为是或否（true / false）。"},
    fields.DateTime: {
        "invalid": "时间格式有误，应如 2024-03-05T09:12:00+08:00。",
        "invalid_awareness": "时间须带时区。",
        "format": "时间格式有误。",
    },
    fields.NaiveDateTime: {"invalid_awareness": "时间不应带时区。"},
    fields.AwareDateTime: {"invalid_awareness": "时间须带时区。"},
    fields.Time: {"invalid": "时刻格式有误，应如 09:12:00。", "format": "时刻格式有误。"},
    fields.Date: {"invalid": "日期格式有误，应如 2024-03-05。", "format": "日期格式有误。"},
    fields.TimeDelta: {"invalid": "时长格式有误。", "format": "时长格式有误。"},
    fields.List: {"invalid": "应为列表。"},
    fields.Nested: {"type": "应为对象。"},
    fields.Tuple: {"invalid": "应为列表。"},
    fields.Mapping: {"invalid": "应为对象。"},
    fields.Enum: {"unknown": "应为以下之一：{choices}。"},
    fields.Email: {"invalid": "邮箱格式有误。"},
    fields.Url: {"invalid": "网址格式有误。"},
    fields.IP: {"invalid_ip": "网络地址格式有误。"},
    fields.IPv4: {"invalid_ip": "网络地址格式有误。"},
    fields.IPv6: {"invalid_ip": "网络地址格式有误。"},
    fields.IPInterface: {"invalid_ip_interface": "网络地址格式有误。"},
    fields.IPv4Interface: {"invalid_ip_interface": "网络地址格式有误。"},
    fields.IPv6Interface: {"invalid_ip_interface": "网络地址格式有误。"},
}


def _speak_chinese() -> None:
    for cls, messages in _MESSAGES.items():
        cls.default_error_messages = {**cls.default_error_messages, **messages}
    MarshmallowSchema.error_messages = {
        "unknown": "没有这个字段，请删除或核对名称。",
        "type": "格式有误，应为 JSON 对象。",
        "invalid": "格式有误。",
    }
    validate.Length.message_min = "至少 {min} 个字（项）。"
    validate.Length.message_max = "最多 {max} 个字（项）。"
    validate.Length.message_all = "应为 {min} 至 {max} 个字（项）。"
    validate.Length.message_equal = "应为 {equal} 个字（项）。"
    validate.Range.message_min = "应{min_op} {{min}}。"
    validate.Range.message_max = "应{max_op} {{max}}。"
    validate.Range.message_all = "应{min_op} {{min}} 且{max_op} {{max}}。"
    validate.Range.message_gte = "不小于"
    validate.Range.message_gt = "大于"
    validate.Range.message_lte = "不大于"
    validate.Range.message_lt = "小于"
    validate.OneOf.default_message = "应为以下之一：{choices}。"
    validate.Regexp.default_message = "格式有误。"
    validate.Email.default_message = "邮箱格式有误。"
    validate.URL.default_message = "网址格式有误。"
    validate.Equal.default_message = "应为 {other}。"
    validate.NoneOf.default_message = "不能是以下之一：{values}。"
    validate.ContainsOnly.default_message = "只能包含以下各项：{choices}。"
    validate.ContainsNoneOf.default_message = "不能包含以下各项：{values}。"
    validate.Predicate.default_message = "值无效。"


_speak_chinese()


class Schema(MarshmallowSchema):
    """Base of all bodies: what is not known is refused."""

    class Meta:
        unknown = RAISE
        ordered = True


class Credits(fields.Decimal):
    """Credits or hours: a string in JSON, at most two places."""

    def __init__(self, **options: Any) -> None:
        super().__init__(as_string=True, places=None, **options)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        # "6.0" however it was written: a figure must not change its look on the way through the database.
        return None if value is None else f"{Decimal(value).normalize() + Decimal('0.0'):f}"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Decimal:
        number: Decimal = super()._deserialize(value, attr, data, **kwargs)
        # The size first: to multiply 1E+999999 is an error of its own.
        if abs(number) > 100000 or number * 100 != (number * 100).to_integral_value():
            raise ValidationError("最多两位小数，且不超过 100000。")
        return number


class Nothing(Schema):
    """An empty body: unknown fields are refused there too."""


class DerivedText(fields.String):
    """Text that follows from the whole object; described as text, which `fields.Function` would not be."""

    def __init__(self, derive: Callable[[Any], str | None], **options: Any) -> None:
        super().__init__(dump_only=True, **options)
        self.derive = derive

    def get_value(self, obj: Any, *_: Any, **__: Any) -> Any:
        """What follows from `obj`."""
        return self.derive(obj)


class DerivedNested(fields.Nested):
    """The same for an object: what follows, through a schema of its own."""

    def __init__(self, schema: type[MarshmallowSchema], derive: Callable[[Any], Any], **options: Any) -> None:
        super().__init__(schema, dump_only=True, **options)
        self.derive = derive

    def get_value(self, obj: Any, *_: Any, **__: Any) -> Any:
        """What follows from `obj`."""
        return self.derive(obj)


class FieldProblem(Schema):
    """One place in the request and what is wrong there."""

    field = fields.String()
    pointer = fields.String()
    detail = fields.String()


class Problem(Schema):
    """RFC 9457."""

    type = fields.String()
    title = fields.String()
    status = fields.Integer()
    detail = fields.String()
    instance = fields.String()
    request_id = fields.String()
    errors = fields.List(fields.Nested(FieldProblem))


class PageQuery(Schema):
    """Query of every list: `?cursor=…&limit=…`."""

    cursor = fields.String(load_default=None, metadata={"description": "上一页返回的 next"})
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))


def paged(item: type[MarshmallowSchema]) -> type[Schema]:
    """The schema of one page of `item`: `{items, next}`."""
    return type(
        item.__name__ + "Page",
        (Schema,),
        {"items": fields.List(fields.Nested(item)), "next": fields.String(allow_none=True)},
    )
