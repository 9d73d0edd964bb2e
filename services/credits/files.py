"""The workbooks that this service makes: where they lie, how long, and what may be taken away.

They hold names, and are of their day: after `KEPT` the file is removed and its record stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared import retention
from shared.database import utc_now
from shared.errors import Conflict
from shared.file_store import FileStore
from shared.jobs import Job
from shared.ui.filters import local_date

KEPT = timedelta(days=30)
MARGIN = timedelta(days=1)
"""A file lies there a little longer than it is offered, so that nobody is refused in the middle of it."""


class Workbook(Protocol):
    """The record of one."""

    @property
    def sha256(self) -> str | None:
        """The file in the store; None: not made yet."""

    @property
    def finished_at(self) -> datetime | None:
        """When it was made."""


def store(data_dir: Path) -> FileStore:
    """Where the workbooks of this service are kept."""
    return FileStore(data_dir / "credits-files")


def removed(made: Workbook) -> bool:
    """Whether the file is no longer offered."""
    return made.finished_at is not None and made.finished_at < utc_now() - KEPT


def need_file(made: Workbook) -> None:
    """Raises `Conflict` while the workbook is being made, and after it was removed."""
    if made.sha256 is None or made.finished_at is None:
        raise Conflict("文件还没有生成完毕，请稍后再下载。")
    if removed(made):
        day = local_date(made.finished_at + KEPT)
        raise Conflict(f"文件含个人信息，只保留 {KEPT.days} 天，已于 {day} 清理；如仍需要，请重新导出。")


def taken(session: Session, owner: Any, ids: Sequence[str]) -> dict[str, tuple[int, Any]]:
    """Workbook -> how often it was taken away, and the last time; `owner` is the column of downloads that names it."""
    model = owner.class_
    query = select(func.count(), func.max(model.id)).where(owner.in_(ids)).group_by(owner)
    times = {download_id: count for count, download_id in session.execute(query)}
    found = session.scalars(select(model).where(model.id.in_(times)))
    return {getattr(one, owner.key): (times[one.id], one) for one in found}


def prune(job: Job) -> None:
    """The daily job of this service: what every service forgets, and workbooks that have had their time."""
    store(job.context.settings.data_dir).prune(utc_now() - KEPT - MARGIN)
    retention.prune(job)
