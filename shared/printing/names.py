"""People's names as strangers may read them. Pure."""

from __future__ import annotations

import re

_DEPUTY = re.compile(r"^(?P<name>.+?)（代(?P<other>.+)）$")


def mask(name: str) -> str:
    """李** for any name of that family, however long; 李**（代王**） for a deputy."""
    deputy = _DEPUTY.match(name)
    if deputy:
        return f"{mask(deputy['name'])}（代{mask(deputy['other'])}）"
    return f"{name[0]}**" if name else ""
