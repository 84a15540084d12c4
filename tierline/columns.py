"""Reading single cells of a mapped Arrow column straight from its buffers, without pyarrow scalars (six times slower).

Belongs here: one cell reader a column type. Does not: which row to read.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Context, Decimal
from struct import Struct
from typing import Any

import pyarrow as pa

Cell = Callable[[int], object]

_EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()
_DECIMAL_BYTES = 16
_INT64_DIGITS = 18  # every decimal of so many digits fits into its low eight bytes
_exactly = Context(prec=100)  # more digits than any column has; the thread's own context may round
_two_offsets = Struct("=ii").unpack_from
_OFFSET_BYTES = 4


def cell_reader(array: Any) -> Cell:
    """A function from a row number within this array to its Python value: str, int, Decimal, bool, date or None.

    Column types beyond those of the contract are read through pyarrow: right, and slower. Arrow data is little-endian,
    and pyarrow hands it over in the machine's own order.
    """
    read = _value_reader(array)
    if read is None:
        return lambda row: array[row].as_py()
    if array.null_count == 0:
        return read
    valid, read_valid = memoryview(array.buffers()[0]).cast("B"), read
    if pa.types.is_string(array.type):
        return _text(array.buffers(), valid)
    return lambda row: read_valid(row) if valid[row >> 3] >> (row & 7) & 1 else None


def _value_reader(array: Any) -> Cell | None:
    if array.offset != 0 or len(array) == 0:
        return None
    kind = array.type
    if pa.types.is_decimal128(kind):
        return _decimal(array.buffers(), kind.precision, kind.scale)
    makers: dict[str, Callable[[list[Any]], Cell]] = {
        "string": _text,
        "int16": lambda buffers: memoryview(buffers[1]).cast("h").__getitem__,
        "int32": lambda buffers: memoryview(buffers[1]).cast("i").__getitem__,
        "int64": lambda buffers: memoryview(buffers[1]).cast("q").__getitem__,
        "bool": _flag,
        "date32[day]": _date,
    }
    maker = makers.get(str(kind))
    return None if maker is None else maker(array.buffers())


def _flag(buffers: list[Any]) -> Cell:
    bits = memoryview(buffers[1]).cast("B")
    return lambda row: bool(bits[row >> 3] >> (row & 7) & 1)


def _date(buffers: list[Any]) -> Cell:
    days = memoryview(buffers[1]).cast("i")
    return lambda row: dt.date.fromordinal(days[row] + _EPOCH_ORDINAL)


def _text(buffers: list[Any], valid: memoryview | None = None) -> Cell:
    offsets = memoryview(buffers[1])
    data = memoryview(buffers[2]) if buffers[2] is not None else memoryview(b"")

    def read(row: int) -> str | None:
        if valid is not None and not valid[row >> 3] >> (row & 7) & 1:
            return None
        start, end = _two_offsets(offsets, row * _OFFSET_BYTES)
        return str(data[start:end], "utf-8")

    return read


def _decimal(buffers: list[Any], precision: int, scale: int) -> Cell:
    data, scaled, exponent = memoryview(buffers[1]).cast("B"), _exactly.scaleb, -scale
    if precision <= _INT64_DIGITS:
        low = data.cast("q")
        return lambda row: scaled(low[2 * row], exponent)

    def read(row: int) -> Decimal:
        start = row * _DECIMAL_BYTES
        return scaled(int.from_bytes(data[start : start + _DECIMAL_BYTES], "little", signed=True), exponent)

    return read
