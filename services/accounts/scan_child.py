"""The child process that opens uploaded files: hostile until proven otherwise, so it works under hard limits.

Run by `scanning.py` as `python -I scan_child.py check|preview` with the file on stdin; imports nothing of xuefen and
has no environment. Answers one JSON line on stdout: `{"type", "pages"}` or `{"refused": code}`; `preview` then writes
the JPEG pages behind it, their sizes in `"sizes"`. Dying is an answer too: the parent refuses the file.
"""

from __future__ import annotations

import io
import json
import os
import resource
import sys
import warnings
from collections.abc import Iterator
from typing import Any

MEMORY = 1 << 30
"""Of address space, most of which are mapped libraries."""
CPU_SECONDS = 20
MAX_PIXELS = 40_000_000
"""A4 at 600 dpi is 35 million."""
MAX_PAGES = 10
MAX_OBJECTS = 50_000
PREVIEW_EDGE = 1600
THUMBNAIL_EDGE = 200

# What a scan never holds, and what makes a reader do something. Names as dictionary keys or as values of /S.
FORBIDDEN = {
    "/OpenAction",
    "/AA",
    "/JS",
    "/JavaScript",
    "/EmbeddedFile",
    "/EmbeddedFiles",
    "/EF",
    "/Launch",
    "/RichMedia",
    "/XFA",
    "/SubmitForm",
    "/ImportData",
}

IMAGES = {"image/jpeg", "image/png"}


class RefusedFile(Exception):
    """The file is not taken; the code says why (`scanning.SENTENCES`)."""


def main(act: str) -> None:
    """Reads stdin, answers on stdout."""
    limit_resources()
    data = sys.stdin.buffer.read()
    pages: list[bytes] = []
    try:
        kind = sniff(data)
        edge = PREVIEW_EDGE if act == "preview" else THUMBNAIL_EDGE
        if kind == "application/pdf":
            refuse_active_pdf(data)
        # Pages are drawn for a check too: what cannot be drawn is not what its name says.
        pages = list(pdf_pages(data, edge) if kind == "application/pdf" else image_pages(data, edge))
        answer: dict[str, Any] = {"type": kind, "pages": len(pages), "sizes": [len(page) for page in pages]}
    except RefusedFile as refused:
        answer, pages = {"refused": str(refused)}, []
    except MemoryError:
        answer, pages = {"refused": "too_complex"}, []
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    if act == "preview":
        sys.stdout.buffer.write(b"".join(pages))
    sys.stdout.buffer.flush()


def limit_resources() -> None:
    """Memory, time, files: set before anything of the file is read."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
    # Pages that people wait for go first.
    os.nice(10)


def sniff(data: bytes) -> str:
    """The media type by the first bytes, or a refusal that says what it is instead."""
    import filetype

    if not data:
        raise RefusedFile("empty")
    found = filetype.guess_mime(data)
    if found == "application/pdf" or found in IMAGES:
        return str(found)
    head = data[:2048].lstrip().lower()
    if head.startswith((b"<svg", b"<?xml")) and b"<svg" in head:
        raise RefusedFile("svg")
    if found in ("image/heic", "image/heif", "image/avif"):
        raise RefusedFile("heic")
    if found and ("officedocument" in found or found in ("application/msword", "application/vnd.ms-excel")):
        raise RefusedFile("office")
    if found in ("application/zip", "application/x-rar-compressed", "application/x-7z-compressed"):
        raise RefusedFile("archive")
    raise RefusedFile("unknown")


def refuse_active_pdf(data: bytes) -> None:
    """Refuses a PDF that is locked, too long, or holds anything that acts."""
    import pikepdf

    try:
        pdf = pikepdf.open(io.BytesIO(data))
    except pikepdf.PasswordError:
        raise RefusedFile("encrypted") from None
    except pikepdf.PdfError:
        raise RefusedFile("broken_pdf") from None
    with pdf:
        if pdf.is_encrypted:
            raise RefusedFile("encrypted")
        try:
            _refuse_active(pdf.objects)
            _refuse_active([pdf.trailer])
            count = len(pdf.pages)
        except pikepdf.PdfError:
            raise RefusedFile("broken_pdf") from None
        if count == 0:
            raise RefusedFile("no_pages")
        if count > MAX_PAGES:
            raise RefusedFile("too_many_pages")


def _refuse_active(objects: Any) -> None:
    """Walks every object with what lies directly inside it; indirect ones come by themselves.

    A flat look at the objects would miss /JS and /EmbeddedFiles inside nested dictionaries.
    """
    import pikepdf

    waiting: list[Any] = []
    seen = 0
    for top in objects:
        waiting.append(top)
        while waiting:
            seen += 1
            if seen > MAX_OBJECTS:
                raise RefusedFile("too_complex")
            item = waiting.pop()
            if isinstance(item, pikepdf.Array):
                # Iterating resolves references, so indirect members are left to the outer loop.
                waiting += [member for member in item if _is_container(member) and not member.is_indirect]
            elif isinstance(item, (pikepdf.Dictionary, pikepdf.Stream)):
                for key, value in item.items():
                    if key in FORBIDDEN or (key == "/S" and str(value) in FORBIDDEN):
                        raise RefusedFile("active_pdf")
                    if _is_container(value) and not value.is_indirect:
                        waiting.append(value)


def _is_container(item: Any) -> bool:
    import pikepdf

    return isinstance(item, (pikepdf.Array, pikepdf.Dictionary, pikepdf.Stream))


def pdf_pages(data: bytes, edge: int) -> Iterator[bytes]:
    """Each page as a JPEG whose longer side has at most `edge` pixels, whatever the size of the page."""
    import pypdfium2

    try:
        pdf = pypdfium2.PdfDocument(data)
        for page in pdf:
            width, height = page.get_size()
            scale = min(edge / max(width, height, 1), 4)
            yield _jpeg(page.render(scale=scale).to_pil(), edge)
    except pypdfium2.PdfiumError:
        raise RefusedFile("broken_pdf") from None


def image_pages(data: bytes, edge: int) -> Iterator[bytes]:
    """The image, upright, decoded in full and encoded anew: nothing that hid in the file comes along."""
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG", "PNG"]) as image:
            # A JPEG is decoded at a fraction of its size where that is enough.
            image.draft("RGB", (edge, edge))
            image.load()
            yield _jpeg(ImageOps.exif_transpose(image), edge)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise RefusedFile("too_many_pixels") from None
    except (OSError, ValueError, SyntaxError):
        # What Pillow raises for broken data, whatever the format.
        raise RefusedFile("broken_image") from None


def _jpeg(image: Any, edge: int) -> bytes:
    from PIL import Image

    if image.mode == "P":
        image = image.convert("RGBA")
    image.thumbnail((edge, edge), Image.Resampling.LANCZOS)
    if image.mode in ("RGBA", "LA", "PA"):
        paper = Image.new("RGB", image.size, "white")
        paper.paste(image, mask=image.getchannel("A"))
        image = paper
    out = io.BytesIO()
    image.convert("RGB").save(out, "JPEG", quality=85, optimize=True)
    return out.getvalue()


if __name__ == "__main__":
    main(sys.argv[1])
