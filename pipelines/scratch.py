"""Scratch nights: any night under any policy, built beside the warehouse and thrown away afterwards.

Belongs here: building features and scores in a temporary database. Does not: what they are compared or explained for.

The warehouse is attached for reading only, daily usage is read from the files that are there, and what is made lies in
`<home>/tmp/scratch/` until the end. A scratch night gives way: before each table it asks whether a run has begun in the
home folder, and leaves then, so that no night ever fails because of somebody's question.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import duckdb

from pipelines import scoring, usage
from pipelines.leftovers import scratch_folder
from pipelines.night import Night
from pipelines.retention.campaigns import show_members
from pipelines.run_context import RunTable, run_tables
from pipelines.sql_catalogue import sql_table, sql_tables
from pipelines.sql_text import identifier
from pipelines.tier_history import show_history
from pipelines.turns import wait_until_free
from pipelines.warehouse import build, write_run_tables

_ATTACHED = "warehouse"
_READ = ("staging", "intake")
# Tables that functions make, with what they read.
_JUDGED: dict[str, tuple[tuple[str, ...], Callable[[duckdb.DuckDBPyConnection, Night], int]]] = {
    "scores.measures": (
        ("features.customer",),
        lambda con, night: scoring.write_measures(con, night.policy, night.as_of_date),
    ),
    "scores.churn_risk": (
        ("features.churn", "features.customer"),
        lambda con, night: scoring.write_churn_risk(con, night.policy, night.as_of_date, night.churn_model),
    ),
    "scores.customer": (
        (
            *("features.customer", "features.tier_state", "features.churn_bands"),
            *("scores.measures", "scores.churn_risk", "scores.cutoffs"),
        ),
        lambda con, night: scoring.write_scores(con, night.policy, night.as_of_date),
    ),
}


@dataclass(frozen=True)
class Scratch:
    """A temporary database that reads the home's `staging.*` and `intake.*`; `build` puts a night's tables into it."""

    con: duckdb.DuckDBPyConnection
    folder: Path
    give_way: Callable[[], None]
    _made_of: dict[str, str] = field(default_factory=dict)

    def build(
        self,
        night: Night,
        progress: Callable[[int, int], None] = lambda _done, _total: None,
        *,
        target: str = "scores.customer",
        churn_origins: Sequence[date] | None = None,
    ) -> None:
        """Makes `target` and all that it is made from, as of the night and under its policy; `run.*` is the night's.

        A table of an earlier `build` that would come out the same is kept. `churn_origins` are other dates than the
        policy's month ends at which to look who left. Raises WarehouseError where SQL fails, ColumnsError on impossible
        rows, TurnBusyError where a run has begun in the home folder.
        """
        calendar = self._calendar(night, churn_origins)
        write_run_tables(self.con, calendar)
        show_history(self.con, night.nights_before)
        show_members(self.con, night.campaigns, night.as_of_date)
        tables, made_of = _order(target), _made_of(night, target, calendar)
        for done, table in enumerate(tables):
            progress(done, len(tables))
            self.give_way()
            if self._made_of.get(table) != made_of[table]:
                self._made_of.pop(table, None)
                self._make(night, table)
                self._made_of[table] = made_of[table]
        progress(len(tables), len(tables))

    def digest(self, night: Night, target: str) -> str:
        """What `target` of the night is made of, besides the accepted rows of the warehouse; nothing is built."""
        return _made_of(night, target, self._calendar(night, None))[target]

    def _calendar(self, night: Night, churn_origins: Sequence[date] | None) -> tuple[RunTable, ...]:
        days = usage.loaded_days(self.con, night.as_of_date, night.known_before)
        before = night.nights_before
        return run_tables(
            night.as_of_date,
            night.zone,
            night.policy,
            night.settings.service_numbers,
            days,
            churn_origins=churn_origins,
            first_night=before[0].as_of_date if before else None,
            night_before=before[-1].as_of_date if before else None,
        )

    def _make(self, night: Night, table: str) -> None:
        if table in _JUDGED:
            _, write = _JUDGED[table]
            write(self.con, night)
        elif table in usage.DAY_TABLES:
            kept = usage.DAY_TABLES[table]
            usage.roll_up(
                self.con,
                kept,
                night.usage_days if kept is usage.DAILY_USAGE else night.contact_days,
                night.parameters,
                service_numbers=night.settings.service_numbers,
                zone=night.zone,
                progress=lambda _done, _total: self.give_way(),
                aside=self.folder / table.partition(".")[2],
            )
        else:
            build(self.con, sql_table(table), night.parameters)


@contextmanager
def scratch(night: Night, *, give_way: bool = True) -> Iterator[Scratch]:
    """A scratch database beside the night's warehouse, removed at the end in any case.

    Waits `lock_wait_seconds` for a run that is at work, then raises TurnBusyError or WarehouseBusyError; SettingsError
    where there is no warehouse. give_way=False is for a run that has the home folder's turn itself.
    """
    night.warehouse.require()
    settings = night.settings

    def wait(seconds: float) -> None:
        if give_way:
            wait_until_free(night.home, wait_seconds=seconds, takeover_seconds=settings.takeover_seconds)

    wait(settings.lock_wait_seconds)
    with scratch_folder(night.home) as folder:
        store = replace(night.warehouse, path=folder / "scratch.duckdb", temporary=folder / "spilled")
        with store.open() as con:
            night.warehouse.attach(con, _ATTACHED)
            _read_through(con)
            yield Scratch(con, folder, lambda: wait(0))


def _read_through(con: duckdb.DuckDBPyConnection) -> None:
    """Views of the warehouse's accepted rows and ledger under their own names."""
    there = con.execute(
        "select table_schema, table_name from information_schema.tables where table_catalog = $name",
        {"name": _ATTACHED},
    ).fetchall()
    for schema, name in sorted(there):
        if schema in _READ:
            place = f"{identifier(schema)}.{identifier(name)}"
            con.execute(f"create view {place} as select * from {identifier(_ATTACHED)}.{place}")


def _made_of(night: Night, target: str, calendar: tuple[RunTable, ...]) -> dict[str, str]:
    """A digest of what decides each table that `target` is made from, and of `run.*`."""
    made_of = _calendar_digests(calendar)
    made_of["run.tier_changes"] = _digest([before.digest for before in night.nights_before], [])
    made_of["run.campaign_members"] = _digest([night.as_of_date], [])
    for table in _order(target):
        made_of[table] = _digest(_decides(night, table), [_digest_of(name, made_of) for name in _upstreams(table)])
    return made_of


@cache
def _order(target: str) -> tuple[str, ...]:
    """`target` and all the tables of ours that it is made from, each after what it reads."""
    made = {t.table for schema in ("features", "scores") for t in sql_tables(schema)} | set(_JUDGED)
    graph: dict[str, list[str]] = {}
    waiting = [target]
    while waiting:
        table = waiting.pop()
        if table not in graph:
            graph[table] = [name for name in _upstreams(table) if name in made]
            waiting += graph[table]
    return tuple(TopologicalSorter(graph).static_order())


def _upstreams(table: str) -> tuple[str, ...]:
    return _JUDGED[table][0] if table in _JUDGED else sql_table(table).upstreams


def _decides(night: Night, table: str) -> list[object]:
    """What decides the table's rows, besides the tables that it reads."""
    if table in _JUDGED:
        return [night.policy.fingerprint, night.as_of_date, night.churn_model.key]
    source, settings = sql_table(table), night.settings
    given = {name: value for name, value in night.parameters.items() if name in source.parameters}
    if table in usage.DAY_TABLES:
        given |= {name: night.parameters[name] for name in ("as_of_date", "known_before")}
        return [source.text, given, settings.service_numbers, settings.time_zone]
    return [source.text, given]


def _digest_of(upstream: str, made_of: dict[str, str]) -> str:
    # What is read from the warehouse is the same for all nights of one scratch database.
    return "" if upstream.partition(".")[0] in _READ else made_of[upstream]


def _calendar_digests(calendar: tuple[RunTable, ...]) -> dict[str, str]:
    return {f"run.{table.name}": _digest([table.rows], []) for table in calendar}


def _digest(content: list[object], upstreams: list[str]) -> str:
    return hashlib.sha256(json.dumps([content, upstreams], sort_keys=True, default=str).encode()).hexdigest()
