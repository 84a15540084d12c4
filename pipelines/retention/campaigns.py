"""The worklists of campaigns as immutable files, one a campaign, and the view that the SQL has of them.

Belongs here: files, their digests, the members of campaigns. Does not: who becomes one (segmentation/worklist.py), what
came of it (sql/).

`<home>/published/campaigns/<campaign>/worklist.parquet` holds who is to be called and who is kept out. Its SHA-256 is
in SHA256SUMS.jsonl beside the campaigns, remembered before the file gets its name.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import polars as pl

from pipelines.day_files import write_day
from pipelines.digests import digest_of, remembered
from pipelines.durable import FOLDER_MODE, Disk, Hook, ignore_step
from pipelines.run_context import RUN_COLUMNS
from pipelines.sql_text import identifiers, literal, without_globs

FOLDER = "campaigns"
FILE = "worklist.parquet"
MEMBERS = RUN_COLUMNS["campaign_members"]
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
_DAMAGED = (
    "does not have the SHA-256 that it was written with. Copy it back from a backup; without one, move its folder "
    "away: the campaign's results can't be told then"
)


class CampaignError(RuntimeError):
    """A campaign that can't be made or read; the message names it and the cure."""


@dataclass(frozen=True)
class Campaign:
    """One campaign's file: when its list was made, and from which night."""

    name: str
    list_date: date
    run_key: str
    path: Path


def checked_name(name: str) -> str:
    """The name of a campaign, which is a folder's and the key of its lots too. Raises CampaignError."""
    if _NAME.fullmatch(name) is None:
        raise CampaignError(
            f"campaign {name!r}: a name has up to 40 lower-case letters, digits, '.', '_' or '-', and begins with a "
            "letter or digit, such as 2024-07-contracts"
        )
    return name


def campaigns(folder: Path) -> tuple[Campaign, ...]:
    """All campaigns, by name. Raises CampaignError where a file is not what was written."""
    return tuple(found for path in _paths(folder) if (found := _campaign(folder, path)) is not None)


def campaign_of(folder: Path, name: str) -> Campaign | None:
    """The campaign of that name; None without one. Raises CampaignError where its file is not what was written."""
    path = folder / name / FILE
    return _campaign(folder, path) if path.is_file() else None


def add_campaign(rows: pl.DataFrame, folder: Path, name: str, hook: Hook = ignore_step) -> None:
    """Writes the members (columns MEMBERS) of a new campaign, there whole or not at all. The caller holds `adding`.

    Raises OSError on the disk, duckdb.Error.
    """
    with duckdb.connect() as con:
        con.register("members", rows.to_arrow())
        columns = ", ".join(f'cast("{column}" as {kind}) as "{column}"' for column, kind in MEMBERS.items())
        ordered = con.sql(f"select {columns} from members order by tier_flag, position")
        write_day(ordered, folder, f"{name}/{FILE}", Disk(hook), label="worklist")


@contextmanager
def adding(folder: Path) -> Iterator[None]:
    """One command at a time makes a campaign: the next one sees who is in it."""
    folder.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
    lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def members_query(paths: list[Path]) -> str:
    """A SELECT of the members in those files; of no rows without any."""
    if not paths:
        nulls = ", ".join(f'null::{kind} as "{column}"' for column, kind in MEMBERS.items())
        return f"select {nulls} where false"
    listed = ", ".join(literal(without_globs(str(path.resolve()))) for path in paths)
    return f"select {identifiers(MEMBERS)} from read_parquet([{listed}], hive_partitioning = false)"


def show_members(con: duckdb.DuckDBPyConnection, folder: Path, as_of_date: date) -> tuple[int, tuple[str, ...]]:
    """Makes `run.campaign_members` a view of all whose list was made by the as-of date.

    Gives the campaigns in it, and the names of those that are left out because their file is damaged: no night fails
    because of a list that is over.
    """
    sound, damaged = [], []
    for path in _paths(folder):
        try:
            found = _campaign(folder, path)
        except CampaignError:
            damaged.append(path.parent.name)
            continue
        if found is not None and found.list_date <= as_of_date:
            sound.append(path)
    con.execute(f"create or replace view run.campaign_members as {members_query(sound)}")
    return len(sound), tuple(damaged)


def _paths(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*/{FILE}"))


def _campaign(folder: Path, path: Path) -> Campaign | None:
    """What a file says of itself; None of one without rows."""
    known = remembered(folder).get(path.relative_to(folder).as_posix())
    if known is None or digest_of(path, known.path) != known:
        raise CampaignError(f"{path} {_DAMAGED}")
    with duckdb.connect() as con:
        found = con.execute(
            f"select list_date, run_key from read_parquet({literal(without_globs(str(path)))}) limit 1"
        ).fetchall()
    return Campaign(path.parent.name, list_date=found[0][0], run_key=found[0][1], path=path) if found else None
