"""Kinds of submission: whose they are and of what they are made. A new kind is a row here and its route. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from shared.actors import Level, Office

GROUPS = {
    "substance": "形式、学时与标准",
    "evidence": "考核、过程记录与附件",
    "schedule": "时间与人员",
    "basics": "名称与目标",
}
"""Groups of fields: what a stage's signature stands for (`routes.toml`, N2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of what travels by stages."""

    key: str
    title: str
    noun: str
    """In sentences: 此方案…"""
    heading: str
    """Of the printed sheet."""
    prefix: str
    """Of its numbers."""
    owner: Office
    """Who drafts and submits it, for exactly the unit whose it is."""
    levels: tuple[Level, ...]
    """Levels of the units that file it."""
    item_kinds: tuple[str, ...]
    forecast: bool = False
    """Rests on a forecast of who cannot reach the credits (FAQ-Q11)."""
    covers: bool = False
    """May be a joint plan for further units (FAQ-Q14)."""
    claims: bool = False
    """Says what one teacher asks to have recognised, instead of items (T19)."""
    personal: bool = False
    """Drafted by the one person whose it is; the others in her office have nothing to do with it."""


KINDS = {
    kind.key: kind
    for kind in (
        Kind(
            key="school_plan", title="年度申报方案", noun="方案", heading="自主培训方案审批单", prefix="F",
            owner=Office.SCHOOL_ADMIN, levels=(Level.SCHOOL,),
            item_kinds=("school_training", "school_research", "workshop", "other"), covers=True,
        ),
        Kind(
            key="fallback_scheme", title="托底培训方案", noun="托底方案", heading="托底培训方案备案单", prefix="T",
            owner=Office.PROJECT_ADMIN, levels=(Level.COUNTY, Level.DISTRICT), item_kinds=("fallback",), forecast=True,
        ),
        Kind(
            key="claim", title="认定申请", noun="申请", heading="学分认定申请审批单", prefix="R",
            owner=Office.TEACHER, levels=(Level.SCHOOL,), item_kinds=(), claims=True, personal=True,
        ),
        Kind(
            key="school_claim", title="认定申请（学校代报）", noun="申请", heading="学分认定申请审批单", prefix="R",
            owner=Office.SCHOOL_ADMIN, levels=(Level.SCHOOL,), item_kinds=(), claims=True,
        ),
    )
}  # fmt: skip
"""Every kind by its key."""


def owned_by(office: Office, *, personal: bool = False) -> tuple[str, ...]:
    """Keys of the kinds that holders of the office draft; `personal`: only those that each drafts for herself."""
    return tuple(kind.key for kind in KINDS.values() if kind.owner is office and (kind.personal or not personal))


def of_schools() -> tuple[str, ...]:
    """Keys of the kinds that schools file, or their teachers."""
    return tuple(kind.key for kind in KINDS.values() if Level.SCHOOL in kind.levels)


def region_of(kind: str, unit_path: str) -> str:
    """Path of the county, district or province for which a submission counts: of whoever runs the school (N28).

    That is a school's path without its own code; what an authority files itself is its own.
    """
    if kind not in of_schools():
        return unit_path
    return unit_path.rstrip("/").rpartition("/")[0] + "/"


OWNERS = tuple({kind.owner: None for kind in KINDS.values()})
"""Offices that draft anything."""
