"""The int64 form of an E.164 number that keeps the order of the strings.

Belongs here: encoding one number, and a column of them. Does not: searching them (opened.py) or writing them.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

# ITU-T E.164: at most 15 digits, the first a country code's, never 0. One digit is a prefix, not a number.
MIN_DIGITS = 2
MAX_DIGITS = 15
KEY_BYTES = 8
KEY_TYPE = np.dtype("<i8")

_is_e164 = re.compile(rf"\+[1-9][0-9]{{{MIN_DIGITS - 1},{MAX_DIGITS - 1}}}").fullmatch
_PLACES: tuple[int, ...] = tuple(16 * 10 ** (MAX_DIGITS - digits) for digits in range(MAX_DIGITS + 1))


def encode_msisdn(number: object) -> int | None:
    """The int64 key of an E.164 string with its leading +; None for everything else.

    Digits padded right with zeros to 15, × 16, + the count of digits: keys compare as the strings do, also where one
    number is a prefix of another (plain int() breaks there). At most 999999999999999 × 16 + 15 < 2**63.
    """
    if not isinstance(number, str) or _is_e164(number) is None:
        return None
    digits = len(number) - 1
    return int(number) * _PLACES[digits] + digits


def encode_column(offsets: npt.NDArray[np.int32], data: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Encode an Arrow string column from its buffers: n + 1 offsets and the bytes they point into.

    Returns n little-endian int64; a value that is not an E.164 number is encoded as 0, which no number has.
    """
    starts = offsets[:-1].astype(np.int64)
    digits = np.diff(offsets).astype(np.int64) - 1
    valid = (digits >= MIN_DIGITS) & (digits <= MAX_DIGITS)
    # Bytes past the end of a value are read and then masked, so the last rows need bytes to read.
    padded = np.concatenate([data, np.zeros(MAX_DIGITS + 1, np.uint8)])
    valid &= (padded[starts] == ord("+")) & (padded[starts + 1] != ord("0"))
    key = np.zeros(len(starts), np.int64)
    for place in range(MAX_DIGITS):
        digit = padded[starts + 1 + place] - np.uint8(ord("0"))  # wraps below "0", so > 9 means not a digit
        inside = place < digits
        valid &= ~inside | (digit <= 9)
        key = key * 10 + np.where(inside, digit, 0)
    return np.where(valid, key * 16 + digits, 0).astype(KEY_TYPE)
