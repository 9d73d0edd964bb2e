"""What a sheet says, as plain values, and how each value is written: the PDF and the page show the same. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

ITEM_COLUMNS = ("序号", "项目", "时间", "学时", "学时/学分", "学分", "考核办法与过程记录")
FILE_COLUMNS = ("序号", "附件", "大小", "摘要")
NOTE = (
    "本单由学分平台生成，内容以平台记录为准。请扫描打印件上的二维码，或打开上述网址输入核验码，"
    "核对真伪以及是否已被新版本取代。"
)
_PRINTING = ("code", "verify_url", "printed_at")
"""What belongs to one print and not to what the sheet says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetItem:
    """One item of the plan. `rate` is hours per credit; `when` is already in words, like 2024-03-05 至 2024-06-30."""

    number: int
    kind: str
    title: str
    hours: Decimal
    rate: Decimal
    credits: Decimal
    when: str = ""
    who: str = ""
    assessment: str = ""
    records: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetFile:
    """One attachment: size in bytes, and the first 8 characters of the digest of its content."""

    name: str
    size: int
    digest8: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums of the version that is printed."""

    hours: Decimal
    credits: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """What one stage said, or the empty box of a stage that has not spoken yet (name "", date None, version 0)."""

    stage_title: str
    body: str
    state: str
    """同意, 退回修改, 待审核, 未到 …"""
    opinion: str = ""
    name: str = ""
    """As the history writes it: 李某, or 李某（代王某）."""
    date: date | None = None
    """In China."""
    version: int = 0
    digest8: str = ""
    valid: str = ""
    """有效, or why not any more: 意见已失效（第 3 版改动了“学分折算标准”）."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Everything that is printed. `heading` is that of its kind, without the 《》; `code` is grouped, 4-4-4."""

    heading: str
    number: str
    title: str
    school_year: str
    unit: str
    kind_title: str
    status_title: str
    version: int
    digest: str
    rounds: int
    """How many times it was submitted."""
    aims: str
    items: tuple[SheetItem, ...]
    totals: Totals
    attachments: tuple[SheetFile, ...]
    boxes: tuple[Box, ...]
    code: str
    verify_url: str
    printed_at: datetime
    more: tuple[tuple[str, str], ...] = ()
    """Further facts as (label, value), for example the schools of a joint plan."""

    def layout(self) -> dict[str, Any]:
        """The sheet in words, ready for the PDF and for the page; JSON throughout."""
        facts = (
            ("编号", self.number),
            ("状态", self.status_title),
            ("单位", self.unit),
            ("学年", self.school_year),
            ("类型", self.kind_title),
            ("版本", f"第 {self.version} 版（共报送 {self.rounds} 次）"),
            ("自主学分合计", f"{credits(self.totals.credits)} 学分"),
            ("学时合计", f"{plain(self.totals.hours)} 学时"),
        )
        return {
            "heading": self.heading,
            "number": self.number,
            "title": self.title,
            "facts": facts,
            "more": self.more,
            "digest": self.digest,
            "aims": self.aims or "（未填写）",
            "item_columns": ITEM_COLUMNS,
            "items": [_item(item) for item in self.items],
            "totals": {"hours": plain(self.totals.hours), "credits": credits(self.totals.credits)},
            "file_columns": FILE_COLUMNS,
            "files": [
                [str(number), file.name, size(file.size), f"{file.digest8}…"]
                for number, file in enumerate(self.attachments, start=1)
            ],
            "boxes": [_box(box) for box in self.boxes],
            "code": self.code,
            "verify_url": self.verify_url,
            "printed_at": self.printed_at.astimezone(ZoneInfo("Asia/Shanghai")).strftime("%Y-%m-%d %H:%M"),
            "note": NOTE,
        }


def fingerprint(sheet: Sheet) -> str:
    """SHA-256 of all that the sheet says, apart from the code and the time of printing: same words, same code."""
    said = {name: value for name, value in asdict(sheet).items() if name not in _PRINTING}
    return hashlib.sha256(json.dumps(said, default=str, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def plain(value: Decimal) -> str:
    """A figure without needless places: 60, 12.5."""
    return f"{value.normalize():f}"


def credits(value: Decimal) -> str:
    """6.0; a second decimal only where there is one."""
    return f"{value:.1f}" if value * 10 == (value * 10).to_integral_value() else f"{value:.2f}"


def size(count: int) -> str:
    """Bytes in words: 12 KB (rounded up), 3.4 MB."""
    return f"{-(-count // 1024)} KB" if count < 1024 * 1024 else f"{count / 1024 / 1024:.1f} MB"


def _item(item: SheetItem) -> dict[str, str]:
    return {
        "number": str(item.number),
        "title": item.title,
        "sub": " · ".join(part for part in (item.kind, item.who) if part),
        "when": item.when or "—",
        "hours": plain(item.hours),
        "rate": plain(item.rate),
        "credits": credits(item.credits),
        "assessment": item.assessment or "—",
        "records": f"过程记录：{item.records or '未写'}",
    }


def _box(box: Box) -> dict[str, str]:
    return {
        "stage": box.stage_title,
        "body": box.body,
        "state": box.state,
        "opinion": box.opinion,
        "name": box.name,
        "date": box.date.isoformat() if box.date else "",
        "version": f"针对第 {box.version} 版 · 摘要 {box.digest8}…" if box.version else "",
        "valid": box.valid,
    }
