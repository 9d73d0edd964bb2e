"""Uploads are hostile: each kind of bad file gets its own sentence, and nothing of it stays."""

from __future__ import annotations

import io
import os
import zlib
from pathlib import Path

import pikepdf
import pytest
from PIL import Image

from services.accounts import scanning
from services.accounts.scanning import SENTENCES, LetterStore
from shared.errors import Invalid, NotFound, TooLarge
from shared.uploads import MAX_SIZE

DATA = Path(__file__).resolve().parents[1] / "data"
HOSTILE = {
    "bomb.png": "too_many_pixels",
    "eleven_pages.pdf": "too_many_pages",
    "empty.pdf": "empty",
    "encrypted.pdf": "encrypted",
    "openaction.pdf": "active_pdf",
    "svg_named.png": "svg",
    "zip_named.pdf": "archive",
}


def refusal(data: bytes, name: str = "函.pdf") -> str:
    """The code by which the file is refused."""
    with pytest.raises(Invalid) as caught:
        scanning.inspect(data, name)
    code = str(caught.value.extra["reason"])
    assert caught.value.detail == SENTENCES[code]
    assert caught.value.fields == {"file": [SENTENCES[code]]}
    return code


def pdf(build: object = None, **save: object) -> bytes:
    """A PDF of one page after `build(document)`."""
    out = io.BytesIO()
    with pikepdf.new() as document:
        document.add_blank_page(page_size=(595, 842))
        if callable(build):
            build(document)
        document.save(out, **save)  # type: ignore[arg-type]
    return out.getvalue()


@pytest.mark.parametrize("name", sorted(path.name for path in (DATA / "hostile").iterdir()))
def test_every_hostile_file_is_refused_with_its_sentence(name: str) -> None:
    assert refusal((DATA / "hostile" / name).read_bytes(), name) == HOSTILE[name]


def test_every_sentence_says_what_to_send_instead() -> None:
    for code, sentence in SENTENCES.items():
        assert "请" in sentence, code
        assert any(word in sentence for word in ("上传", "重拍")), code


def _nested_script(document: pikepdf.Pdf) -> None:
    # /JS sits in a dictionary inside an array inside a dictionary, none of which is an object of its own.
    document.Root["/Names"] = pikepdf.Dictionary(
        Holder=pikepdf.Array([pikepdf.Dictionary(S=pikepdf.Name("/JavaScript"), JS=pikepdf.String("app.alert(1)"))])
    )


def _attachment(document: pikepdf.Pdf) -> None:
    document.attachments["malware.exe"] = b"MZ"


def _launch(document: pikepdf.Pdf) -> None:
    action = pikepdf.Dictionary(S=pikepdf.Name("/Launch"), F=pikepdf.String("cmd.exe"))
    document.pages[0].Annots = pikepdf.Array(
        [pikepdf.Dictionary(Type=pikepdf.Name("/Annot"), Subtype=pikepdf.Name("/Link"), Rect=[0, 0, 9, 9], A=action)]
    )


def _page_action(document: pikepdf.Pdf) -> None:
    document.pages[0].obj["/AA"] = pikepdf.Dictionary(O=pikepdf.Dictionary(S=pikepdf.Name("/Named")))


@pytest.mark.parametrize("build", [_nested_script, _attachment, _launch, _page_action])
@pytest.mark.parametrize("streams", [pikepdf.ObjectStreamMode.disable, pikepdf.ObjectStreamMode.generate])
def test_whatever_acts_in_a_pdf_is_found_wherever_it_hides(build: object, streams: pikepdf.ObjectStreamMode) -> None:
    assert refusal(pdf(build, object_stream_mode=streams)) == "active_pdf"


def test_a_pdf_that_only_restricts_is_refused_as_well() -> None:
    locked = pdf(encryption=pikepdf.Encryption(owner="boss", user=""))
    assert refusal(locked) == "encrypted"


def test_the_name_decides_nothing() -> None:
    letter = (DATA / "letter.jpg").read_bytes()
    assert scanning.inspect(letter, "授权函.JPEG").media_type == "image/jpeg"
    assert refusal(b"MZ" + b"\0" * 2000, "授权函.pdf") == "unknown"
    assert refusal(b" " + pdf(), "授权函.pdf") == "unknown"
    assert refusal(b"<html><body>%PDF-1.7</body></html>", "授权函.pdf") == "unknown"


def test_half_a_file_is_refused() -> None:
    for name, code in (("letter.jpg", "broken_image"), ("letter.png", "broken_image")):
        data = (DATA / name).read_bytes()
        assert refusal(data[: len(data) // 2]) == code
    assert refusal(b"%PDF-1.7\n1 0 obj\n<<>>") in ("broken_pdf", "no_pages")


def test_more_than_20_megabytes_is_refused_before_anything_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "_run_child", lambda *_: pytest.fail("it was opened"))
    with pytest.raises(TooLarge, match="20 MB"):
        scanning.inspect(b"%PDF-1.7" + b"0" * MAX_SIZE, "大.pdf")


def test_a_pdf_that_unfolds_without_end_is_refused() -> None:
    """A page whose content inflates to 1.5 GB: the child hits its limits, this process does not notice."""

    def unfold(document: pikepdf.Pdf) -> None:
        packer = zlib.compressobj(9)
        block = b" " * (1 << 20)
        packed = b"".join(packer.compress(block) for _ in range(1500)) + packer.flush()
        document.pages[0].Contents = pikepdf.Stream(document, packed, Filter=pikepdf.Name("/FlateDecode"))

    out = pdf(unfold, compress_streams=False, stream_decode_level=pikepdf.StreamDecodeLevel.none)
    assert len(out) < MAX_SIZE
    assert refusal(out) in ("too_complex", "broken_pdf")


def test_a_child_that_dies_or_babbles_has_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for program in ("import os; os.kill(os.getpid(), 9)", "pass", "raise SystemExit(3)"):
        child = tmp_path / "child.py"
        child.write_text(program)
        monkeypatch.setattr(scanning, "CHILD", child)
        assert refusal(b"%PDF-1.7") == "too_complex"
    child.write_text("while True: pass")
    monkeypatch.setattr(scanning, "TIMEOUT", 0.5)
    assert refusal(b"%PDF-1.7") == "too_complex"


def test_the_child_has_nothing_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No environment (secrets are there), and it cannot write a file."""
    monkeypatch.setenv("XUEFEN_SECRET_KEY", "top-secret")
    child = tmp_path / "child.py"
    source = scanning.CHILD.read_text()
    child.write_text(
        source.split('if __name__ == "__main__"')[0]
        + "limit_resources()\n"
        + f"try:\n    open({str(tmp_path / 'written')!r}, 'w').write('x')\nexcept OSError: pass\n"
        + "import os, json\nprint(json.dumps({'type': ','.join(k for k in os.environ if 'XUEFEN' in k), 'pages': 1}))\n"
    )
    monkeypatch.setattr(scanning, "CHILD", child)
    assert scanning._run_child("check", b"x")[0]["type"] == ""
    assert not (tmp_path / "written").exists() or (tmp_path / "written").stat().st_size == 0


@pytest.mark.parametrize("name", ["letter.pdf", "letter.jpg", "letter.png"])
def test_previews_are_encoded_anew_and_not_larger_than_1600(name: str) -> None:
    data = (DATA / name).read_bytes()
    scan = scanning.inspect(data, name)
    pages = scanning.render(data)
    assert len(pages) == scan.pages == 1
    with Image.open(io.BytesIO(pages[0])) as image:
        assert image.format == "JPEG"
        assert max(image.size) <= 1600
        assert min(image.size) > 500
        assert not image.getexif()


def test_what_hid_behind_a_picture_does_not_come_along() -> None:
    data = (DATA / "letter.jpg").read_bytes() + b"<script>alert(1)</script>"
    assert scanning.inspect(data, "a.jpg").data == data, "the original is kept untouched"
    assert b"<script>" not in scanning.render(data)[0]


def test_a_photograph_is_shown_upright() -> None:
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (800, 600), "white").save(out, "JPEG", exif=exif)
    with Image.open(io.BytesIO(scanning.render(out.getvalue())[0])) as image:
        assert image.size == (600, 800)


def test_an_enormous_page_is_drawn_small() -> None:
    out = io.BytesIO()
    with pikepdf.new() as document:
        document.add_blank_page(page_size=(14400, 14400))
        document.save(out)
    with Image.open(io.BytesIO(scanning.render(out.getvalue())[0])) as image:
        assert max(image.size) <= 1600


def test_the_store_keeps_by_content(tmp_path: Path) -> None:
    store = LetterStore(tmp_path / "letters")
    scan = scanning.inspect((DATA / "letter.png").read_bytes(), "../../etc/passwd\n.png")
    assert scan.filename == "passwd.png"
    store.keep(scan)
    store.keep(scan)
    assert store.original(scan.digest) == scan.data
    store.keep_previews(scan.digest, [b"one", b"two"])
    assert store.preview(scan.digest, 2) == b"two"
    assert [digest for digest, _ in store.originals()] == [scan.digest]
    store.remove(scan.digest)
    assert not [name for _, _, names in os.walk(tmp_path) for name in names]
    with pytest.raises(NotFound):
        store.original(scan.digest)


@pytest.mark.parametrize("name", ["授权函.pdf", "授权函.exe", "授权函.jpg.exe", "jpg", "授权函"])
def test_a_name_that_says_something_else_is_refused(name: str) -> None:
    """Whoever saves the original later goes by its name."""
    with pytest.raises(Invalid) as caught:
        scanning.inspect((DATA / "letter.jpg").read_bytes(), name)
    assert "JPG" in caught.value.detail
    assert caught.value.fields.keys() == {"file"}
