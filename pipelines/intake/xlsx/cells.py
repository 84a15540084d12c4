"""What a cell is read as: the text that its reader sees in Excel, or the reason why that can't be known.

Belongs here: numbers, dates, number formats. Does not: XML (sheet.py), which cells there are.
"""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, NamedTuple

Wanted = Literal["text", "number", "date", "time", "ignored"]
"""What the column of the cell feeds: a code or identifier, a number, a date, a time (an instant), nothing."""

EXACT_BELOW = 10**15  # a number in Excel has 15 digits; what was typed behind them is gone
_SHOWN_WHOLE_BELOW = 10**11  # from here on the format General shows 8.6138E+12
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
_EXPONENT_AS_TEXT = re.compile(r"[0-9](\.[0-9]+)?E\+[0-9]{2,3}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_LAST_SERIAL = 2_958_466  # the day after 9999-12-31
_MILLISECONDS = 86_400_000
_BUILT_IN = {
    **dict.fromkeys((9, 10), "scaled"),
    **dict.fromkeys((11, 48), "exponent"),
    # 14-22 and 45-47 everywhere; the others are the dates of East Asian editions
    **dict.fromkeys((*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)), "date"),
    **dict.fromkeys((0, 49), "general"),
}


class Style(NamedTuple):
    """How numbers of a cell are shown: general, date, exponent, scaled (percent, thousands), or number.

    `digits` is up to how many digits they are padded with zeros.
    """

    kind: str
    digits: int = 0


class Read(NamedTuple):
    """The text of a cell, and the code of reasons.py if it can't be taken."""

    text: str
    reason: str | None = None


GENERAL = Style("general")


def style_of(number_format: int, code: str | None) -> Style:
    """The style of a number format, by its number or, for formats of the workbook's own, its code."""
    if code is None:
        return Style(_BUILT_IN.get(number_format, "number"))
    first = code.split(";")[0]
    if re.fullmatch("0{2,}", first):
        return Style("number", len(first))
    # What stands in quotes, behind a backslash, or in brackets (colours, languages) is no directive; [h] is.
    bare = re.sub(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', "", first, flags=re.IGNORECASE)
    if bare.strip().lower() in ("general", "@", ""):
        return GENERAL
    if re.search(r"e[+-]", bare, re.IGNORECASE):
        return Style("exponent")
    if re.search(r"[ymdhs]", bare, re.IGNORECASE):
        return Style("date")
    # A comma behind the last digit divides by a thousand.
    return Style("scaled" if "%" in bare or re.search(r"[0#?],+(?![,0#?])", bare) else "number")


def read_number(raw: str, style: Style, wanted: Wanted, *, since_1904: bool) -> Read:
    """The text of a numeric cell. Raises ValueError for what is no finite number."""
    value = float(raw) if _NUMBER.fullmatch(raw) else math.inf  # float() alone also reads 1_000 and nan
    if not math.isfinite(value):
        raise ValueError("a cell holds no finite number")
    if style.kind == "date":
        return read_date(_serial(value, since_1904=since_1904), wanted)
    # Excel itself shows and compares 15 digits; what is behind them is the noise of binary fractions.
    text = f"{Decimal(f'{value:.15g}'):f}"
    text = "0" if text == "-0" else text
    if abs(value) >= EXACT_BELOW:
        return Read(text, "cell_rounded")
    if style.kind == "scaled":
        return Read(text, "cell_scaled")
    if wanted == "text":
        is_shown_short = style.kind == "general" and abs(value) >= _SHOWN_WHOLE_BELOW
        if style.kind == "exponent" or is_shown_short:
            return Read(text, "cell_exponent")
    if style.digits and "." not in text and not text.startswith("-"):
        text = text.zfill(style.digits)
    return Read(text)


def read_date(text: str, wanted: Wanted) -> Read:
    """A date or time, which an identifier or an amount can't be: Excel makes dates of what looks like one.

    `text` is 2024-06-30 or 2024-06-30 12:00:00; midnight is a time of day where a time is wanted, and none elsewhere.
    """
    if wanted == "time":
        return Read(f"{text} 00:00:00" if _DAY.fullmatch(text) else text)
    return Read(text, None if wanted == "date" else "cell_date")


def read_text(text: str, wanted: Wanted) -> Read:
    """A text cell: taken as it is, unless it is what Excel leaves of a long number."""
    if wanted == "text" and _EXPONENT_AS_TEXT.fullmatch(text):
        return Read(text, "cell_exponent")
    return Read(text)


def _serial(value: float, *, since_1904: bool) -> str:
    """Days since the workbook's epoch as 2024-06-30 or 2024-06-30 12:00:00; what is no such date stays a number."""
    if not 0 <= value < _LAST_SERIAL:
        return f"{value:.15g}"
    milliseconds = round(value * _MILLISECONDS)
    days, rest = divmod(milliseconds, _MILLISECONDS)
    if since_1904:
        epoch = datetime(1904, 1, 1)
    elif days == 60:  # the day that only Excel knows
        return "1900-02-29"
    else:
        epoch = datetime(1899, 12, 31 if days < 60 else 30)
    try:
        moment = epoch + timedelta(days=days, milliseconds=rest)
    except OverflowError:
        return f"{value:.15g}"
    if not rest:
        return f"{moment:%Y-%m-%d}".zfill(10)
    return moment.isoformat(sep=" ", timespec="seconds" if rest % 1000 == 0 else "milliseconds")
