"""Call detail leaves the warehouse when a night has ended well: which days, and what must be there before.

Belongs here: choosing the days, the order of the steps. Does not: the expiry's own rows and its place in the ledger
(intake/expiries.py), rolling up (usage.py).

First both files of each day are made where they are missing, then the rows leave and the expiry is noted in one
transaction, then the ledger copy is told, then day files go that no kept version can read any more. A kill in between
leaves files that the next night finds, a line that it appends, or files that the next expiry removes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb

from pipelines import usage
from pipelines.day_files import remove_days
from pipelines.durable import Disk, Hook, ignore_step
from pipelines.engine import engine_of
from pipelines.intake import elsewhere
from pipelines.intake.expiries import ExpiredDay, Expiry, expire, usage_from
from pipelines.intake.ledger_copy import LedgerCopy
from pipelines.intake.replay import settle
from pipelines.night import Night
from pipelines.publishing.history import committed
from pipelines.publishing.provenance import DETAIL_FROM, USAGE_FROM
from pipelines.sql_text import identifier
from pipelines.warehouse import first_row, transaction

# What is known only after tonight would leave without having counted.
_WAITING = """
    select min(d.usage_date)
    from intake.file_days as d
    join intake.files as f on f.file_id = d.file_id and f.extract = 'cdr'
    where f.known_at >= $known_before
"""
_GOING = """
    select distinct d.usage_date
    from intake.file_days as d
    anti join intake.expired_days as e on e.usage_date = d.usage_date
    where d.usage_date < $detail_from
    order by d.usage_date
"""


@dataclass(frozen=True)
class Expired:
    """What a night let go: the days, their records, how many day files had to be made before, and how many went."""

    days: int = 0
    records: int = 0
    rolled_up: int = 0
    removed: int = 0


def expire_detail(
    con: duckdb.DuckDBPyConnection,
    night: Night,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    hook: Hook = ignore_step,
) -> Expired:
    """Lets the call detail go that is older than the setting `keep_cdr_days`, and days that are older than
    `keep_usage_days` as a whole; most nights that is one of each.

    `con` is the warehouse with the night's tables. A night seen with other knowledge lets nothing go. `hook` is called
    before each durable step with its name. Raises duckdb.Error where the SQL fails, OSError on the disk,
    LedgerCopyError where the ledger copy was changed.
    """
    first = None if night.known_at is not None else first_kept(con, night)
    going = [] if first is None else [day for (day,) in con.execute(_GOING, {"detail_from": first}).fetchall()]
    if first is None or not going:
        return Expired()
    made = {kept.table: engine_of(night).roll_up(con, kept, progress, going) for kept in usage.DAY_TABLES.values()}
    digests = {table: {file.day: file.digest for file in report.files} for table, report in made.items()}
    days = [
        ExpiredDay(day, digests[usage.DAILY_USAGE.table][day], digests[usage.CONTACT_DAYS.table][day]) for day in going
    ]
    expiry = Expiry(first, night.known_before, _usage_from(con, night, first), tuple(days))
    beside = elsewhere.parents(con, "cdr")
    with transaction(con):
        records = expire(con, expiry, hook)
        hook("commit:expiry")
    elsewhere.sweep(con, "cdr", beside)
    if (copy := night.intake_settings.ledger_copy) is not None:
        settle(con, LedgerCopy(copy, hook))
    removed = remove_unread(con, night, _kept_versions(night), Disk(hook))
    return Expired(len(going), records, sum(report.rolled_up for report in made.values()), removed)


def remove_unread(
    con: duckdb.DuckDBPyConnection, night: Night, versions: Collection[Mapping[str, str]], disk: Disk
) -> int:
    """Removes day files that no version was made from, given what each one's manifest says of how it was made: of days
    that the oldest one did not read any more, and of days that had expired by then all but the file that stands for
    them. Without a version, or with one that says nothing, nothing goes. Returns how many files. Raises OSError.
    """
    read_from, detail_from = (
        min((made.get(name, "") for made in versions), default="") for name in (USAGE_FROM, DETAIL_FROM)
    )
    removed = 0
    for table in usage.DAY_TABLES:
        standing = dict(
            con.execute(f"select usage_date, {identifier(table.partition('.')[2])} from intake.expired_days").fetchall()
        )

        def is_wanted(day: date, digest: str, standing: dict[date, str] = standing) -> bool:
            if day not in standing:
                return True
            told = day.isoformat()
            return told >= read_from and (told >= detail_from or standing[day] == digest)

        removed += remove_days(night.day_folder(table), is_wanted, disk)
    return removed


def _kept_versions(night: Night) -> list[Mapping[str, str]]:
    """What the manifests of all kept versions say of how they were made; nothing of one that can't be trusted."""
    kept = committed(night.tier_table).values() if night.tier_table.is_dir() else ()
    return [{} if manifest is None else manifest.provenance for manifest in kept]


def first_kept(con: duckdb.DuckDBPyConnection, night: Night) -> date | None:
    """The first day of which a night keeps call detail; None without any.

    Counted back from the last loaded day, so that a night without deliveries takes nothing away.
    """
    loaded = usage.loaded_days(con, night.as_of_date, night.known_before)
    if loaded is None:
        return None
    waiting: date | None = first_row(con, _WAITING, {"known_before": night.known_before})[0]
    first = loaded[1] - timedelta(days=night.settings.keep_cdr_days - 1)
    return first if waiting is None else min(first, waiting)


def _usage_from(con: duckdb.DuckDBPyConnection, night: Night, first: date) -> date:
    """The first day that a night keeps rolled up: with its call detail at least, and never one that went before."""
    loaded = usage.loaded_days(con, night.as_of_date, night.known_before)
    last = first if loaded is None else loaded[1]
    oldest = min(first, last - timedelta(days=night.settings.keep_usage_days - 1))
    return max(oldest, usage_from(con) or date.min)
