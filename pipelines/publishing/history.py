"""The versions a published folder holds: which were committed, which can be trusted, which an operator took back.

Belongs here: reading what stands in the folder. Does not: changing it (commit.py, housekeeping.py).
"""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from pathlib import Path

from tierline.manifest import MANIFESTS_FOLDER, Manifest, ManifestError, PreviousManifest
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


def committed(folder: Path) -> dict[int, Manifest | None]:
    """Committed versions, ascending; None where the manifest is damaged or of another major version.

    A manifest is damaged when it can't be read, or does not have the SHA-256 by which CURRENT.json or a newer manifest
    vouches for it. Nobody vouches for one that was committed and not switched to.
    """
    vouched: dict[int, str] = {}
    with suppress(ManifestError, OSError):
        pointer = read_pointer(folder)
        vouched[pointer.version] = pointer.manifest_sha256
    found: dict[int, Manifest | None] = {}
    for version, content in reversed(manifest_bytes(folder).items()):
        found[version] = manifest = _trusted(version, content, vouched.get(version))
        if manifest is not None and manifest.previous is not None:
            vouched.setdefault(manifest.previous.version, manifest.previous.sha256)
    return dict(reversed(found.items()))


def _trusted(version: int, content: bytes | None, sha256: str | None) -> Manifest | None:
    if content is None or (sha256 is not None and hashlib.sha256(content).hexdigest() != sha256):
        return None
    try:
        return Manifest.parse(content, version)
    except ManifestError:
        return None


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
