"""What travels between services, read from bytes: an envelope that every column can hold, or a stand-in."""

from __future__ import annotations

import base64
import json
import re
import uuid
from typing import Any


def open_envelope(body: bytes) -> dict[str, Any]:
    """The envelope in the body of a message. Never raises.

    What is no envelope comes back as a stand-in named `undecodable`, which holds the bytes and which
    `inbox.receive` parks for a person; the same bytes always get the same `event_id`.
    """
    try:
        envelope = json.loads(body)
        again = json.dumps(envelope, ensure_ascii=False, allow_nan=False)
        again.encode()  # a lone surrogate has no bytes, and PostgreSQL would refuse it
        if re.search(r"(?<!\\)(\\\\)*\\u0000", again):
            raise ValueError("a NUL character, which PostgreSQL cannot keep")
        _check(envelope)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        return {
            "event_id": str(uuid.uuid5(uuid.NAMESPACE_OID, base64.b64encode(body).decode())),
            "name": "undecodable",
            "error": f"{type(error).__name__}: {error}",
            "body": base64.b64encode(body).decode(),
        }
    return dict(envelope)


def _check(envelope: Any) -> None:
    """Raises where a key is missing, of another type, or longer than its column."""
    for key, kind, most in (
        ("event_id", str, 36),
        ("name", str, 100),
        ("aggregate_type", str, 40),
        ("aggregate_id", str, 80),
        ("aggregate_version", int, 2**63 - 1),
        ("headers", dict, None),
        ("payload", dict, None),
    ):
        value = envelope[key]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise TypeError(f"{key} is not {kind.__name__}")
        if most is not None and not 1 <= (value if isinstance(value, int) else len(value)) <= most:
            raise ValueError(f"{key} is empty or too long")
