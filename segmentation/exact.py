"""Exact arithmetic on columns: scaled 128-bit integers, one rounding half up, decimals out.
What is computed with it belongs in the modules that know the domain."""

# Why not Polars decimals throughout: Polars 2.1 rounds every product, quotient and cast of a Decimal at once to the
# larger scale of its operands, half to even (0.0001 / 2 = 0.0000, 1.25005 -> 1.2500). A formula of several steps is
# then rounded several times, and not as stated. Int128 is exact, but wraps silently on overflow: columns.py bounds
# the inputs so that no formula comes near 2^127.

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import polars as pl

ONE = 10_000
"""One unit of money or score in a DECIMAL(…,4) column's integer form."""


def whole(number: int) -> pl.Expr:
    """A literal Int128."""
    return pl.lit(number, dtype=pl.Int128)


def count(column: str) -> pl.Expr:
    """An integer column as Int128."""
    return pl.col(column).cast(pl.Int128)


def units(column: str) -> pl.Expr:
    """A DECIMAL(…,4) column as Int128 ten-thousandths (its physical form: nothing is converted or rounded)."""
    return pl.col(column).to_physical().cast(pl.Int128)


def half_up(numerator: pl.Expr, denominator: pl.Expr) -> pl.Expr:
    """numerator / denominator as Int128, rounded once to the nearest integer, halves away from zero.

    That is decimal.ROUND_HALF_UP and SQL's ROUND. The denominator must be positive; null or 0 gives null.
    """
    size = (whole(2) * numerator.abs() + denominator) // (whole(2) * denominator)
    return pl.when(numerator < 0).then(size * whole(-1)).otherwise(size)


def to_decimal(integer: pl.Expr, precision: int, scale: int) -> pl.Expr:
    """An Int128 of 10^-scale units as DECIMAL(precision, scale); raises polars' InvalidOperationError on overflow."""
    wide = pl.Decimal(38, scale)
    return (integer.cast(wide) / pl.lit(Decimal(10**scale), dtype=wide)).cast(pl.Decimal(precision, scale))


def ratio(number: Decimal) -> tuple[int, int]:
    """A policy's decimal as numerator and denominator in lowest terms."""
    fraction = Fraction(number)
    return fraction.numerator, fraction.denominator
