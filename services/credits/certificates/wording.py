"""What a certificate and a statement say, word by word, as JSON that is kept: the same code always prints the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from services.credits import words
from services.credits.editions import school_year_title
from services.credits.entries import Entry
from services.credits.queries import Standing
from shared.events.plans import Bucket
from shared.printing.codes import grouped
from shared.printing.qr import verification
from shared.ui.filters import credits, local_date, local_time


class Kind(StrEnum):
    """Which paper."""

    CERTIFICATE = "certificate"
    """Both buckets and the status."""
    STATEMENT = "statement"
    """The same with every line of the ledger."""


HEADINGS = {Kind.CERTIFICATE: "教师培训学分证明", Kind.STATEMENT: "教师培训学分明细"}
BUCKET_COLUMNS = ("类别", "要求学分", "计入学分", "还差", "待定")
LINE_COLUMNS = ("编号", "日期", "项目与依据", "学时", "折算", "计入", "状态与原因")
NOTE = (
    "本件由学分平台生成，所列为截至上述时间的记录；统筹与自主学分不能互抵。扫描二维码，或打开上述网址输入核验码，"
    "可核对真伪以及是否已被更新或撤销。"
)
UNKNOWN = "未公布"


def words_of(kind: Kind, standing: Standing, as_of: datetime, printed_at: datetime, verify_url: str) -> dict[str, Any]:
    """All that is printed besides the code, in words."""
    person, judged = standing.person, standing.judgement
    facts = [
        ("姓名", person.name),
        ("身份证号", person.masked_identity),
        ("单位", standing.unit.name if standing.unit else ""),
        ("培训周期", f"{standing.cycle.title}（{standing.cycle.start} 至 {standing.cycle.end}）"),
        ("状态", words.STATUSES[judged.status]),
        ("依据规则", f"{standing.edition.title}（{standing.edition.document}）"),
    ]
    return {
        "heading": HEADINGS[kind],
        "name": person.name,
        "cycle": standing.cycle.title,
        "facts": [[label, value] for label, value in facts if value],
        "bucket_columns": list(BUCKET_COLUMNS),
        "buckets": _buckets(standing),
        "marks": list(judged.flags.values()),
        "line_columns": list(LINE_COLUMNS),
        "years": _years(standing) if kind is Kind.STATEMENT else [],
        "as_of": f"{local_time(as_of)}（北京时间）",
        "printed_at": f"{local_time(printed_at)}（北京时间）",
        "verify_url": verify_url,
        "note": NOTE,
    }


def lasting(said: Mapping[str, Any]) -> dict[str, Any]:
    """The words without their times: whether a paper made now would say the same."""
    return {name: value for name, value in said.items() if name not in ("as_of", "printed_at")}


def with_code(said: Mapping[str, Any], code: str) -> dict[str, Any]:
    """The words with the code and its QR code, ready to be printed."""
    return {**said, "code": grouped(code), "qr": verification(said["verify_url"], code)}


def figures_of(kind: Kind, standing: Standing) -> str:
    """The digest of what the paper is about: who, the rules, both buckets, the status, and of a statement each line."""
    judged = standing.judgement
    about: dict[str, Any] = {
        "name": standing.person.name,
        "edition": standing.edition.id,
        "status": judged.status,
        "buckets": [[bucket, b.counted, b.required, b.pending] for bucket, b in judged.buckets.items()],
    }
    if kind is Kind.STATEMENT:
        about["lines"] = [[e.line.id, e.counted, e.state] for e in standing.entries]
    return digest_of(about)


def digest_of(said: Any) -> str:
    """SHA-256 of JSON, whatever the order in which a database keeps its keys."""
    return hashlib.sha256(json.dumps(said, default=str, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def counted_on(said: Mapping[str, Any]) -> dict[Bucket, str]:
    """The credits that a paper says count, by bucket, as printed: 19.5."""
    return dict(zip(Bucket, (row[2] for row in said["buckets"]), strict=True))


def _buckets(standing: Standing) -> list[list[str]]:
    return [
        [
            words.BUCKETS[bucket],
            credits(sums.required) or UNKNOWN,
            credits(sums.counted),
            credits(sums.shortfall) or UNKNOWN,
            f"{sums.pending} 条" if sums.pending else "无",
        ]
        for bucket, sums in ((bucket, standing.judgement.buckets[bucket]) for bucket in Bucket)
    ]


def _years(standing: Standing) -> list[dict[str, Any]]:
    """The lines by school year, oldest first, each year with what of it counts in each bucket."""
    held: dict[int, list[Entry]] = {}
    for entry in sorted(standing.entries, key=lambda e: (e.line.school_year, e.line.effective_on, e.line.id)):
        held.setdefault(entry.line.school_year, []).append(entry)
    return [
        {
            "title": f"{school_year_title(year)} 学年",
            "counted": "，".join(
                f"{words.BUCKETS[bucket]} {credits(sum(e.counted for e in lines if e.line.bucket == bucket))}"
                for bucket in Bucket
            ),
            "lines": [_line(entry) for entry in lines],
        }
        for year, lines in held.items()
    ]


def _line(entry: Entry) -> list[str]:
    line = entry.line
    where = [words for words in (entry.source_title, entry.organizer) if words]
    told = [" · ".join([*where, entry.bucket_title, entry.category_title]), f"{line.sentence.rstrip('。')}。"]
    state = words.LINE_STATES[entry.state]
    return [
        str(line.id),
        local_date(line.effective_on),
        "\n".join(told),
        words.plain(line.hours) if line.hours is not None else "—",
        credits(line.amount) if line.amount is not None else "待定",
        credits(entry.counted),
        f"{state}\n{entry.reason}" if entry.reason and entry.reason != line.sentence else state,
    ]
