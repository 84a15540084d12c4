"""Every version of a published folder read back from the disk and compared with what was committed.

Belongs here: finding damage and naming its cure. Does not: mending it. Reads only, takes no lock, also on a mirror.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from pipelines.digests import digest_of
from pipelines.publishing.commit import TEMPORARIES
from pipelines.publishing.errors import PublishError
from pipelines.publishing.history import Chain, committed, manifest_bytes
from pipelines.publishing.housekeeping import unlisted_runs
from tierline.manifest import POINTER_NAME, RUNS_FOLDER, FileEntry, Manifest, ManifestError, Pointer, manifest_name
from tierline.verify import ATTEMPTS, read_pointer

_CURRENT = "run that night again, or roll back (on a mirror: remove the damaged file there and mirror again)"
_OLD_MANIFEST = "no reader uses it; remove it, and what only it listed leaves with the next publication"
_OLD_FILE = "no reader uses it and nothing can be rolled back to it; it leaves when the version is collected"


@dataclass(frozen=True, slots=True)
class Damage:
    """A file (path relative to the folder) that is not what was written, what is wrong, and what to do about it."""

    path: str
    what: str
    cure: str


@dataclass(frozen=True, slots=True)
class VersionReport:
    """One version: its manifest (None: can't be trusted), whether it is the current one, and its damage, if any.

    vouched: whether CURRENT.json or a newer manifest names this manifest's SHA-256; without it only the files count.
    """

    version: int
    manifest: Manifest | None
    is_current: bool
    vouched: bool
    damages: tuple[Damage, ...]


@dataclass(frozen=True, slots=True)
class Verification:
    """What verify() found. pointer: damage of CURRENT.json itself. versions: ascending.

    unlisted: run folders and temporary files that no version lists: of a killed publisher, or of one at work now; the
    next publication removes them. files, bytes: how many were read.
    """

    pointer: tuple[Damage, ...]
    versions: tuple[VersionReport, ...]
    unlisted: tuple[str, ...]
    files: int
    bytes: int

    @property
    def damages(self) -> tuple[Damage, ...]:
        """All damage, each file once."""
        found = [*self.pointer, *(damage for version in self.versions for damage in version.damages)]
        return tuple({damage.path: damage for damage in found}.values())


def verify(folder: Path, progress: Callable[[int, int], None] = lambda _done, _total: None) -> Verification:
    """Read every file of every version once and compare size and SHA-256; manifests by the chain from CURRENT.json.

    `progress` hears of bytes read and to read. Others may publish and collect meanwhile: a version that vanishes is no
    damage. Raises PublishError when the folder holds no version.
    """
    pointer, contents, pointer_damage = _look(folder)
    if not contents and pointer is None:
        raise PublishError(f"{folder} holds no published version: nothing was published yet, or it is another folder")
    chain = Chain(pointer, contents)
    files = _Files(folder, chain.trusted.values(), progress)
    reports = []
    for version in contents:
        is_current = pointer is not None and version == pointer.version
        manifest = chain.trusted.get(version)
        damages = (
            [Damage(manifest_name(version), chain.faults[version], _CURRENT if is_current else _OLD_MANIFEST)]
            if manifest is None
            else [
                Damage(entry.path, fault, _CURRENT if is_current else _OLD_FILE)
                for entry in manifest.files
                if (fault := files.fault(entry)) is not None
            ]
        )
        if damages and _collected(folder, version):
            continue
        reports.append(VersionReport(version, manifest, is_current, version in chain.vouched, tuple(damages)))
    return Verification(pointer_damage, tuple(reports), _unlisted(folder), files.count, files.bytes)


def _look(folder: Path) -> tuple[Pointer | None, dict[int, bytes | None], tuple[Damage, ...]]:
    """The pointer and the manifests of one moment, though others publish and collect."""
    if not (folder / RUNS_FOLDER).is_dir():
        return None, {}, ()
    for _ in range(ATTEMPTS):
        try:
            pointer = read_pointer(folder)
        except (ManifestError, OSError) as error:
            return None, manifest_bytes(folder), (Damage(POINTER_NAME, str(error), _CURRENT),)
        contents = manifest_bytes(folder)
        if pointer.version in contents:
            return pointer, contents, ()
        if read_pointer(folder) == pointer:
            break
    what = f"names {pointer.manifest}, which is not there"
    return pointer, contents, (Damage(POINTER_NAME, what, _CURRENT),)


def _collected(folder: Path, version: int) -> bool:
    """Whether a version went its way while its files were read. What the pointer names is never collected."""
    if (folder / manifest_name(version)).exists():
        return False
    try:
        return read_pointer(folder).version != version
    except (ManifestError, OSError):
        return False


class _Files:
    """Listed files, each read once however many versions list it."""

    def __init__(self, folder: Path, manifests: Iterable[Manifest], progress: Callable[[int, int], None]) -> None:
        self._folder, self._progress = folder, progress
        self._total = sum({e.path: e.bytes for m in manifests for e in m.files}.values())
        self._found: dict[str, FileEntry | str] = {}
        self.bytes = 0

    @property
    def count(self) -> int:
        return len(self._found)

    def fault(self, entry: FileEntry) -> str | None:
        if entry.path not in self._found:
            try:
                self._found[entry.path] = digest_of(self._folder / entry.path, entry.path, self._told)
            except FileNotFoundError:
                self._found[entry.path] = "is missing"
            except OSError as error:
                self._found[entry.path] = f"can't be read: {error.strerror}"
        found = self._found[entry.path]
        if isinstance(found, str):
            return found
        if found.bytes != entry.bytes:
            return f"has {found.bytes:,} bytes, its manifest says {entry.bytes:,}"
        return None if found.sha256 == entry.sha256 else "does not have the SHA-256 of its manifest"

    def _told(self, count: int) -> None:
        self.bytes += count
        self._progress(self.bytes, max(self._total, self.bytes))


def _unlisted(folder: Path) -> tuple[str, ...]:
    # Twice, so that a version committed in between is not taken for a leftover.
    runs = [path for path in unlisted_runs(folder, committed(folder)) if path.exists()]
    runs = [path for path in unlisted_runs(folder, committed(folder)) if path in runs]
    temporaries = [path for pattern in TEMPORARIES for path in sorted(folder.glob(pattern))]
    return tuple(str(path.relative_to(folder)) for path in (*runs, *temporaries))
