"""The versions a published folder holds: finishing and cleaning after a killed publisher, collecting old versions.

Belongs here: reading, switching to and removing committed versions. Does not: making a version. All under the lock.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pipelines.durable import Disk
from tierline.manifest import (
    MANIFESTS_FOLDER,
    POINTER_NAME,
    RUNS_FOLDER,
    Manifest,
    ManifestError,
    Pointer,
    manifest_name,
)
from tierline.verify import map_file, read_manifest, read_pointer

_MANIFEST_FILE = re.compile(r"([1-9][0-9]*)\.json")
_RUN_FOLDER = re.compile(r"([1-9][0-9]*)-[0-9a-f]+")
_POINTER_TEMPORARY = ".CURRENT-*.tmp"


@dataclass(frozen=True, slots=True)
class Recovery:
    """What recover() found after a killed publisher: nothing, most nights.

    finished: the committed version it switched to. removed: leftover run folders and temporary files, relative paths.
    damaged: committed manifests (relative paths) that can't be read, or newer than CURRENT.json with damaged files.
    """

    finished: int | None = None
    removed: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()


def run_name(version: int) -> str:
    """A new name for a version's run folder; random, so that no path is ever used twice."""
    return f"{version}-{secrets.token_hex(8)}"


def committed(folder: Path) -> dict[int, Manifest | None]:
    """Committed versions, ascending; None where the manifest is damaged or of another major version."""
    found: dict[int, Manifest | None] = {}
    for path in (folder / MANIFESTS_FOLDER).iterdir():
        if match := _MANIFEST_FILE.fullmatch(path.name):
            version = int(match[1])
            try:
                found[version] = Manifest.parse(path.read_bytes(), version)
            except (ManifestError, OSError):
                found[version] = None
    return dict(sorted(found.items()))


def current_version(folder: Path) -> Manifest | None:
    """The manifest that CURRENT.json names, checked; None when there is none that can be trusted."""
    try:
        return read_manifest(folder, read_pointer(folder))
    except (ManifestError, OSError):
        return None


def is_intact(folder: Path, manifest: Manifest) -> bool:
    """Whether all files of a version still have the size and SHA-256 of its manifest."""
    try:
        for entry in manifest.files:
            map_file(folder, entry)
    except (ManifestError, OSError):
        return False
    return True


def switch_to(folder: Path, version: int, disk: Disk) -> None:
    """Make a committed version the current one: a new pointer, written, forced to disk and put in place of the old."""
    name = manifest_name(version)
    digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    temporary = folder / _POINTER_TEMPORARY.replace("*", secrets.token_hex(8))
    disk.write_file(temporary, Pointer(version, name, digest).to_bytes(), "pointer")
    disk.switch(temporary, folder / POINTER_NAME)
    disk.sync_folder(folder, "published")


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
    return Recovery(finished, tuple(_remove_leftovers(folder, versions, disk)), tuple(damaged))


def collect(
    folder: Path, *, keep_versions: int, min_age: timedelta, published_at: datetime, disk: Disk
) -> tuple[int, ...]:
    """Remove committed versions beyond the newest `keep_versions` that were published more than `min_age` before.

    First the manifest, then the run folders that no remaining manifest lists, so that a kill in between leaves only
    folders that recover() removes. Damaged manifests stay, and with them every run folder of a committed version.
    Returns the versions removed. The caller holds the lock.
    """
    versions = committed(folder)
    pointer = read_pointer(folder).version
    removed = tuple(
        version
        for version in list(versions)[: max(0, len(versions) - keep_versions)]
        if (manifest := versions[version]) is not None
        and version != pointer
        and manifest.published_at < published_at - min_age
    )
    for version in removed:
        disk.remove_file(folder / manifest_name(version), "manifest")
    if removed:
        disk.sync_folder(folder / MANIFESTS_FOLDER, "manifests")
        _remove_leftovers(folder, {v: m for v, m in versions.items() if v not in removed}, disk)
    return removed


def _remove_leftovers(folder: Path, versions: dict[int, Manifest | None], disk: Disk) -> list[str]:
    listed = {entry.path.split("/")[1] for m in versions.values() if m is not None for entry in m.files}
    newest = max(versions, default=0)
    removed = []
    for path in sorted((folder / RUNS_FOLDER).iterdir()):
        match = _RUN_FOLDER.fullmatch(path.name)
        if match is None or path.name in listed:
            continue
        if None in versions.values() and int(match[1]) <= newest:
            continue  # a manifest that can't be read may list it
        disk.remove_run(path)
        removed.append(f"{RUNS_FOLDER}/{path.name}")
    for path in sorted(folder.glob(_POINTER_TEMPORARY)):
        disk.remove_file(path, "temporary")
        removed.append(path.name)
    return removed
