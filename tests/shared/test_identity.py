"""Identity numbers: what people and spreadsheets make of them, and that no sentence gives one away (B9, T24)."""

from __future__ import annotations

import re
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum.cn import ric

from shared.errors import Invalid
from shared.identity import birth_date, identity_hash, mask_identity, normalize_identity


def number(birth: date = date(1990, 3, 7), serial: int = 1, area: str = "360102") -> str:
    """A number that nobody has, with its right last character."""
    body = f"{area}{birth:%Y%m%d}{serial:03d}"
    return body + ric.calc_check_digit(body + "0")


WITH_X = next(n for n in (number(serial=s) for s in range(1000)) if n.endswith("X"))
GOOD = number()
NUMBERS = st.builds(number, st.dates(date(1930, 1, 1), date(2005, 12, 31)), st.integers(1, 999))
FULL_WIDTH = str.maketrans("0123456789X", "０１２３４５６７８９Ｘ")
SPACES = st.sampled_from(["", " ", "\t", "\u00a0", "\u3000", "\u200b", "\ufeff", "\n"])


@settings(deadline=None)
@given(NUMBERS, st.lists(SPACES, min_size=19, max_size=19), st.booleans(), st.booleans())
def test_spaces_small_letters_and_full_width_figures_are_no_errors(
    good: str, spaces: list[str], wide: bool, small: bool
) -> None:
    typed = good.lower() if small else good
    typed = typed.translate(FULL_WIDTH) if wide else typed
    typed = "".join(space + char for space, char in zip(spaces, typed + " ", strict=True))
    assert normalize_identity(typed) == good


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("", "为空"),
        (" \u3000\t", "为空"),
        ("3.60102E+17", "“3.60102E+17”已被表格软件改成数值（科学计数法）"),
        ("3.60102e+17", "科学计数法"),
        (" 3.60102E17", "科学计数法"),
        ("３.６０１０２Ｅ+17", "科学计数法"),
        ("3.6010219900307e+17", "科学计数法"),
        ("36E16", "科学计数法"),
        ("360102199003070000.0", "科学计数法"),
        ("360102199003070000", "末尾为 000，可能已被表格软件截断"),
        (GOOD[:-1], "应为 18 位，这里是 17 位"),
        (GOOD + "0", "应为 18 位，这里是 19 位"),
        ("360102900307001", "应为 18 位，这里是 15 位"),
        (GOOD[:-1] + ("0" if GOOD[-1] != "0" else "1"), "校验位不对，请逐位核对。"),
        ("A" * 18, "只能由 17 位数字"),
        (WITH_X[:10] + "X" + WITH_X[11:], "只能由 17 位数字"),
        ("张三的身份证号码是三六零一零二一九九", "只能由 17 位数字"),
        (number(area="000000"), "地区码或出生日期不存在"),
        ("\0" * 18, "只能由 17 位数字"),
    ],
)
def test_what_is_wrong_is_said(typed: str, sentence: str) -> None:
    with pytest.raises(Invalid) as caught:
        normalize_identity(typed)
    assert sentence in caught.value.detail


def test_a_day_that_never_was() -> None:
    for day in ("19900230", "19901301", "18991231", "20991231", "00000000"):
        body = f"360102{day}001"
        with pytest.raises(Invalid, match="出生日期不存在"):
            normalize_identity(body + ric.calc_check_digit(body + "0"))


@pytest.mark.parametrize("area", ["360102", "360702", "360821", "361181", "360113", "362301", "110101", "659001"])
@pytest.mark.parametrize("year", [1948, 1965, 1982, 1983, 1999, 2004])
def test_a_number_may_be_younger_than_its_holder(area: str, year: int) -> None:
    """Numbers came in 1984 and areas are renamed: the code need not have been in force in the year of birth."""
    good = number(date(year, 1, 1), area=area)
    assert normalize_identity(good) == good


@settings(deadline=None)
@given(st.one_of(st.text("0123456789Xx.eE+ １２", max_size=30), st.text(max_size=30), NUMBERS.map(lambda n: n + ".0")))
def test_any_text_gives_a_number_or_a_sentence_that_repeats_none(typed: str) -> None:
    sentence = ""
    try:
        found = normalize_identity(typed)
    except Invalid as error:
        sentence, found = error.detail, GOOD
    assert not re.search(r"\d{12}", sentence)
    assert sentence == "" or sentence.endswith("。")
    assert re.fullmatch(r"\d{17}[\dX]", found)
    assert found == normalize_identity(found)


@settings(deadline=None)
@given(NUMBERS)
def test_the_mask_hides_the_day_of_birth(good: str) -> None:
    masked = mask_identity(good)
    assert len(masked) == 18
    assert masked == good[:6] + "*" * 8 + good[14:]


def test_the_hash_is_known_only_with_the_key() -> None:
    assert identity_hash(GOOD, b"one") == identity_hash(GOOD, b"one")
    assert identity_hash(GOOD, b"one") != identity_hash(GOOD, b"two")
    assert identity_hash(GOOD, b"one") != identity_hash(WITH_X, b"one")
    assert re.fullmatch(r"[0-9a-f]{64}", identity_hash(GOOD, b"one"))


@settings(deadline=None)
@given(st.dates(date(1930, 1, 1), date(2005, 12, 31)))
def test_the_birth_date_is_in_the_number(day: date) -> None:
    assert birth_date(number(day)) == day
