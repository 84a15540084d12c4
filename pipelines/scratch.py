"""Scratch nights: any night under any policy, built beside the warehouse and thrown away afterwards.

Belongs here: building features and scores in a temporary database. Does not: what they are compared or explained for.

The warehouse is attached for reading only, daily usage is read from the files that are there, and what is made lies in
`<home>/tmp/scratch/` until the end. A scratch night gives way: before each table it asks whether a run has begun in the
home folder, and leaves then, so that no night ever fails because of somebody's question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import duckdb

from pipelines import scoring, usage
from pipelines.contracts.tables import INTAKE_COLUMNS
from pipelines.leftovers import scratch_folder
from pipelines.made_of import made_of, order, unless_made
from pipelines.night import Night
from pipelines.retention.campaigns import show_members
from pipelines.run_calendar import calendar
from pipelines.sql_catalogue import sql_table
from pipelines.sql_text import identifier
from pipelines.tier_history import show_history
from pipelines.tier_memory import show_memory
from pipelines.turns import wait_until_free
from pipelines.warehouse import build, write_run_tables

_ATTACHED = "warehouse"
_READ = ("staging", "intake")
# How the tables that functions make are made.
_JUDGE: dict[str, Callable[[duckdb.DuckDBPyConnection, Night], int]] = {
    "scores.measures": lambda con, night: scoring.write_measures(con, night.policy, night.as_of_date),
    "scores.churn_risk": lambda con, night: scoring.write_churn_risk(
        con, night.policy, night.as_of_date, night.churn_model
    ),
    "scores.customer": lambda con, night: scoring.write_scores(con, night.policy, night.as_of_date),
}


@dataclass(frozen=True)
class Scratch:
    """A temporary database that reads the home's `staging.*` and `intake.*`; `build` puts a night's tables into it."""

    con: duckdb.DuckDBPyConnection
    folder: Path
    give_way: Callable[[], None]

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
        tables = calendar(self.con, night, churn_origins=churn_origins)
        made = made_of(self.con, night, tables)
        write_run_tables(self.con, tables)
        show_history(self.con, night.nights_before)
        show_memory(self.con, "tier_memory", night.tier_memory, night.nights_before, night.parameters["last_month_end"])
        show_members(self.con, night.campaigns, night.as_of_date)
        steps = order(target)
        for done, table in enumerate(steps):
            progress(done, len(steps))
            self.give_way()
            if table in usage.DAY_TABLES:
                self._roll_up(night, usage.DAY_TABLES[table])
            else:
                unless_made(self.con, table, made[table], lambda table=table: self._make(night, table))  # type: ignore[misc]
        progress(len(steps), len(steps))

    def digest(self, night: Night, target: str) -> str:
        """What `target` of the night is made of; nothing is built."""
        return made_of(self.con, night, calendar(self.con, night))[target]

    def _make(self, night: Night, table: str) -> None:
        if table in _JUDGE:
            _JUDGE[table](self.con, night)
        else:
            build(self.con, sql_table(table), night.parameters)

    def _roll_up(self, night: Night, kept: usage.DayTable) -> None:
        usage.roll_up(
            self.con,
            kept,
            night,
            progress=lambda _done, _total: self.give_way(),
            aside=self.folder / kept.table.partition(".")[2],
        )


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
    """Views of the warehouse's accepted rows and ledger under their own names. What a warehouse of an earlier release
    lacks is null, as its next night will have it.
    """
    there: dict[tuple[str, str], set[str]] = {}
    for schema, name, column in con.execute(
        "select table_schema, table_name, column_name from information_schema.columns where table_catalog = $name",
        {"name": _ATTACHED},
    ).fetchall():
        there.setdefault((schema, name), set()).add(column)
    for (schema, name), columns in sorted(there.items()):
        if schema in _READ:
            place = f"{identifier(schema)}.{identifier(name)}"
            promised = INTAKE_COLUMNS.get(name, {}) if schema == "intake" else {}
            later = [f"null::{kind} as {identifier(c)}" for c, kind in promised.items() if c not in columns]
            selected = ", ".join(("*", *later))
            con.execute(f"create view {place} as select {selected} from {identifier(_ATTACHED)}.{place}")
