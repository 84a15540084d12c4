"""Intake by itself, without Dagster: files of a home's landing folder to accepted rows, and the day's rollup.

Belongs here: calling the product on the clock, as the assets call it. Does not: preparing homes (cdr_intake.py).

    python -m benchmarks.intake_alone work.json

The work file holds `home`, `as_of`, `rollup` (whether the day is rolled up too), `prepare` (whether the tables that the
rollup reads are made before) and `out` (a new folder). It reports as the baselines do; `parts` are the seconds of
opening, intake, rollup and closing, which writes the warehouse's log back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.baselines.work import MEASURES, Sums, perform
from pipelines import usage
from pipelines.intake import IntakeReport, ingest
from pipelines.night import Night
from pipelines.progress import Silent
from pipelines.run_calendar import run_tables
from pipelines.sql_catalogue import sql_table
from pipelines.warehouse import build, write_run_tables


def intake(work: Mapping[str, Any], _out: Path) -> Callable[[], Sums]:
    """Landing -> staging and ledger -> one day file."""
    night = Night(Path(work["home"]), date.fromisoformat(work["as_of"]))
    times = [time.perf_counter()]
    with night.warehouse.open() as con:
        times.append(time.perf_counter())
        report = ingest(
            con,
            night.landing,
            mappings=night.mappings,
            as_of_date=night.as_of_date,
            settings=night.intake_settings,
            progress=Silent(),
        )
        times.append(time.perf_counter())
        if work["prepare"]:
            _prepare(con, night)
        if work["rollup"]:
            days = _roll_up(con, night)
            if days != 1 and not work["prepare"]:
                raise SystemExit(f"{days} days were rolled up and not the one that landed: the home is not prepared")
        times.append(time.perf_counter())
    times.append(time.perf_counter())
    parts = {
        name: end - start
        for name, start, end in zip(("open", "intake", "rollup", "close"), times, times[1:], strict=False)
    }
    return lambda: {**_sums(report, night if work["rollup"] else None), "parts": parts}


def _prepare(con: duckdb.DuckDBPyConnection, night: Night) -> None:
    """The night's calendar, and the tables from which the rollup learns who held which number."""
    days = usage.loaded_days(con, night.as_of_date, night.parameters["known_before"])
    tables = run_tables(night.as_of_date, night.zone, night.policy, night.settings.service_numbers, days)
    write_run_tables(con, tables)
    for table in _features_before(usage.DAILY_USAGE.table):
        build(con, sql_table(table), night.parameters)


def _features_before(table: str) -> list[str]:
    found: list[str] = []
    for upstream in sql_table(table).upstreams:
        if upstream.startswith("features."):
            found += [*_features_before(upstream), upstream]
    return list(dict.fromkeys(found))


def _roll_up(con: duckdb.DuckDBPyConnection, night: Night) -> int:
    return usage.roll_up(con, usage.DAILY_USAGE, night, progress=lambda _done, _total: None).rolled_up


def _sums(report: IntakeReport, night: Night | None) -> dict[str, Any]:
    if report.refused:
        raise SystemExit(f"refused: {report.refused[0]}")
    counts = {
        name: sum(getattr(outcome, name) for outcome in report.accepted)
        for name in ("accepted", "rejected", "duplicate")
    }
    counts["records"] = sum(counts.values())  # lines that are records, without headers
    if night is None:
        return counts
    files = night.usage_days / f"usage_date={night.as_of_date.isoformat()}" / "*.parquet"
    measures = ", ".join(f"sum({name})::decimal(38, 4)::varchar" for name in MEASURES)
    row = duckdb.sql(f"select {measures} from read_parquet('{files}')").fetchall()[0]
    return {**counts, "measures": dict(zip(MEASURES, row, strict=True))}


if __name__ == "__main__":
    perform(intake)
