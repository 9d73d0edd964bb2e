"""How times, credits and levels are written for people."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from flask import Flask

from shared.actors import LEVEL_TITLES, Level

CHINA = ZoneInfo("Asia/Shanghai")


def local_time(value: datetime | None) -> str:
    """2024-03-05 09:12, in Chinese time."""
    return value.astimezone(CHINA).strftime("%Y-%m-%d %H:%M") if value else ""


def local_date(value: datetime | date | None) -> str:
    """2024-03-05, in Chinese time."""
    if value is None:
        return ""
    return value.astimezone(CHINA).date().isoformat() if isinstance(value, datetime) else value.isoformat()


def credits(value: Decimal | int | None) -> str:
    """6.0; a second decimal only where there is one."""
    if value is None:
        return ""
    number = Decimal(value)
    return f"{number:.1f}" if number * 10 == (number * 10).to_integral_value() else f"{number:.2f}"


def level_title(value: str) -> str:
    """县级 for `county`."""
    return LEVEL_TITLES[Level(value)]


def register(app: Flask) -> None:
    """Makes the filters known to a Flask app's templates."""
    for function in (local_time, local_date, credits, level_title):
        app.jinja_env.filters[function.__name__] = function
