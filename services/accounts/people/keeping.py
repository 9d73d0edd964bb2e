"""Collected workbooks in the store: sealed, since they are full of identity numbers, and only for some days."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from services.accounts.sealing import Sealer
from shared.database import utc_now
from shared.file_store import FileStore
from shared.files import Upload, look_at
from shared.settings import Settings
from shared.sheets.reading import KINDS

KEPT = timedelta(days=30)
"""So long may the rows with errors be fetched; the register and its history say the rest."""


@dataclass(frozen=True, slots=True)
class _Sealed:
    content: bytes
    sha256: str


class Workbooks:
    """The store of one installation."""

    def __init__(self, settings: Settings) -> None:
        self._store = FileStore(settings.data_dir / "people-files")
        self._sealer = Sealer(settings.encryption_key, b"xuefen collected workbook v1")

    def put(self, upload: Upload) -> str:
        """Keeps a workbook; returns by what it is found again."""
        content = self._sealer.seal(upload.content)
        sealed = _Sealed(content, hashlib.sha256(content).hexdigest())
        self._store.put(sealed)
        return sealed.sha256

    def content(self, stored: str) -> bytes:
        """The workbook again. Raises `NotFound` when its days are over."""
        return self._sealer.open(self._store.get(stored))

    def upload(self, name: str, stored: str) -> Upload:
        """The same, looked at as when it came."""
        return look_at(name, self.content(stored), KINDS)

    def prune(self) -> int:
        """Removes those whose days are over; returns how many."""
        return self._store.prune(utc_now() - KEPT)
