"""Bodies of sign-in, activation and accounts."""

from __future__ import annotations

from marshmallow import fields, validate

from shared.schemas import PageQuery, Schema


class CredentialsIn(Schema):
    """What somebody signs in with."""

    username = fields.String(required=True, validate=validate.Length(1, 60))
    password = fields.String(required=True, validate=validate.Length(1, 200))
    code = fields.String(
        load_default="", validate=validate.Length(0, 40), metadata={"description": "动态码或恢复码；未设置的账号不填"}
    )


class PostOut(Schema):
    """One office held for one area."""

    office = fields.String()
    unit_path = fields.String()
    unit_name = fields.String()
    level = fields.String()
    body = fields.String()


class SignedInAccountOut(Schema):
    """Who has signed in."""

    id = fields.String()
    name = fields.String()
    role = fields.String(allow_none=True)
    posts = fields.List(fields.Nested(PostOut))


class SessionOut(Schema):
    """A session that has begun."""

    token = fields.String(metadata={"description": "放入 Authorization: Bearer …"})
    expires_at = fields.AwareDateTime()
    account = fields.Nested(SignedInAccountOut)


class PasswordIn(Schema):
    """The password that somebody sets by a one-time link."""

    password = fields.String(required=True, validate=validate.Length(1, 200))


class NewPasswordIn(PasswordIn):
    """A new password for oneself; the old one is asked again."""

    old = fields.String(required=True, validate=validate.Length(1, 200))


class OwnSessionOut(Schema):
    """One of one's own sessions."""

    id = fields.String()
    current = fields.Boolean()
    started_at = fields.AwareDateTime()
    expires_at = fields.AwareDateTime()
    client = fields.String(metadata={"description": "浏览器或程序的自称"})
    address = fields.String(allow_none=True, metadata={"description": "登录时的网络地址"})
    second_step = fields.String(allow_none=True, metadata={"description": "app、recovery；只用密码登录的为 null"})


class OwnSessionsOut(Schema):
    """All of one's own sessions that live, newest first."""

    items = fields.List(fields.Nested(OwnSessionOut))


class ActivatedOut(Schema):
    """What one signs in with from now on."""

    username = fields.String()


class AccountQuery(PageQuery):
    """Query of the list of accounts."""

    under = fields.String(load_default=None, metadata={"description": "单位代码或路径；只列出其下单位的账号"})
    state = fields.String(load_default=None, metadata={"description": "not_activated、active、suspended、closed"})


class HeldRoleOut(Schema):
    """A role that an account holds."""

    role = fields.String()
    title = fields.String()
    unit_code = fields.String()
    unit_name = fields.String()


class AccountOut(Schema):
    """One account, for an account manager."""

    id = fields.String()
    username = fields.String()
    name = fields.String()
    masked_identity = fields.String()
    state = fields.String()
    roles = fields.List(fields.Nested(HeldRoleOut))
    last_sign_in_at = fields.AwareDateTime(allow_none=True)


class ReasonIn(Schema):
    """Why an account is suspended or restored; kept in its history."""

    reason = fields.String(required=True, validate=validate.Length(1, 300))


class LinkOut(Schema):
    """A new one-time link. Shown once: only its digest is kept."""

    activation_url = fields.String(allow_none=True)
    expires_at = fields.AwareDateTime(allow_none=True)
