"""Immutable files, one a day, night or campaign, on the disk: writing one so that its rot can be found, and looking for
rot.

Belongs here: files, their digests, leftovers. Does not: which days need one, or what their rows are (usage.py,
tier_history.py, retention/, sql/).

A day file is immutable and named by what decides its content. No manifest lists it, so its SHA-256 goes into
SHA256SUMS.jsonl beside the days, before the file gets its name.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import duckdb

from pipelines.digests import LIST_NAME, digest_of, forget_removed, remember, remembered
from pipelines.durable import Disk
from pipelines.publishing.verify import Damage

_DAY = "usage_date="
_TEMPORARY = ".tmp"  # beside the days, where one look finds what is left: a home of years has many days


def write_day(rows: duckdb.DuckDBPyRelation, folder: Path, name: str, disk: Disk, *, label: str) -> None:
    """Write a day's rows as the file `name` of the folder, which is there whole or not at all.

    Steps are named by `label`. Raises duckdb.Error where the SQL fails, OSError on the disk.
    """
    path = folder / name
    for missing in reversed([p for p in (path.parent, *path.parents) if not p.exists()]):
        disk.make_folder(missing, label)
    temporary = folder / f".{path.stem}{_TEMPORARY}"
    disk.writing(label)
    rows.write_parquet(str(temporary), compression="zstd")
    remember(folder, digest_of(temporary, name), disk)
    disk.adopt(temporary, path, label)


def remove_leftovers(folder: Path, disk: Disk) -> None:
    """Remove what killed runs left under temporary names. The caller holds the warehouse, so nobody is writing."""
    for left in sorted(folder.glob(f".*{_TEMPORARY}")):
        disk.remove_file(left, "temporary")


def listed(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """The names of the folders of days (or nights), sorted, and those of the files in each: many in a home of years, so
    not by a pattern, which takes several times as long.
    """
    try:
        with os.scandir(folder) as places:
            days = sorted(place.name for place in places if "=" in place.name and place.is_dir())
    except FileNotFoundError:
        return
    for day in days:
        yield day, sorted(os.listdir(f"{folder}/{day}"))  # noqa: PTH208 -- a third of what Path takes


def remove_days(folder: Path, is_wanted: Callable[[date, str], bool], disk: Disk) -> int:
    """Remove the files (day, digest in the name) of a folder of days of usage that are not wanted, and folders that are
    empty then; returns how many files. Raises OSError.

    A file goes before its digest is forgotten: a digest without a file says nothing. Steps remove:day, and those of
    forget_removed.
    """
    removed, there = 0, set()
    for name, files in listed(folder):
        if not name.startswith(_DAY):
            continue
        day = date.fromisoformat(name.removeprefix(_DAY))
        unwanted = [f for f in files if f.endswith(".parquet") and not is_wanted(day, f.removesuffix(".parquet"))]
        for file in unwanted:
            disk.remove_file(folder / name / file, "day")
        if len(unwanted) == len(files):
            disk.remove_folder(folder / name, "day")
        removed += len(unwanted)
        there |= {f"{name}/{file}" for file in files}.difference(f"{name}/{file}" for file in unwanted)
    forget_removed(folder, there, disk)
    return removed


def verify_days(
    folder: Path, cure: str, progress: Callable[[int, int], None] = lambda _done, _total: None
) -> tuple[int, int, tuple[Damage, ...]]:
    """Read every file and compare it with its remembered digest: files compared, files without one, damage.

    Paths are relative to the folder; `cure` says what to do about a damaged file. `progress` hears of files done and to
    do. Reads only; a file that is deleted meanwhile is no damage.
    """
    digests = remembered(folder)
    paths = sorted(folder.glob("*/*.parquet"))
    damages, compared, unknown = [], 0, 0
    for done, path in enumerate(paths, start=1):
        name = str(path.relative_to(folder))
        known = digests.get(name)
        try:
            found = digest_of(path, name)
        except FileNotFoundError:
            continue
        except OSError as error:
            damages.append(Damage(name, f"can't be read: {error.strerror}", cure))
            continue
        finally:
            progress(done, len(paths))
        if known is None:
            unknown += 1
            continue
        compared += 1
        if found != known:
            damages.append(Damage(name, f"does not have the size and SHA-256 that {LIST_NAME} names", cure))
    return compared, unknown, tuple(damages)
