"""PDF files and pictures that somebody uploaded, looked into before they are kept.

What could harm whoever opens them (scripts, a password that hides the content, pictures that unpack to gigabytes) is
refused with a sentence that says what to do.
"""

from __future__ import annotations

import io
from typing import Any

import pikepdf
from PIL import Image, UnidentifiedImageError

from shared.uploads import refused

MAX_PIXELS = 80_000_000


def look_into_pdf(name: str, content: bytes) -> None:
    """Raises `Invalid` for a PDF that is damaged, locked or empty, or that runs or carries something."""
    try:
        with pikepdf.open(io.BytesIO(content)) as pdf:
            if len(pdf.pages) == 0:
                raise refused(f"PDF“{name}”没有页面，请重新生成。")
            names: Any = pdf.Root.get("/Names", {})
            action = pdf.Root.get("/OpenAction")
            runs = isinstance(action, pikepdf.Dictionary) and action.get("/S") not in ("/GoTo", None)
            if runs or "/AA" in pdf.Root or "/JavaScript" in names or "/EmbeddedFiles" in names:
                raise refused(f"PDF“{name}”含有脚本、自动动作或内嵌文件，请另存为普通 PDF 后重新上传。")
    except pikepdf.PasswordError as error:
        raise refused(f"PDF“{name}”设有密码，请去除密码后重新上传。") from error
    except pikepdf.PdfError as error:
        raise refused(f"PDF“{name}”已损坏，无法打开，请重新生成。") from error


def look_into_picture(name: str, content: bytes) -> None:
    """Raises `Invalid` for a JPEG or PNG that is damaged, or that unpacks to too much."""
    try:
        # The header alone says the size; no pixel is unpacked here, whoever views the file unpacks what is allowed.
        with Image.open(io.BytesIO(content), formats=("JPEG", "PNG")) as image:
            if image.width * image.height > MAX_PIXELS:
                raise refused(f"图片“{name}”尺寸过大（{image.width} × {image.height}），请缩小后重新上传。")
            image.verify()
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise refused(f"图片“{name}”已损坏或尺寸过大，无法打开，请重新生成。") from error
