"""Where SQL files are tested: described rows go in, one file runs on DuckDB, its rows are compared with described ones.

Belongs here: reading tables written as text, making tables, comparing. Does not: any case (see the test modules).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from data_contracts import contract
from pipelines import warehouse
from pipelines.policy_calendar import arpu_months, policy_segments
from pipelines.run_calendar import run_tables
from pipelines.run_context import parameters
from pipelines.sql_catalogue import sql_table
from pipelines.table_types import table_types
from segmentation.policy import Policy, Segment, preset, read_policy
from segmentation.policy_types import Threshold

AS_OF = date(2024, 6, 30)  # its end is 2024-06-30 16:00 UTC; the ARPU window is March to May
ZONE = ZoneInfo("Asia/Shanghai")
HOTLINE = ("10086", "1860", "10086")  # one of them set twice: a call to it is still one call
# What the calendar says of months, of the days that a test loads.
_OBSERVED = """
    update run.arpu_months
    set usage_observed = (
        select coalesce(min(usage_date) <= first_day and max(usage_date) >= last_day, false) from features.usage_daily
    )
"""
# What sql/features/subscription_versions.sql says of an interval's neighbours.
_NEIGHBOURS = """
    update features.subscription_versions as v
    set is_first = n.is_first, next_from = n.next_from,
        begins_arrears_stop = not n.is_stopped
            and coalesce(v.status || ':' || v.status_reason = 'suspended:arrears', false)
    from (
        select
            subscription_id, valid_from,
            lag(valid_from) over line is null as is_first,
            lead(valid_from) over line as next_from,
            coalesce(lag(status || ':' || status_reason) over line = 'suspended:arrears', false) as is_stopped
        from features.subscription_versions
        window line as (partition by subscription_id order by valid_from)
    ) as n
    where n.subscription_id = v.subscription_id and n.valid_from is not distinct from v.valid_from
"""


class SqlDesk:
    """A warehouse with nothing in it, as of one date. Tables appear, empty, when a test or a SQL file names them."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self.con = con
        self.parameters: dict[str, Any] = {}
        self.gap_days: int | None = None  # another gap than the policy's
        con.execute("set TimeZone = 'UTC'")
        con.execute("set threads = 1")
        for schema in (*warehouse.SCHEMAS, "marts"):
            con.execute(f"create schema {schema}")
        self.at(AS_OF)

    def at(
        self, as_of: date, usage_days: tuple[date, date] | None = None, key: str = "msisdn", policy: str = "default"
    ) -> None:
        """Moves the desk to another as-of date, loaded usage, service key or shipped policy."""
        self.parameters = parameters(as_of, ZONE, key)
        decides = shipped_policy(policy)
        if self.gap_days is not None:
            churn = decides.churn.model_copy(update={"gap_days": Threshold[int].of(self.gap_days)})
            decides = decides.model_copy(update={"churn": churn})
        warehouse.write_run_tables(self.con, run_tables(as_of, ZONE, decides, HOTLINE, usage_days))

    def segments(self, **segments: tuple[tuple[str, ...], tuple[str, ...], int]) -> None:
        """Gives the policy segments by name: brands, payment types, months of the ARPU window."""
        made = tuple(
            Segment(name, brands, kinds, _with_window(shipped_policy("default"), months))
            for name, (brands, kinds, months) in segments.items()
        )
        months = arpu_months(self.parameters["as_of_date"], ZONE, made, None)
        warehouse.write_run_tables(self.con, (months, policy_segments(made)))
        self._observe_usage()

    def given(self, table: str, text: str, **same: str) -> None:
        """Inserts the rows of `text`; `same` are columns with one value in all of them, any other column is null.

        Timestamps are UTC. Local dates and hours of staging tables follow from them, as at intake, unless given.
        What is before and after an interval of a line follows from all that were given.
        """
        self._make(table)
        header, rows = read_rows(text)
        for row in rows:
            values = dict(same) | dict(zip(header, row, strict=True))
            values = _local(table, values) | values
            names = ", ".join(f'"{name}"' for name in values)
            marks = ", ".join("?" for _ in values)
            self.con.execute(f"insert into {_quoted(table)} ({names}) values ({marks})", list(values.values()))
        if table == "features.subscription_versions":
            self.con.execute(_NEIGHBOURS)
        if table == "features.usage_daily":
            self._observe_usage()

    def build(self, *tables: str, **given: Any) -> None:
        """Runs SQL files into the tables of their names, for a file that reads them."""
        for table in tables:
            self._make_upstreams(table)
            warehouse.build(self.con, sql_table(table), {**self.parameters, **given})

    def run(self, table: str, **given: Any) -> duckdb.DuckDBPyRelation:
        """The rows of one SQL file, for what `expect` can't say."""
        self._make_upstreams(table)
        return warehouse.select(self.con, sql_table(table), {**self.parameters, **given})

    def expect(self, table: str, text: str, **given: Any) -> None:
        """Runs one SQL file and compares the columns named in `text`: all rows, in any order.

        An expected cell is read as the type that the file gives to its column. `given` are further parameters.
        """
        found = self.run(table, **given)
        header, rows = read_rows(text)
        kinds = dict(zip(found.columns, found.types, strict=True))
        unknown = [name for name in header if name not in kinds]
        assert not unknown, f"sql/{table.replace('.', '/')}.sql gives no column {', '.join(unknown)}"
        cast = ", ".join(f"cast(cast(? as {kinds[name]}) as varchar)" for name in header)
        expected = [self.con.execute(f"select {cast}", row).fetchall()[0] for row in rows]
        shown = found.project(", ".join(f'cast("{name}" as varchar)' for name in header)).fetchall()
        assert _as_text(header, shown) == _as_text(header, expected), f"rows of {table} (left) are not as described"

    def _make_upstreams(self, table: str) -> None:
        for upstream in sql_table(table).upstreams:
            self._make(upstream)

    def _observe_usage(self) -> None:
        """Months are observed as of the days of usage that were given."""
        self._make("features.usage_daily")
        self.con.execute(_OBSERVED)

    def _make(self, table: str) -> None:
        columns = ", ".join(f'"{name}" {kind}' for name, kind in table_types(table).items())
        self.con.execute(f"create table if not exists {_quoted(table)} ({columns})")


@cache
def shipped_policy(name: str) -> Policy:
    """A policy that Tierline ships, read once."""
    return read_policy(preset(name))


def read_rows(text: str) -> tuple[list[str], list[list[str | None]]]:
    """Header and rows of a table written as text: cells between bars, padded as one likes.

    An empty cell is null; blank lines are skipped, so the only cell of a row can't be null.
    """
    lines = [[cell.strip() for cell in line.split("|")] for line in text.splitlines() if line.strip()]
    return lines[0], [[cell or None for cell in line] for line in lines[1:]]


def _with_window(policy: Policy, months: int) -> Policy:
    arpu = policy.arpu.model_copy(update={"window_months": Threshold[int].of(months)})
    return policy.model_copy(update={"arpu": arpu})


def _local(table: str, values: dict[str, Any]) -> dict[str, Any]:
    local: dict[str, Any] = {}
    if not table.startswith("staging."):
        return local
    for column in contract(table).columns:
        if values.get(column.name) and (column.local_date or column.local_hour):
            moment = datetime.fromisoformat(values[column.name]).replace(tzinfo=UTC).astimezone(ZONE)
            for name, value in ((column.local_date, moment.date()), (column.local_hour, moment.hour)):
                if name:
                    local[name] = value
    return local


def _quoted(table: str) -> str:
    return ".".join(f'"{part}"' for part in table.split("."))


def _as_text(header: Sequence[str], rows: Iterable[Sequence[str | None]]) -> str:
    # An empty text is not a null: it is shown with its quotes.
    cells = sorted([["" if cell is None else cell or "''" for cell in row] for row in rows])
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [header, *cells]]
    return "\n".join(line.rstrip() for line in lines)
