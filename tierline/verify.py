"""From a published folder to bytes that are proven to be what its manifest says.

Belongs here: opening CURRENT.json, manifests and listed files with their SHA-256. Does not: what the rows mean.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tierline.held import HeldFile, open_regular
from tierline.manifest import (
    MANIFESTS_FOLDER,
    POINTER_NAME,
    FileEntry,
    Manifest,
    ManifestError,
    Pointer,
)

MAX_JSON_BYTES = 1 << 20  # a manifest is about 2 kB; a file that is far larger is not one
ATTEMPTS = 5

T = TypeVar("T")


def read_pointer(folder: Path) -> Pointer:
    """Parse CURRENT.json of a published folder; raises ManifestError or OSError."""
    try:
        content = _small_file(folder / POINTER_NAME)
    except FileNotFoundError as error:
        raise ManifestError(
            f"{folder / POINTER_NAME} is not there: nothing was published yet, or the tier table is in another folder"
        ) from error
    return Pointer.parse(content)


def read_manifest(folder: Path, pointer: Pointer) -> Manifest:
    """Read the manifest that a pointer names and check its SHA-256; raises ManifestError or OSError."""
    content = _small_file(folder / pointer.manifest)
    if hashlib.sha256(content).hexdigest() != pointer.manifest_sha256:
        raise ManifestError(
            f"{pointer.manifest} does not have the SHA-256 that {POINTER_NAME} names: one of them is damaged; "
            f"publish a new version"
        )
    return Manifest.parse(content, pointer.version)


def vouched_manifests(folder: Path) -> list[Manifest]:
    """Older manifests that can be trusted although the current version can't be read, newest first.

    The one after names a manifest's SHA-256 as its `previous`. It may be damaged itself: no damage makes up the digest
    of another file. Never one past the version that CURRENT.json names, as long as that can be read, and none that a
    rollback left behind. Raises OSError when the folder can't be listed.
    """
    try:
        newest = read_pointer(folder).version
    except (ManifestError, OSError):
        newest = None
    found: dict[int, Manifest] = {}
    digests: dict[int, str] = {}
    vouched: set[str] = set()
    for path in (folder / MANIFESTS_FOLDER).iterdir():
        version = int(path.stem) if path.stem.isascii() and path.stem.isdigit() else 0
        if path.name != f"{version}.json" or (newest is not None and version > newest):
            continue
        try:
            content = _small_file(path)
            vouched.add(_previous_sha256(content))
            digests[version] = hashlib.sha256(content).hexdigest()
            found[version] = Manifest.parse(content, version)
        except (ManifestError, OSError):  # a version less to choose from
            continue
    left_behind = {v for manifest in found.values() for v in range(_origin(manifest) + 1, manifest.version)}
    return [m for v, m in sorted(found.items(), reverse=True) if digests[v] in vouched and v not in left_behind]


def map_file(folder: Path, entry: FileEntry) -> memoryview:
    """Map a listed file into memory and check the mapping itself, so that what was checked is what is served.

    Hashing releases the interpreter lock: other threads go on. Its pages are let go, see HeldFile. Raises ManifestError
    or OSError.
    """
    return HeldFile(folder, entry, let_go=True).content


def use_current(folder: Path, use: Callable[[Manifest], T]) -> T:
    """Hand the current version's checked manifest to `use` and return what that returns.

    A version can be collected between the reading of CURRENT.json and the opening of its files; then the pointer has
    moved on, and this looks again. A file that is missing while the pointer stands still is an error: OSError.
    """
    for _ in range(ATTEMPTS):
        pointer = read_pointer(folder)
        try:
            return use(read_manifest(folder, pointer))
        except FileNotFoundError:
            if read_pointer(folder) == pointer:
                raise
    raise ManifestError(
        f"{POINTER_NAME} moved {ATTEMPTS} times while one version was opened: versions are collected faster than they "
        f"can be read; raise the publisher's setting keep_hours"
    )


def current_manifest(folder: Path | str) -> Manifest:
    """The manifest of the current version, its SHA-256 checked (the listed files are not read).

    Raises ManifestError when it is damaged or of an unknown major version, OSError when nothing can be read.
    """
    return use_current(Path(folder), lambda manifest: manifest)


def verified_file(folder: Path | str, name: str) -> Path:
    """Path of a file of the current version whose SHA-256 was just checked, for DuckDB, Polars or pandas to open.

    The path is never written again; it is removed when the version is collected (14 versions and 24 hours by default).
    Take it once a query or a refresh, not once a process. Raises ManifestError or OSError.
    """
    folder = Path(folder)

    def check(manifest: Manifest) -> Path:
        entry = manifest.file(name)
        map_file(folder, entry)
        return folder / entry.path

    return use_current(folder, check)


def _previous_sha256(content: bytes) -> str:
    try:
        return str(json.loads(content)["previous"]["sha256"])
    except (ValueError, TypeError, KeyError, RecursionError):  # damaged, or the first version
        return ""


def _origin(manifest: Manifest) -> int:
    # A rollback lists the files of the older version that it brings back.
    runs = [entry.path.split("/")[1].partition("-")[0] for entry in manifest.files]
    return min((int(run) for run in runs if run.isascii() and run.isdigit()), default=manifest.version)


def _small_file(path: Path) -> bytes:
    with open_regular(path) as file:
        content = bytearray()
        while len(content) <= MAX_JSON_BYTES and (part := file.read(MAX_JSON_BYTES + 1 - len(content))):
            content += part
    if len(content) > MAX_JSON_BYTES:
        raise ManifestError(f"{path.name} is larger than {MAX_JSON_BYTES} bytes: it is not of this format")
    return bytes(content)
