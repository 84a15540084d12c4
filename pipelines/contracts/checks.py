"""Contract -> one row of metrics in DuckDB -> Great Expectations' verdict on that row.

Belongs here: which promises of a contract are measured, and how a broken one is told. Does not: Dagster
(pipelines/checks.py).
Great Expectations judges one row of counts rather than the table, so that ten million rows cost one scan by DuckDB.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import duckdb

from data_contracts import Column, Contract
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
        key = _key(contract)
        found.append(Promise(KEYS_REPEATED, f"count(*) - count(distinct ({key}))", f"({key}) is unique"))
    return tuple(found)


def judge(con: duckdb.DuckDBPyConnection, contract: Contract, table: str, *, may_be_empty: bool) -> Verdict:
    """Measures `table` (schema.name) against a contract and lets Great Expectations judge. Raises duckdb.Error on
    a missing table.
    """
    wanted = promises(contract)
    columns = ", ".join(f"{p.expression} as {identifier(p.metric)}" for p in wanted)
    row = con.execute(f"select count(*) as {ROWS}, {columns} from {_quoted(table)}").fetchall()[0]
    counts = dict(zip((ROWS, *(p.metric for p in wanted)), map(int, row), strict=True))
    return _verdict(table, wanted, counts, may_be_empty=may_be_empty)


def judge_rows(con: duckdb.DuckDBPyConnection, contract: Contract, table: str, file_ids: Sequence[int]) -> Verdict:
    """As judge, of those rows alone that the files brought; their keys are held against the whole table.

    The table has lineage columns. Raises duckdb.Error on a missing table.
    """
    return verdict_on(contract, table, count_rows(con, contract, table, file_ids))


def count_rows(
    con: duckdb.DuckDBPyConnection, contract: Contract, table: str, file_ids: Sequence[int]
) -> dict[str, int]:
    """The counts of judge_rows by metric."""
    given = {"ids": list(file_ids), "first": min(file_ids), "last": max(file_ids)}
    theirs = f"{_quoted(table)} where file_id between $first and $last and file_id in (select unnest($ids))"
    *row, low, high, known_from, known_until = con.execute(counting_query(contract, theirs), given).fetchall()[0]
    counts = dict(zip(counted_metrics(contract), map(int, row), strict=True))
    if contract.key:
        # Keys mostly grow with time, so that zone maps leave most of the table unread.
        near = f"{identifier(contract.key[0])} between $low and $high"
        bounds = {"low": low, "high": high}
        if contract.delivery == "snapshot":
            near += " and known_at between $known_from and $known_until"
            bounds |= {"known_from": known_from, "known_until": known_until}
        counts[KEYS_REPEATED] = _repeated(con, _key(contract), f"{_quoted(table)} where {near}", bounds)
    return counts


def counted_metrics(contract: Contract) -> tuple[str, ...]:
    """What counting_query counts, in the order of its columns: the rows, and every promise but that of the key."""
    return ROWS, *(p.metric for p in promises(contract) if p.metric != KEYS_REPEATED)


def counting_query(contract: Contract, rows: str) -> str:
    """The SELECT of those counts over `rows` (what follows FROM), then the bounds of the first key and of known_at."""
    columns = ", ".join(p.expression for p in promises(contract) if p.metric != KEYS_REPEATED)
    first = identifier(contract.key[0]) if contract.key else "null"
    return f"select count(*), {columns}, min({first}), max({first}), min(known_at), max(known_at) from {rows}"


def verdict_on(contract: Contract, table: str, counts: dict[str, int]) -> Verdict:
    """What Great Expectations says of the counts of a table's rows, which may be none."""
    return _verdict(table, promises(contract), counts, may_be_empty=True)


def _repeated(con: duckdb.DuckDBPyConnection, key: str, rows: str, given: dict[str, Any]) -> int:
    # Most tables repeat no key, which hashes of eight bytes tell in a third of the time.
    hashes = con.execute(f"select count(*) - count(distinct hash({key})) from {rows}", given).fetchall()[0][0]
    if not hashes:
        return 0
    return int(con.execute(f"select count(*) - count(distinct ({key})) from {rows}", given).fetchall()[0][0])


def _verdict(table: str, wanted: Sequence[Promise], counts: dict[str, int], *, may_be_empty: bool) -> Verdict:
    broken = _broken(counts, may_be_empty=may_be_empty)
    meanings = {p.metric: p.meaning for p in wanted}
    return Verdict(
        table=table,
        rows=counts[ROWS],
        judged=len(counts),
        broken=tuple(
            f"{meanings[metric]}: broken by {counts[metric]} of {counts[ROWS]} rows"
            if metric != ROWS
            else "the table is empty"
            for metric in broken
        ),
    )


def _quoted(table: str) -> str:
    schema, _, name = table.partition(".")
    return f"{identifier(schema)}.{identifier(name)}"


def _key(contract: Contract) -> str:
    lineage = ["known_at"] if contract.delivery == "snapshot" else []
    return ", ".join(identifier(name) for name in (*contract.key, *lineage))


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
