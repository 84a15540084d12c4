"""From a written manifest to the current version: the commit and the switch, the same for every kind of version.

Belongs here: preparing a folder, committing, switching. Does not: what a version holds (publish.py, rollback.py).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from pathlib import Path

from pipelines.durable import Disk
from pipelines.publishing.errors import PublishError
from tierline.manifest import (
    MANIFESTS_FOLDER,
    POINTER_NAME,
    RUNS_FOLDER,
    Manifest,
    ManifestError,
    Pointer,
    manifest_name,
)

POINTER_TEMPORARY = ".CURRENT-*.tmp"
MANIFEST_TEMPORARY = ".manifest-*.tmp"
TEMPORARIES = (POINTER_TEMPORARY, MANIFEST_TEMPORARY)


def prepare(folder: Path, disk: Disk) -> None:
    """Make the published folder itself, whole or not at all from its first missing parent on."""
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        disk.make_folder(missing, "published")
        disk.sync_folder(missing.parent, "parent")


def prepare_inside(folder: Path, disk: Disk) -> None:
    """Make the folders of runs and manifests. The caller holds the lock."""
    for name in (RUNS_FOLDER, MANIFESTS_FOLDER):
        if not (folder / name).exists():
            disk.make_folder(folder / name, name)
            disk.sync_folder(folder, "published")


def checked(manifest: Manifest) -> Manifest:
    """The manifest, if a reader would take it; raises PublishError naming the argument that is wrong."""
    if manifest.published_at.utcoffset() is None or manifest.expires_at.utcoffset() is None:
        raise PublishError("published_at and expires_at must be aware datetimes: give them a time zone")
    if manifest.expires_at <= manifest.published_at:
        raise PublishError("expires_at must be after published_at")
    try:
        Manifest.parse(manifest.to_bytes(), manifest.version)
    except ManifestError as error:
        raise PublishError(f"these arguments make no manifest that a reader takes: {error}") from error
    return manifest


def temporary(folder: Path, pattern: str) -> Path:
    """A new name of that pattern, which recover() removes when its writer was killed."""
    return folder / pattern.replace("*", secrets.token_hex(8))


def commit(folder: Path, written: Path, version: int, disk: Disk, may_commit: Callable[[], None]) -> None:
    """Commit a written manifest under its version's name and make it the current one. The caller holds the lock.

    Raises what `may_commit` raises, FileExistsError when the version is taken, OSError: until the link nothing is
    committed; after it, the next publisher finishes.
    """
    disk.commit_link(written, folder / manifest_name(version), may_commit)
    disk.sync_folder(folder / MANIFESTS_FOLDER, "manifests")
    switch_to(folder, version, disk)


def switch_to(folder: Path, version: int, disk: Disk) -> None:
    """Make a committed version the current one: a new pointer, written, forced to disk and put in place of the old."""
    name = manifest_name(version)
    digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    written = temporary(folder, POINTER_TEMPORARY)
    disk.write_file(written, Pointer(version, name, digest).to_bytes(), "pointer")
    disk.switch(written, folder / POINTER_NAME)
    disk.sync_folder(folder, "published")
