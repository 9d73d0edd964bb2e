"""A store that keeps files by the digest of their content: the same file is kept once, and no file is ever changed."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Protocol

from obstore.store import LocalStore

from shared.errors import NotFound


class Content(Protocol):
    """What the store asks of a file that lies in memory."""

    @property
    def content(self) -> bytes:
        """Its bytes."""

    @property
    def sha256(self) -> str:
        """Their digest in hexadecimal figures."""


class FileStore:
    """Files in a folder, each under its digest."""

    def __init__(self, folder: Path) -> None:
        self._store = LocalStore(prefix=folder, mkdir=True)

    def put(self, upload: Content) -> None:
        """Keeps the content; safe to call again."""
        self._store.put(_key(upload.sha256), upload.content)

    def put_file(self, path: Path) -> str:
        """Keeps a file that was written to disk, without reading all of it at once; returns its digest."""
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        self._store.put(_key(sha256), path)
        return sha256

    def get(self, sha256: str) -> bytes:
        """The content. Raises `NotFound` when the file is missing or no longer what its digest says."""
        try:
            content = bytes(self._store.get(_key(sha256)).bytes())
        except FileNotFoundError as error:
            raise NotFound("文件不存在，请联系管理员。") from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise NotFound("文件内容与登记的摘要不符，请联系管理员。")
        return content

    def prune(self, before: datetime) -> int:
        """Removes what was last put before that moment; returns how many. Only for stores of what can be made again."""
        old = [one["path"] for batch in self._store.list() for one in batch if one["last_modified"] < before]
        self._store.delete(old)
        return len(old)


def _key(sha256: str) -> str:
    return f"{sha256[:2]}/{sha256}"
