"""Uploads are hostile until looked at; what is taken is kept by its digest."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pikepdf
import pytest
from PIL import Image

from services.plans import files
from services.plans.files import ATTACHMENTS, look_at
from shared.errors import Invalid, NotFound, TooLarge
from shared.files import DOCX, MAX_UNPACKED
from shared.uploads import MAX_SIZE, clean_name
from shared.workbooks import XLSX
from tests.plans import builders as make

DATA = Path(__file__).parent.parent / "data"


def docx(**members: bytes) -> bytes:
    """A zip that looks like a Word file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("[Content_Types].xml", "word/document.xml"):
            archive.writestr(name, "<x/>")
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return buffer.getvalue()


def image(kind: str) -> bytes:
    """A small picture."""
    buffer = io.BytesIO()
    Image.new("RGB", (20, 20), "red").save(buffer, kind)
    return buffer.getvalue()


GOOD = [
    ("plan.pdf", (DATA / "plan.pdf").read_bytes(), "application/pdf"),
    ("图.PNG", image("PNG"), "image/png"),
    ("图.jpeg", image("JPEG"), "image/jpeg"),
    ("名单.xlsx", make.workbook([]), XLSX),
    ("方案.docx", docx(), DOCX),
]


@pytest.mark.parametrize(("name", "content", "media_type"), GOOD, ids=[name for name, _, _ in GOOD])
def test_good_files_are_taken(name: str, content: bytes, media_type: str) -> None:
    upload = look_at(name, content, ATTACHMENTS)
    assert (upload.name, upload.media_type, upload.size) == (name, media_type, len(content))


BAD = [
    ("empty.pdf", "空文件"),
    ("zip_named.pdf", "内容不是"),
    ("svg_named.png", "内容不是"),
    ("bomb.png", "尺寸过大"),
    ("encrypted.pdf", "密码"),
    ("openaction.pdf", "脚本"),
]


@pytest.mark.parametrize(("name", "words"), BAD)
def test_hostile_files_are_refused(name: str, words: str) -> None:
    with pytest.raises(Invalid, match=words) as caught:
        look_at(name, (DATA / "hostile" / name).read_bytes(), ATTACHMENTS)
    assert "file" in caught.value.fields


def test_a_name_that_says_otherwise_is_refused() -> None:
    with pytest.raises(Invalid, match="实际内容是 PDF"):
        look_at("图.png", (DATA / "plan.pdf").read_bytes(), ATTACHMENTS)
    with pytest.raises(Invalid, match="与文件名不符"):
        look_at("没有后缀", image("PNG"), ATTACHMENTS)


def test_macros_broken_files_and_bombs_are_refused() -> None:
    with pytest.raises(Invalid, match="宏"):
        look_at("a.docx", docx(**{"word__vbaProject.bin": b"x"}), ATTACHMENTS)
    with pytest.raises(Invalid, match="解压后过大"):
        look_at("a.docx", docx(**{"word__big.xml": bytes(MAX_UNPACKED + 1)}), ATTACHMENTS)
    with pytest.raises(Invalid, match="损坏"):
        look_at("a.pdf", b"%PDF-1.7\nnonsense", ATTACHMENTS)
    with pytest.raises(Invalid, match="损坏"):
        look_at("a.png", image("PNG")[:60], ATTACHMENTS)


def test_files_inside_a_pdf_are_refused() -> None:
    buffer = io.BytesIO()
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.attachments["x.exe"] = b"MZ"
        pdf.save(buffer)
    with pytest.raises(Invalid, match="内嵌文件"):
        look_at("a.pdf", buffer.getvalue(), ATTACHMENTS)


def test_20_megabytes_are_the_limit() -> None:
    with pytest.raises(TooLarge, match="20 MB"):
        look_at("a.pdf", b"%PDF" + bytes(MAX_SIZE), ATTACHMENTS)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\桌面\\方案.pdf", "方案.pdf"),
        ("a\u202efdp.exe", "afdp.exe"),
        ('a"b<c>.pdf', "abc.pdf"),
        ("", "未命名"),
        (None, "未命名"),
        ("x" * 200 + ".pdf", "x" * 116 + ".pdf"),
    ],
)
def test_names_are_cleaned(sent: str | None, kept: str) -> None:
    assert clean_name(sent) == kept


def test_the_store_keeps_by_digest_and_notices_tampering(tmp_path: Path) -> None:
    store, upload = files.store(tmp_path), look_at("图.png", image("PNG"), ATTACHMENTS)
    store.put(upload)
    store.put(upload)
    assert files.store(tmp_path).get(upload.sha256) == upload.content
    with pytest.raises(NotFound):
        store.get("ab" * 32)
    kept = next(path for path in (tmp_path / "plans-files").rglob("*") if path.is_file())
    kept.write_bytes(b"changed")
    with pytest.raises(NotFound, match="摘要不符"):
        store.get(upload.sha256)
