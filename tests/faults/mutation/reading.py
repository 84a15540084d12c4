"""A plain reading of one damaged file: what each physical line is, and which typed values it has.

Belongs here: the rules of docs/sources.md, a line at a time in Python. Does not: intake's ways; imports none.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import zlib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

from .contract_rules import Rule, Rules, UnusableError, Value, rules_of, value_of, within
from .layouts import CURRENCY, Layout

MAX_LINE_BYTES = 64 * 1024
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_LOCAL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?")
_PLAIN_NUMBER = re.compile(r"-?[0-9]{1,27}(\.[0-9]{1,10})?")
_BIG = 10**40
Kind = Literal["header", "trailer", "blank", "reject", "row"]


class FileFault(Exception):  # noqa: N818  (the file's, not ours)
    """Why the file must be refused whole."""


@dataclass(frozen=True)
class Line:
    """A physical line (a row, for Parquet), 1-based. `values` are those of a row; `nulled` counts unusable ones."""

    number: int
    kind: Kind
    text: str
    fields: tuple[str, ...] | None = None
    values: tuple[Value, ...] = ()
    nulled: int = 0


@dataclass(frozen=True)
class Reading:
    """What is in the file. With a `fault` intake must refuse it, and lines are only what could be read before."""

    fault: str | None
    lines: list[Line] = field(default_factory=list)

    def count(self, kind: Kind) -> int:
        return sum(line.kind == kind for line in self.lines)


def read(content: bytes, name: str, layout: Layout, control: dict[str, Any] | None = None) -> Reading:
    """Reads the delivered bytes. `control` is what the control file says, None without one."""
    lines: list[Line] = []
    try:
        if name.endswith(".parquet"):
            lines += _parquet_lines(content, layout)
        else:
            lines += _text_lines(content, name, layout)
        _require_currency(lines, rules_of(layout.extract))
        if control is not None:
            _require_control(control, content, lines, layout)
    except FileFault as fault:
        return Reading(str(fault), lines)
    return Reading(None, lines)


def announced(content: bytes, name: str, layout: Layout) -> dict[str, Any]:
    """A control file's content that is true of these bytes."""
    lines = read(content, name, layout).lines
    return {
        "records": sum(line.kind in ("row", "reject") for line in lines),
        "sha256": hashlib.sha256(content).hexdigest(),
        "totals": {column: f"{_total(lines, layout.header.index(column)):f}" for column in layout.amounts},
    }


def _text_lines(content: bytes, name: str, layout: Layout) -> list[Line]:
    text = _decoded(_unpacked(content, name), layout.encoding).removeprefix("\ufeff")
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    if not lines:
        raise FileFault("empty")
    if text.count("\0") * 10 > len(text.encode()):
        raise FileFault("riddled with NUL")
    if any(len(line.encode()) > MAX_LINE_BYTES for line in lines):
        raise FileFault("line too long")
    if len(lines) == 1 and text.count("\r") > 1:
        raise FileFault("lines end in CR")
    lines = [line.removesuffix("\r") for line in lines]
    if layout.has_header and split(lines[0], layout) != layout.header:
        raise FileFault("header")
    trailer = _trailer(lines, layout)
    return [_line(number, line, layout, trailer) for number, line in enumerate(lines, start=1)]


def _unpacked(content: bytes, name: str) -> bytes:
    if not content.startswith(b"\x1f\x8b"):
        if name.endswith(".gz"):
            raise FileFault("no gzip")
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error):
        raise FileFault("gzip") from None


def _decoded(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise FileFault("encoding") from None


def _trailer(lines: list[str], layout: Layout) -> int | None:
    """Number of the trailer's line: the last one with anything on it."""
    if layout.trailer is None:
        return None
    last = max((number for number, line in enumerate(lines, start=1) if line.strip("\r")), default=0)
    if last <= int(layout.has_header) or not lines[last - 1].startswith(layout.trailer):
        raise FileFault("trailer")
    return last


def _line(number: int, line: str, layout: Layout, trailer: int | None) -> Line:
    if number == 1 and layout.has_header:
        return Line(number, "header", line)
    if number == trailer:
        return Line(number, "trailer", line)
    if not line:
        return Line(number, "blank", line)
    if _CONTROL.search(line):
        return Line(number, "reject", line)
    fields = split(line, layout)
    if fields is None or len(fields) != len(layout.header):
        return Line(number, "reject", line)
    return _typed(number, line, fields, layout)


def split(line: str, layout: Layout) -> tuple[str, ...] | None:
    """The fields of one line, or None where its quotes are not around whole fields."""
    if not layout.quoted or '"' not in line:
        return tuple(line.split(layout.delimiter))
    fields, at = [], 0
    while True:
        value = ""
        if line[at : at + 1] == '"':
            at += 1
            while True:
                end = line.find('"', at)
                if end < 0:
                    return None
                value += line[at:end]
                at = end + 1
                if line[at : at + 1] != '"':
                    break
                value += '"'
                at += 1
        else:
            end = line.find(layout.delimiter, at)
            value = line[at:] if end < 0 else line[at:end]
            at += len(value)
            if '"' in value:
                return None
        fields.append(value)
        if at == len(line):
            return tuple(fields)
        if line[at] != layout.delimiter:
            return None
        at += 1


def _parquet_lines(content: bytes, layout: Layout) -> list[Line]:
    try:
        table = pq.read_table(io.BytesIO(content), page_checksum_verification=True)
        columns = [list(map(_as_text, table.column(i).to_pylist())) for i in range(table.num_columns)]
    except (pa.ArrowException, OSError, UnicodeDecodeError, OverflowError, ValueError, TypeError):
        raise FileFault("parquet") from None
    if tuple(table.column_names) != layout.header:
        raise FileFault("header")
    lines = []
    for number, fields in enumerate(zip(*columns, strict=True), start=1):
        if any(map(_CONTROL.search, fields)):
            lines.append(Line(number, "reject", "", fields))
        else:
            lines.append(_typed(number, "", fields, layout))
    return lines


def _as_text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case str() | int() | Decimal() | date():
            return str(value)
        case _:
            raise TypeError


def _typed(number: int, text: str, fields: tuple[str, ...], layout: Layout) -> Line:
    rules = rules_of(layout.extract)
    values: list[Value] = []
    nulled = 0
    try:
        for rule, given in zip(rules.columns, _our_fields(layout, fields, rules), strict=True):
            try:
                values.append(value_of(rule, given) if isinstance(given, str) else within(rule, given))
            except UnusableError:
                if not rule.becomes_null:
                    raise
                values.append(None)
                nulled += 1
    except UnusableError:
        return Line(number, "reject", text, fields)
    return Line(number, "row", text, fields, tuple(values), nulled)


def _our_fields(layout: Layout, fields: tuple[str, ...], rules: Rules) -> tuple[str | datetime, ...]:
    """The contract's columns: the fields as they are, or what the source's mapping makes of them."""
    if layout.source not in ("switch", "desk"):
        return fields
    f = dict(zip(layout.header, fields, strict=True))
    ours = _of_switch(f) if layout.source == "switch" else _of_desk(f)
    return tuple(ours.get(rule.name, "") for rule in rules.columns)


def _of_switch(f: dict[str, str]) -> dict[str, str | datetime]:
    if f["way"] not in ("1", "2") or not f["secs"].strip(" \u00a0\u3000\u2003"):
        raise UnusableError
    caller, called = (f["user"], f["other"]) if f["way"] == "1" else (f["other"], f["user"])
    return {
        "record_id": f["id"],
        "served_msisdn": _prefixed(f["user"]),
        "calling_number": _prefixed(caller),
        "called_number": _prefixed(called),
        "direction": {"1": "outgoing", "2": "incoming"}[f["way"]],
        "call_type": _coded(f["kind"], {"V": "voice", "S": "sms", "D": "data"}),
        "answer_time": _local(f["at"], ZoneInfo("Europe/London")),
        "call_duration": f["secs"],
        "uplink_bytes": f["up"],
        "downlink_bytes": f["down"],
        "roaming": "false",
        "long_distance": _coded(f["far"], {"Y": "true", "N": "false"}),
        "charge": f["amount"],
        "cause_for_term": "normal" if f["cause"] == "16" else f["cause"],
    }


def _of_desk(f: dict[str, str]) -> dict[str, str | datetime]:
    return {
        "payment_id": f"D-{f['number']}" if f["number"] else "",
        "account_id": f["account"],
        "kind": _coded(f["kind"], {"B": "payment", "A": "recharge"}),
        "billing_period": f["month"],
        "subscription_id": f["line"],
        "paid_at": _zoned(f["paid"]),
        "amount": f["amount"],
    }


def _prefixed(text: str) -> str:
    return f"+86{text}" if len(text) == 11 else text


def _coded(text: str, codes: dict[str, str]) -> str:
    if text and text not in codes:
        raise UnusableError
    return codes.get(text, "")


def _local(text: str, zone: ZoneInfo) -> datetime:
    """A local time that happens exactly once."""
    if _LOCAL.fullmatch(text) is None:
        raise UnusableError
    try:
        moment = datetime.fromisoformat(text).replace(tzinfo=zone)
    except ValueError:
        raise UnusableError from None
    if moment.utcoffset() != moment.replace(fold=1).utcoffset():
        raise UnusableError
    return moment.astimezone(UTC).replace(tzinfo=None)


def _zoned(text: str) -> datetime:
    """Day.month.year time offset, as strptime reads them, in ASCII."""
    try:
        if not text.isascii():
            raise ValueError
        moment = datetime.strptime(text, "%d.%m.%Y %H:%M:%S %z")
        return moment.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        raise UnusableError from None


def _require_currency(lines: list[Line], rules: Rules) -> None:
    if rules.currency is None:
        return
    rule: Rule = rules.columns[rules.currency]
    for line in lines:
        text = line.fields[rules.currency] if line.fields else ""
        if text != CURRENCY and re.fullmatch(rule.pattern or "", text):
            raise FileFault("currency")


def _require_control(control: dict[str, Any], content: bytes, lines: list[Line], layout: Layout) -> None:
    if not set(control) <= {"records", "sha256", "totals"}:
        raise FileFault("control")
    if control.get("records") not in (None, sum(line.kind in ("row", "reject") for line in lines)):
        raise FileFault("control")
    if control.get("sha256") not in (None, hashlib.sha256(content).hexdigest()):
        raise FileFault("control")
    for column, total in control.get("totals", {}).items():
        if Decimal(total) != _total(lines, layout.header.index(column)):
            raise FileFault("control")


def _total(lines: list[Line], column: int) -> Decimal:
    """The exact sum of a column over all lines that are split into fields, where it is a plain number."""
    found = (line.fields[column] for line in lines if line.fields)
    scaled = sum(int(Decimal(text).scaleb(10)) for text in found if _PLAIN_NUMBER.fullmatch(text))
    return Decimal(scaled).scaleb(-10) if abs(scaled) < _BIG else Decimal(0)
