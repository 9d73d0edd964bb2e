"""Tables of what left the house: papers with their codes, workbooks, and who took a workbook away.

A paper is written once, as it was printed; the only thing that ever happens to it is its withdrawal.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, SmallInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from services.credits.models import Base
from shared.database import IdType, JsonType, PathType, UtcDateTime, new_id


class CreditPaper(Base):
    """One certificate (学分证明) or statement (学分明细) and the code printed on it (N22)."""

    __tablename__ = "credit_papers"
    __table_args__ = (
        CheckConstraint("kind IN ('certificate', 'statement')", name="kind"),
        # A later paper of the same kind about the same cycle replaces the earlier; two made at once are one.
        UniqueConstraint("person_id", "kind", "cycle", "serial"),
        CheckConstraint("(withdrawn_at IS NULL) = (withdrawn_by IS NULL)", name="withdrawn"),
    )

    code: Mapped[str] = mapped_column(String(12), primary_key=True)
    """Without the dashes in which people read it."""
    kind: Mapped[str] = mapped_column(String(12))
    person_id: Mapped[str] = mapped_column(IdType)
    cycle: Mapped[int] = mapped_column(SmallInteger)
    """Year in which the training cycle starts."""
    serial: Mapped[int] = mapped_column(Integer)
    """Its number among the person's papers of that kind and cycle, from 1."""
    words: Mapped[dict[str, Any]] = mapped_column(JsonType)
    """All that is printed besides the code, word by word (`wording.Paper`)."""
    digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 of `words`: whether they still are what was printed."""
    figures: Mapped[str] = mapped_column(String(64))
    """SHA-256 of what the paper is about, without times: whether the credits have changed since."""
    made_by: Mapped[str] = mapped_column(IdType)
    made_by_name: Mapped[str] = mapped_column(String(60))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    withdrawn_by: Mapped[str | None] = mapped_column(IdType)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class TeacherExport(Base):
    """One workbook of the teachers of a school or an area, made in the background."""

    __tablename__ = "teacher_exports"
    __table_args__ = (Index("ix_teacher_exports_area_path_id", "area_path", "id"),)

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    area_path: Mapped[str] = mapped_column(PathType)
    """Whose teachers: the unit and all below it."""
    area_name: Mapped[str] = mapped_column(String(120))
    cycle: Mapped[int] = mapped_column(SmallInteger)
    status: Mapped[str | None] = mapped_column(String(20))
    """Only teachers of that status (`judgement.Status`); None: all."""
    made_by: Mapped[str] = mapped_column(IdType)
    made_by_name: Mapped[str] = mapped_column(String(60))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    job_id: Mapped[str | None] = mapped_column(IdType)
    sha256: Mapped[str | None] = mapped_column(String(64))
    """The workbook in the file store; None: not made yet."""
    rows: Mapped[int | None] = mapped_column(Integer)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ExportDownload(Base):
    """Somebody took a workbook away: people's credits left the platform."""

    __tablename__ = "export_downloads"
    __table_args__ = (Index("ix_export_downloads_export_id_id", "export_id", "id"),)

    id: Mapped[str] = mapped_column(IdType, primary_key=True, default=new_id)
    export_id: Mapped[str] = mapped_column(ForeignKey("teacher_exports.id"))
    by: Mapped[str] = mapped_column(IdType)
    by_name: Mapped[str] = mapped_column(String(60))
    body: Mapped[str | None] = mapped_column(String(120))
    """On whose behalf; None: from before it was kept."""
    at: Mapped[datetime] = mapped_column(UtcDateTime)
