"""What every service asks of an uploaded file before it looks into it: its size, its name, and whether they agree.

A file is what its content says, never what its name says; but whoever saves it later goes by the name, so a file whose
name says something else is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from shared.errors import Invalid, TooLarge

MAX_SIZE = 20 * 1024 * 1024
PICTURES_AND_PDF = {
    "application/pdf": ("pdf",),
    "image/jpeg": ("jpg", "jpeg"),
    "image/png": ("png",),
}
"""Kinds that every service takes, with the endings that a name may have."""


def clean_name(name: str | None) -> str:
    """The last part of a file name, without what could mislead a reader or a file system."""
    last = re.split(r"[/\\]", name or "")[-1]
    # Control and direction characters could make "exe.pdf" look like "fdp.exe".
    last = "".join(c for c in last if c.isprintable() and c not in '"<>|:*?').strip(". ")
    return last[-120:] or "未命名"


def require_size(name: str, content: bytes, advice: str) -> None:
    """Raises `TooLarge` over 20 MB, saying what to do (`advice`). `name` as `clean_name` gives it."""
    if len(content) > MAX_SIZE:
        sentence = f"文件“{name}”超过 20 MB，{advice}。"
        raise TooLarge(sentence, fields={"file": [sentence]})


def require_ending(name: str, endings: Sequence[str]) -> None:
    """Raises `Invalid` when the name does not end as its content demands; `endings` in lower case, the usual first."""
    if name.lower().rpartition(".")[2] not in endings or "." not in name:
        raise refused(f"文件“{name}”的实际内容是 {endings[0].upper()}，与文件名不符，请核对后重新上传。", "misnamed")


def refused(sentence: str, reason: str | None = None) -> Invalid:
    """The error that names the field `file`; `reason` is a word for programs."""
    extra = {"reason": reason} if reason else {}
    return Invalid(sentence, fields={"file": [sentence]}, **extra)
