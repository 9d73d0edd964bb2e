"""The only file that knows where scans are kept, how they are opened, and how previews are made.

Originals are stored untouched under their SHA-256 digest; people look at previews that were encoded anew. Files are
opened in a child process with limits of memory and time (`scan_child.py`), never in this one.
"""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError
from obstore.store import LocalStore

from shared.errors import Invalid, NotFound, TooLarge
from shared.uploads import MAX_SIZE, PICTURES_AND_PDF, clean_name, refused, require_ending, require_size

TIMEOUT = 45
"""Seconds of patience with the child; its CPU time is limited by itself."""
MAX_PAGES = 10
"""As `scan_child.py` has it for a PDF."""
PHOTOGRAPHS = "application/zip"
"""Type of a scan of several photographs: one uncompressed archive of the files as they came, in order."""
CHILD = Path(__file__).with_name("scan_child.py")

SENTENCES = {
    "empty": "文件是空的（0 字节），请重新扫描后上传。",
    "svg": "SVG 是矢量图，不能作为扫描件；请把盖章后的纸质函扫描或拍照，上传 PDF、JPEG 或 PNG。",
    "heic": "这是手机的 HEIC 照片，请在手机相机设置中选“兼容性最佳”后重拍，或转换为 JPEG 再上传。",
    "office": "这是 Word 或 Excel 文件，没有盖章；请打印、盖章、扫描后上传 PDF、JPEG 或 PNG。",
    "archive": "这是压缩包，不是它的名字所说的文件；请解压后上传里面的 PDF、JPEG 或 PNG。",
    "unknown": "文件内容不是 PDF、JPEG 或 PNG，请重新扫描或拍照后上传这三种之一。",
    "encrypted": "PDF 设有密码或使用限制，无法核验；请上传没有密码的 PDF，或直接上传照片。",
    "broken_pdf": "PDF 已损坏或不完整，打不开；请重新扫描生成后上传。",
    "active_pdf": "PDF 中含有脚本、自动动作或附件，不能接收；请用扫描仪或“打印为 PDF”重新生成后上传。",
    "no_pages": "PDF 里没有页面，请重新扫描后上传。",
    "too_many_pages": "扫描件超过 10 页；请只上传授权函本身（最多 10 页）。",
    "too_complex": "文件内容过于复杂，无法在限定的内存和时间内打开；请用扫描仪重新扫描（建议 200–300 dpi）后上传。",
    "too_many_pixels": "图片像素过大（超过 4000 万像素）；请把扫描分辨率调到 300 dpi 以内后重新上传。",
    "mixed": "一次只能上传一个 PDF，或几张照片（JPEG、PNG）；请分开，或把照片合成一个 PDF 后重新上传。",
    "broken_image": "图片已损坏或不完整，打不开；请重新扫描或拍照后上传。",
}
"""Why a file is not taken, and what to send instead."""

# Two at a time: many uploads at once must not take the processor from those who are deciding.
_turns = threading.BoundedSemaphore(2)


@dataclass(frozen=True, slots=True)
class Inspected:
    """A file that has been opened and found good."""

    data: bytes
    filename: str
    """As the sender called it, without any folder; for people only."""
    media_type: str
    pages: int
    digest: str
    """SHA-256, hexadecimal."""


def inspect(data: bytes, filename: str) -> Inspected:
    """Opens an uploaded file. Raises `TooLarge`, or `Invalid` that says what to send instead. Writes nothing."""
    name = clean_name(filename)
    require_size(name, data, "请降低扫描分辨率（200–300 dpi）后重新上传")
    answer, _ = _run_child("check", data)
    require_ending(name, PICTURES_AND_PDF[answer["type"]])
    return Inspected(
        data=data,
        filename=name,
        media_type=answer["type"],
        pages=answer["pages"],
        digest=hashlib.sha256(data).hexdigest(),
    )


def inspect_together(files: Sequence[tuple[bytes, str]]) -> Inspected:
    """Opens what was uploaded as one scan: one file, or several photographs in order, each with its name.

    Raises as `inspect`. The photographs are packed untouched; the same ones in the same order give the same digest.
    """
    if len(files) == 1:
        return inspect(*files[0])
    if len(files) > MAX_PAGES:
        raise _refusal("too_many_pages")
    if sum(len(data) for data, _ in files) > MAX_SIZE:
        sentence = "几张照片合计超过 20 MB，请降低分辨率（200–300 dpi）后重新上传。"
        raise TooLarge(sentence, fields={"file": [sentence]})
    photographs = [inspect(data, name) for data, name in files]
    if any(photograph.media_type == "application/pdf" for photograph in photographs):
        raise _refusal("mixed")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for number, photograph in enumerate(photographs, start=1):
            ending = PICTURES_AND_PDF[photograph.media_type][0]
            archive.writestr(zipfile.ZipInfo(f"{number:02d}.{ending}"), photograph.data)
    data = packed.getvalue()
    return Inspected(
        data=data,
        filename=f"{photographs[0].filename[-100:]} 等 {len(files)} 张",
        media_type=PHOTOGRAPHS,
        pages=len(files),
        digest=hashlib.sha256(data).hexdigest(),
    )


def render(data: bytes, media_type: str = "") -> list[bytes]:
    """The pages as JPEGs of at most 1600 pixels; of `PHOTOGRAPHS`, each of them. Raises `Invalid` as `inspect` does."""
    if media_type == PHOTOGRAPHS:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return [page for name in sorted(archive.namelist()) for page in _render(archive.read(name))]
    return _render(data)


def _render(data: bytes) -> list[bytes]:
    answer, rest = _run_child("preview", data)
    pages, start = [], 0
    for size in answer["sizes"]:
        pages.append(rest[start : start + size])
        start += size
    return pages


class LetterStore:
    """Where scans and their previews are: a folder, or later any store that obstore knows."""

    def __init__(self, folder: Path) -> None:
        self._store = LocalStore(folder, mkdir=True)

    def keep(self, scan: Inspected) -> None:
        """Stores the original. The same file twice is stored once."""
        self._put(_original(scan.digest), scan.data)

    def original(self, digest: str) -> bytes:
        """The file as it came. Raises `NotFound`."""
        return self._get(_original(digest))

    def keep_previews(self, digest: str, pages: list[bytes]) -> None:
        """Stores the pages that people look at."""
        for number, page in enumerate(pages, start=1):
            self._put(_preview(digest, number), page)

    def preview(self, digest: str, number: int) -> bytes:
        """One page as JPEG, counted from 1. Raises `NotFound`."""
        return self._get(_preview(digest, number))

    def originals(self) -> Iterator[tuple[str, datetime]]:
        """Digest and time of storing of every original."""
        for batch in obstore.list(self._store, prefix="originals"):
            for item in batch:
                yield item["path"].rsplit("/", 1)[-1], item["last_modified"]

    def remove(self, digest: str) -> None:
        """Removes an original that nothing refers to, and its previews."""
        paths = [_original(digest)]
        for batch in obstore.list(self._store, prefix=f"previews/{digest[:2]}/{digest}"):
            paths += [item["path"] for item in batch]
        obstore.delete(self._store, paths)

    def _put(self, path: str, data: bytes) -> None:
        try:
            obstore.put(self._store, path, data, mode="create")
        except AlreadyExistsError:
            # Named by its content: what is there is the same.
            return

    def _get(self, path: str) -> bytes:
        try:
            return bytes(obstore.get(self._store, path).bytes())
        except FileNotFoundError:
            raise NotFound("文件不在存储中，请联系管理员。") from None


def _original(digest: str) -> str:
    return f"originals/{digest[:2]}/{digest}"


def _preview(digest: str, number: int) -> str:
    return f"previews/{digest[:2]}/{digest}/{number}.jpg"


def _run_child(act: str, data: bytes) -> tuple[dict[str, Any], bytes]:
    """One run of `scan_child.py`. A child that dies, hangs or babbles has refused the file as too complex."""
    with _turns:
        try:
            done = subprocess.run(  # noqa: S603  our own program, and the file goes by stdin
                [sys.executable, "-I", str(CHILD), act],
                input=data,
                capture_output=True,
                timeout=TIMEOUT,
                env={},
                cwd="/",
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise _refusal("too_complex") from None
    line, _, rest = done.stdout.partition(b"\n")
    if done.returncode != 0 or not line:
        raise _refusal("too_complex")
    answer: dict[str, Any] = json.loads(line)
    if "refused" in answer:
        raise _refusal(answer["refused"])
    return answer, rest


def _refusal(code: str) -> Invalid:
    return refused(SENTENCES[code], code)
