"""The raw extract files as accepted rows, by a plain reading of the contracts.

Belongs here: files in order, lines, fields, types, duplicates, when a row was known. Does not: what rows mean.
"""

from __future__ import annotations

import csv
import gzip
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from oracle.days import end_of, local_date, start_of

Row = dict[str, Any]
CONTRACTS = Path(__file__).parents[3] / "data_contracts" / "staging"
EXTRACTS = ("customers", "subscriptions", "service_lists", "tier_overrides", "bills", "payments", "cdr")
INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:?[0-9]{2})")


class RejectedError(ValueError):
    """The record breaks its contract."""


def read_landing(landing: Path, day: date) -> dict[str, list[Row]]:
    """Accepted rows known by the end of `day`, an extract each, in the order of delivery; `known_at` is added."""
    return {extract: read_extract(landing / extract, extract, day) for extract in EXTRACTS}


def read_extract(folder: Path, extract: str, day: date) -> list[Row]:
    contract = yaml.safe_load((CONTRACTS / f"{extract}.odcs.yaml").read_text(encoding="utf-8"))["schema"][0]
    columns = {c["name"]: c for c in contract["properties"]}
    of_table = {p["property"]: p["value"] for p in contract["customProperties"]}
    keys = [name for name, column in columns.items() if column.get("primaryKey")]
    files = [p for p in folder.iterdir() if p.name.endswith((".csv", ".csv.gz"))]
    rows: list[Row] = []
    seen: set[Any] = set()
    for path in sorted(files, key=lambda p: (name_date(p), p.name)):
        # A copy of an appended file brings only keys that were there; an equal snapshot is a delivery of its own.
        content = path.read_bytes()
        known_at = delivered(path)
        for row in read_lines(gzip.decompress(content) if path.suffix == ".gz" else content, columns):
            row["known_at"] = known_at
            key = tuple(row[k] for k in keys) + ((known_at,) if of_table["delivery"] == "snapshot" else ())
            if key not in seen:
                seen.add(key)
                rows.append(row)
    return [row for row in rows if row["known_at"] < end_of(day) and happened(row, of_table) <= day]


def happened(row: Row, of_table: Row) -> date:
    """The row's business date; a snapshot has none and happened when it was known."""
    value = row[of_table.get("businessDate", "known_at")]
    return local_date(value) if isinstance(value, datetime) else value


def name_date(path: Path) -> str:
    found = re.search(r"[0-9]{8}", path.name)
    assert found, f"{path.name} has no date"
    return found[0]


def delivered(path: Path) -> datetime:
    control = path.with_name(path.name + ".ctl")
    if control.exists():
        known_at = yaml.safe_load(control.read_text(encoding="utf-8")).get("known_at")
        if known_at:
            return datetime.fromisoformat(str(known_at)).astimezone(UTC)
    return start_of(datetime.strptime(name_date(path), "%Y%m%d").date())


def read_lines(content: bytes, columns: dict[str, Row]) -> list[Row]:
    lines = content.decode("utf-8").split("\n")
    header = lines[0].rstrip("\r").split(",")
    rows = []
    for raw in lines[1:]:
        line = raw.removesuffix("\r")
        if line.strip():
            try:
                rows.append(read_record(line, header, columns))
            except (RejectedError, csv.Error):
                continue
    return rows


def read_record(line: str, header: list[str], columns: dict[str, Row]) -> Row:
    if any(ord(character) < 32 or ord(character) == 127 for character in line):
        raise RejectedError("control character")
    fields = next(csv.reader([line], strict=True)) if '"' in line else line.split(",")
    if len(fields) != len(header):
        raise RejectedError("number of fields")
    texts = dict(zip(header, fields, strict=True))
    return {name: value_of(texts.get(name, ""), column) for name, column in columns.items()}


def value_of(text: str, column: Row) -> Any:
    if text == "":
        if column.get("required"):
            raise RejectedError(f"{column['name']} missing")
        return None
    try:
        value = typed(text, column)
    except RejectedError:
        if {"property": "unusable", "value": "null"} in column.get("customProperties", []):
            return None
        raise
    check_domain(value, column)
    return value


def typed(text: str, column: Row) -> Any:
    kind = column["logicalType"]
    if kind == "string":
        pattern = column.get("logicalTypeOptions", {}).get("pattern")
        if pattern and not re.fullmatch(pattern.strip("^$"), text, re.ASCII):
            raise RejectedError("form")
        return text
    if kind == "boolean":
        if text not in ("true", "false"):
            raise RejectedError("not a boolean")
        return text == "true"
    if kind == "integer":
        if not re.fullmatch(r"-?[0-9]+", text):
            raise RejectedError("not an integer")
        return int(text)
    if kind == "number":
        scale = int(column["physicalType"].rstrip(")").split(",")[1])
        if not re.fullmatch(rf"-?[0-9]+(\.[0-9]{{1,{scale}}})?", text):
            raise RejectedError("not a decimal of the scale")
        return Decimal(text)
    form = re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) if kind == "date" else INSTANT.fullmatch(text)
    if not form:
        raise RejectedError("form of a time, or no zone")
    try:
        return date.fromisoformat(text) if kind == "date" else datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise RejectedError("no such time") from error


def check_domain(value: Any, column: Row) -> None:
    codes = [code["value"] for code in column.get("enum", [])]
    if codes and value not in codes:
        raise RejectedError("unknown code")
    options = column.get("logicalTypeOptions", {})
    for name, broken in (("minimum", lambda v, m: v < m), ("maximum", lambda v, m: v > m)):
        if name in options:
            limit = options[name]
            if column["logicalType"] in ("date", "timestamp"):
                limit = date.fromisoformat(limit)
            compared = local_date(value) if isinstance(value, datetime) else value
            if broken(compared, limit):
                raise RejectedError(name)
