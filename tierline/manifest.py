"""The format of a published tier table: names in its folder, the pointer CURRENT.json and the manifest of a version.

Belongs here: what the bytes of both JSON files mean, for writing and for reading. Does not: opening or checking files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

FORMAT_VERSION = 1
CONTRACT_MAJOR = 1
BATCH_ROWS = 65_536  # row i of a version stands in Arrow record batch (and Parquet row group) i // BATCH_ROWS

POINTER_NAME = "CURRENT.json"
MANIFESTS_FOLDER = "manifests"
RUNS_FOLDER = "runs"
PARQUET_NAME = "customer_tiers.parquet"
ARROW_NAME = "customer_tiers.arrow"
KEYS_NAME = "customer_tiers.keys"
MSISDN = "msisdn"

_RUN_FILE = re.compile(rf"{RUNS_FOLDER}/[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CONTRACT_VERSION = re.compile(r"([0-9]+)\.[0-9]+\.[0-9]+")
_KEY_TYPE = re.compile(r"[a-z][a-z0-9_]*")


class ManifestError(ValueError):
    """A pointer, a manifest or a file listed by it is not what the format says; names the file and what is wrong."""


def manifest_name(version: int) -> str:
    """Path of a version's manifest, relative to the published folder."""
    return f"{MANIFESTS_FOLDER}/{version}.json"


@dataclass(frozen=True, slots=True)
class Pointer:
    """What CURRENT.json holds: the current version, its manifest's relative path and that file's SHA-256 (hex)."""

    version: int
    manifest: str
    manifest_sha256: str

    def to_bytes(self) -> bytes:
        """The file's bytes: UTF-8 JSON, ending in a newline."""
        return _json({"version": self.version, "manifest": self.manifest, "manifest_sha256": self.manifest_sha256})

    @classmethod
    def parse(cls, content: bytes) -> Pointer:
        """Read CURRENT.json's bytes; raises ManifestError naming the field that is wrong."""
        fields = _Fields(POINTER_NAME, content)
        pointer = cls(fields.whole("version", 1), fields.text("manifest"), fields.text("manifest_sha256", _SHA256))
        if pointer.manifest != manifest_name(pointer.version):
            raise fields.wrong("manifest", f"must be {manifest_name(pointer.version)}")
        return pointer


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of a version: path relative to the published folder, size in bytes, SHA-256 as 64 hex digits."""

    path: str
    bytes: int
    sha256: str

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class PreviousManifest:
    """The version that was current before, and the SHA-256 (hex) of its manifest's bytes."""

    version: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one published version holds; `tiers` counts rows by tier in policy order and sums to `rows`.

    previous: CURRENT.json vouches for the newest manifest, each manifest for the one before, so that rot in an older
    one is found. None for the first version, and where the one before could not be trusted.
    """

    contract_version: str
    version: int
    as_of_date: date
    published_at: datetime
    expires_at: datetime
    run_key: str
    service_key_type: str
    rows: int
    tiers: Mapping[str, int]
    files: tuple[FileEntry, ...]
    provenance: Mapping[str, str]
    previous: PreviousManifest | None = None

    def file(self, name: str) -> FileEntry:
        """The entry of the file with this name; raises ManifestError when the version does not list it."""
        for entry in self.files:
            if entry.name == name:
                return entry
        listed = ", ".join(entry.name for entry in self.files)
        raise ManifestError(f"{manifest_name(self.version)} lists no {name}; it lists {listed}")

    def to_bytes(self) -> bytes:
        """The file's bytes: UTF-8 JSON, two-space indent, fields in the order of this class."""
        return _json(
            {
                "format_version": FORMAT_VERSION,
                "contract_version": self.contract_version,
                "version": self.version,
                "as_of_date": self.as_of_date.isoformat(),
                "published_at": _utc_text(self.published_at),
                "expires_at": _utc_text(self.expires_at),
                "run_key": self.run_key,
                "service_key_type": self.service_key_type,
                "rows": self.rows,
                "tiers": dict(self.tiers),
                "files": [{"path": f.path, "bytes": f.bytes, "sha256": f.sha256} for f in self.files],
                "provenance": dict(self.provenance),
                "previous": self.previous and {"version": self.previous.version, "sha256": self.previous.sha256},
            }
        )

    @classmethod
    def parse(cls, content: bytes, version: int) -> Manifest:
        """Read the bytes of manifests/<version>.json.

        Fields this reader does not know are ignored: a minor format change only adds. Raises ManifestError for another
        format_version, another major contract_version, or a field that is missing or wrong.
        """
        fields = _Fields(manifest_name(version), content)
        if (found := fields.whole("format_version", 1)) != FORMAT_VERSION:
            raise fields.wrong(
                "format_version", f"is {found}, this tierline reads {FORMAT_VERSION}: install a matching one"
            )
        contract = fields.text("contract_version")
        major = _CONTRACT_VERSION.fullmatch(contract)
        if major is None or int(major[1]) != CONTRACT_MAJOR:
            raise fields.wrong(
                "contract_version",
                f"is {contract!r}, this tierline reads {CONTRACT_MAJOR}.x.y: install a matching one",
            )
        if fields.whole("version", 1) != version:
            raise fields.wrong("version", "is not the one in its file name")
        manifest = cls(
            contract_version=contract,
            version=version,
            as_of_date=fields.day("as_of_date"),
            published_at=fields.instant("published_at"),
            expires_at=fields.instant("expires_at"),
            run_key=fields.text("run_key"),
            service_key_type=fields.text("service_key_type", _KEY_TYPE),
            rows=fields.whole("rows", 0),
            tiers=fields.mapping("tiers", int),
            files=fields.files("files"),
            provenance=fields.mapping("provenance", str),
            previous=fields.previous("previous"),
        )
        if manifest.previous is not None and manifest.previous.version >= version:
            raise fields.wrong("previous", "is not an older version")
        if any(count < 0 for count in manifest.tiers.values()) or sum(manifest.tiers.values()) != manifest.rows:
            raise fields.wrong("tiers", "does not sum to rows")
        return manifest


def _json(value: Mapping[str, object]) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()


def _utc_text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


class _Fields:
    """The typed fields of one JSON object; each complaint names the file and the field."""

    def __init__(self, file: str, content: bytes) -> None:
        self._file = file
        try:
            value = json.loads(content.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            raise ManifestError(f"{file} is not JSON: it is damaged, or half copied") from error
        if not isinstance(value, dict):
            raise ManifestError(f"{file} is not a JSON object")
        self._value: dict[str, Any] = value

    def wrong(self, field: str, why: str) -> ManifestError:
        return ManifestError(f"{self._file}: {field} {why}")

    def _get(self, field: str, kind: type) -> Any:
        value = self._value.get(field)
        if type(value) is not kind:  # a bool is not a whole number here
            raise self.wrong(field, f"must be present, as {kind.__name__}")
        return value

    def whole(self, field: str, least: int) -> int:
        value: int = self._get(field, int)
        if value < least:
            raise self.wrong(field, f"must be at least {least}")
        return value

    def text(self, field: str, pattern: re.Pattern[str] | None = None) -> str:
        value: str = self._get(field, str)
        if not value or (pattern is not None and not pattern.fullmatch(value)):
            raise self.wrong(field, f"must match {pattern.pattern}" if pattern else "must not be empty")
        return value

    def day(self, field: str) -> date:
        text = self.text(field)
        try:
            return date.fromisoformat(text)
        except ValueError as error:
            raise self.wrong(field, "must be a date, YYYY-MM-DD") from error

    def instant(self, field: str) -> datetime:
        text = self.text(field)
        try:
            instant = datetime.fromisoformat(text)
        except ValueError as error:
            raise self.wrong(field, "must be an ISO 8601 instant") from error
        if instant.utcoffset() is None:
            raise self.wrong(field, "must name its offset from UTC")
        return instant.astimezone(UTC)

    def mapping(self, field: str, kind: type) -> dict[str, Any]:
        value: dict[str, Any] = self._get(field, dict)
        if any(type(item) is not kind for item in value.values()):
            raise self.wrong(field, f"must map names to {kind.__name__}")
        return value

    def previous(self, field: str) -> PreviousManifest | None:
        if self._value.get(field) is None:  # manifests were written without it once
            return None
        part = _Fields(f"{self._file}: {field}", json.dumps(self._get(field, dict)).encode())
        return PreviousManifest(part.whole("version", 1), part.text("sha256", _SHA256))

    def files(self, field: str) -> tuple[FileEntry, ...]:
        entries = []
        for item in self._get(field, list):
            part = _Fields(f"{self._file}: {field}", json.dumps(item).encode())
            # A path that leaves runs/ would let a damaged manifest point a reader anywhere.
            entries.append(
                FileEntry(part.text("path", _RUN_FILE), part.whole("bytes", 0), part.text("sha256", _SHA256))
            )
        if len({entry.name for entry in entries}) != len(entries):
            raise self.wrong(field, "lists a file name twice")
        return tuple(entries)
