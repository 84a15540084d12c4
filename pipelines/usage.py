"""Daily usage as immutable Parquet, one file a day and state of knowledge, and the view that reads them as one table.

Belongs here: which day must be rolled up anew, and where its file is. Does not: what a row holds (sql/features).

A file's name is the digest of all that decides its content: the CDR files that touch the day and are known by the
as-of date, the deliveries of subscriptions and customers that say who held a number on that day, the service numbers
and the SQL. So a late file restates exactly the days that it touches, in a new file; the old one stays, and an earlier
night can be reproduced from it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from pipelines.day_files import remove_leftovers, write_day
from pipelines.durable import Disk, Hook, ignore_step
from pipelines.run_context import local_midnight
from pipelines.sql_catalogue import SqlTable, sql_table
from pipelines.warehouse import first_row

_CDR_DAYS = """
    select d.usage_date, f.sha256, f.mapping_fingerprint, d.records
    from intake.file_days as d
    join intake.files as f on f.file_id = d.file_id and f.extract = 'cdr'
    where d.usage_date <= $as_of_date and (f.known_at is null or f.known_at < $known_before)
    order by all
"""
# Deliveries that say who held which number, with the instant from which each says something new. A delivery of
# customers does so from its own day on: a customer who is missing from it is gone since then.
_HOLDING_WORDS = """
    select s.changed_from as said_from, f.sha256, f.mapping_fingerprint
    from intake.subscription_changes as s
    join intake.files as f on f.file_id = s.file_id and f.extract = 'subscriptions'
    where s.changed_from is not null and s.known_at < $known_before
    union all
    select f.known_at as said_from, f.sha256, f.mapping_fingerprint
    from intake.files as f
    where f.extract = 'customers' and f.status = 'accepted' and f.known_at < $known_before
    order by all
"""


@dataclass(frozen=True)
class UsageReport:
    """Days in the loaded usage, how many were rolled up anew, and how many records of them belong to nobody."""

    days: int
    rolled_up: int
    records: int
    unattributed: int
    first_day: date | None
    last_day: date | None


def loaded_days(con: duckdb.DuckDBPyConnection, as_of_date: date, known_before: Any) -> tuple[date, date] | None:
    """First and last day with any CDR known by the as-of date; None without one."""
    first, last = first_row(
        con,
        "select min(d.usage_date), max(d.usage_date) from intake.file_days as d "
        "join intake.files as f on f.file_id = d.file_id and f.extract = 'cdr' "
        "where d.usage_date <= $d and (f.known_at is null or f.known_at < $known_before)",
        {"d": as_of_date, "known_before": known_before},
    )
    return (first, last) if first is not None else None


def roll_up(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    parameters: Mapping[str, Any],
    *,
    service_numbers: tuple[str, ...],
    zone: ZoneInfo,
    progress: Callable[[int, int], None],
    hook: Hook = ignore_step,
    aside: Path | None = None,
) -> UsageReport:
    """Makes each day's file that `folder` lacks, and `features.usage_daily` as a view over the days' current files.

    `run.usage_files` (usage_date, path) lists them. `hook` is called before each durable step with its name. With
    `aside`, files are made in that folder and `folder` is only read. Raises duckdb.Error where the SQL fails, OSError
    on the disk.
    """
    disk = Disk(hook)
    table = sql_table("features.usage_daily")
    names = _file_names(con, table, parameters, service_numbers, zone)
    made_in = aside or folder
    if aside is None:
        remove_leftovers(folder, disk)
    files = [(day, name, folder if (folder / name).exists() else made_in) for day, name in names]
    missing = [(day, name) for day, name, place in files if not (place / name).exists()]
    for done, (day, name) in enumerate(missing):
        progress(done, len(missing))
        write_day(_rows(con, table, {**parameters, "usage_date": day}), made_in, name, disk, label="usage-day")
    progress(len(missing), len(missing))
    con.execute("create or replace table run.usage_files (usage_date date, path varchar)")
    if files:
        listed = [[day, str((place / name).resolve())] for day, name, place in files]
        con.executemany("insert into run.usage_files values (?, ?)", listed)
    _point_view(con, table, parameters, [str((place / name).resolve()) for _, name, place in files])
    records, unattributed = first_row(
        con,
        "select coalesce(sum(records), 0), coalesce(sum(records) filter (subscription_id is null), 0) "
        "from features.usage_daily",
    )
    days = [day for day, _ in names]
    return UsageReport(
        days=len(days),
        rolled_up=len(missing),
        records=int(records),
        unattributed=int(unattributed),
        first_day=days[0] if days else None,
        last_day=days[-1] if days else None,
    )


def view_statement(name: str, paths: list[str]) -> str:
    """The statement that makes `name` a view over the day files, for the warehouse and for the analysts' database."""
    listed = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
    return f"create or replace view {name} as select * from read_parquet([{listed}], hive_partitioning = false)"


def _file_names(
    con: duckdb.DuckDBPyConnection,
    table: SqlTable,
    parameters: Mapping[str, Any],
    service_numbers: tuple[str, ...],
    zone: ZoneInfo,
) -> list[tuple[date, str]]:
    """Each loaded day with the name of its file, oldest first."""
    words = con.execute(_HOLDING_WORDS, {"known_before": parameters["known_before"]}).fetchall()
    given = {name: parameters[name] for name in ("as_of_date", "known_before")}
    names = []
    for day, files in groupby(con.execute(_CDR_DAYS, given).fetchall(), key=itemgetter(0)):
        ends_at = local_midnight(day + timedelta(days=1), zone)
        said = [word[1:] for word in words if word[0] < ends_at]
        decides = [[file[1:] for file in files], said, sorted(service_numbers), table.text]
        digest = hashlib.sha256(json.dumps(decides).encode()).hexdigest()
        names.append((day, f"usage_date={day.isoformat()}/{digest[:16]}.parquet"))
    return names


def _rows(con: duckdb.DuckDBPyConnection, table: SqlTable, parameters: Mapping[str, Any]) -> duckdb.DuckDBPyRelation:
    given = {name: parameters[name] for name in table.parameters}
    # Sorted, so that the same rows give the same bytes.
    return con.sql(f"select * from ({table.text}) order by subscription_id nulls first", params=given)


def _point_view(
    con: duckdb.DuckDBPyConnection, table: SqlTable, parameters: Mapping[str, Any], paths: list[str]
) -> None:
    if paths:
        con.execute(view_statement("features.usage_daily", paths))
        return
    # Without any CDR the view still has its columns, from the SQL itself over a day that nobody has.
    given = {name: parameters.get(name, date(1900, 1, 1)) for name in table.parameters}
    con.execute(f"create or replace table run.no_usage as select * from ({table.text}) limit 0", given)
    con.execute("create or replace view features.usage_daily as select * from run.no_usage")
