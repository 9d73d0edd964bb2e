"""Bodies of the API of notices."""

from __future__ import annotations

from marshmallow import fields, validate

from shared.schemas import PageQuery, Schema


class NoticesQuery(PageQuery):
    """Query of the list of notices."""

    unread = fields.Boolean(load_default=False, metadata={"description": "只列出未读的"})


class NoticeOut(Schema):
    """One notice."""

    id = fields.Integer()
    occasion = fields.String(metadata={"description": "事由代码，见 notices.toml"})
    title = fields.String()
    body = fields.String()
    link = fields.String(metadata={"description": "办理或查看的页面，站内路径"})
    urgent = fields.Boolean()
    created_at = fields.AwareDateTime()
    read_at = fields.AwareDateTime(allow_none=True)


class ReadIn(Schema):
    """Up to where everything has been read."""

    up_to = fields.Integer(
        required=True,
        strict=True,
        validate=validate.Range(1, 2**62),
        metadata={"description": "已看到的最后一条消息的编号；此后新到的仍为未读"},
    )


class ReadOut(Schema):
    """What came of it."""

    read = fields.Integer(metadata={"description": "本次标为已读的条数"})


class AddressIn(Schema):
    """An address to confirm."""

    address = fields.String(
        required=True,
        validate=[validate.Length(max=120), validate.Email(error="邮箱格式有误，应如 name@example.com。")],
    )


class CodeIn(Schema):
    """The code that was mailed there."""

    code = fields.String(
        required=True, validate=validate.Regexp(r"^\s*[0-9]{6}\s*$", error="验证码是邮件中的 6 位数字。")
    )


class AddressOut(Schema):
    """Where mail goes."""

    address = fields.String(allow_none=True, metadata={"description": "已确认的邮箱；空：不发邮件"})
    wanted = fields.String(allow_none=True, metadata={"description": "已填写、待用验证码确认的邮箱"})
