"""Going back to an older table: a new version that lists an old version's files.

Belongs here: which version may be gone back to, and what the new manifest says. Does not: committing it (commit.py).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from pipelines.durable import Disk, Hook, always, ignore_step
from pipelines.publishing.commit import MANIFEST_TEMPORARY, checked, commit, temporary
from pipelines.publishing.errors import PublishError
from pipelines.publishing.history import (
    ROLLBACK_FIELDS,
    ROLLBACK_OF,
    ROLLBACK_REASON,
    ROLLBACK_TO,
    ROLLED_BACK_RUN_KEY,
    Versions,
    committed,
    is_intact,
    previous_manifest,
    rollback_target,
)
from pipelines.publishing.housekeeping import recover
from pipelines.publishing.lock import publishing_lock
from pipelines.publishing.publish import Publication, with_old_collected
from pipelines.publishing.retention import KEEP_VERSIONS, LOCK_WAIT_SECONDS, MIN_AGE
from tierline.manifest import MANIFESTS_FOLDER, Manifest
from tierline.verify import read_pointer


def rollback(
    folder: Path,
    *,
    to_version: int | None = None,
    published_at: datetime,
    expires_at: datetime,
    reason: str,
    lock_wait_seconds: float = LOCK_WAIT_SECONDS,
    keep_versions: int = KEEP_VERSIONS,
    min_age: timedelta = MIN_AGE,
    may_commit: Callable[[], None] = always,
    hook: Hook = ignore_step,
) -> Publication:
    """Publish an old version's table again, under a higher version; its files are listed, not copied.

    to_version: None is the newest intact version before the current one that holds another table and was not itself
    taken back. As-of date, run key, rows and tiers are the old version's; `reason` stands in the provenance. The run
    key gone back from is published again only on demand (publish's `again`). `may_commit` and `hook`: as of publish().

    Raises PublishError (no such version, a damaged one, the current one, no reason), PublishLockError, OSError, and
    what `may_commit` raises: then the current version stays.
    """
    if not reason.strip():
        raise PublishError("a rollback needs a reason: it is kept with the version, for whoever asks later")
    if not (folder / MANIFESTS_FOLDER).is_dir():
        raise PublishError(f"{folder} holds no published version: there is nothing to roll back")
    disk = Disk(hook)
    with publishing_lock(folder, lock_wait_seconds, hook):
        recovery = recover(folder, disk)
        versions = committed(folder)
        current = read_pointer(folder).version if versions else 0
        old = _chosen(folder, versions, current, to_version)
        manifest = checked(
            replace(
                old,
                version=max(*versions, current) + 1,
                published_at=published_at,
                expires_at=expires_at,
                provenance=_provenance(old, current, versions.get(current), reason.strip()),
                previous=previous_manifest(folder),
            )
        )
        written = temporary(folder, MANIFEST_TEMPORARY)
        try:
            disk.write_file(written, manifest.to_bytes(), "manifest")
            commit(folder, written, manifest.version, disk, may_commit)
        finally:
            with suppress(OSError):
                disk.remove_file(written, "temporary")  # a committed manifest has its other name
        return with_old_collected(
            Publication(True, manifest, None, recovery), folder, keep_versions=keep_versions, min_age=min_age, disk=disk
        )


def _chosen(folder: Path, versions: Versions, current: int, wanted: int | None) -> Manifest:
    kept = ", ".join(str(version) for version in versions if version != current) or "none"
    if wanted is None:
        wanted = rollback_target(folder, versions, current)
        if wanted is None:
            raise PublishError(f"no intact version with another table before {current} is left to roll back to")
    if wanted == current:
        raise PublishError(f"version {wanted} is the current one: choose another of those kept: {kept}")
    if wanted not in versions:
        raise PublishError(f"version {wanted} is not in {folder}: never published, or collected; kept are: {kept}")
    old = versions[wanted]
    if old is None:
        raise PublishError(f"the manifest of version {wanted} is damaged: choose another of those kept: {kept}")
    serving = versions.get(current)
    if serving is not None and serving.files == old.files:
        raise PublishError(f"version {current}, the current one, already serves the files of version {wanted}")
    if not is_intact(folder, old):
        raise PublishError(f"files of version {wanted} are damaged: choose another of those kept: {kept}")
    return old


def _provenance(old: Manifest, current: int, serving: Manifest | None, reason: str) -> dict[str, str]:
    kept = {name: value for name, value in old.provenance.items() if name not in ROLLBACK_FIELDS}
    taken_back = {ROLLED_BACK_RUN_KEY: serving.run_key} if serving is not None else {}
    return kept | {ROLLBACK_OF: str(current), ROLLBACK_TO: str(old.version), ROLLBACK_REASON: reason} | taken_back
