"""Codes of authenticator apps (RFC 6238: HMAC-SHA-1, 30 seconds, six digits), and recovery codes. Pure.

Fifteen lines of the standard library, not a package: which interval a code belongs to must be known, so that it counts
once, and packages answer only yes or no.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import unicodedata
from datetime import datetime
from urllib.parse import quote, urlencode

PERIOD = 30
DRIFT = 1
"""Intervals by which the clock of a telephone may be wrong, either way."""
ISSUER = "学分"
RECOVERY_CODES = 10


def new_secret() -> bytes:
    """A fresh secret of 160 bits, the length that RFC 4226 asks for."""
    return secrets.token_bytes(20)


def shown(secret: bytes) -> str:
    """The secret for people who type it: base32 in groups of four."""
    return grouped(base64.b32encode(secret).decode())


def address(secret: bytes, username: str) -> str:
    """What the QR code says (the otpauth form that authenticator apps read)."""
    facts = {"secret": base64.b32encode(secret).decode(), "issuer": ISSUER, "digits": "6", "period": str(PERIOD)}
    return f"otpauth://totp/{quote(f'{ISSUER}:{username}')}?{urlencode(facts, quote_via=quote)}"


def step_of(at: datetime) -> int:
    """The interval that a moment lies in."""
    return int(at.timestamp()) // PERIOD


def code_of(secret: bytes, step: int, digits: int = 6) -> str:
    """The code of an interval (RFC 4226, 5.3)."""
    mac = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    start = mac[-1] & 0x0F
    number = int.from_bytes(mac[start : start + 4], "big") & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


def matching_step(secret: bytes, code: str, now: datetime) -> int | None:
    """The interval near `now` whose code this is, or None. Every interval is compared, whatever was found."""
    here = step_of(now)
    steps = range(here - DRIFT, here + DRIFT + 1)
    found = [step for step in steps if hmac.compare_digest(code_of(secret, step).encode(), code.encode())]
    return found[-1] if found else None


def recovery_code() -> str:
    """A fresh recovery code of 80 bits, in base32: no digit that looks like a letter."""
    return grouped(base64.b32encode(secrets.token_bytes(10)).decode())


def plain(typed: str) -> str:
    """A code as somebody typed it, also in full width, without what only makes it readable."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", typed).upper() if sign.isalnum())


def grouped(code: str) -> str:
    """In groups of four."""
    return " ".join(code[start : start + 4] for start in range(0, len(code), 4))
