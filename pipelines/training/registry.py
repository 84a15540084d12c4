"""The churn models of a home folder: immutable versions, and the list of those that became champion.

Belongs here: files and digests. Does not: which model is better (train.py), what is inside one (segmentation/churn).

`<home>/models/churn/<version>/` holds model.skops, manifest.json and the card. `champions.jsonl` names, a line each,
who became champion and with which digest of the manifest, which has the digest of the model: a file that was swapped or
has rotted is noticed before anything of it is read. A night takes the last champion trained on what was known by its
own as-of date, so that a night which is made again is made with the model that it had.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.durable import Disk, Hook, ignore_step
from pipelines.publishing.lock import publishing_lock
from pipelines.publishing.verify import Damage
from segmentation.churn.band_rate import MODEL_VERSION as BAND_RATE
from segmentation.churn.risk import NamedModel

if TYPE_CHECKING:
    from segmentation.churn.predict import ChurnModel

FOLDER = Path("models") / "churn"
MODEL, MANIFEST = "model.skops", "manifest.json"
_CHAMPIONS = "champions.jsonl"
_LABEL = "churn-model"


class ManifestError(ValueError):
    """A manifest that is not what was written."""


@dataclass(frozen=True)
class ModelManifest:
    """What is known of a version: how it came about and how good it was.

    key: digest of all that decided the training. sha256: of model.skops. figures: for lists; the card has all.
    reference: what `Drift.from_content` takes. champion: whether it won, and why or why not.
    """

    version: str
    as_of_date: str
    key: str
    sha256: str
    chosen: Mapping[str, str]
    examples: int
    churned: int
    figures: Mapping[str, float]
    champion: bool
    verdict: str
    accepted_leaks: Mapping[str, str]
    reference: Mapping[str, Any]


@dataclass(frozen=True)
class Champion:
    """One line of the list: a version, the as-of date of its training, and the SHA-256 of its manifest."""

    version: str
    as_of_date: date
    manifest_sha256: str


@dataclass(frozen=True)
class LoadedModel:
    """A champion that was read and proved sound."""

    model: ChurnModel
    manifest: ModelManifest

    @property
    def named(self) -> NamedModel:
        """As scoring takes it."""
        return NamedModel(self.model, self.manifest.version)


@dataclass(frozen=True)
class Choice:
    """The model for a night, None for the band's rate; and those that should have been taken, with what is wrong."""

    loaded: LoadedModel | None
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What decides the risks: the training and the file, or that it is the band's rate."""
        if self.loaded is None:
            return BAND_RATE
        return f"{self.loaded.manifest.key}:{self.loaded.manifest.sha256}"

    @property
    def version(self) -> str:
        """Under which most risks are published."""
        return BAND_RATE if self.loaded is None else self.loaded.manifest.version


@contextmanager
def training_lock(home: Path, wait_seconds: float) -> Iterator[None]:
    """Lets one training at a time into a home folder. Raises PublishLockError after so long a wait."""
    _make_folders(home / FOLDER, Disk())
    with publishing_lock(home / FOLDER, wait_seconds):
        yield


def add_version(
    home: Path, content: bytes, manifest: ModelManifest, card: Mapping[str, bytes], hook: Hook = ignore_step
) -> Path:
    """Keeps a version: whole in its folder, or not at all. One that is there already stays. Raises OSError."""
    disk = Disk(hook)
    folder = home / FOLDER / manifest.version
    if folder.exists():
        return folder
    _make_folders(folder.parent, disk)
    temporary = folder.with_name(f".{folder.name}.tmp")
    if temporary.exists():  # a killed training's
        shutil.rmtree(temporary)
    disk.make_folder(temporary, _LABEL)
    files = {MODEL: content, MANIFEST: _json(asdict(manifest)), **card}
    for name, text in files.items():
        disk.write_file(temporary / name, text, _LABEL)
    disk.sync_folder(temporary, _LABEL)
    disk.rename(temporary, folder, _LABEL)
    disk.sync_folder(folder.parent, _LABEL)
    return folder


def promote(home: Path, manifest: ModelManifest, hook: Hook = ignore_step) -> None:
    """Adds a kept version to the list of champions. Raises OSError."""
    digest = hashlib.sha256((home / FOLDER / manifest.version / MANIFEST).read_bytes()).hexdigest()
    line = {"version": manifest.version, "as_of_date": manifest.as_of_date, "manifest_sha256": digest}
    Disk(hook).append_line(home / FOLDER / _CHAMPIONS, json.dumps(line).encode(), _LABEL)


def champions(home: Path) -> tuple[Champion, ...]:
    """Who became champion, oldest first. A line that is no line of ours counts as none."""
    path = home / FOLDER / _CHAMPIONS
    if not path.is_file():
        return ()
    found = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            of = json.loads(line)
            found.append(Champion(str(of["version"]), date.fromisoformat(of["as_of_date"]), str(of["manifest_sha256"])))
        except (ValueError, KeyError, TypeError):
            continue  # an append that was killed half way
    return tuple(found)


def manifests(home: Path) -> tuple[ModelManifest, ...]:
    """All kept versions whose manifest can be read, oldest training first. For lists: nothing is proved here."""
    found = []
    for path in (home / FOLDER).glob(f"*/{MANIFEST}"):
        if not path.parent.name.startswith("."):
            try:
                found.append(_manifest(path.read_bytes()))
            except ManifestError:
                continue
    return tuple(sorted(found, key=lambda m: (m.as_of_date, m.version)))


def model_for(home: Path, as_of_date: date, version: str | None = None) -> Choice:
    """The last champion whose training was of `as_of_date` or before and whose files are what was written; those that
    are not are told in `refused`, newest first. With a `version`, as manifests of the tier table name it, that or none.
    """
    if version == BAND_RATE:
        return Choice(None)
    refused: dict[str, str] = {}
    for champion in reversed([c for c in champions(home) if c.as_of_date <= as_of_date]):
        if version not in (None, champion.version):
            continue
        folder = home / FOLDER / champion.version
        try:
            return Choice(_load(folder, champion.manifest_sha256, _stamp(folder)), refused)
        except (ValueError, OSError) as error:
            refused[champion.version] = str(error)
    return Choice(None, refused)


def verify_models(home: Path) -> tuple[int, int, tuple[Damage, ...]]:
    """Reads every champion back and proves it: so many read, none without a digest, and what is damaged."""
    damages = []
    found = champions(home)
    for champion in found:
        folder = home / FOLDER / champion.version
        try:
            _load(folder, champion.manifest_sha256, _stamp(folder))
        except (ValueError, OSError) as error:
            cure = "copy the folder back from a backup, or `tierline train` anew; until then the champion before scores"
            damages.append(Damage(champion.version, str(error), cure))
    return len(found), 0, tuple(damages)


def _make_folders(folder: Path, disk: Disk) -> None:
    for missing in reversed([p for p in (folder, *folder.parents) if not p.exists()]):
        disk.make_folder(missing, _LABEL)


@lru_cache(maxsize=2)
def _load(folder: Path, manifest_sha256: str, stamp: tuple[int, ...]) -> LoadedModel:
    # Each step of a night asks; a file that changed on the disk has another stamp and is proved anew.
    del stamp
    from segmentation.churn.model_file import read_model  # noqa: PLC0415 - takes seconds; most homes have no model yet

    content = (folder / MANIFEST).read_bytes()
    if hashlib.sha256(content).hexdigest() != manifest_sha256:
        raise ManifestError(f"{MANIFEST} is not what was written when the model became champion: copy it from a backup")
    manifest = _manifest(content)
    return LoadedModel(read_model((folder / MODEL).read_bytes(), manifest.sha256), manifest)


def _stamp(folder: Path) -> tuple[int, ...]:
    states = [(folder / name).stat() for name in (MODEL, MANIFEST)]
    return tuple(part for s in states for part in (s.st_ino, s.st_size, s.st_mtime_ns))


def _manifest(content: bytes) -> ModelManifest:
    try:
        return ModelManifest(**json.loads(content))
    except (ValueError, TypeError) as error:
        raise ManifestError(f"{MANIFEST} is damaged or of another version of Tierline: {error}") from error


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()
