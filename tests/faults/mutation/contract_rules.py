"""What a contract says of one value, read from its YAML by code of its own: the second opinion on every field.

Belongs here: one text -> one typed value, or not. Does not: lines and files (reading.py). Imports nothing of intake.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import yaml

Value = str | int | bool | Decimal | date | datetime | None
_CONTRACTS = Path(__file__).parents[3] / "data_contracts" / "staging"
_WIDTHS = {"SMALLINT": 15, "INTEGER": 31, "BIGINT": 63}
_BOOLEANS = dict.fromkeys(("true", "TRUE", "True", "1"), True) | dict.fromkeys(("false", "FALSE", "False", "0"), False)
_ZONED = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,6}))?"
    r"(Z|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?)"
)


class UnusableError(ValueError):
    """The text is no value of its column."""


@dataclass(frozen=True)
class Rule:
    name: str
    logical: str
    physical: str
    required: bool
    enum: frozenset[str]
    pattern: str | None
    minimum: str | None
    maximum: str | None
    becomes_null: bool
    local_date: str | None
    local_hour: str | None


@dataclass(frozen=True)
class Rules:
    columns: tuple[Rule, ...]
    key: tuple[int, ...]
    is_snapshot: bool
    business_date: int | None
    currency: int | None


@cache
def rules_of(extract: str) -> Rules:
    table = yaml.safe_load((_CONTRACTS / f"{extract}.odcs.yaml").read_text(encoding="utf-8"))["schema"][0]
    columns = tuple(map(_rule, table["properties"]))
    names = [c.name for c in columns]
    custom = _custom(table)
    keyed = sorted((p["primaryKeyPosition"], i) for i, p in enumerate(table["properties"]) if p.get("primaryKey"))

    def position(which: str) -> int | None:
        return names.index(custom[which]) if which in custom else None

    return Rules(
        columns,
        tuple(i for _, i in keyed),
        custom["delivery"] == "snapshot",
        position("businessDate"),
        position("currencyColumn"),
    )


def _custom(element: dict[str, Any]) -> dict[str, Any]:
    return {p["property"]: p["value"] for p in element.get("customProperties", [])}


def _rule(p: dict[str, Any]) -> Rule:
    options, custom = p.get("logicalTypeOptions", {}), _custom(p)
    return Rule(
        name=p["name"],
        logical=p["logicalType"],
        physical=p["physicalType"],
        required=p.get("required", False),
        enum=frozenset(str(e["value"]) for e in p.get("enum", [])),
        pattern=options.get("pattern"),
        minimum=None if options.get("minimum") is None else str(options["minimum"]),
        maximum=None if options.get("maximum") is None else str(options["maximum"]),
        becomes_null=custom.get("unusable") == "null",
        local_date=custom.get("localDate"),
        local_hour=custom.get("localHour"),
    )


def value_of(rule: Rule, text: str) -> Value:
    """The typed value of a text; empty is null. A timestamp is UTC, naive. Raises UnusableError."""
    if not text:
        if rule.required:
            raise UnusableError
        return None
    if rule.enum and text not in rule.enum:
        raise UnusableError
    if rule.pattern is not None and re.fullmatch(rule.pattern, text) is None:
        raise UnusableError
    return within(rule, _parsed(rule, text))


def within(rule: Rule, value: Value) -> Value:
    """The value, if the contract's bounds hold it. Raises UnusableError."""
    for bound, sign in ((rule.minimum, -1), (rule.maximum, 1)):
        if bound is None:
            continue
        match value:
            case datetime():
                beyond = (value - datetime.fromisoformat(bound)).total_seconds() * sign > 0
            case date():
                beyond = (value - date.fromisoformat(bound)).days * sign > 0
            case int() | Decimal():
                beyond = (value - Decimal(bound)) * sign > 0
            case _:
                raise AssertionError(f"{rule.name} has bounds and is no quantity")
        if beyond:
            raise UnusableError
    return value


def _parsed(rule: Rule, text: str) -> Value:
    match rule.logical:
        case "string":
            return text
        case "boolean" if text in _BOOLEANS:
            return _BOOLEANS[text]
        case "integer" if re.fullmatch(r"-?[0-9]+", text):
            number = int(text)
            if -(2 ** _WIDTHS[rule.physical]) <= number < 2 ** _WIDTHS[rule.physical]:
                return number
        case "number":
            return _decimal(rule, text)
        case "date" if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return _day(text)
        case "timestamp":
            return _instant(text)
    raise UnusableError


def _decimal(rule: Rule, text: str) -> Decimal:
    precision, scale = map(int, re.findall(r"[0-9]+", rule.physical))
    found = re.fullmatch(r"-?([0-9]+)(?:\.([0-9]+))?", text)
    # Nothing is rounded: what lies behind the scale must be zeros.
    if found is None or len((found[2] or "").rstrip("0")) > scale:
        raise UnusableError
    if len(found[1].lstrip("0")) > precision - scale:
        raise UnusableError
    return Decimal(text)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UnusableError from None


def _instant(text: str) -> datetime:
    found = _ZONED.fullmatch(text)
    if found is None:
        raise UnusableError
    zone = found[6].replace("Z", "+00:00")
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:].replace(":", "") or 0))
    try:
        local = datetime.combine(_day(found[1]), datetime.min.time()).replace(
            hour=int(found[2]),
            minute=int(found[3]),
            second=int(found[4]),
            microsecond=int((found[5] or "").ljust(6, "0")),
        )
        return local - offset if zone[0] == "+" else local + offset
    except (ValueError, OverflowError):
        raise UnusableError from None
