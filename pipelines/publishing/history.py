"""The versions a published folder holds: which were committed, which can be trusted, which an operator took back.

Belongs here: reading what stands in the folder. Does not: changing it (commit.py, housekeeping.py).
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from tierline.manifest import (
    MANIFESTS_FOLDER,
    POINTER_NAME,
    Manifest,
    ManifestError,
    Pointer,
    PreviousManifest,
    manifest_name,
)
from tierline.verify import map_file, read_manifest, read_pointer

# What a rollback adds to the provenance of the version that it goes back to.
ROLLBACK_OF = "rollback_of"
ROLLBACK_TO = "rollback_to"
ROLLBACK_REASON = "reason"
ROLLED_BACK_RUN_KEY = "rolled_back_run_key"
ROLLBACK_FIELDS = (ROLLBACK_OF, ROLLBACK_TO, ROLLBACK_REASON, ROLLED_BACK_RUN_KEY)

_MANIFEST_FILE = re.compile(r"([1-9][0-9]*)\.json")
Versions = dict[int, Manifest | None]


def manifest_bytes(folder: Path) -> dict[int, bytes | None]:
    """The bytes of each committed manifest by version, ascending; None where the disk does not give them."""
    found: dict[int, bytes | None] = {}
    for path in (folder / MANIFESTS_FOLDER).iterdir():
        if match := _MANIFEST_FILE.fullmatch(path.name):
            try:
                found[int(match[1])] = path.read_bytes()
            except FileNotFoundError:
                continue  # collected meanwhile, for who looks without the lock
            except OSError:
                found[int(match[1])] = None
    return dict(sorted(found.items()))


class Chain:
    """Committed manifests, each judged by who vouches for it: CURRENT.json for one, each manifest for the one before.

    trusted: version -> manifest. faults: version -> why it is not trusted: it can't be read, is of another major
    version, or does not have the SHA-256 named for it. vouched: version -> that SHA-256 and the file that names it;
    nobody vouches for one that was committed and not switched to.
    """

    def __init__(self, pointer: Pointer | None, contents: dict[int, bytes | None]) -> None:
        self.vouched: dict[int, tuple[str, str]] = {}
        self.trusted: dict[int, Manifest] = {}
        self.faults: dict[int, str] = {}
        if pointer is not None:
            self.vouched[pointer.version] = (pointer.manifest_sha256, POINTER_NAME)
        for version, content in reversed(contents.items()):
            try:
                self._take(version, content)
            except ManifestError as error:
                self.faults[version] = str(error)

    def _take(self, version: int, content: bytes | None) -> None:
        if content is None:
            raise ManifestError("can't be read from the disk")
        sha256, voucher = self.vouched.get(version, (None, ""))
        if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
            raise ManifestError(f"does not have the SHA-256 that {voucher} names")
        self.trusted[version] = manifest = Manifest.parse(content, version)
        if (before := manifest.previous) is not None:
            self.vouched.setdefault(before.version, (before.sha256, manifest_name(version)))


def committed(folder: Path) -> Versions:
    """Committed versions, ascending; None where the manifest can't be trusted."""
    try:
        pointer = read_pointer(folder)
    except (ManifestError, OSError):
        pointer = None
    contents = manifest_bytes(folder)
    chain = Chain(pointer, contents)
    return {version: chain.trusted.get(version) for version in contents}


def current_version(folder: Path) -> Manifest | None:
    """The manifest that CURRENT.json names, checked; None when there is none that can be trusted."""
    try:
        return read_manifest(folder, read_pointer(folder))
    except (ManifestError, OSError):
        return None


def previous_manifest(folder: Path) -> PreviousManifest | None:
    """What the next version vouches for: the manifest that CURRENT.json names, if that can be trusted."""
    current = current_version(folder)
    if current is None:
        return None
    return PreviousManifest(current.version, read_pointer(folder).manifest_sha256)


def is_intact(folder: Path, manifest: Manifest) -> bool:
    """Whether all files of a version still have the size and SHA-256 of its manifest."""
    try:
        for entry in manifest.files:
            map_file(folder, entry)
    except (ManifestError, OSError):
        return False
    return True


def rolled_back(versions: Versions) -> dict[str, Manifest]:
    """Run keys that an operator took back and no later version brought back, each with the rollback that did so."""
    taken: dict[str, Manifest] = {}
    for manifest in versions.values():
        if manifest is None:
            continue
        taken.pop(manifest.run_key, None)
        key = manifest.provenance.get(ROLLED_BACK_RUN_KEY, manifest.run_key)
        if key != manifest.run_key:
            taken[key] = manifest
    return taken


def rollback_target(folder: Path, versions: Versions, current: int) -> int | None:
    """The newest intact version before the current one that holds another table and was not itself taken back."""
    serving = versions.get(current)
    taken = rolled_back(versions)
    for version, manifest in reversed(versions.items()):
        if (
            version < current
            and manifest is not None
            and manifest.run_key not in taken
            and (serving is None or manifest.files != serving.files)
            and is_intact(folder, manifest)
        ):
            return version
    return None
