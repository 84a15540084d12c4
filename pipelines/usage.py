"""What call detail records say of a day: immutable Parquet, one file a day and state of knowledge, read as one table.

Belongs here: which day must be rolled up anew, and where its file is. Does not: what a row holds (sql/features).

A file's name is the digest of all that decides its content: the CDR files that touch the day and are known by the
as-of date, the deliveries of subscriptions and customers that say who held a number on that day, the service numbers
and the SQL. So a late file restates exactly the days that it touches, in a new file; the old one stays, and an earlier
night can be reproduced from it. A day whose call detail has expired can't be rolled up again: the file that was right
when it expired stands for it from then on, whatever the CRM says later.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from pipelines.day_files import remove_leftovers, write_day
from pipelines.durable import Disk, Hook, ignore_step
from pipelines.intake.expiries import usage_from
from pipelines.night import Night
from pipelines.run_context import local_midnight
from pipelines.sql_catalogue import SqlTable, sql_table
from pipelines.sql_text import identifier, identifiers, literal
from pipelines.warehouse import WarehouseError, first_row, insert_rows

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
    since="contacts_before_from",
)
DAY_TABLES = {kept.table: kept for kept in (DAILY_USAGE, CONTACT_DAYS)}


@dataclass(frozen=True)
class DayFile:
    """A day and the file that stands for it, relative to its table's folder. `has_detail`: it can be rolled up again.
    `is_later`: it is of an expired day, and may hold what the night did not know yet.
    """

    day: date
    name: str
    has_detail: bool = True
    is_later: bool = False

    @property
    def digest(self) -> str:
        """What of the name is not the day's."""
        return Path(self.name).stem


@dataclass(frozen=True)
class RollUp:
    """Files of the days of loaded usage in the table, and how many of them were rolled up anew."""

    files: tuple[DayFile, ...]
    rolled_up: int

    @property
    def days(self) -> int:
        """How many days there are."""
        return len(self.files)

    @property
    def later_days(self) -> int:
        """Expired days whose file may hold what the night did not know yet."""
        return sum(file.is_later for file in self.files)


def loaded_days(con: duckdb.DuckDBPyConnection, as_of_date: date, known_before: Any) -> tuple[date, date] | None:
    """First and last day with any CDR known by the as-of date that are kept rolled up; None without one."""
    first, last = first_row(
        con,
        "select min(d.usage_date), max(d.usage_date) from intake.file_days as d "
        "join intake.files as f on f.file_id = d.file_id and f.extract = 'cdr' "
        "where d.usage_date between $first and $d and (f.known_at is null or f.known_at < $known_before)",
        {"first": usage_from(con) or date.min, "d": as_of_date, "known_before": known_before},
    )
    return (first, last) if first is not None else None


def records_of(con: duckdb.DuckDBPyConnection, day: date | None) -> tuple[int, int]:
    """Call detail records of a day in `features.usage_daily`, and how many of them belong to nobody."""
    records, unattributed = first_row(
        con,
        "select coalesce(sum(records), 0), coalesce(sum(records) filter (subscription_id is null), 0) "
        "from features.usage_daily where usage_date = $day",
        {"day": day},
    )
    return int(records), int(unattributed)


def roll_up(
    con: duckdb.DuckDBPyConnection,
    kept: DayTable,
    night: Night,
    *,
    progress: Callable[[int, int], None],
    hook: Hook = ignore_step,
    aside: Path | None = None,
    days: Collection[date] | None = None,
) -> RollUp:
    """Makes each day's file that the night's folder lacks, and the table of `kept` as a view over the days' current
    files.

    `hook` is called before each durable step with its name. With `aside`, files are made in that folder and the night's
    is only read. Given `days`, their files are made, whether the night reads them or not, and the table stays as it is.
    Raises duckdb.Error where the SQL fails, OSError on the disk, WarehouseError where the file of an expired day is
    missing.
    """
    disk, folder, parameters = Disk(hook), night.day_folder(kept.table), night.parameters
    table = sql_table(kept.table)
    files = day_files(
        con,
        kept,
        parameters,
        service_numbers=night.settings.service_numbers,
        zone=night.zone,
        is_there=there_in(folder),
        days=days,
    )
    made_in = aside or folder
    if aside is None:
        remove_leftovers(folder, disk)
    there = set(filter(there_in(folder), (file.name for file in files)))
    missing = [file for file in files if file.name not in there and not (aside and (aside / file.name).exists())]
    require_detail(missing, str(folder))
    for done, file in enumerate(missing):
        progress(done, len(missing))
        rows = _rows(con, table, kept.order, {**parameters, "usage_date": file.day})
        write_day(rows, made_in, file.name, disk, label=kept.label)
    progress(len(missing), len(missing))
    if days is not None:
        return RollUp(tuple(files), len(missing))
    whole, beside = folder.resolve(), made_in.resolve()
    listed = [(file.day, f"{whole if file.name in there else beside}/{file.name}") for file in files]
    use_days(con, kept, parameters, listed)
    return RollUp(tuple(files), len(missing))


def there_in(folder: Path) -> Callable[[str], bool]:
    """Whether a folder has a file of a name."""
    return lambda name: os.path.exists(f"{folder}/{name}")  # noqa: PTH110 -- a third of its time, for years of days


def require_detail(missing: Collection[DayFile], folder: str) -> None:
    """Raises WarehouseError where a file that is missing can't be made: the call detail of its day has expired."""
    for file in missing:
        if not file.has_detail:
            raise WarehouseError(
                f"{folder}/{file.name} is missing, and the call detail of {file.day} has expired, so that the day "
                "can't be rolled up again. Copy the file back from a backup; without one, move ledger.jsonl and "
                "warehouse.duckdb away and run the night: it takes all of landing/ anew"
            )


def use_days(
    con: duckdb.DuckDBPyConnection, kept: DayTable, parameters: Mapping[str, Any], listed: list[tuple[date, str]]
) -> None:
    """Makes those files (day, path) the ones in use, and the table of `kept` a view over them."""
    con.execute(f"create or replace table {kept.files} (usage_date date, path varchar)")
    insert_rows(con, kept.files, listed)
    _point_view(con, kept, parameters, [path for _, path in listed])


def view_statement(kept: DayTable, name: str, paths: list[str]) -> str:
    """The statement that makes `name` a view over files of a day table, for the warehouse and for the analysts'
    database. The day is taken from the folder's name, so that only files of days that are asked for are opened.
    """
    listed, columns = ", ".join(map(literal, paths)), identifiers(sql_table(kept.table).column_notes)
    return (
        f"create or replace view {name} as select {columns} from read_parquet([{listed}], "
        "hive_partitioning = true, hive_types = {'usage_date': date})"
    )


def day_files(
    con: duckdb.DuckDBPyConnection,
    kept: DayTable,
    parameters: Mapping[str, Any],
    *,
    service_numbers: tuple[str, ...],
    zone: ZoneInfo,
    is_there: Callable[[str], bool],
    days: Collection[date] | None = None,
) -> list[DayFile]:
    """Each loaded day that is read, or of `days`, with its file, oldest first.

    For a day whose call detail had expired by the night, the file of its expiry. A night before that has its own, where
    `is_there` says that it was kept.
    """
    table, since = sql_table(kept.table), date.min if kept.since is None else parameters[kept.since]
    expired, first = _expired(con, kept), usage_from(con) or date.min
    words = con.execute(_HOLDING_WORDS, {"known_before": parameters["known_before"]}).fetchall()
    given = {name: parameters[name] for name in ("as_of_date", "known_before")}
    found = []
    for day, files in groupby(con.execute(_CDR_DAYS, given).fetchall(), key=itemgetter(0)):
        if day < first or (day < since if days is None else day not in days):
            continue
        known_then, last = expired.get(day, (None, ""))
        if known_then is not None and known_then <= parameters["known_before"]:
            found.append(DayFile(day, last, has_detail=False))
            continue
        ends_at = local_midnight(day + timedelta(days=1), zone)
        said = [word[1:] for word in words if word[0] < ends_at]
        decides = [[file[1:] for file in files], said, sorted(service_numbers), table.text]
        digest = hashlib.sha256(json.dumps(decides).encode()).hexdigest()
        name = _name(day, digest[:16])
        if known_then is None:
            found.append(DayFile(day, name))
        elif name == last or is_there(name):
            found.append(DayFile(day, name, has_detail=False))
        else:
            found.append(DayFile(day, last, has_detail=False, is_later=True))
    return found


def _name(day: date, digest: str) -> str:
    return f"usage_date={day.isoformat()}/{digest}.parquet"


def _expired(con: duckdb.DuckDBPyConnection, kept: DayTable) -> dict[date, tuple[datetime, str]]:
    """Expired days with the instant of knowledge of their expiry and the file that stands for them."""
    column = kept.table.partition(".")[2]
    rows = con.execute(f"select usage_date, known_before, {identifier(column)} from intake.expired_days").fetchall()
    return {day: (known_before, _name(day, digest)) for day, known_before, digest in rows}


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
        con.execute(view_statement(kept, kept.table, paths))
        return
    # Without any CDR the view still has its columns, from the SQL itself over a day that nobody has.
    table = sql_table(kept.table)
    given = {name: parameters.get(name, date(1900, 1, 1)) for name in table.parameters}
    con.execute(f"create or replace table {kept.empty} as select * from ({table.text}) limit 0", given)
    con.execute(f"create or replace view {kept.table} as select * from {kept.empty}")
