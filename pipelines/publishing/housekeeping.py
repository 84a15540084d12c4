"""Keeping a published folder in order: finishing and cleaning after a killed publisher, collecting old versions.

Belongs here: what is removed, and when. Does not: making or choosing a version. All under the folder's lock.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pipelines.durable import Disk
from pipelines.publishing.commit import TEMPORARIES, switch_to
from pipelines.publishing.history import Versions, committed, is_intact, rollback_target
from tierline.manifest import MANIFESTS_FOLDER, RUNS_FOLDER, ManifestError, manifest_name
from tierline.verify import read_pointer

_RUN_FOLDER = re.compile(r"([1-9][0-9]*)-[0-9a-f]+")


@dataclass(frozen=True, slots=True)
class Recovery:
    """What recover() found after a killed publisher: nothing, most nights.

    finished: the committed version it switched to. removed: leftover run folders and temporary files, relative paths.
    damaged: committed manifests (relative paths) that can't be trusted, or newer than CURRENT.json with damaged files.
    """

    finished: int | None = None
    removed: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()


def run_name(version: int) -> str:
    """A new name for a version's run folder; random, so that no path is ever used twice."""
    return f"{version}-{secrets.token_hex(8)}"


def recover(folder: Path, disk: Disk) -> Recovery:
    """Bring a published folder into order after a publisher that was killed. The caller holds the lock.

    A committed version newer than CURRENT.json (killed between link and switch) is switched to, once its files are
    verified. With CURRENT.json missing or unreadable that is the newest intact version. Run folders that no manifest
    lists, and temporary files, are removed: with the lock held, no living publisher owns them.
    """
    try:
        at = read_pointer(folder).version
    except (ManifestError, OSError):
        at = 0
    versions = committed(folder)
    damaged = [manifest_name(version) for version, manifest in versions.items() if manifest is None]
    finished = None
    for version, manifest in reversed(versions.items()):
        if version <= at:
            break
        if manifest is not None and is_intact(folder, manifest):
            disk.sync_folder(folder / MANIFESTS_FOLDER, "manifests")  # its killed publisher may not have come to it
            switch_to(folder, version, disk)
            finished = version
            break
        if manifest is not None:
            damaged.append(manifest_name(version))
    removed = (*remove_temporaries(folder, disk), *remove_unlisted_runs(folder, versions, disk))
    return Recovery(finished, removed, tuple(damaged))


def collect(
    folder: Path, *, keep_versions: int, min_age: timedelta, published_at: datetime, disk: Disk
) -> tuple[int, ...]:
    """Remove committed versions beyond the newest `keep_versions` that were published more than `min_age` before.

    The one that a rollback would go to stays whatever its age (unless keep_versions is 1: the current one alone).
    First the manifest, then the run folders that no remaining manifest lists, so that a kill in between leaves only
    folders that recover() removes. Damaged manifests stay, and with them every run folder of a committed version.
    Returns the versions removed. The caller holds the lock.
    """
    versions = committed(folder)
    pointer = read_pointer(folder).version
    removed = [
        version
        for version in list(versions)[: max(0, len(versions) - keep_versions)]
        if (manifest := versions[version]) is not None
        and version != pointer
        and manifest.published_at < published_at - min_age
    ]
    if removed and keep_versions > 1 and (target := rollback_target(folder, versions, pointer)) in removed:
        removed.remove(target)
    for version in removed:
        disk.remove_file(folder / manifest_name(version), "manifest")
    if removed:
        disk.sync_folder(folder / MANIFESTS_FOLDER, "manifests")
        remove_unlisted_runs(folder, {v: m for v, m in versions.items() if v not in removed}, disk)
    return tuple(removed)


def unlisted_runs(folder: Path, versions: Versions) -> list[Path]:
    """Run folders that no version lists, in order of their names.

    Where a manifest can't be trusted it may list any run of a committed version: then only newer ones are unlisted.
    """
    listed = {entry.path.split("/")[1] for m in versions.values() if m is not None for entry in m.files}
    oldest = max(versions, default=0) + 1 if None in versions.values() else 0
    return [
        path
        for path in sorted((folder / RUNS_FOLDER).iterdir())
        if (match := _RUN_FOLDER.fullmatch(path.name)) and path.name not in listed and int(match[1]) >= oldest
    ]


def remove_unlisted_runs(folder: Path, versions: Versions, disk: Disk) -> tuple[str, ...]:
    """Remove the unlisted run folders; returns their relative paths."""
    runs = unlisted_runs(folder, versions)
    for path in runs:
        disk.remove_run(path)
    return tuple(f"{RUNS_FOLDER}/{path.name}" for path in runs)


def remove_temporaries(folder: Path, disk: Disk, patterns: tuple[str, ...] = TEMPORARIES) -> tuple[str, ...]:
    """Remove what killed writers left under temporary names; returns their relative paths."""
    found = [path for pattern in patterns for path in sorted(folder.glob(pattern))]
    for path in found:
        disk.remove_file(path, "temporary")
    return tuple(str(path.relative_to(folder)) for path in found)
