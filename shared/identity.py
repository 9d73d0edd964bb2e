"""Identity numbers (身份证号): checked, masked, hashed. Never logged, never sent between services in the clear."""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from datetime import UTC, date, datetime

from stdnum import numdb
from stdnum.cn import ric

from shared.errors import Invalid


def normalize_identity(raw: str) -> str:
    """The 18 characters, upper case, without spaces; full-width figures (３６０１…) are taken as what they mean.

    Raises `Invalid` with a sentence that says what is wrong, for example that a spreadsheet has turned the
    number into 3.60102E+17 (B9). No sentence repeats a number that could be somebody's.
    """
    plain = unicodedata.normalize("NFKC", raw).upper()
    text = "".join(c for c in plain if not c.isspace() and unicodedata.category(c) != "Cf")
    if not text:
        raise Invalid("身份证号为空，请填写 18 位身份证号。")
    if "." in text or re.fullmatch(r"\d+E\+?\d+", text):
        # As Excel shows it; with more figures than that, it would be most of the number.
        shown = f"“{text}”" if len(text) <= 12 else ""
        raise Invalid(
            f"身份证号{shown}已被表格软件改成数值（科学计数法），原号码已丢失；"
            "请把该列设为“文本”格式后重新填写 18 位号码。"
        )
    if len(text) != 18:
        raise Invalid(f"身份证号应为 18 位，这里是 {len(text)} 位，请核对。")
    if not re.fullmatch(r"[0-9]{17}[0-9X]", text):
        raise Invalid("身份证号只能由 17 位数字和末位数字或 X 组成，请核对。")
    if text[17] != ric.calc_check_digit(text):
        hint = "；末尾为 000，可能已被表格软件截断，请把该列设为“文本”格式后重填" if text.endswith("000") else ""
        raise Invalid(f"身份证号校验位不对，请逐位核对{hint}。")
    if not (_is_past(text[6:14]) and _is_province(text[:2])):
        raise Invalid("身份证号中的地区码或出生日期不存在，请核对。")
    return text


def mask_identity(number: str) -> str:
    """The first six and last four characters; the rest as asterisks (T24)."""
    return number[:6] + "********" + number[-4:]


def identity_hash(number: str, key: bytes) -> str:
    """Keyed hash by which services recognise a person without holding the number (hex, 64 characters)."""
    return hmac.new(key, number.encode(), hashlib.sha256).hexdigest()


def birth_date(number: str) -> date:
    """The date of birth inside a valid number."""
    return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))


def _is_past(day: str) -> bool:
    try:
        return date(1900, 1, 1) <= date(int(day[:4]), int(day[4:6]), int(day[6:])) <= datetime.now(UTC).date()
    except ValueError:
        return False


def _is_province(code: str) -> bool:
    # Not `ric.validate`, which wants the county's code to have been in force in the year of birth: numbers were first
    # given in 1984, by the codes of that day, so it would refuse most teachers who were born before.
    return any("province" in found for _, found in numdb.get("cn/loc").info(code))
