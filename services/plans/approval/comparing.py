"""What differs between two versions, field by field, and what it means for signatures and points (A4, N1, N2). Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from services.plans import claims
from services.plans.approval import content as contents
from services.plans.approval.content import Content, Item


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs."""

    place: str
    """Lasting: `title`, `items.<id>.hours`, `items.<id>` (a whole item), `attachments.<id>`, `forecast.basis`."""
    label: str
    """The place as people read it."""
    group: str
    """Group of fields to which it belongs (`kinds.GROUPS`)."""
    before: str
    """As people read it; empty: it was not there."""
    after: str


def compare(old: Content, new: Content, *, by_title: bool = False) -> list[Change]:
    """Every difference, in the order of the form. `by_title`: between two plans, whose items have ids of their own."""
    found = [
        Change(name, label, contents.GROUP_OF[name], _words(getattr(old, name)), _words(getattr(new, name)))
        for name, label in new.basics.items()
        if getattr(old, name) != getattr(new, name)
    ]
    found += _forecasts(old, new)
    found += _claims(old, new)
    if old.covers != new.covers:
        before, after = ("、".join(cover.name for cover in c.covers) for c in (old, new))
        found.append(Change("covers", contents.SECTIONS["covers"], "substance", before, after))
    found += _items(old, new, by_title)
    return found + list(_attachments(old, new))


def lapsed(signs: Iterable[str], changes: Iterable[Change]) -> list[str]:
    """Labels of the changed fields for which a signature over these groups of fields stands (N2)."""
    groups = set(signs)
    return [change.label for change in changes if change.group in groups]


def touches(changes: Iterable[Change], place: str) -> bool:
    """Whether anything at that lasting place, or within it, or the whole that contains it, has changed (N1)."""
    if place == "items":
        return any(change.place.startswith("items.") for change in changes)
    return any(
        change.place == place or change.place.startswith(f"{place}.") or place.startswith(f"{change.place}.")
        for change in changes
    )


def _forecasts(old: Content, new: Content) -> Iterator[Change]:
    for name, label in contents.FORECAST_FIELDS.items():
        before, after = (_words(getattr(c.forecast, name)) if c.forecast else "" for c in (old, new))
        if before != after:
            yield Change(f"forecast.{name}", label, contents.GROUP_OF[name], before, after)


def _claims(old: Content, new: Content) -> Iterator[Change]:
    if old.claim is None or new.claim is None:
        return
    for name in claims.FIELDS:
        before, after = old.claim.words(name), new.claim.words(name)
        if before != after:
            label = claims.label_of(new.claim.sort, name)
            yield Change(f"claim.{name}", label, contents.GROUP_OF[name], before, after)


def _items(old: Content, new: Content, by_title: bool) -> Iterator[Change]:
    before, after = _keyed(old.items, by_title), _keyed(new.items, by_title)
    for key, item in after.items():
        was = before.get(key)
        if was is None:
            yield Change(f"items.{item.id}", f"项目“{item.title}”", "substance", "", _sum_up(item))
            continue
        for name, label in contents.ITEM_FIELDS.items():
            if getattr(was, name) != getattr(item, name):
                words = f"项目“{item.title}” · {label}"
                texts = _shown(name, was), _shown(name, item)
                yield Change(f"items.{item.id}.{name}", words, contents.GROUP_OF[name], *texts)
    for key, item in before.items():
        if key not in after:
            yield Change(f"items.{item.id}", f"项目“{item.title}”", "substance", _sum_up(item), "")


def _keyed(items: Iterable[Item], by_title: bool) -> Mapping[Any, Item]:
    if not by_title:
        return {item.id: item for item in items}
    # Items that share form and title go in their order: the second of them with the second.
    seen: Counter[tuple[str, str]] = Counter()
    found = {}
    for item in items:
        seen[item.kind, item.title] += 1
        found[item.kind, item.title, seen[item.kind, item.title]] = item
    return found


def _attachments(old: Content, new: Content) -> Iterator[Change]:
    before, after = ({file.sha256: file for file in c.attachments} for c in (old, new))
    for digest in [*before, *(digest for digest in after if digest not in before)]:
        was, is_now = before.get(digest), after.get(digest)
        if was and is_now:
            continue
        file = is_now or was
        assert file is not None
        words = f"附件“{file.name}”"
        told = f"{file.name}，{file.size} 字节，摘要 {digest[:8]}…"
        yield Change(f"attachments.{file.id}", words, "evidence", told if was else "", told if is_now else "")


def _sum_up(item: Item) -> str:
    return f"{item.kind_title}，{_words(item.hours)} 学时，{_words(item.hours_per_credit)} 学时/学分"


def _shown(name: str, item: Item) -> str:
    return item.kind_title if name == "kind" else _words(getattr(item, name))


def _words(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, date):
        return value.isoformat()
    return "" if value is None else str(value)
