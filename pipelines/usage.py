"""What call detail records say of a day: immutable Parquet, one file a day and state of knowledge, read as one table.

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
class DayTable:
    """A table made of one file a day: its SQL file, the order of a file's rows, the label of its durable steps, the
    table that lists the files in use (usage_date, path), and the one that stands for them where there is none. `since`
    is the parameter with the first day that anybody reads; None for all that are loaded.
    """

    table: str
    order: str
    label: str
    files: str
    empty: str
    since: str | None = None


DAILY_USAGE = DayTable(
    "features.usage_daily", "subscription_id nulls first", "usage-day", "run.usage_files", "run.no_usage"
)
CONTACT_DAYS = DayTable(
    "features.contact_days",
    "customer_id, other_customer_id nulls first, other_number",
    "contact-day",
    "run.contact_files",
    "run.no_contacts",
    since="earlier_from",
)
DAY_TABLES = {kept.table: kept for kept in (DAILY_USAGE, CONTACT_DAYS)}


@dataclass(frozen=True)
class RollUp:
    """Days of loaded usage in the table, how many of them were rolled up anew, and the rows of all."""

    days: int
    rolled_up: int
    rows: int


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


def records_of(con: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """Call detail records in `features.usage_daily`, and how many of them belong to nobody."""
    records, unattributed = first_row(
        con,
        "select coalesce(sum(records), 0), coalesce(sum(records) filter (subscription_id is null), 0) "
        "from features.usage_daily",
    )
    return int(records), int(unattributed)


def roll_up(
    con: duckdb.DuckDBPyConnection,
    kept: DayTable,
    folder: Path,
    parameters: Mapping[str, Any],
    *,
    service_numbers: tuple[str, ...],
    zone: ZoneInfo,
    progress: Callable[[int, int], None],
    hook: Hook = ignore_step,
    aside: Path | None = None,
) -> RollUp:
    """Makes each day's file that `folder` lacks, and the table of `kept` as a view over the days' current files.

    `hook` is called before each durable step with its name. With `aside`, files are made in that folder and `folder` is
    only read. Raises duckdb.Error where the SQL fails, OSError on the disk.
    """
    disk = Disk(hook)
    table = sql_table(kept.table)
    names = day_files(con, kept, parameters, service_numbers=service_numbers, zone=zone)
    made_in = aside or folder
    if aside is None:
        remove_leftovers(folder, disk)
    files = [(day, name, folder if (folder / name).exists() else made_in) for day, name in names]
    missing = [(day, name) for day, name, place in files if not (place / name).exists()]
    for done, (day, name) in enumerate(missing):
        progress(done, len(missing))
        rows = _rows(con, table, kept.order, {**parameters, "usage_date": day})
        write_day(rows, made_in, name, disk, label=kept.label)
    progress(len(missing), len(missing))
    use_days(con, kept, parameters, [(day, str((place / name).resolve())) for day, name, place in files])
    return RollUp(len(names), len(missing), int(first_row(con, f"select count(*) from {kept.table}")[0]))


def use_days(
    con: duckdb.DuckDBPyConnection, kept: DayTable, parameters: Mapping[str, Any], listed: list[tuple[date, str]]
) -> None:
    """Makes those files (day, path) the ones in use, and the table of `kept` a view over them."""
    con.execute(f"create or replace table {kept.files} (usage_date date, path varchar)")
    if listed:
        con.executemany(f"insert into {kept.files} values (?, ?)", listed)
    _point_view(con, kept, parameters, [path for _, path in listed])


def view_statement(name: str, paths: list[str]) -> str:
    """The statement that makes `name` a view over the day files, for the warehouse and for the analysts' database."""
    listed = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
    return f"create or replace view {name} as select * from read_parquet([{listed}], hive_partitioning = false)"


def day_files(
    con: duckdb.DuckDBPyConnection,
    kept: DayTable,
    parameters: Mapping[str, Any],
    *,
    service_numbers: tuple[str, ...],
    zone: ZoneInfo,
) -> list[tuple[date, str]]:
    """Each loaded day that is read with the name of its file, oldest first."""
    table, since = sql_table(kept.table), date.min if kept.since is None else parameters[kept.since]
    words = con.execute(_HOLDING_WORDS, {"known_before": parameters["known_before"]}).fetchall()
    given = {name: parameters[name] for name in ("as_of_date", "known_before")}
    names = []
    for day, files in groupby(con.execute(_CDR_DAYS, given).fetchall(), key=itemgetter(0)):
        if day < since:
            continue
        ends_at = local_midnight(day + timedelta(days=1), zone)
        said = [word[1:] for word in words if word[0] < ends_at]
        decides = [[file[1:] for file in files], said, sorted(service_numbers), table.text]
        digest = hashlib.sha256(json.dumps(decides).encode()).hexdigest()
        names.append((day, f"usage_date={day.isoformat()}/{digest[:16]}.parquet"))
    return names


def _rows(
    con: duckdb.DuckDBPyConnection, table: SqlTable, order: str, parameters: Mapping[str, Any]
) -> duckdb.DuckDBPyRelation:
    given = {name: parameters[name] for name in table.parameters}
    # Sorted, so that the same rows give the same bytes.
    return con.sql(f"select * from ({table.text}) order by {order}", params=given)


def _point_view(
    con: duckdb.DuckDBPyConnection, kept: DayTable, parameters: Mapping[str, Any], paths: list[str]
) -> None:
    if paths:
        con.execute(view_statement(kept.table, paths))
        return
    # Without any CDR the view still has its columns, from the SQL itself over a day that nobody has.
    table = sql_table(kept.table)
    given = {name: parameters.get(name, date(1900, 1, 1)) for name in table.parameters}
    con.execute(f"create or replace table {kept.empty} as select * from ({table.text}) limit 0", given)
    con.execute(f"create or replace view {kept.table} as select * from {kept.empty}")
