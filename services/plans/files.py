"""Files that plans takes, and where it keeps them."""

from __future__ import annotations

from pathlib import Path

from shared.file_store import FileStore
from shared.files import DOCX, Upload, look_at
from shared.uploads import PICTURES_AND_PDF
from shared.workbooks import XLSX

__all__ = ["ATTACHMENTS", "Upload", "look_at", "store"]

ATTACHMENTS = {
    **PICTURES_AND_PDF,
    DOCX: ("docx",),
    XLSX: ("xlsx",),
}
"""Kinds that a plan may carry, with the endings that a name may have."""


def store(data_dir: Path) -> FileStore:
    """The store of this service under the data folder."""
    return FileStore(data_dir / "plans-files")
