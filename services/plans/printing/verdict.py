"""What the public page says to somebody who types the code of a sheet: genuine or not, and what to do next. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from services.plans.printing.sheet import Sheet
from shared.printing.names import mask


class State(StrEnum):
    """What became of the sheet."""

    VALID = "valid"
    SUPERSEDED = "superseded"
    """A later version was submitted."""
    VOID = "void"
    """The plan was declared void (作废) or given up."""
    REVOKED = "revoked"
    """What the sheet certifies was taken back."""
    UNKNOWN = "unknown"
    """A code that the platform has never made."""
    MISTYPED = "mistyped"
    """No code at all: its check character does not fit."""


_TONES = {State.VALID: "good", State.SUPERSEDED: "warn", State.MISTYPED: "warn"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Who decided at a stage, with a masked name."""

    stage_title: str
    body: str
    state: str
    name: str
    date: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer. Only `state` and `code` are set where there is no sheet."""

    state: State
    code: str
    heading: str = ""
    number: str = ""
    unit: str = ""
    title: str = ""
    school_year: str = ""
    status_title: str = ""
    version: int = 0
    """The version on the paper."""
    current: int = 0
    """The version that is in force now."""
    changed: bool = False
    """Whether opinions were added or taken back since the paper was printed."""
    made_at: datetime | None = None
    signers: tuple[Signer, ...] = ()

    @property
    def found(self) -> bool:
        """Whether there is a sheet to tell about."""
        return self.state not in {State.UNKNOWN, State.MISTYPED}

    @property
    def tone(self) -> str:
        """Tone of the notice, as the page macros name it."""
        return _TONES.get(self.state, "bad")

    @property
    def label(self) -> str:
        """The answer in a few words."""
        return {
            State.VALID: "有效",
            State.SUPERSEDED: f"已被第 {self.current} 版取代",
            State.VOID: "已作废",
            State.REVOKED: "已撤销",
            State.UNKNOWN: "查无此码",
            State.MISTYPED: "核验码输入有误",
        }[self.state]

    @property
    def advice(self) -> str:
        """What it means and what to do next, in whole sentences."""
        later = f"打印之后办理意见有变化，请向单位索取重新打印的《{self.heading}》。" if self.changed else ""
        return {
            State.VALID: f"平台打印过此单，第 {self.version} 版现行有效。{later}"
            "请逐项核对下列内容与纸面是否一致，不一致的以平台记录为准。",
            State.SUPERSEDED: f"此单打印的是第 {self.version} 版，单位后来又报送了第 {self.current} 版。"
            f"此单不再作为依据，请向单位索取新版《{self.heading}》。",
            State.VOID: "此方案已作废，此单不再作为依据。如有疑问，请联系出具此单的单位。",
            State.REVOKED: "此单所证明的办理结果已撤销，此单不再作为依据。如有疑问，请联系出具此单的单位。",
            State.UNKNOWN: "核验码格式正确，但平台没有打印过此单。请不要采信这份材料，并联系出具材料的单位核实。",
            State.MISTYPED: "核验码共 12 位，不含容易看错的 0、O、1、I、L。请对照纸面重新输入，横线和大小写不影响。",
        }[self.state]


def about(
    sheet: Sheet, state: State, *, version: int, current: int, made_at: datetime, changed: bool = False
) -> Verdict:
    """The answer for a sheet that was printed; `sheet` is the version on the paper, names come out masked."""
    return Verdict(
        state=state,
        code=sheet.code,
        heading=sheet.heading,
        number=sheet.number,
        unit=sheet.unit,
        title=sheet.title,
        school_year=sheet.school_year,
        status_title=sheet.status_title,
        version=version,
        current=current,
        changed=changed,
        made_at=made_at,
        signers=tuple(
            Signer(stage_title=box.stage_title, body=box.body, state=box.state, name=mask(box.name), date=box.date)
            for box in sheet.boxes
            if box.name
        ),
    )


def missing(typed: str, *, mistyped: bool) -> Verdict:
    """The answer where no sheet was found: a slip of typing is told apart from a code that was never made."""
    return Verdict(state=State.MISTYPED if mistyped else State.UNKNOWN, code=typed)
