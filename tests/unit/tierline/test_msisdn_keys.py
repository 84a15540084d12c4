import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierline.keys import encode_column, encode_msisdn

numbers = st.from_regex(r"\A\+[1-9][0-9]{1,14}\Z")
anything = st.text(max_size=18) | st.text("+0123456789 ０１", max_size=18) | numbers


def column(values: list[str]) -> list[int]:
    _, offsets, data = pa.array(values, pa.string()).buffers()
    encoded = encode_column(np.frombuffer(offsets, np.int32, len(values) + 1), np.frombuffer(data or b"", np.uint8))
    assert encoded.dtype == np.dtype("<i8")
    return encoded.tolist()


@given(numbers, numbers)
def test_keys_stand_in_the_order_of_the_strings(one: str, other: str) -> None:
    first, second = encode_msisdn(one), encode_msisdn(other)
    assert first is not None and second is not None
    assert (first < second, first == second) == (one.encode() < other.encode(), one == other)


@given(numbers, st.integers(1, 13))
def test_a_number_stands_after_its_own_prefix(number: str, cut: int) -> None:
    prefix = number[: max(3, len(number) - cut)]
    if prefix != number:
        assert encode_msisdn(prefix) < encode_msisdn(number)  # type: ignore[operator]


@given(st.lists(anything, max_size=20))
def test_a_column_is_encoded_as_its_values_are_and_what_is_no_number_as_0(values: list[str]) -> None:
    assert column(values) == [encode_msisdn(value) or 0 for value in values]


def test_the_published_formula_by_hand() -> None:
    assert encode_msisdn("+8613800138000") == 861380013800000 * 16 + 13
    assert encode_msisdn("+999999999999999") == 999999999999999 * 16 + 15 < 2**63


@pytest.mark.parametrize(
    "value",
    ["", "+", "+1", "8613800138000", "+0138001380", "+86 13800138000", "+86138001380001234", "+８６１３８", "+86\n",
     "+861380013800x", " +8613800138000", "anonymous", None, 8613800138000, b"+8613800138000"],
)  # fmt: skip
def test_what_is_not_e164_has_no_key(value: object) -> None:
    assert encode_msisdn(value) is None
