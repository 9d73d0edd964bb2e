"""Papers as PDF: PDF/A-2a and PDF/UA-1 in one file, for the archive and for screen readers. Pure: bytes from values.

What people wrote reaches a template as JSON and is never part of its source, so that `#panic()` in a title is
printed as those eight characters. Only the two fonts in `shared/fonts` are used, whatever the machine has.
"""

from __future__ import annotations

import json
import re
import struct
import unicodedata
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import typst

LACKING = "〓"
"""What Chinese printers set for a character that they have no type for."""
_FONTS = Path(str(files("shared"))) / "fonts"
_CHINA = timezone(timedelta(hours=8))
_BREAKS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")


def pdf(template: Path, words: Mapping[str, Any], printed_at: datetime) -> bytes:
    """The template filled with `words` (JSON throughout, `sys.inputs.sheet` there). `printed_at` is the file's date.

    The same words and time give the same bytes.
    """
    return typst.compile(
        template,
        root=template.parent,
        font_paths=_fonts(),
        format="pdf",
        sys_inputs={"sheet": json.dumps(_clean(words), ensure_ascii=False)},
        pdf_standards=["a-2a", "ua-1"],
        timestamp=printed_at.astimezone(_CHINA),
    )


def printable(text: str) -> str:
    """The text in characters that the fonts have, with `\\n` as the only control.

    An archive file may not hold a character without a shape, so that one emoji would cost the whole sheet. What has no
    shape of its own (joiners, selectors, marks that turn the direction of reading) is left out: on an official paper
    such marks could only make the words read otherwise than they were written.
    """
    text = _SELECTORS.sub("", _BREAKS.sub("\n", text)).replace("\t", " ")
    kept = (letter for letter in text if unicodedata.category(letter) != "Cf")
    return "".join(letter if letter == "\n" or ord(letter) in _repertoire() else LACKING for letter in kept)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {key: _clean(part) for key, part in value.items()}
    return [_clean(part) for part in value]


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(_FONTS)])


@cache
def _repertoire() -> frozenset[int]:
    """The characters that every one of the fonts has."""
    return frozenset.intersection(*[_characters(path.read_bytes()) for path in sorted(_FONTS.glob("*.ttf"))])


def _characters(font: bytes) -> frozenset[int]:
    """The code points in a TrueType file: its `cmap` table, full Unicode (format 12), without private use."""
    tables = {
        font[at : at + 4]: struct.unpack_from(">I", font, at + 8)[0]
        for at in range(12, 12 + 16 * struct.unpack_from(">H", font, 4)[0], 16)
    }
    cmap = tables[b"cmap"]
    for number in range(struct.unpack_from(">H", font, cmap + 2)[0]):
        start = cmap + struct.unpack_from(">I", font, cmap + 4 + 8 * number + 4)[0]
        if struct.unpack_from(">H", font, start)[0] == 12:
            groups = struct.unpack_from(">I", font, start + 12)[0]
            spans = struct.iter_unpack(">III", font[start + 16 : start + 16 + 12 * groups])
            found = (code for first, last, _ in spans for code in range(first, last + 1))
            return frozenset(code for code in found if unicodedata.category(chr(code)) not in {"Cc", "Co", "Cn"})
    raise ValueError("the font has no full Unicode table")
