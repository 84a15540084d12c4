"""Array types, random streams and exact money that all parts of the generator share.

Belongs here: what knows nothing of customers. Does not: any rule of the operator, any file.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Final, cast

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

NEVER: Final = 2**40
"""A day or second that never comes; compares as later than every real one."""
DAY: Final = 86_400


def stream(seed: int, name: str, *index: int) -> np.random.Generator:
    """An independent random stream a purpose (and month or day), so that one part's draws never shift another's."""
    return np.random.default_rng([seed, zlib.crc32(name.encode()), *index])


def pick(rng: np.random.Generator, weights: Sequence[float] | FloatArray, size: int) -> IntArray:
    """`size` indices into `weights`, drawn in proportion to them; zero weights are never drawn."""
    cumulative = np.cumsum(np.asarray(weights, dtype=np.float64))
    drawn = np.searchsorted(cumulative, rng.random(size) * cumulative[-1], side="right")
    return np.asarray(drawn, dtype=np.int64)


def whole(values: FloatArray) -> IntArray:
    """Rounded to the nearest integer (halves to even)."""
    return np.rint(values).astype(np.int64)


def money(values: IntArray, scale: int) -> pl.Series:
    """Integers of 10^-scale currency units as an exact DECIMAL(18, scale) column."""
    pairs = np.empty((len(values), 2), dtype=np.int64)
    pairs[:, 0] = values
    pairs[:, 1] = values >> 63
    array = pa.Array.from_buffers(pa.decimal128(18, scale), len(values), [None, pa.py_buffer(pairs)])
    return cast(pl.Series, pl.from_arrow(array))


def dates(days: IntArray) -> pl.Series:
    """Days since 1970 as a DATE column; NEVER and negative days are null."""
    known = (days >= 0) & (days < NEVER)
    column = pl.Series(np.where(known, days, 0).astype(np.int32)).cast(pl.Date)
    return _where(known, column)


def instants(seconds: IntArray) -> pl.Series:
    """Local wall-clock seconds since 1970 as a zoneless timestamp column; NEVER is null (the writer adds +08:00)."""
    known = seconds < NEVER
    column = pl.Series(np.where(known, seconds, 0) * 1_000_000).cast(pl.Datetime("us"))
    return _where(known, column)


def numbers(values: IntArray) -> pl.Series:
    """Numbers held as integers as text: E.164 with its plus sign, short codes (below a million) bare, 0 null."""
    frame = pl.DataFrame({"n": values}).select(
        pl.when(pl.col("n") >= 1_000_000)
        .then(pl.lit("+") + pl.col("n").cast(pl.String))
        .when(pl.col("n") > 0)
        .then(pl.col("n").cast(pl.String))
    )
    return frame.to_series()


def labels(names: Sequence[str | None], codes: IntArray) -> pl.Series:
    """`names[code]` for each code; a code below 0 is null."""
    positions = pl.Series(np.where(codes < 0, len(names), codes))
    return pl.Series([*names, None], dtype=pl.String).gather(positions)


def ids(prefix: str, first: int, positions: IntArray) -> pl.Series:
    """`prefix` + (first + position) as text; positions below 0 are null."""
    known = positions >= 0
    text = pl.lit(prefix) + pl.col("n").cast(pl.String)
    column = pl.DataFrame({"n": np.where(known, positions, 0) + first}).select(text).to_series()
    return _where(known, column)


def _where(known: BoolArray, column: pl.Series) -> pl.Series:
    if known.all():
        return column
    frame = pl.DataFrame({"known": known, "value": column})
    return frame.select(pl.when(pl.col("known")).then(pl.col("value"))).to_series()
