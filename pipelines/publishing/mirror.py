"""Copying published versions to a folder of another host: whole versions only, the pointer last.

Belongs here: the order in which a mirror is written and cleaned. Does not: publishing, which needs link() and flock();
the destination may be a mount (NFS, an object store) that offers neither.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pipelines.digests import CHUNK_BYTES, digest_of
from pipelines.durable import Disk, Hook, ignore_step
from pipelines.publishing.commit import POINTER_TEMPORARY, prepare, prepare_inside, temporary
from pipelines.publishing.errors import PublishError
from pipelines.publishing.history import Chain, committed, manifest_bytes
from pipelines.publishing.housekeeping import remove_temporaries, remove_unlisted_runs
from pipelines.publishing.lock import publishing_lock
from pipelines.publishing.retention import LOCK_WAIT_SECONDS, MIN_AGE
from tierline.manifest import (
    MANIFESTS_FOLDER,
    POINTER_NAME,
    RUNS_FOLDER,
    FileEntry,
    Manifest,
    ManifestError,
    Pointer,
    manifest_name,
)
from tierline.verify import ATTEMPTS, read_pointer

MIRROR_LOCK_NAME = ".mirror.lock"
_COPY_TEMPORARY = ".copy-*.tmp"
_TEMPORARIES = (POINTER_TEMPORARY, f"{MANIFESTS_FOLDER}/{_COPY_TEMPORARY}", f"{RUNS_FOLDER}/*/{_COPY_TEMPORARY}")


@dataclass(frozen=True, slots=True)
class Mirrored:
    """What mirror() did. version: the one now current at the destination. switched: whether it was not before.

    copied, bytes: files that were copied; already_there: those that were there and equal. damaged: versions left out
    since they are damaged at the source. removed: versions taken away at the destination.
    """

    version: int
    switched: bool
    copied: int
    bytes: int
    already_there: int
    damaged: tuple[int, ...]
    removed: tuple[int, ...]


def mirror(
    source: Path,
    destination: Path,
    *,
    now: datetime,
    all_versions: bool = False,
    min_age: timedelta = MIN_AGE,
    lock_wait_seconds: float = LOCK_WAIT_SECONDS,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    hook: Hook = ignore_step,
) -> Mirrored:
    """Bring a destination folder to the source's current version (or to all its versions), in an order that readers
    of the destination never see half done: run files, manifests, CURRENT.json.

    Each file is hashed while it is copied and again from the copy; one that is there and equal is left. Afterwards
    versions leave the destination that the source no longer has and that were published more than `min_age` before
    `now`. A mirror that was killed is finished by the next one. Mirrors of one source take turns; publishing goes on
    meanwhile. `progress` hears of bytes done and to do.

    Raises PublishError: nothing published, the current version damaged at the source, the destination ahead of the
    source, or a file there that differs (never overwritten). PublishLockError: another mirror. OSError. Then the
    destination's current version stays.
    """
    if now.utcoffset() is None:
        raise PublishError("now must be an aware datetime: give it a time zone")
    if destination.resolve().is_relative_to(source.resolve()):
        raise PublishError(f"{destination} lies in the published folder itself: mirror to another one")
    if not destination.parent.is_dir():
        raise PublishError(f"{destination.parent} is not there: mount it, or make it, then mirror again")
    _current(source)  # before the lock, which would make a file in any folder
    with publishing_lock(source, lock_wait_seconds, hook, MIRROR_LOCK_NAME):
        for _ in range(ATTEMPTS):
            pointer = _current(source)
            try:
                return _Mirror(source, destination, pointer, Disk(hook, foreign=True), progress).carry_out(
                    all_versions, now - min_age
                )
            except FileNotFoundError:
                if _current(source) == pointer:
                    raise
            # The version was collected while it was copied: there is a newer one.
    raise PublishError(f"{source} moved on {ATTEMPTS} times during one copy: raise the setting keep_hours")


def _current(source: Path) -> Pointer:
    try:
        return read_pointer(source)
    except ManifestError as error:
        raise PublishError(f"nothing to mirror from {source}: {error}") from error


class _Mirror:
    """One attempt to bring the destination to the version that the source's pointer names."""

    def __init__(
        self,
        source: Path,
        destination: Path,
        pointer: Pointer,
        disk: Disk,
        progress: Callable[[int, int], None],
    ) -> None:
        self._source, self._destination, self._pointer = source, destination, pointer
        self._disk, self._progress = disk, progress
        self._contents = manifest_bytes(source)
        self._copied = self._bytes = self._there = self._done = self._total = 0

    def carry_out(self, all_versions: bool, before: datetime) -> Mirrored:
        chain = Chain(self._pointer, self._contents)
        at = self._pointer.version
        if at in chain.faults:
            raise PublishError(f"not mirrored: {manifest_name(at)} {chain.faults[at]}; see `tierline verify`")
        if at not in chain.trusted:
            raise FileNotFoundError(self._source / manifest_name(at))
        serving = self._serving()
        older = sorted(version for version in chain.trusted if version < at) if all_versions else []
        damaged = {version for version in chain.faults if version < at} if all_versions else set()
        manifests = [chain.trusted[version] for version in (*older, at)]
        self._total = sum({entry.path: entry.bytes for m in manifests for entry in m.files}.values())
        prepare(self._destination, self._disk)
        prepare_inside(self._destination, self._disk)
        remove_temporaries(self._destination, self._disk, _TEMPORARIES)
        for manifest in manifests:
            try:
                self._copy_files(manifest)
            except (_SourceDamagedError, FileNotFoundError):
                if manifest.version == at:
                    raise
                damaged.add(manifest.version)
        whole = [manifest.version for manifest in manifests if manifest.version not in damaged]
        self._copy_manifests(whole)
        if serving != self._pointer:
            self._switch()
        removed = self._remove_old({at, serving.version if serving else at}, before)
        return Mirrored(
            version=at,
            switched=serving != self._pointer,
            copied=self._copied,
            bytes=self._bytes,
            already_there=self._there,
            damaged=tuple(sorted(v for v in damaged if (self._source / manifest_name(v)).exists())),
            removed=removed,
        )

    def _serving(self) -> Pointer | None:
        """The destination's pointer, None where there is none that can be read; a mirror never goes backwards."""
        newest = 0
        if (self._destination / MANIFESTS_FOLDER).is_dir():
            newest = max(manifest_bytes(self._destination), default=0)
        try:
            serving = read_pointer(self._destination)
            newest = max(newest, serving.version)
        except (ManifestError, OSError):
            serving = None
        if newest > self._pointer.version:
            raise PublishError(
                f"{self._destination} has version {newest}, newer than {self._pointer.version} of {self._source}: it "
                f"is not a mirror of this folder, or this folder was restored from a copy; mirror to a new folder and "
                f"point the readers there"
            )
        return serving

    def _copy_files(self, manifest: Manifest) -> None:
        for entry in manifest.files:
            run = (self._destination / entry.path).parent
            if not run.exists():
                self._disk.make_folder(run, "run")
                self._disk.sync_folder(run.parent, "runs")
            if self._is_there(entry):
                self._there += 1
            else:
                self._copy(entry)
                self._copied += 1
                self._bytes += entry.bytes
            self._done += entry.bytes
            self._progress(self._done, max(self._total, self._done))

    def _is_there(self, entry: FileEntry) -> bool:
        """Whether the destination has this very file; raises PublishError when it has another of its name."""
        try:
            found = digest_of(self._destination / entry.path, entry.path)
        except FileNotFoundError:
            return False
        if found != entry:
            raise PublishError(
                f"{self._destination / entry.path} is not the file of the source: it is damaged, or of another "
                f"publisher; remove it there and mirror again"
            )
        return True

    def _copy(self, entry: FileEntry) -> None:
        name = self._destination / entry.path
        with (self._source / entry.path).open("rb", buffering=0) as read:
            pieces = iter(lambda: read.read(CHUNK_BYTES), b"")
            self._write(name, pieces, entry, "copy")
        self._disk.sync_folder(name.parent, "run")

    def _write(self, name: Path, pieces: Iterable[bytes], entry: FileEntry, label: str) -> None:
        """Write a file under a temporary name, read it back, give it its name."""
        written = temporary(name.parent, _COPY_TEMPORARY)
        try:
            with self._disk.create(written, label) as file:
                for piece in pieces:
                    file.write(piece)
                file.sync()
            if file.entry(entry.path) != entry:
                raise _SourceDamagedError(
                    f"{self._source / entry.path} is not what its manifest says: it is damaged; see `tierline verify`"
                )
            if digest_of(written, entry.path, from_disk=True) != entry:
                raise PublishError(f"{written} does not read back as it was written: check the destination's disk")
            self._disk.rename(written, name, label)
        except BaseException:
            if written.exists():
                self._disk.remove_file(written, "temporary")
            raise

    def _copy_manifests(self, versions: list[int]) -> None:
        for version in versions:
            path, content = manifest_name(version), self._contents[version] or b""
            entry = FileEntry(path, len(content), hashlib.sha256(content).hexdigest())
            if not self._is_there(entry):
                self._write(self._destination / path, [content], entry, "manifest")
        self._disk.sync_folder(self._destination / MANIFESTS_FOLDER, "manifests")

    def _switch(self) -> None:
        written = temporary(self._destination, POINTER_TEMPORARY)
        self._disk.write_file(written, self._pointer.to_bytes(), "pointer")
        self._disk.switch(written, self._destination / POINTER_NAME)
        self._disk.sync_folder(self._destination, "published")

    def _remove_old(self, kept: set[int], before: datetime) -> tuple[int, ...]:
        """As housekeeping.collect: the manifest first, then the runs that no manifest lists any more.

        The version that was served until this switch is kept until the next one: readers may still hold its paths.
        """
        at_source = manifest_bytes(self._source)
        versions = committed(self._destination)
        removed = tuple(
            version
            for version, manifest in versions.items()
            if manifest is not None and version not in kept and version not in at_source
            if manifest.published_at < before
        )
        for version in removed:
            self._disk.remove_file(self._destination / manifest_name(version), "manifest")
        if removed:
            self._disk.sync_folder(self._destination / MANIFESTS_FOLDER, "manifests")
        remaining = {version: manifest for version, manifest in versions.items() if version not in removed}
        remove_unlisted_runs(self._destination, remaining, self._disk)
        return removed


class _SourceDamagedError(PublishError):
    """A file is not what its manifest says, at the source."""
