"""How a source's files become extracts: typed mappings from YAML, and the one made from a contract.

Belongs here: what an operator may declare, and its checks. Does not: rules of whole files
(file_rules.py), the SQL made from it (transforms.py).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal
from zoneinfo import available_timezones

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from data_contracts import Column, Contract, ContractError, contract, contract_names
from pipelines.intake.file_rules import Format, KnownAt, Sequence
from pipelines.intake.strict_yaml import Strict, explain, load_text

SCHEMA = "staging"
# Each primary key of a transform, with the further keys that may stand beside it.
_BESIDE: dict[str, frozenset[str]] = {
    "from": frozenset({"prefix", "when_length", "codes", "otherwise", "date_format", "zone"}),
    "constant": frozenset(),
    "months_before_as_of": frozenset({"as"}),
    "digest_of_row": frozenset({"prefix"}),
    "column_by": frozenset({"prefix", "when_length"}),
}


# strptime's directives that DuckDB parses, but %Z: the names of zones are ambiguous.
_DIRECTIVES = frozenset("aAbBdfgHIjmMnpSyYz%") | {f"-{d}" for d in "dHIjmMSy"}


class MappingError(ValueError):
    """A source mapping that can't be used; the message names file, place and cure."""


class ColumnBy(Strict):
    """Names the source column to take, by a code in another one."""

    column: str
    codes: dict[str, str] = Field(min_length=1)


class Transform(Strict):
    """How one of our columns is made. Exactly one of from, constant, months_before_as_of, digest_of_row, column_by."""

    from_: str | None = Field(None, alias="from")
    constant: str | None = None
    months_before_as_of: str | None = None
    as_: Literal["date", "month", "month_start", "month_end"] | None = Field(None, alias="as")
    digest_of_row: Literal["true"] | tuple[str, ...] | None = None
    column_by: ColumnBy | None = None
    prefix: str | None = None
    when_length: int | None = Field(None, ge=1, le=100)
    codes: dict[str, str] | None = None
    otherwise: Literal["refuse", "null", "keep"] | None = None
    date_format: str | None = None
    zone: str | None = None

    @property
    def is_plain(self) -> bool:
        """Whether the source column is taken as it is."""
        return self.model_dump(exclude_none=True).keys() == {"from_"}

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        if value is not None and value not in available_timezones():
            near = get_close_matches(value, available_timezones(), n=1)
            raise ValueError(f"no time zone {value!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
        return value

    @field_validator("date_format")
    @classmethod
    def _known_directives(cls, value: str | None) -> str | None:
        wrong = [d for d in re.findall(r"%(-?.|$)", value or "") if d not in _DIRECTIVES]
        if wrong or (value is not None and "%" not in value):
            raise ValueError(f"date_format {value!r}: use strptime's directives %{', %'.join(sorted(_DIRECTIVES))}")
        return value

    @model_validator(mode="after")
    def _one_kind(self) -> Transform:
        given = {f.alias or n for n, f in type(self).model_fields.items() if getattr(self, n) is not None}
        kinds = sorted(given & set(_BESIDE))
        if len(kinds) != 1:
            raise ValueError(f"needs exactly one of {', '.join(_BESIDE)}; it has {', '.join(kinds) or 'none'}")
        stray = sorted(given - {kinds[0]} - _BESIDE[kinds[0]])
        if stray:
            raise ValueError(f"{', '.join(stray)} can't stand beside {kinds[0]}")
        if self.when_length is not None and self.prefix is None:
            raise ValueError("when_length needs a prefix")
        if self.otherwise is not None and self.codes is None:
            raise ValueError("otherwise needs codes")
        if self.codes is not None and (self.prefix or self.date_format or self.zone):
            raise ValueError("codes can't be combined with prefix, date_format or zone")
        if self.prefix is not None and (self.date_format or self.zone):
            raise ValueError("prefix can't be combined with date_format or zone")
        if self.constant == "":
            raise ValueError("an empty constant: leave the column out instead")
        return self

    def sources(self) -> Iterator[str]:
        """The source columns that it names (all of them for a digest of the whole row are not listed)."""
        if self.from_ is not None:
            yield self.from_
        if self.months_before_as_of is not None and not _is_number(self.months_before_as_of):
            yield self.months_before_as_of
        if self.column_by is not None:
            yield self.column_by.column
            yield from self.column_by.codes.values()
        if isinstance(self.digest_of_row, tuple):
            yield from self.digest_of_row


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d{1,4}", text) is not None


class ExtractMapping(Strict):
    """Our columns of one extract, and the source columns whose blank rejects the record, with the reason."""

    columns: dict[str, Transform] = Field(min_length=1)
    require: dict[str, str] = Field(default_factory=dict)
    known_at: Literal["as_of", "row"] | KnownAt | None = None


class SourceMapping(Strict):
    """One source folder: its file header (`header`, in order), format and extracts.

    Source columns that no extract uses must be listed under `ignored`, so that none is dropped in silence.
    """

    source: str
    version: str
    header: tuple[str, ...] = Field(min_length=1)
    extracts: dict[str, ExtractMapping] = Field(min_length=1)
    ignored: tuple[str, ...] = ()
    format: Format = Field(default_factory=lambda: Format.model_validate({}))
    known_at: Literal["as_of", "row"] | KnownAt | None = None
    sequence: Sequence | None = None

    @model_validator(mode="after")
    def _columns_exist(self) -> SourceMapping:
        if len(set(self.header)) != len(self.header):
            raise ValueError("header names a column twice")
        used: set[str] = set()
        for name, extract in self.extracts.items():
            for column, transform in extract.columns.items():
                for source in transform.sources():
                    self._require(source, f"extracts.{name}.columns.{column}")
                    used.add(source)
            for source in extract.require:
                self._require(source, f"extracts.{name}.require")
                used.add(source)
        for source in self.ignored:
            self._require(source, "ignored")
        silent = [c for c in self.header if c not in used and c not in self.ignored]
        if silent:
            raise ValueError(f"columns that nothing uses: {', '.join(silent)}; use them or list them under ignored")
        both = sorted(used & set(self.ignored))
        if both:
            raise ValueError(f"columns both used and ignored: {', '.join(both)}")
        for name, extract in self.extracts.items():
            _check_against_contract(name, extract)
            if contract(f"{SCHEMA}.{name}").delivery == "snapshot" and _by_row(self.known_at_of(name)):
                raise ValueError(f"extracts.{name} is a snapshot and needs known_at (as_of, file_name or date)")
        return self

    def _require(self, source: str, place: str) -> None:
        if source not in self.header:
            near = get_close_matches(source, self.header, n=1)
            raise ValueError(
                f"{place}: no column {source!r} in header" + (f"; did you mean {near[0]!r}?" if near else "")
            )

    def known_at_of(self, extract: str) -> Literal["as_of", "row"] | KnownAt | None:
        """The extract's own rule, else the source's."""
        own = self.extracts[extract].known_at
        return self.known_at if own is None else own

    @property
    def depends_on_as_of(self) -> bool:
        """Whether the same file gives other rows on another as-of date."""
        return any(
            self.known_at_of(name) == "as_of" or any(t.months_before_as_of for t in extract.columns.values())
            for name, extract in self.extracts.items()
        )

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the mapping's content in canonical form, in hex."""
        content = self.model_dump(mode="json", by_alias=True, exclude={"sequence"})  # numbers decide about no row
        text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _by_row(rule: Literal["as_of", "row"] | KnownAt | None) -> bool:
    return rule in (None, "row") or (isinstance(rule, KnownAt) and rule.otherwise == "row")


def _check_against_contract(name: str, extract: ExtractMapping) -> None:
    known = contract_names(SCHEMA)
    if name not in known:
        near = get_close_matches(name, known, n=1)
        raise ValueError(f"no extract {name!r}" + (f"; did you mean {near[0]!r}?" if near else f"; known: {known}"))
    target = contract(f"{SCHEMA}.{name}")
    for column, transform in extract.columns.items():
        try:
            ours = target.column(column)
        except ContractError as error:
            near = get_close_matches(column, [c.name for c in target.columns], n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"extracts.{name}: {error}{hint}") from error
        _check_kind(f"extracts.{name}.columns.{column}", transform, ours.logical)
        _check_values(f"extracts.{name}.columns.{column}", transform, ours)
    missing = [c.name for c in target.columns if c.required and c.name not in extract.columns]
    if missing:
        raise ValueError(f"extracts.{name} must map the required columns {', '.join(missing)}")


def _check_kind(place: str, transform: Transform, logical: str) -> None:
    if transform.date_format is not None:
        if logical not in ("date", "timestamp"):
            raise ValueError(f"{place}: date_format makes a date or timestamp, the column is a {logical}")
        has_zone = "%z" in transform.date_format
        if logical == "timestamp" and has_zone == (transform.zone is not None):
            raise ValueError(f"{place}: needs %z in date_format or a zone, not both: a time without zone is no instant")
    if transform.zone is not None and logical != "timestamp":
        raise ValueError(f"{place}: zone is for timestamps, the column is a {logical}")
    if transform.months_before_as_of is not None:
        month = transform.as_ == "month"
        if logical not in (("string",) if month else ("date", "timestamp")):
            raise ValueError(
                f"{place}: months_before_as_of makes a {'month as text' if month else 'date'}, not a {logical}"
            )


def _check_values(place: str, transform: Transform, column: Column) -> None:
    values = [] if transform.constant is None else [transform.constant]
    if transform.codes is not None and not column.unusable_becomes_null:
        values += transform.codes.values()
    for value in values:
        if column.enum and value not in column.enum:
            raise ValueError(f"{place}: {value!r} is not among the codes {', '.join(column.enum)}")
        if column.pattern is not None and re.fullmatch(column.pattern, value) is None:
            raise ValueError(f"{place}: {value!r} has not the form {column.pattern}")


def parse_mapping(text: str, origin: str) -> SourceMapping:
    """One mapping from YAML text. Raises MappingError that names `origin`, the place and the cure."""
    try:
        document: Any = load_text(text)
    except yaml.YAMLError as error:
        raise MappingError(f"{origin} is no readable YAML: {error}") from error
    if not isinstance(document, dict):
        raise MappingError(f"{origin}: a source mapping is a YAML mapping with source, version, header and extracts")
    try:
        return SourceMapping.model_validate(document)
    except ValidationError as error:
        raise MappingError(f"{origin}: {explain(error)}") from error


def load_mappings(*folders: Path) -> dict[str, SourceMapping]:
    """All *.yaml mappings of the folders, by source. Two for one source are an error. Raises MappingError."""
    found: dict[str, SourceMapping] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.yaml")):
            mapping = parse_mapping(path.read_text(encoding="utf-8"), path.name)
            if mapping.source in found:
                raise MappingError(f"{path.name}: source {mapping.source!r} has a mapping already; keep one of them")
            found[mapping.source] = mapping
    return found


def identity_mapping(target: Contract) -> SourceMapping:
    """The mapping of a folder that delivers what the contract says, in its column names and order."""
    names = tuple(c.name for c in target.columns)
    columns: dict[str, Any] = {n: {"from": n} for n in names}
    return SourceMapping.model_validate(
        {
            "source": target.name,
            "version": target.version,
            "header": names,
            "extracts": {target.name: {"columns": columns}},
            "known_at": {"file_name": IDENTITY_DATE, "otherwise": "refuse" if target.delivery == "snapshot" else "row"},
        }
    )


IDENTITY_DATE = r"_(?P<date>\d{8})(?!\d)"


def with_identities(mappings: Mapping[str, SourceMapping]) -> dict[str, SourceMapping]:
    """The given mappings by source folder, and the identity mapping for every extract folder without one."""
    every = {name: identity_mapping(contract(f"{SCHEMA}.{name}")) for name in contract_names(SCHEMA)}
    return every | {m.source: m for m in mappings.values()}
