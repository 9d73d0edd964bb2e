"""Evidence that comes with a dispute: looked into before it is kept (PDF, JPEG, PNG)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import filetype

from shared.documents import look_into_pdf, look_into_picture
from shared.file_store import FileStore
from shared.uploads import PICTURES_AND_PDF, clean_name, refused, require_ending, require_size

MOST = 5
"""Files of one dispute."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A file that has been looked at."""

    name: str
    media_type: str
    content: bytes
    sha256: str


def store(data_dir: Path) -> FileStore:
    """Where evidence is kept."""
    return FileStore(data_dir / "credits-evidence")


def look_at(name: str | None, content: bytes) -> Evidence:
    """The file, if its content is a PDF or a picture and its name says the same.

    Raises `TooLarge` over 20 MB, and `Invalid` naming the field `file` for everything else.
    """
    clean = clean_name(name)
    require_size(clean, content, "请压缩后重新上传")
    if not content:
        raise refused(f"文件“{clean}”是空文件，请重新选择。")
    kind: str | None = filetype.guess_mime(content)
    if kind not in PICTURES_AND_PDF:
        raise refused(f"文件“{clean}”的内容不是 PDF、JPEG 或 PNG，请核对后重新上传。")
    require_ending(clean, PICTURES_AND_PDF[kind])
    if kind == "application/pdf":
        look_into_pdf(clean, content)
    else:
        look_into_picture(clean, content)
    return Evidence(clean, kind, content, hashlib.sha256(content).hexdigest())
