"""Uploaded files: what they really are.

Uploads are hostile until looked at: the type is what the content says, never the name; what could harm whoever opens it
(scripts, encryption that hides it, images that unpack to gigabytes) is refused with a sentence that says what to do.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass

import filetype

from shared.documents import look_into_pdf, look_into_picture
from shared.uploads import clean_name, refused, require_ending, require_size
from shared.workbooks import XLSX

MAX_UNPACKED = 200 * 1024 * 1024
MAX_MEMBERS = 2000

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that has been looked at."""

    name: str
    media_type: str
    content: bytes
    sha256: str

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.content)


def look_at(name: str | None, content: bytes, kinds: dict[str, tuple[str, ...]]) -> Upload:
    """The upload, if its content is one of `kinds` and its name says the same.

    Raises `TooLarge` over 20 MB, and `Invalid` naming the field `file` for everything else.
    """
    clean = clean_name(name)
    require_size(clean, content, "请压缩后重新上传")
    if not content:
        raise refused(f"文件“{clean}”是空文件，请重新选择。")
    guess = _media_type(content)
    if guess not in kinds:
        allowed = "、".join(endings[0].upper() for endings in kinds.values())
        raise refused(f"文件“{clean}”的内容不是 {allowed}，请核对后重新上传。")
    require_ending(clean, kinds[guess])
    if guess == "application/pdf":
        look_into_pdf(clean, content)
    elif guess.startswith("image/"):
        look_into_picture(clean, content)
    else:
        _look_into_office(clean, content)
    return Upload(clean, guess, content, hashlib.sha256(content).hexdigest())


def _media_type(content: bytes) -> str | None:
    """What the content is. Office files are zips, told apart by what is in them, whichever program wrote them."""
    guess: str | None = filetype.guess_mime(content)
    if not content.startswith(b"PK"):
        return guess
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError):
        return guess
    if "[Content_Types].xml" not in members:
        return "application/zip"
    return XLSX if "xl/workbook.xml" in members else DOCX if "word/document.xml" in members else "application/zip"


def _look_into_office(name: str, content: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            check_archive(name, archive)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
        raise refused(f"文件“{name}”已损坏或已加密，无法打开，请重新保存后上传。") from error


def check_archive(name: str, archive: zipfile.ZipFile) -> None:
    """Refuses an Office file that unpacks to too much or carries macros, before anything is unpacked."""
    members = archive.infolist()
    if len(members) > MAX_MEMBERS or sum(member.file_size for member in members) > MAX_UNPACKED:
        raise refused(f"文件“{name}”解压后过大，请删去多余内容后重新上传。")
    if any(member.filename.lower().endswith(("vbaproject.bin", ".exe", ".ole")) for member in members):
        raise refused(f"文件“{name}”含有宏或内嵌程序，请另存为不含宏的文件后重新上传。")
    if any(member.flag_bits & 0x1 for member in members):
        raise refused(f"文件“{name}”设有密码，请去除密码后重新上传。")
