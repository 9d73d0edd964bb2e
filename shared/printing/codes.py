"""Verification codes: made once for what a paper says, typed back by whoever holds the paper.

Twelve characters, `7KQ2-M9XA-4TRP`: eleven at random (54 bits, so that guessing finds nothing) and a check. The
alphabet has 31 characters, a prime, so that the check finds every wrong character and every two that were swapped.
"""

from __future__ import annotations

import re
import secrets
import unicodedata

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""Without 0 and O, 1, I and L, which look alike on paper."""
LENGTH = 12
TYPED = 60
"""So much of what was typed is looked at and shown again."""
_BETWEEN = re.compile(r"[\s\-‐‑–—_.·]")


def read_code(typed: str) -> str | None:
    """The bare code; None where it cannot be one, that is, where it was mistyped.

    Blanks, dashes, lower case and the full-width characters of a Chinese keyboard are forgiven.
    """
    code = _BETWEEN.sub("", unicodedata.normalize("NFKC", typed)).upper()
    if len(code) != LENGTH or any(letter not in ALPHABET for letter in code) or _weigh(code) != 0:
        return None
    return code


def grouped(code: str) -> str:
    """The bare code as people read it: 4-4-4."""
    return "-".join(code[start : start + 4] for start in range(0, LENGTH, 4))


def new_code() -> str:
    """A bare code that nobody can guess."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH - 1))
    return body + ALPHABET[-_weigh(body + ALPHABET[0]) % len(ALPHABET)]


def _weigh(code: str) -> int:
    """The check sum: 0 for a code that is whole. The last character weighs 1, the first 12."""
    return sum((LENGTH - place) * ALPHABET.index(letter) for place, letter in enumerate(code)) % len(ALPHABET)
