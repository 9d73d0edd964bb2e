"""The few errors that an operation may raise, each with an answer that a caller can act on.

    DomainError               a sentence in Chinese for the person who caused it
    ├── Invalid        422    names fields, rows or cells: `fields={"items.0.hours": ["…"]}`
    ├── NotSignedIn    401
    ├── NotAllowed     403    you may see it, but not do that
    ├── NotFound       404    it is not there, or not for you: the answer is the same
    ├── Conflict       409    somebody was faster, or the state forbids it: says who did what, when
    │   └── PolicyPending     the province has not decided this yet
    └── PreconditionRequired 428, TooLarge 413, TooMany 429

`shared/web.py` maps them to RFC 9457 problem+json and to pages; nothing else knows of HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class DomainError(Exception):
    """Base of all errors that are the caller's to solve."""

    status = 400
    title = "请求无法处理"
    code = "bad_request"

    def __init__(
        self,
        detail: str,
        *,
        fields: Mapping[str, Sequence[str]] | None = None,
        **extra: Any,
    ) -> None:
        """`detail` is one whole Chinese sentence that says what to do; `extra` goes into the problem body."""
        super().__init__(detail)
        self.detail = detail
        self.fields = dict(fields or {})
        self.extra = extra


class Invalid(DomainError):
    """What was sent is not acceptable; `fields` names each place."""

    status = 422
    title = "提交的内容有误"
    code = "invalid"


class NotSignedIn(DomainError):
    """Nobody is signed in, or the session has ended."""

    status = 401
    title = "请先登录"
    code = "not_signed_in"


class NotAllowed(DomainError):
    """The caller may see the thing but not do this."""

    status = 403
    title = "没有权限"
    code = "not_allowed"


class NotFound(DomainError):
    """It does not exist, or lies outside what the caller may see."""

    status = 404
    title = "没有找到"
    code = "not_found"

    def __init__(self, detail: str = "没有找到，或不在您的管辖范围内。", **extra: Any) -> None:
        super().__init__(detail, **extra)


class Conflict(DomainError):
    """The present state forbids it; the sentence says who did what, and when."""

    status = 409
    title = "已被处理或状态已改变"
    code = "conflict"


class PolicyPending(Conflict):
    """The rule for this case has not been decided by the province: a state, not a failure."""

    title = "政策待定"
    code = "policy_pending"


class PreconditionRequired(DomainError):
    """A header that guards against lost updates or doubled effects is missing."""

    status = 428
    title = "缺少必要的请求头"
    code = "precondition_required"


class TooLarge(DomainError):
    """An upload beyond the limit."""

    status = 413
    title = "文件过大"
    code = "too_large"


class TooMany(DomainError):
    """Throttled."""

    status = 429
    title = "操作过于频繁"
    code = "too_many"
