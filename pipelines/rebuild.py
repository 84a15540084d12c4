"""The warehouse made anew from the landing archive and the ledger copy, and published versions made again to compare.

Belongs here: the order of a rebuild, and what is compared. Does not: taking files (intake/replay.py), running a night
(runs.py).

Everything happens in a home folder of its own under tmp/, into which the archive's files are linked: the new warehouse
takes the place of the old one in the last step, and a rebuild that was killed is simply started again.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pipelines.intake.expiries import Expiry
from pipelines.intake.ledger_copy import LedgerCopyError, LedgerEntry, LedgerLine, read_ledger_lines
from pipelines.intake.replay import replay
from pipelines.leftovers import REBUILD_FOLDER
from pipelines.night import Night
from pipelines.policy_source import kept_policy
from pipelines.progress import Progress
from pipelines.publishing.history import committed, current_version
from pipelines.publishing.provenance import DETAIL_FROM
from pipelines.run_key import code_digest
from pipelines.runs import Failure, run_night
from pipelines.tier_history import FIRST, FOLDER, FOLLOWED
from pipelines.turns import take_turn
from pipelines.usage import DAY_TABLES
from tierline.manifest import Manifest, ManifestError
from tierline.verify import current_manifest

_LINKED = ("sources", "tierline.yaml", "models")


@dataclass(frozen=True)
class RemadeVersion:
    """A published version beside what was made again from the archive.

    differing: names of files that came out with other bytes. failures: why the night could not be made at all.
    other_code: it was published by other code than today's, so that a difference is no surprise.
    """

    version: int
    as_of_date: date
    differing: tuple[str, ...]
    failures: tuple[Failure, ...]
    other_code: bool

    @property
    def same(self) -> bool:
        """Whether every file came out with the same bytes."""
        return not self.differing and not self.failures


@dataclass(frozen=True)
class Rebuild:
    """What a rebuild came to. `kept` is where the old warehouse lies, None where it was removed or there was none."""

    files: int
    versions: tuple[RemadeVersion, ...]
    kept: Path | None


def rebuild(home: Path, options: dict[str, Any], progress: Progress, *, every_version: bool = False) -> Rebuild:
    """Makes the warehouse anew and the current version again, or every kept one.

    Raises LedgerCopyError where the ledger copy or a file of the archive is missing or damaged, or a file comes out
    with other counts; TurnBusyError; SettingsError. The old warehouse stays then. It also stays, beside the new one,
    where a version of the same code came out differently.
    """
    night = Night(home, date.min, options)
    lines, settings = _lines(night), night.settings
    with take_turn(
        home, "rebuild", wait_seconds=settings.lock_wait_seconds, takeover_seconds=settings.takeover_seconds
    ) as turn:
        work = _work_folder(night, lines)
        taken, remade = 0, []
        versions = _versions(night.tier_table, every_version)
        # Settings that came from a command line once are in the manifest, not in the home's file.
        given = (_settings_of(versions[-1]) if versions else {}) | options
        for manifest in versions:
            before = max(taken, _lines_before(manifest, lines))
            _take(work, night, lines[taken:before], given, progress)
            taken = before
            remade.append(_make_again(work, night, manifest, progress))
        _take(work, night, lines[taken:], given, progress)
        turn.require()
        sound = all(version.same or version.other_code for version in remade)
        kept = _put_in_place(work, home, keep_old=not sound)
        shutil.rmtree(work, ignore_errors=True)
    return Rebuild(sum(isinstance(line, LedgerEntry) for line in lines), tuple(remade), kept)


def _lines(night: Night) -> tuple[LedgerLine, ...]:
    copy = night.intake_settings.ledger_copy
    lines = read_ledger_lines(copy) if copy is not None else ()
    if not lines:
        raise LedgerCopyError(
            f"{copy} is not there or empty, so nothing says which files were taken, and in which order. Without it, "
            "move warehouse.duckdb away and run a night: it takes every file in landing/"
        )
    return lines


def _lines_before(manifest: Manifest, lines: Sequence[LedgerLine]) -> int:
    """How many lines of the ledger copy tell what a version was made from."""
    files = int(manifest.provenance.get("ledger_files", len(lines)))
    expired = manifest.provenance.get(DETAIL_FROM, "")
    count = 0
    for line in lines:
        if isinstance(line, LedgerEntry):
            files -= 1
        elif line.detail_from.isoformat() > expired:
            break
        if files < 0:
            break
        count += 1
    return count


def _settings_of(manifest: Manifest) -> dict[str, Any]:
    return dict(json.loads(manifest.provenance.get("settings", "{}")))


def _versions(tier_table: Path, every_version: bool) -> list[Manifest]:
    if not tier_table.is_dir():
        return []
    current = current_version(tier_table)
    if not every_version:
        return [] if current is None else [current]
    return sorted(filter(None, committed(tier_table).values()), key=lambda m: (_files_of(m), m.version))


def _files_of(manifest: Manifest) -> int:
    return int(manifest.provenance.get("ledger_files", 0))


def _work_folder(night: Night, lines: Sequence[LedgerLine]) -> Path:
    home, work = night.home, night.home / REBUILD_FOLDER
    shutil.rmtree(work, ignore_errors=True)
    (work / "landing").mkdir(parents=True, mode=0o750)
    (work / "published").mkdir(mode=0o750)
    history = home / "published" / FOLDER
    if history.is_dir():  # read only: nights are made again in folders of their own
        (work / "published" / FOLDER).symlink_to(history.resolve())
    for name in _LINKED:
        if (home / name).exists():
            (work / name).symlink_to((home / name).resolve())
    _link_expired_days(night, Night(work, night.as_of_date, night.options), lines)
    return work


def _link_expired_days(night: Night, made_anew: Night, lines: Sequence[LedgerLine]) -> None:
    """Days whose call detail has expired do not come out again: their files are used. All others are made anew."""
    expired = [day.usage_date for line in lines if isinstance(line, Expiry) for day in line.days]
    for kept in DAY_TABLES.values():
        for day in expired:
            there = night.day_folder(kept.table) / f"usage_date={day.isoformat()}"
            for file in sorted(there.glob("*.parquet")):
                link = made_anew.day_folder(kept.table) / there.name / file.name
                link.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
                link.symlink_to(file.resolve())


def _take(work: Path, night: Night, lines: Sequence[LedgerLine], options: dict[str, Any], progress: Progress) -> None:
    """Links the files of these lines into the work folder's landing/ and takes them in the ledger's order."""
    for entry in lines:
        if isinstance(entry, Expiry):
            continue
        for suffix in ("", ".ctl", ".CTL"):
            file = night.landing / (entry.file_name + suffix)
            if file.is_file():
                link = work / "landing" / (entry.file_name + suffix)
                link.parent.mkdir(exist_ok=True, mode=0o750)
                link.symlink_to(file.resolve())
    here = Night(work, date.min, options)
    with here.warehouse.open() as con:
        report = replay(
            con, here.landing, lines, mappings=here.mappings, settings=here.intake_settings, progress=progress
        )
    if report.refused:
        raise LedgerCopyError("The archive does not give what was taken:\n" + "\n".join(map(str, report.refused)))


def _make_again(work: Path, night: Night, manifest: Manifest, progress: Progress) -> RemadeVersion:
    made_from = manifest.provenance
    options = _settings_of(manifest)
    policy = kept_policy(night.home, made_from.get("policy_fingerprint", ""))
    options["policy"] = str(policy.resolve()) if policy.is_file() else night.settings.policy
    options["engine"] = "duckdb"  # the same bytes, and what nights keep under spark_path stays theirs
    asked = Night(work, manifest.as_of_date, options)
    # Each night in a folder of its own, so that none is older than what is published there.
    known_at = made_from.get("known_before") or f"{asked.known_before.isoformat()}Z"
    result = run_night(
        work,
        manifest.as_of_date,
        options,
        progress,
        known_at=known_at,
        accept="made again",
        follows=made_from.get(FOLLOWED, FIRST),
        model=made_from.get("model"),
    )
    differing: tuple[str, ...] = ()
    if result.succeeded and result.published is not None:
        differing = _differing(manifest, result.published / "customer_tiers")
    return RemadeVersion(
        manifest.version,
        manifest.as_of_date,
        differing,
        result.failures,
        other_code=made_from.get("code") != code_digest(),
    )


def _differing(manifest: Manifest, made: Path) -> tuple[str, ...]:
    try:
        found = {entry.name: entry.sha256 for entry in current_manifest(made).files}
    except (ManifestError, OSError):
        found = {}
    return tuple(entry.name for entry in manifest.files if found.get(entry.name) != entry.sha256)


def _put_in_place(work: Path, home: Path, *, keep_old: bool) -> Path | None:
    # A kill in between leaves no warehouse: the next run takes everything again, as the ledger copy says.
    new, old, kept = work / "warehouse.duckdb", home / "warehouse.duckdb", home / "warehouse.before-rebuild.duckdb"
    for suffix in (".wal", ""):
        there = old.with_name(old.name + suffix)
        if there.exists():
            os.replace(there, kept.with_name(kept.name + suffix))  # noqa: PTH105 (atomic by contract)
    os.replace(new, old)  # noqa: PTH105
    if keep_old and kept.exists():
        return kept
    for suffix in (".wal", ""):
        kept.with_name(kept.name + suffix).unlink(missing_ok=True)
    return None
