"""Draws the stamped authorization letter as a colour scanner would see it; used by make_data.py."""

from __future__ import annotations

import io
import json
import math
import random
import subprocess
from pathlib import Path

import pikepdf
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from services.accounts.sample import SampleProvince

DPI = 200
PAGE = (1654, 2339)  # A4 at 200 dpi
INK = (38, 36, 40)
SEAL_RED = (206, 32, 38)
SEAL_DIAMETER = 340  # 42 mm, as round seals of schools are

# What the letter says; also written to letter.json, so that whoever answers the checks can compare.
PERSON = "程若川"
CONTACT, CONTACT_PHONE = "甄小满", "0791-00001003"
NUMBER, DATE = "听涛中学函〔2026〕12号", "2026-11-16"


def write_letters(sample: SampleProvince, folder: Path) -> None:
    """letter.jpg, letter.pdf (the same scan inside), letter.png (half size), letter.json (what it says)."""
    person = next(person for person in sample.people if person.name == PERSON)
    unit = next(unit for unit in sample.units if unit.path == person.unit_path)
    above = next(other for other in sample.units if other.path == unit.path.removesuffix(f"{unit.code}/"))
    facts = {
        "number": NUMBER,
        "addressee": above.body,
        "unit_code": unit.code,
        "unit_name": unit.name,
        "person": person.name,
        "person_id": person.person_id,
        "identity": person.identity,
        "role": "school_admin",
        "contact": CONTACT,
        "contact_phone": CONTACT_PHONE,
        "signed_by": unit.name,
        "signed_on": DATE,
    }
    text = json.dumps(facts, ensure_ascii=False, indent=2)
    (folder / "letter.json").write_text(text + "\n", encoding="utf-8")

    scan = scanned(draw_letter(facts))
    jpeg = io.BytesIO()
    scan.save(jpeg, "JPEG", quality=82, dpi=(DPI, DPI))
    (folder / "letter.jpg").write_bytes(jpeg.getvalue())
    write_pdf(folder / "letter.pdf", jpeg.getvalue())
    small = scan.resize((PAGE[0] // 2, PAGE[1] // 2), Image.Resampling.LANCZOS)
    # Few colours keep it small; a scanner set to "document" does the same.
    small.quantize(48, dither=Image.Dither.NONE).save(folder / "letter.png", optimize=True, dpi=(DPI // 2, DPI // 2))


def write_pdf(path: Path, jpeg: bytes) -> None:
    """One A4 page that shows the JPEG, as scanners write it."""
    with pikepdf.new() as pdf:
        page = pdf.add_blank_page(page_size=(595.28, 841.89))
        image = pdf.make_stream(
            jpeg,
            Type=pikepdf.Name.XObject,
            Subtype=pikepdf.Name.Image,
            Width=PAGE[0],
            Height=PAGE[1],
            ColorSpace=pikepdf.Name.DeviceRGB,
            BitsPerComponent=8,
            Filter=pikepdf.Name.DCTDecode,
        )
        page.add_resource(image, pikepdf.Name.XObject, pikepdf.Name.Scan)
        page.contents_add(b"q 595.28 0 0 841.89 0 0 cm /Scan Do Q")
        pdf.save(path, deterministic_id=True)


def font(size: int, style: str = "Regular") -> ImageFont.FreeTypeFont:
    """Noto Serif CJK SC in pixels, wherever fontconfig keeps it."""
    pattern = f"Noto Serif CJK SC:style={style}"
    found = subprocess.run(["fc-match", "-f", "%{file}\n%{index}", pattern], check=True, capture_output=True, text=True)
    file, index = found.stdout.splitlines()
    # Above bit 16 fontconfig counts named instances of variable fonts; the face is below.
    return ImageFont.truetype(file, size, index=int(index) & 0xFFFF)


def draw_letter(facts: dict[str, str]) -> Image.Image:
    """The clean page with the seal over the signature."""
    page = Image.new("RGB", PAGE, (252, 251, 247))
    pen = ImageDraw.Draw(page)
    left, right = 250, PAGE[0] - 240
    body = font(46)

    pen.text((PAGE[0] // 2, 300), facts["unit_name"], font=font(62, "Bold"), fill=SEAL_RED, anchor="mm")
    pen.line((left, 372, right, 372), fill=SEAL_RED, width=5)
    pen.text((right, 420), facts["number"], font=font(36), fill=INK, anchor="rm")
    title = "关于授权开通教师培训学分管理系统账号的函"
    pen.text((PAGE[0] // 2, 540), title, font=font(52, "Bold"), fill=INK, anchor="mm")

    pen.text((left, 640), f"{facts['addressee']}：", font=body, fill=INK)
    paragraph = (
        f"　　兹授权我单位在职教师{facts['person']}（身份证号：{facts['identity']}）"
        "担任教师培训学分管理系统“学校管理员”，负责我校年度自主培训方案申报、培训项目发布与成绩登记。请予开通账号，激活方式请告知本人。"
    )
    y = 730
    for line in wrapped(paragraph, body, right - left):
        pen.text((left, y), line, font=body, fill=INK)
        y += 84

    y += 40
    rows = [
        ("单位全称", facts["unit_name"]),
        ("单位代码", facts["unit_code"]),
        ("被授权人", facts["person"]),
        ("申请角色", "学校管理员"),
        ("联 系 人", facts["contact"]),
        ("联系电话", facts["contact_phone"]),
    ]
    cell = font(40)
    for label, value in rows:
        pen.rectangle((left, y, right, y + 80), outline=INK, width=2)
        pen.line((left + 250, y, left + 250, y + 80), fill=INK, width=2)
        pen.text((left + 125, y + 40), label, font=cell, fill=INK, anchor="mm")
        pen.text((left + 280, y + 40), value, font=cell, fill=INK, anchor="lm")
        y += 80

    year, month, day = facts["signed_on"].split("-")
    signature = (right - 345, y + 220)
    pen.text(signature, f"{facts['signed_by']}（盖章）", font=body, fill=INK, anchor="mm")
    pen.text(
        (signature[0], signature[1] + 90),
        f"{year}年{int(month)}月{int(day)}日",
        font=body,
        fill=INK,
        anchor="mm",
    )
    stamp(page, draw_seal(facts["signed_by"]), (signature[0] - 40, signature[1] + 45))
    return page


def wrapped(text: str, face: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Lines no wider than `width`; no line begins with a closing mark, digits stay together."""
    lines, line = [], ""
    for index, char in enumerate(text):
        number = ""
        if char.isascii() and (index == 0 or not text[index - 1].isascii()):
            number = text[index:].split("）")[0]
        if face.getlength(line + (number or char)) > width and char not in "，。）”、":
            lines.append(line)
            line = ""
        line += char
    return [*lines, line]


def draw_seal(name: str) -> Image.Image:
    """The round seal on white: ring, star, the name along the upper arc. Drawn large, then made smaller."""
    size = SEAL_DIAMETER * 3
    seal = Image.new("RGB", (size, size), "white")
    pen = ImageDraw.Draw(seal)
    middle = size / 2
    pen.ellipse((9, 9, size - 9, size - 9), outline=SEAL_RED, width=27)
    points = [
        (middle + radius * math.sin(math.pi * k / 5), middle - radius * math.cos(math.pi * k / 5))
        for k, radius in enumerate([size * 0.16, size * 0.061] * 5)
    ]
    pen.polygon(points, fill=SEAL_RED)
    face, span = font(int(size * 0.1), "Bold"), 250
    for index, char in enumerate(name):
        angle = -span / 2 + span * index / (len(name) - 1)
        tile = Image.new("RGB", (size // 6, size // 6), "white")
        ImageDraw.Draw(tile).text((size // 12, size // 12), char, font=face, fill=SEAL_RED, anchor="mm", stroke_width=1)
        tile = tile.rotate(-angle, Image.Resampling.BICUBIC, fillcolor="white")
        radians, radius = math.radians(angle), size * 0.385
        x, y = middle + radius * math.sin(radians), middle - radius * math.cos(radians)
        corner = (int(x - size / 12), int(y - size / 12))
        area = (*corner, corner[0] + tile.width, corner[1] + tile.height)
        seal.paste(ImageChops.multiply(seal.crop(area), tile), corner)
    return seal.rotate(-6, Image.Resampling.BICUBIC, fillcolor="white").resize(
        (SEAL_DIAMETER, SEAL_DIAMETER), Image.Resampling.LANCZOS
    )


def stamp(page: Image.Image, seal: Image.Image, centre: tuple[int, int]) -> None:
    """Press the seal on the page: ink lets the print below show through and is not even."""
    patches = noise(seal.size, blur=9).point(lambda value: max(0, min(110, (value - 116) * 9)))
    seal = ImageChops.lighter(seal, Image.merge("RGB", [patches] * 3))
    corner = (centre[0] - seal.width // 2, centre[1] - seal.height // 2)
    area = (*corner, corner[0] + seal.width, corner[1] + seal.height)
    page.paste(ImageChops.multiply(page.crop(area), seal), corner)


def scanned(page: Image.Image) -> Image.Image:
    """The page as a scanner gives it: not quite straight, a little soft, grainy, shaded toward one edge."""
    page = page.rotate(0.7, Image.Resampling.BICUBIC, fillcolor=(232, 231, 228))
    page = page.filter(ImageFilter.GaussianBlur(0.7))
    shade = Image.linear_gradient("L").rotate(90).resize(page.size).point(lambda value: 255 - value // 22)
    page = ImageChops.multiply(page, Image.merge("RGB", [shade] * 3))
    grain = noise(page.size, blur=0.6).point(lambda value: int(128 + (value - 128) * 0.16))
    return ImageChops.add(page, Image.merge("RGB", [grain] * 3), offset=-128)


def noise(size: tuple[int, int], blur: float) -> Image.Image:
    """Grey noise around 128, the same every time."""
    raw = Image.frombytes("L", size, random.Random(20261116).randbytes(size[0] * size[1]))
    return raw.filter(ImageFilter.GaussianBlur(blur))
