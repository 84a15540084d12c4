"""What the tier history comes to by the end of a month, so that no night reads it from its beginning.

Belongs here: the files that stand for a history, and the one that sums up its past months. Does not: the history
itself (tier_history.py), or what a night remembers (sql/features/tier_state.sql).

A night needs each customer's last row, and the last one by the end of last month. So the nights up to that month end
may be replaced by the last row of each customer among them: `tier_memory/as_of_date=2024-05-31/<digest>.parquet`, named
by the last of these nights, which by its digest stands for all before it. Such a file may be deleted at any time: it is
made again from the nights.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import duckdb

from pipelines.day_files import remove_leftovers, write_day
from pipelines.digests import digest_of, remembered
from pipelines.durable import Disk, Hook, ignore_step
from pipelines.run_context import RUN_COLUMNS
from pipelines.sql_text import identifiers, literal, without_globs
from pipelines.tier_history import NightFile, require_sound, show_files

_KEPT = 2
"""Sums of months: last month's, and the one before, which nights made again ask for."""
_LAST_ROWS = """
    select * exclude (recency)
    from (select {columns}, row_number() over (partition by customer_id order by valid_from desc) as recency
        from read_parquet([{files}], hive_partitioning = false))
    where recency = 1
    order by customer_id
"""


def sum_up(
    folder: Path, nights: Sequence[NightFile], month_end: date, memory_limit: str, hook: Hook = ignore_step
) -> None:
    """Makes the file of the nights up to `month_end` in `folder` where it is missing or damaged, and removes older
    ones but the last. Nothing to do before there are two such nights.

    The caller has the warehouse. Raises TierHistoryError where a night is damaged, duckdb.Error, OSError on the disk.
    """
    settled = [night for night in nights if night.as_of_date <= month_end]
    if len(settled) <= 1:
        return
    disk = Disk(hook)
    remove_leftovers(folder, disk)
    name = _name(settled[-1])
    newer = [file for file in folder.glob("*/*.parquet") if file.parent.name > Path(name).parent.name]
    if len(newer) < _KEPT and not _is_sound(folder, name):
        files = standing_for(folder, settled, settled[-2].as_of_date)
        require_sound([night for night in settled if night.path in files])
        listed = ", ".join(literal(without_globs(str(file.resolve()))) for file in files)
        query = _LAST_ROWS.format(columns=identifiers(RUN_COLUMNS["tier_changes"]), files=listed)
        with duckdb.connect(config={"memory_limit": memory_limit}) as con:
            write_day(con.sql(query), folder, name, disk, label="tier-memory")
    for old in sorted(folder.glob("as_of_date=*/*.parquet"), reverse=True)[_KEPT:]:
        disk.remove_file(old, "tier-memory")
        if not any(old.parent.iterdir()):
            old.parent.rmdir()


def standing_for(folder: Path, nights: Sequence[NightFile], month_end: date) -> list[Path]:
    """The fewest files that say the same of each customer's last row, and of the last one by `month_end`, as all files
    of the nights: a sum of those up to then or earlier, if there is one, and the nights since.
    """
    for position in reversed(range(len(nights))):
        night = nights[position]
        if night.as_of_date <= month_end and _is_sound(folder, _name(night)):
            return [folder / _name(night), *(later.path for later in nights[position + 1 :])]
    return [night.path for night in nights]


def show_memory(
    con: duckdb.DuckDBPyConnection, name: str, folder: Path, nights: Sequence[NightFile], month_end: date
) -> int:
    """Makes `run.<name>` a view over the files that stand for the nights; returns how many files.

    Raises TierHistoryError where one is not what was written.
    """
    files = standing_for(folder, nights, month_end)
    read = set(files)
    require_sound([night for night in nights if night.path in read])
    show_files(con, name, files)
    return len(files)


def _name(night: NightFile) -> str:
    return f"as_of_date={night.as_of_date.isoformat()}/{night.digest}.parquet"


def _is_sound(folder: Path, name: str) -> bool:
    file = folder / name
    return file.is_file() and digest_of(file, name) == remembered(folder).get(name)
