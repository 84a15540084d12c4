"""Contract -> one row of metrics in DuckDB -> Great Expectations' verdict on that row.

Belongs here: which promises of a contract are measured, and how a broken one is told. Does not: Dagster
(pipelines/checks.py).
Great Expectations judges one row of counts rather than the table, so that ten million rows cost one scan by DuckDB.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

import duckdb

from data_contracts import Column, Contract
from pipelines.contracts.keys import Ask, Bounds, Repeated, bounds_of, key_of, near, repeated_keys
from pipelines.sql_text import identifier, literal

ROWS = "rows"
_MAKING = threading.Lock()
KEYS_REPEATED = "keys_repeated"


@dataclass(frozen=True)
class Promise:
    """One count that a contract promises to be zero (or, for `rows`, at least one where the table must not be
    empty).
    """

    metric: str
    expression: str
    meaning: str


@dataclass(frozen=True)
class Counts:
    """What was counted of rows, by metric; and the first local day on which a key came again too near, if one did."""

    by_metric: Mapping[str, int]
    repeated_on: date | None = None

    def __add__(self, other: Counts) -> Counts:
        """Those of both. A metric that is zero stays one."""
        total = Counter(self.by_metric)
        total.update(other.by_metric)
        days = [day for day in (self.repeated_on, other.repeated_on) if day is not None]
        return Counts(total, min(days, default=None))


@dataclass(frozen=True)
class Verdict:
    """What Great Expectations said of a table: how many promises were judged, and the broken ones in words."""

    table: str
    rows: int
    judged: int
    broken: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every promise held."""
        return not self.broken


def promises(contract: Contract) -> tuple[Promise, ...]:
    """Every promise of a contract that can be counted: nulls, domains, patterns, bounds of each column, and the key."""
    found = [promise for column in contract.columns for promise in _of_column(column)]
    if contract.key:
        key = key_of(contract)
        within = f" within {contract.key_within}" if contract.key_within else ""
        found.append(Promise(KEYS_REPEATED, f"count(*) - count(distinct ({key}))", f"({key}) is unique{within}"))
    return tuple(found)


def judge(
    con: duckdb.DuckDBPyConnection, contract: Contract, table: str, *, may_be_empty: bool, window: int
) -> Verdict:
    """Measures `table` (schema.name) against a contract and lets Great Expectations judge.

    `window` are the days of `duplicate_window_days`, for a contract whose key is promised within them. Raises
    duckdb.Error on a missing table.
    """
    metrics, columns = counted_metrics(contract), ", ".join(_counted_expressions(contract))
    row = asking(con)(f"select {columns} from {_quoted(table)}", {})
    counts = Counts(dict(zip(metrics, map(int, row), strict=True)))
    if contract.key:
        counts += counted_repeated(repeated_keys(asking(con), contract, _quoted(table), {}, window=window))
    return _verdict(table, contract, counts, may_be_empty=may_be_empty)


def count_rows(
    con: duckdb.DuckDBPyConnection, contract: Contract, table: str, file_ids: Sequence[int], *, window: int
) -> Counts:
    """Counts those rows of `table` (schema.name) alone that the files brought, at least one; their keys are held
    against the whole table. `window` is as in judge.

    The table has lineage columns. Raises duckdb.Error on a missing table.
    """
    given = {"ids": list(file_ids), "first": min(file_ids), "last": max(file_ids)}
    theirs = f"{_quoted(table)} where file_id between $first and $last and file_id in (select unnest($ids))"
    metrics = counted_metrics(contract)
    row = asking(con)(counting_query(contract, theirs), given)
    counts = Counts(dict(zip(metrics, map(int, row[: len(metrics)]), strict=True)))
    if contract.key:
        # Keys mostly grow with time, so that zone maps leave most of the table unread.
        condition, given = near(contract, Bounds(*row[len(metrics) :]), window)
        rows, new = f"{_quoted(table)} where {condition}", brought_by(file_ids)
        counts += counted_repeated(repeated_keys(asking(con), contract, rows, given, window=window, which=new))
    return counts


def counted_metrics(contract: Contract) -> tuple[str, ...]:
    """What counting_query counts, in the order of its columns: the rows, and every promise but that of the key."""
    return ROWS, *(p.metric for p in promises(contract) if p.metric != KEYS_REPEATED)


def counting_query(contract: Contract, rows: str) -> str:
    """The SELECT of those counts over `rows` (what follows FROM), then of the Bounds of their keys."""
    return f"select {', '.join(_counted_expressions(contract))}, {bounds_of(contract)} from {rows}"


def counted_repeated(found: Repeated) -> Counts:
    """Repeated keys among the counts."""
    return Counts({KEYS_REPEATED: found.rows}, found.first_day)


def brought_by(file_ids: Sequence[int]) -> str:
    """The condition of rows that the files brought."""
    return f"file_id in ({', '.join(str(int(file_id)) for file_id in file_ids)})"


def asking(con: duckdb.DuckDBPyConnection) -> Ask:
    """Asks DuckDB."""
    return lambda query, given: con.execute(query, given).fetchall()[0]


def verdict_on(contract: Contract, table: str, counts: Counts) -> Verdict:
    """What Great Expectations says of the counts of a table's rows, which may be none."""
    return _verdict(table, contract, counts, may_be_empty=True)


def _counted_expressions(contract: Contract) -> list[str]:
    return ["count(*)", *(p.expression for p in promises(contract) if p.metric != KEYS_REPEATED)]


def _verdict(table: str, contract: Contract, counts: Counts, *, may_be_empty: bool) -> Verdict:
    measured = dict(counts.by_metric)
    meanings = {p.metric: p.meaning for p in promises(contract)}

    def said(metric: str) -> str:
        if metric == ROWS:
            return "the table is empty"
        on = f", first on {counts.repeated_on}" if metric == KEYS_REPEATED and counts.repeated_on else ""
        return f"{meanings[metric]}: broken by {measured[metric]} of {measured[ROWS]} rows{on}"

    broken = _broken(measured, may_be_empty=may_be_empty)
    return Verdict(table, measured[ROWS], len(measured), tuple(map(said, broken)))


def _quoted(table: str) -> str:
    schema, _, name = table.partition(".")
    return f"{identifier(schema)}.{identifier(name)}"


def _of_column(column: Column) -> list[Promise]:
    name = identifier(column.name)
    found = []
    if column.required:
        found.append(Promise(f"{column.name}__null", _counted(f"{name} is null"), f"{column.name} is given"))
    if column.enum:
        allowed = ", ".join(literal(value) for value in column.enum)
        found.append(
            Promise(
                f"{column.name}__domain",
                _counted(f"{name} not in ({allowed})"),
                f"{column.name} is one of {', '.join(column.enum)}",
            )
        )
    if column.pattern:
        found.append(
            Promise(
                f"{column.name}__pattern",
                _counted(f"not regexp_full_match({name}, {literal(column.pattern)})"),
                f"{column.name} has the form {column.pattern}",
            )
        )
    for bound, sign in ((column.minimum, "<"), (column.maximum, ">")):
        if bound is not None:
            word = "least" if sign == "<" else "most"
            found.append(
                Promise(
                    f"{column.name}__{'below' if sign == '<' else 'above'}",
                    _counted(f"{name} {sign} cast({literal(bound)} as {column.physical})"),
                    f"{column.name} is at {word} {bound}",
                )
            )
    return found


def _broken(counts: dict[str, int], *, may_be_empty: bool) -> list[str]:
    # Imported late: it takes seconds, and only runs that judge need it.
    rows = _row_of_metrics()
    import great_expectations as gx  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415
    from great_expectations.expectations.core.expect_column_max_to_be_between import (  # noqa: PLC0415
        ExpectColumnMaxToBeBetween,
    )

    batch = rows.get_batch({"dataframe": pd.DataFrame([counts])})
    suite = gx.ExpectationSuite(
        name="contract",
        expectations=[
            ExpectColumnMaxToBeBetween(column=metric, min_value=0, max_value=0) for metric in counts if metric != ROWS
        ]
        + [ExpectColumnMaxToBeBetween(column=ROWS, min_value=0 if may_be_empty else 1)],
    )
    result = batch.validate(suite)
    return [
        str(r.expectation_config.kwargs["column"]) for r in result.results if r.expectation_config and not r.success
    ]


def prepare() -> None:
    """Has Great Expectations ready by the time that it is asked: importing it takes seconds of one core, and a run's
    first steps mostly wait for DuckDB.
    """
    threading.Thread(target=_row_of_metrics, name="prepare-to-judge", daemon=True).start()


def _row_of_metrics() -> Any:
    """Great Expectations' handle for a data frame; making its context costs more than judging a row."""
    with _MAKING:
        return _made_once()


@cache
def _made_once() -> Any:
    # Its analytics would open a connection.
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx  # noqa: PLC0415
    from great_expectations.data_context.types.base import ProgressBarsConfig  # noqa: PLC0415

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    frames = context.data_sources.add_pandas("metrics").add_dataframe_asset("metrics")
    return frames.add_batch_definition_whole_dataframe("metrics")


def _counted(condition: str) -> str:
    return f"coalesce(sum(case when {condition} then 1 else 0 end), 0)"
