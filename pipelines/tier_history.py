"""The history of tiers as immutable files, one a night, each holding what that night changed.

Belongs here: which files make up the history that a night goes on from, and adding the night's own. Does not: what a
change is (sql/scores/tier_changes.sql), or what follows from it (segmentation/moves.py).

A file is named by its night, a digest of all that decided it (the run key), and the digest of the night that it
followed: `as_of_date=2024-06-30/<digest>-<followed>.parquet`. The manifest of a version names the digest of its night,
so that a night that was never published, or was rolled back, is no part of any history; and a night run again follows
the same night as before, and comes out the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from pipelines.day_files import listed, remove_leftovers, write_day
from pipelines.digests import digest_of, remembered
from pipelines.durable import Disk, Hook, ignore_step
from pipelines.run_context import RUN_COLUMNS
from pipelines.sql_text import identifier, identifiers, literal, without_globs
from pipelines.warehouse import first_row

FOLDER = "tier_history"
PROVENANCE = "tier_history"  # what a manifest calls the digest of its night, and that of the night before it
FOLLOWED = "tier_history_followed"
FIRST = "first"
_DIGITS = 16
_NAME = re.compile(rf"as_of_date=(\d{{4}}-\d\d-\d\d)/([0-9a-f]{{{_DIGITS}}})-([0-9a-f]{{{_DIGITS}}}|{FIRST})\.parquet")


class TierHistoryError(RuntimeError):
    """A night of the history is missing; the message names it and the cure."""


@dataclass(frozen=True)
class NightFile:
    """What one night changed. `followed` is the digest of the night before it, None for the first of all."""

    as_of_date: date
    digest: str
    followed: str | None
    path: Path


def history_before(folder: Path, head: str | None, as_of_date: date) -> tuple[NightFile, ...]:
    """The nights before `as_of_date` among those that led to `head`, oldest first. Raises TierHistoryError."""
    return tuple(night for night in nights_up_to(folder, head) if night.as_of_date < as_of_date)


def nights_up_to(folder: Path, head: str | None) -> tuple[NightFile, ...]:
    """The nights that led to `head`, and it, oldest first; nothing where there is no head.

    Raises TierHistoryError where one of them is missing.
    """
    if head in (None, FIRST):
        return ()
    nights = _nights(folder)
    found: list[NightFile] = []
    digest: str | None = head
    while digest is not None:
        night = nights.get(digest)
        if night is None:
            after = f" before {found[-1].as_of_date}" if found else ""
            raise TierHistoryError(
                f"{folder}: the night {digest}{after} is missing, so nobody's tier is known from then. Copy it back "
                "from a backup, or make the nights anew in an empty home with `tierline backfill`"
            )
        found.append(night)
        digest = night.followed
    return tuple(reversed(found))


def digest_of_run(run_key: str) -> str:
    """The part of a run key that names the night."""
    return run_key[:_DIGITS]


def show_history(con: duckdb.DuckDBPyConnection, nights: Sequence[NightFile]) -> None:
    """Makes `run.tier_changes` a view over all nights' files. They are not compared with their digests: a night does
    not read the whole history for that (`tierline verify` does).
    """
    show_files(con, "tier_changes", [night.path for night in nights])


def show_files(con: duckdb.DuckDBPyConnection, name: str, files: Sequence[Path]) -> None:
    """Makes `run.<name>` a view over files of changes; an empty table's worth of columns without any."""
    columns = RUN_COLUMNS["tier_changes"]
    con.execute(f"drop view if exists run.{identifier(name)}")
    if files:
        roots = {root: root.resolve() for root in {file.parent.parent for file in files}}
        whole = (f"{roots[file.parent.parent]}/{file.parent.name}/{file.name}" for file in files)
        paths = ", ".join(literal(without_globs(path)) for path in whole)
        source = f"select {identifiers(columns)} from read_parquet([{paths}], hive_partitioning = false)"
    else:
        nulls = ", ".join(f'null::{kind} as "{name}"' for name, kind in columns.items())
        source = f"select {nulls} where false"
    con.execute(f"create view run.{identifier(name)} as {source}")


def require_sound(nights: Sequence[NightFile]) -> None:
    """Raises TierHistoryError where a night's file is not what was written."""
    if not nights:
        return
    folder = nights[0].path.parent.parent
    known = remembered(folder)
    for night in nights:
        name = night.path.relative_to(folder).as_posix()
        if name in known and digest_of(night.path, name) != known[name]:
            raise TierHistoryError(
                f"{night.path} is damaged: it does not have the SHA-256 that it was written with. Copy it back from a "
                "backup, or make the nights anew in an empty home with `tierline backfill`"
            )


def add_night(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    *,
    as_of_date: date,
    run_key: str,
    followed: tuple[NightFile, ...],
    hook: Hook = ignore_step,
) -> NightFile:
    """Writes `scores.tier_changes` as the night's file, sorted by customer, and forces it to the disk. A file that is
    there stays: its name says that it is the same. Raises duckdb.Error, OSError.
    """
    disk = Disk(hook)
    remove_leftovers(folder, disk)
    digest = digest_of_run(run_key)
    before = followed[-1].digest if followed else None
    name = f"as_of_date={as_of_date.isoformat()}/{digest}-{before or FIRST}.parquet"
    if not (folder / name).exists():
        columns = identifiers(RUN_COLUMNS["tier_changes"])
        rows = con.sql(f"select {columns} from scores.tier_changes order by customer_id")
        write_day(rows, folder, name, disk, label="tier-history")
    return NightFile(as_of_date, digest, before, folder / name)


def export_history(nights: tuple[NightFile, ...], file: Path) -> tuple[int, str]:
    """Writes all nights as one Parquet file, ordered by customer and night; its rows and SHA-256.

    The same nights give the same bytes. Raises duckdb.Error, OSError.
    """
    require_sound(nights)
    with duckdb.connect() as con:
        con.execute("create schema run")
        show_history(con, nights)
        rows = con.sql("select * from run.tier_changes order by customer_id, valid_from")
        rows.write_parquet(str(file), compression="zstd")
        count = first_row(con, "select count(*) from run.tier_changes")[0]
    return int(count), digest_of(file, file.name).sha256


def changes_by_night(nights: tuple[NightFile, ...]) -> list[tuple[date, dict[str, int]]]:
    """For each night, of how many customers it changed the tier (or ended it), by cause, most first."""
    require_sound(nights)
    with duckdb.connect() as con:
        con.execute("create schema run")
        show_history(con, nights)
        found = con.execute(
            "select valid_from, tier_cause, count(*) from run.tier_changes "
            "where tier_since = valid_from or tier is null group by all order by 1, 3 desc, 2"
        ).fetchall()
    told: dict[date, dict[str, int]] = {night.as_of_date: {} for night in nights}
    for night, cause, count in found:
        told[night][cause] = int(count)
    return list(told.items())


def _nights(folder: Path) -> dict[str, NightFile]:
    nights = {}
    for day, files in listed(folder):
        for match in filter(None, (_NAME.fullmatch(f"{day}/{file}") for file in files)):
            followed = None if match[3] == FIRST else match[3]
            nights[match[2]] = NightFile(date.fromisoformat(match[1]), match[2], followed, folder / match[0])
    return nights
