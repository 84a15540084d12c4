"""Publishing one version of the tier table: the order of steps that readers never see half done.

Belongs here: the sequence and its decisions. Does not: single system calls (durable.py) or file contents.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from pipelines.durable import Disk, Hook, always, ignore_step
from pipelines.publishing.commit import checked, commit, prepare, prepare_inside
from pipelines.publishing.errors import PublishError
from pipelines.publishing.history import (
    ROLLBACK_REASON,
    Versions,
    committed,
    current_version,
    is_intact,
    previous_manifest,
    rolled_back,
)
from pipelines.publishing.housekeeping import Recovery, collect, recover, run_name
from pipelines.publishing.lock import publishing_lock
from pipelines.publishing.retention import KEEP_VERSIONS, LOCK_WAIT_SECONDS, MIN_AGE
from pipelines.publishing.rows import RowCheck, checked_schema, exact_batches
from pipelines.publishing.version_files import validate, write_files
from tierline.manifest import BATCH_ROWS, RUNS_FOLDER, Manifest, manifest_name

_RUN_MANIFEST = "manifest.json"  # the manifest's first name, in its run folder; its link in manifests/ commits it


@dataclass(frozen=True, slots=True)
class Publication:
    """What publish() did. `manifest` is that of the version now current; `reason` says why none was created, if so.

    collected: old versions removed. uncollected: why collecting failed, which does not undo a publication.
    """

    created: bool
    manifest: Manifest
    reason: str | None
    recovery: Recovery
    collected: tuple[int, ...] = ()
    uncollected: str | None = None

    @property
    def version(self) -> int:
        """The version now current."""
        return self.manifest.version


def publish(
    reader: Any,
    *,
    folder: Path,
    as_of_date: date,
    run_key: str,
    service_key_type: str,
    tiers: Sequence[str],
    contract_version: str,
    published_at: datetime,
    expires_at: datetime,
    provenance: Mapping[str, str],
    lock_wait_seconds: float = LOCK_WAIT_SECONDS,
    keep_versions: int = KEEP_VERSIONS,
    min_age: timedelta = MIN_AGE,
    again: str | None = None,
    may_commit: Callable[[], None] = always,
    batch_rows: int = BATCH_ROWS,
    hook: Hook = ignore_step,
) -> Publication:
    """Publish the rows of a pyarrow.RecordBatchReader, sorted by service_key, as a new version of `folder`.

    Nothing is written when the current version, intact, has the same run key, or is of a later as-of date, or when an
    operator rolled this run key back, unless `again` says why. `tiers` are the policy's, in order. `published_at` and
    `expires_at` are aware. `may_commit` is called under the lock just before the commit and refuses it by raising: for
    a run that was paused while another took over. `batch_rows` is for tests; published tables have 65,536. `hook` is
    called before each durable step with its name, for the Parquet file's writes in a thread of its own. Holds no more
    than two batches of rows.

    Raises PublishError (rows or arguments), PublishLockError (another publisher), OSError (the disk), and what
    `may_commit` raises: then the current version stays and what was written is removed.
    """
    wanted = checked(
        Manifest(
            contract_version=contract_version,
            version=1,
            as_of_date=as_of_date,
            published_at=published_at,
            expires_at=expires_at,
            run_key=run_key,
            service_key_type=service_key_type,
            rows=0,
            tiers=dict.fromkeys(tiers, 0),
            files=(),
            provenance=dict(provenance),
        )
    )
    if keep_versions < 1:
        raise PublishError(f"keep_versions is {keep_versions}: at least the current version must be kept")
    disk = Disk(hook)
    prepare(folder, disk)
    with publishing_lock(folder, lock_wait_seconds, hook):
        prepare_inside(folder, disk)
        recovery = recover(folder, disk)
        versions = committed(folder)
        latest = current_version(folder) or next((m for m in reversed(versions.values()) if m is not None), None)
        if latest is not None:
            taken_back = _taken_back(versions, run_key)
            reason = _reason_to_leave(folder, latest, run_key, as_of_date) or (taken_back if again is None else None)
            if reason is not None:
                return Publication(created=False, manifest=latest, reason=reason, recovery=recovery)
            if taken_back is not None:
                brought_back = {"accepted": again or "", "accepted_rollback": taken_back.partition(":")[0]}
                wanted = replace(wanted, provenance={**wanted.provenance, **brought_back})
        version = max([*versions, latest.version if latest else 0], default=0) + 1
        wanted = replace(wanted, version=version, previous=previous_manifest(folder))
        manifest = _create(reader, folder, wanted, batch_rows, disk=disk, may_commit=may_commit)
        return with_old_collected(
            Publication(True, manifest, None, recovery), folder, keep_versions=keep_versions, min_age=min_age, disk=disk
        )


def with_old_collected(
    done: Publication, folder: Path, *, keep_versions: int, min_age: timedelta, disk: Disk
) -> Publication:
    """Collect old versions after one was made; that this may fail is told and undoes nothing."""
    try:
        collected = collect(
            folder, keep_versions=keep_versions, min_age=min_age, published_at=done.manifest.published_at, disk=disk
        )
    except OSError as error:
        return replace(done, uncollected=str(error))
    return replace(done, collected=collected)


def _reason_to_leave(folder: Path, latest: Manifest, run_key: str, as_of_date: date) -> str | None:
    if as_of_date < latest.as_of_date:
        return f"older as-of date: {as_of_date} is before {latest.as_of_date} of version {latest.version}, which stays"
    # A damaged version is published anew by its own rerun.
    current = current_version(folder)
    if current is not None and current.run_key == run_key and is_intact(folder, current):
        return f"same run key: version {current.version} already holds this run"
    return None


def _taken_back(versions: Versions, run_key: str) -> str | None:
    rollback = rolled_back(versions).get(run_key)
    if rollback is None:
        return None
    why = rollback.provenance.get(ROLLBACK_REASON, "no reason given")
    return f"rolled back by version {rollback.version} ({why}): run with --accept REASON to publish it again"


def _create(
    reader: Any, folder: Path, wanted: Manifest, batch_rows: int, *, disk: Disk, may_commit: Callable[[], None]
) -> Manifest:
    run = folder / RUNS_FOLDER / run_name(wanted.version)
    name = folder / manifest_name(wanted.version)
    try:
        schema = checked_schema(reader.schema)
        check = RowCheck(tuple(wanted.tiers), wanted.service_key_type)
        disk.make_folder(run, "run")
        batches = exact_batches(reader, schema, batch_rows)
        files = write_files(run, batches, schema, check, disk)
        disk.sync_folder(run, "run")
        disk.sync_folder(run.parent, "runs")
        if check.rows == 0:
            raise PublishError(
                "published.customer_tiers has no rows: every caller would be unknown; see what emptied the run"
            )
        manifest = replace(wanted, rows=check.rows, tiers=check.tiers, files=files)
        validate(folder, manifest, batch_rows)
        disk.write_file(run / _RUN_MANIFEST, manifest.to_bytes(), "manifest")
        disk.sync_folder(run, "run")
        commit(folder, run / _RUN_MANIFEST, manifest.version, disk, may_commit)
    except BaseException:
        # A committed version stays: the next publisher's recover() finishes it. What is not, must not fill the disk.
        if run.exists() and not _is_link_of(name, run / _RUN_MANIFEST):
            with suppress(OSError):
                disk.remove_run(run)
        raise
    return manifest


def _is_link_of(name: Path, written: Path) -> bool:
    # Asked of the file system, not remembered: an interrupt can come between the link and a note of it.
    return name.exists() and written.exists() and name.samefile(written)
