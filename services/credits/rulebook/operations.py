"""What the provincial office does with the rules: copy, change, have previewed, publish, discard (N5)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.credits import in_force
from services.credits.editions import Reach
from services.credits.in_force import PublishedEdition
from services.credits.rulebook import figures, queries
from services.credits.rulebook.contradictions import contradictions
from services.credits.rulebook.models import DISCARDED, DRAFT, PUBLISHED, EditionAct, EditionDraft
from services.credits.standings.operations import recompute_later
from shared.actors import Actor
from shared.database import utc_now
from shared.errors import Conflict, Invalid
from shared.jobs import JobRow, run_later
from shared.ui.filters import CHINA, local_time

PREVIEW_JOB = "credits.preview_edition"
ADJUST_JOB = "credits.adjust_lines"
REACHES = {
    "forward": "只管今后：施行之日起举办的培训按新规则折算，本周期的要求和上限不变",
    "current_cycle": "本周期起：另外，本周期的要求和上限自施行之日起按新规则判断，已折算的记录不变",
    "cycle_start": "追溯至本周期起始：另外，本周期已有的记录按新规则重新折算",
}
"""How far back a change may reach, in words."""


def copy(session: Session, actor: Actor, edition_id: str) -> EditionDraft:
    """A draft of an edition as it is. Raises `NotAllowed`, `NotFound`."""
    post = queries.province_post(actor)
    queries.content_of(session, edition_id)
    draft = EditionDraft(
        copied_from=edition_id,
        after=_newest(session),
        figures={},
        version=1,
        state=DRAFT,
        changed_by=actor.account_id,
        changed_by_name=actor.name,
        body=post.body,
        changed_at=utc_now(),
        previewed_version=0,
    )
    session.add(draft)
    session.flush()
    _note(session, actor, draft, "copy", f"以“{_title(session, edition_id)}”为底本")
    return draft


def save(
    session: Session,
    actor: Actor,
    draft_id: str,
    *,
    version: int,
    title: str,
    document: str,
    effective_from: date | None,
    reach: str,
    reason: str,
    changed: Mapping[str, Mapping[str, str]],
) -> EditionDraft:
    """Changes a draft; `changed`: key of a figure -> value, grade, source (see `figures.slots`), all that differ.

    `version` is the one that the caller has seen. Raises `NotAllowed`, `NotFound`, `Invalid` naming each field,
    `Conflict` when somebody else was faster, or when it is no draft any more.
    """
    draft = _open(session, actor, draft_id, version)
    content = queries.content_of(session, draft.copied_from)
    parts = ("value", "grade", "source")
    told = {key: {part: figure.get(part, "").strip() for part in parts} for key, figure in changed.items()}
    header = _header_faults(session, title, document, effective_from, reach, reason)
    wrong = header | figures.faults(content, told)
    if told and not wrong:
        wrong = _misfits(figures.applied(content, told))
    if wrong:
        raise Invalid("规则草稿还不能保存，请按提示修改。", fields=wrong)
    draft.title, draft.document, draft.reason = title.strip(), document.strip(), reason.strip()
    draft.effective_from, draft.reach, draft.figures = effective_from, reach, told
    draft.version += 1
    draft.changed_by, draft.changed_by_name = actor.account_id, actor.name
    draft.body, draft.changed_at = queries.province_post(actor).body, utc_now()
    session.flush()
    _note(session, actor, draft, "save", f"改动 {len(told)} 项数值")
    return draft


def ask_preview(session: Session, actor: Actor, draft_id: str, *, version: int) -> EditionDraft:
    """Has a draft previewed in the background. Raises as `save` does; `Conflict` while a preview is being made."""
    draft = _open(session, actor, draft_id, version)
    _require_complete(session, draft)
    if is_running(session, draft.preview_job_id):
        raise Conflict("预览正在生成，请等生成完毕后再试。")
    draft.preview_job_id = run_later(session, PREVIEW_JOB, {"draft_id": draft.id, "version": draft.version})
    session.flush()
    _note(session, actor, draft, "preview", "")
    return draft


def publish(session: Session, actor: Actor, draft_id: str, *, version: int) -> PublishedEdition:
    """Puts a previewed draft in force. One that is published stays as it is: doing it twice changes nothing.

    The running conversions end first, and what follows converts by it (`in_force.lock_rules`). Raises `NotAllowed`,
    `NotFound`, `Invalid` for dates that its reach forbids, `Conflict` for a draft without a preview of this version, or
    where another edition has been published since it was copied.
    """
    post = queries.province_post(actor)
    draft = queries.draft(session, actor, draft_id, lock=True)
    before = session.scalar(select(PublishedEdition).where(PublishedEdition.draft_id == draft.id))
    if before is not None:
        return before
    draft = _open(session, actor, draft_id, version)
    in_force.lock_rules(session)
    _require_complete(session, draft)
    if draft.previewed_version != draft.version:
        raise Conflict("草稿在预览之后有改动，或还没有预览；请先生成预览，核对后再发布。")
    if draft.after != _newest(session):
        raise Conflict("这份草稿复制之后又发布了新的规则版本；请以新版本为底本重新复制，以免覆盖其中的改动。")
    published = made(session, draft)
    published.published_by, published.published_by_name = actor.account_id, actor.name
    published.body, published.published_at = post.body, utc_now()
    session.add(published)
    session.flush()
    if published.reach == Reach.CYCLE_START:
        published.job_id = run_later(session, ADJUST_JOB, {"number": published.number})
    draft.state = PUBLISHED
    session.flush()
    in_force.forget(session)
    _have_judged(session, published)
    _note(session, actor, draft, "publish", f"{published.document}：{published.title}")
    return published


def discard(session: Session, actor: Actor, draft_id: str, *, version: int) -> EditionDraft:
    """Puts a draft away. Raises as `save` does."""
    draft = _open(session, actor, draft_id, version)
    draft.state = DISCARDED
    session.flush()
    _note(session, actor, draft, "discard", "")
    return draft


def made(session: Session, draft: EditionDraft) -> PublishedEdition:
    """The edition that a complete draft would be; not yet in the database, and published by nobody.

    Raises `Invalid` for a date on which no edition is in force, or for figures that do not fit together.
    """
    assert draft.effective_from is not None
    editions, number = in_force.editions(session), _newest(session) + 1
    present = editions.on(draft.effective_from)
    if present is None:
        raise _wrong_date("这一天没有施行中的规则版本。")
    root = editions.root_of(present.id)
    base = queries.content_of(session, draft.copied_from)
    content = figures.applied(base, draft.figures) | {
        "id": f"{root}.{number}",
        "title": draft.title,
        "document": draft.document,
        "effective_from": draft.effective_from.isoformat(),
    }
    content.pop("effective_to", None)
    content.setdefault("cycle", queries.content_of(session, root)["cycle"])
    if wrong := _misfits(content):
        raise Invalid("规则草稿中的数值不能一并施行，请按提示修改。", fields=wrong)
    return PublishedEdition(
        number=number,
        id=content["id"],
        title=draft.title,
        document=draft.document,
        supersedes=present.id,
        root=root,
        effective_from=draft.effective_from,
        reach=draft.reach,
        content=content,
        changes=figures.changes(base, draft.figures),
        reason=draft.reason,
        draft_id=draft.id,
        drafted_by_name=draft.changed_by_name,
        adjusted_to=0,
        adjusted_lines=0,
    )


def _have_judged(session: Session, published: PublishedEdition) -> None:
    """Everybody's stored standing of the cycle that it judges is computed anew: now, or on the day of its effect."""
    found = in_force.editions(session).cycle_at(published.effective_from)
    if found is None or found[0].id != published.id:
        return
    begins = datetime.combine(published.effective_from, datetime.min.time(), CHINA)
    recompute_later(session, found[1].number, not_before=begins)


def is_running(session: Session, job_id: str | None) -> bool:
    """Whether that job is at work, or waits for it."""
    job = session.get(JobRow, job_id) if job_id else None
    return job is not None and not job.finished


def _open(session: Session, actor: Actor, draft_id: str, version: int) -> EditionDraft:
    draft = queries.draft(session, actor, draft_id, lock=True)
    if draft.state != DRAFT:
        raise Conflict("这份草稿已经发布。" if draft.state == PUBLISHED else "这份草稿已经作废。")
    if draft.version != version:
        raise Conflict(
            f"草稿已由{draft.changed_by_name}于 {local_time(draft.changed_at)} 修改；您填写的内容还在，"
            "请核对最新内容后再保存一次。",
            version=draft.version,
        )
    return draft


def _require_complete(session: Session, draft: EditionDraft) -> None:
    """Raises `Invalid` for what is not filled in, or for a date that the reach forbids today."""
    told = (draft.title, draft.document, draft.effective_from, draft.reach, draft.reason)
    wrong = _header_faults(session, *told)
    if wrong:
        raise Invalid("请先填写并保存名称、文号、施行日期、适用范围和调整原因。", fields=wrong)


def _header_faults(
    session: Session, title: str, document: str, effective_from: date | None, reach: str, reason: str
) -> dict[str, list[str]]:
    wrong: dict[str, list[str]] = {}
    for name, value, least, most, sentence in (
        ("title", title, 2, 60, "请填写版本名称，如“2018 试行（2026 年调整）”，最多 60 字。"),
        ("document", document, 4, 80, "请填写文号，如“赣教师字〔2026〕12号”，最多 80 字。"),
        ("reason", reason, 2, 1000, "请写明调整原因，最多 1000 字。"),
    ):
        if not least <= len(value.strip()) <= most:
            wrong[name] = [sentence]
    if reach not in REACHES:
        wrong["reach"] = ["请选择适用范围。"]
    if fault := _date_fault(session, effective_from, reach):
        wrong["effective_from"] = [fault]
    return wrong


def _date_fault(session: Session, effective_from: date | None, reach: str) -> str | None:
    """What converts already stays unless the reach says so, and a cycle that is over is never touched.

    Later than the next cycle nobody decides today: such a date is a slip of the pen.
    """
    today, editions = in_force.today(), in_force.editions(session)
    running = editions.cycle_at(today)
    if effective_from is None:
        return "请填写施行日期，如 2027-01-01。"
    if reach != Reach.CYCLE_START:
        if effective_from < today:
            return "施行日期早于今天；需要追溯的，适用范围请选“追溯至本周期起始”。"
        following = editions.cycle_at(running[1].end + timedelta(days=1)) if running else None
        if following and effective_from > following[1].end:
            return f"施行日期应在本周期或下一周期之内，不晚于 {following[1].end}，请核对年份。"
        return None
    if running is None or not running[1].start <= effective_from <= today:
        return "追溯至本周期起始的调整，施行日期应在本周期之内，且不晚于今天。"
    return None


def _misfits(content: figures.Content) -> dict[str, list[str]]:
    """What does not fit together in an edition: what its form forbids, else each field that asks too much."""
    if unfit := figures.checked(content):
        return {"figures": [f"{place}：{'；'.join(told)}" for place, told in unfit.items()]}
    return contradictions(content)


def _wrong_date(sentence: str) -> Invalid:
    return Invalid(sentence, fields={"effective_from": [sentence]})


def _title(session: Session, edition_id: str) -> str:
    return in_force.editions(session).named(edition_id).title


def _newest(session: Session) -> int:
    return int(session.scalar(select(func.max(PublishedEdition.number))) or 0)


def _note(session: Session, actor: Actor, draft: EditionDraft, act: str, text: str) -> None:
    session.add(
        EditionAct(
            draft_id=draft.id,
            version=draft.version,
            act=act,
            by=actor.account_id,
            by_name=actor.name,
            body=queries.province_post(actor).body,
            at=utc_now(),
            text=text,
        )
    )
    session.flush()
