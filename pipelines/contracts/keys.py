"""Repeated keys: how many rows have a key that a contract promises to be theirs alone.

Belongs here: among which rows a key is unique, and counting those that repeat one, in SQL that sqlglot carries. Does
not: other promises (checks.py), what intake does with a repeated key (pipelines/intake/keys.py).

Most tables repeat no key, which counting hashes of eight bytes tells in a third of the time. Only where some come again
is it looked which of them are repeated; and, where a contract promises a key for some days alone, which are nearer than
that by local day: |days between| <= window, as intake compares them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from data_contracts import Contract
from pipelines.sql_text import identifier, identifiers

# Runs a SELECT with named parameters and returns its one row.
Ask = Callable[[str, dict[str, Any]], Sequence[Any]]
EVERY_ROW = "true"


@dataclass(frozen=True)
class Repeated:
    """How many rows repeat a key, and the first local day of such a row where keys are promised for some days."""

    rows: int
    first_day: date | None = None


@dataclass(frozen=True)
class Bounds:
    """Where the keys of some rows lie: the least and greatest of the key's first column, and of `reach_column`."""

    low: Any
    high: Any
    reach_from: Any
    reach_until: Any


def key_of(contract: Contract) -> str:
    """The columns that are unique together, quoted: a snapshot's key may come again in another delivery."""
    lineage = ["known_at"] if contract.delivery == "snapshot" else []
    return identifiers([*contract.key, *lineage])


def bounds_of(contract: Contract) -> str:
    """The aggregates that give the Bounds of rows, in order."""
    columns = (identifier(contract.key[0]) if contract.key else "null", _reach_column(contract))
    return ", ".join(f"{edge}({column})" for column in columns for edge in ("min", "max"))


def near(contract: Contract, bounds: Bounds, window: int) -> tuple[str, dict[str, Any]]:
    """The condition, with its parameters, of the rows that keys within the bounds are held against."""
    first, reach = identifier(contract.key[0]), _reach_column(contract)
    condition, given = f"{first} between $low and $high", {"low": bounds.low, "high": bounds.high}
    if bounds.reach_from is None:
        return condition, given
    days = timedelta(days=window if contract.key_within else 0)
    given |= {"reach_from": bounds.reach_from - days, "reach_until": bounds.reach_until + days}
    return f"{condition} and {reach} between $reach_from and $reach_until", given


def repeated_keys(
    ask: Ask, contract: Contract, rows: str, given: dict[str, Any], *, window: int, which: str = EVERY_ROW
) -> Repeated:
    """How many of `rows` (what follows FROM, with parameters `given`, its WHERE included) repeat a key.

    A contract whose key is promised for some days allows it to come again after more than `window` days; then of two
    rows that are nearer one at least fulfils the condition `which`.
    """
    key = key_of(contract)
    if not ask(f"select count(*) - count(distinct hash({key})) from {rows}", given)[0]:
        return Repeated(0)
    if contract.key_within is None:
        return Repeated(int(ask(f"select count(*) - count(distinct ({key})) from {rows}", given)[0]))
    found, first_day = ask(_too_near(contract, rows, window, which), given)
    return Repeated(int(found), first_day)


def _too_near(contract: Contract, rows: str, window: int, which: str) -> str:
    """Of rows with one key, in order of their days, the nearest stand side by side."""
    key, day = key_of(contract), _reach_column(contract)
    before = f"partition by {key} order by {day}, is_meant"
    return f"""
        with near as (select {key}, {day}, ({which}) as is_meant from {rows}),
        in_order as (
            select
                {day},
                date_diff('day', lag({day}) over ({before}), {day}) as days_after,
                is_meant,
                lag(is_meant) over ({before}) as is_meant_before
            from near
            where ({key}) in (select {key} from near where is_meant)
        )
        select count(*), min({day})
        from in_order
        where days_after <= {window:d} and (is_meant or is_meant_before)
    """


def _reach_column(contract: Contract) -> str:
    """What else than its first column tells how far a key reaches: its delivery, or its local day; null: nothing."""
    if contract.delivery == "snapshot":
        return "known_at"
    if contract.key_within is None or contract.business_date is None:
        return "null"
    return identifier(contract.column(contract.business_date).local_date or "")
