"""QR codes (ISO/IEC 18004) as pictures of lines, sharp at any size. Pure."""

from __future__ import annotations

import io

import segno


def verification(verify_url: str, code: str) -> str:
    """The picture that opens the page of verification with the code of a paper filled in; the code bare or grouped."""
    return svg(f"{verify_url}?code={code.replace('-', '')}")


def svg(address: str) -> str:
    """The address as an SVG picture with its quiet zone. Readable while a quarter of it is soiled, as paper gets."""
    buffer = io.BytesIO()
    segno.make_qr(address, error="q").save(buffer, kind="svg", xmldecl=False, svgns=True, omitsize=True)
    return buffer.getvalue().decode()
