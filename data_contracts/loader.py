"""Reads an ODCS file into typed columns; what does not ship is held against the standard's own JSON schema first.

Belongs here: the shape of a contract in Python. Does not: SQL, Arrow or checks made from it (pipelines/contracts).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

import yaml

from data_contracts.metrics import Metric, metrics

Logical = Literal["string", "date", "timestamp", "boolean", "integer", "number"]
Delivery = Literal["snapshot", "append"]
_SUFFIX = ".odcs.yaml"
# libyaml reads as the loader in Python does, seven times as fast; not every build of PyYAML has it.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class ContractError(ValueError):
    """A contract that the standard, or this project's use of it, refuses; the message names file, place and cure."""


@dataclass(frozen=True)
class Column:
    """One property of a contract's table.

    `minimum` and `maximum` are inclusive and kept as text, so that no value passes
    through a float. `unit` and `standard` are free text for people. A column that carries a `metric` has its
    description and unit from the dictionary; `not_metric` says why a number is none.
    """

    name: str
    logical: Logical
    physical: str
    description: str
    required: bool = False
    key_position: int | None = None
    enum: tuple[str, ...] = ()
    pattern: str | None = None
    minimum: str | None = None
    maximum: str | None = None
    is_personal: bool = False
    unit: str | None = None
    standard: str | None = None
    local_date: str | None = None
    local_hour: str | None = None
    unusable_becomes_null: bool = False
    is_e164: bool = False
    minimum_reason: str | None = None
    metric: str | None = None
    not_metric: str | None = None


@dataclass(frozen=True)
class Contract:
    """One table at a border of the house: `schema.name`, its columns in order, key, delivery and version.

    `key_within` names the setting that says for how many days before and after a row its key must not come again, by
    the local day of `business_date`; without it, a key never comes again.
    """

    schema: str
    name: str
    version: str
    purpose: str
    usage: str
    limitations: str | None
    grain: str
    owner: str
    columns: tuple[Column, ...]
    delivery: Delivery | None = None
    business_date: str | None = None
    key_within: str | None = None
    currency_column: str | None = None

    @property
    def table(self) -> str:
        """`schema.name`, as in DuckDB and in messages."""
        return f"{self.schema}.{self.name}"

    @property
    def key(self) -> tuple[str, ...]:
        """Primary key columns in the order of their positions."""
        keyed = [c for c in self.columns if c.key_position is not None]
        return tuple(c.name for c in sorted(keyed, key=lambda c: c.key_position or 0))

    @property
    def day_column(self) -> str | None:
        """The column that says of which day a row is: the business date, or its local date. None without one."""
        if self.business_date is None:
            return None
        column = self.column(self.business_date)
        return column.name if column.logical == "date" else column.local_date

    def column(self, name: str) -> Column:
        """The column of that name; raises ContractError with the known names."""
        for column in self.columns:
            if column.name == name:
                return column
        known = ", ".join(c.name for c in self.columns)
        raise ContractError(f"{self.table} has no column {name!r}; it has: {known}")


def contract_names(schema: str) -> tuple[str, ...]:
    """Names of the contracts of a schema, sorted, e.g. all extracts for `staging`."""
    folder = resources.files("data_contracts").joinpath(schema)
    return tuple(sorted(f.name.removesuffix(_SUFFIX) for f in folder.iterdir() if f.name.endswith(_SUFFIX)))


@cache
def contract(table: str) -> Contract:
    """The shipped contract of `schema.name`. Raises ContractError if there is none.

    Each start of a night asks for most of them, so the standard's schema, which takes most of a second over them all,
    is not asked here: the tests hold every one against it.
    """
    schema, _, name = table.partition(".")
    file = resources.files("data_contracts").joinpath(schema, name + _SUFFIX)
    if not file.is_file():
        raise ContractError(f"no contract {table}: expected data_contracts/{schema}/{name}{_SUFFIX}")
    return _contract_of(_document(file.read_text(encoding="utf-8")), schema, f"data_contracts/{schema}/{name}{_SUFFIX}")


def parse_contract(text: str, schema: str, origin: str) -> Contract:
    """Parses one ODCS document. Raises ContractError naming `origin` and the place in it."""
    document = _document(text)
    _require_standard(document, origin)
    return _contract_of(document, schema, origin)


def _document(text: str) -> Any:
    return yaml.load(text, _LOADER)  # noqa: S506 (a SafeLoader)


def _contract_of(document: Any, schema: str, origin: str) -> Contract:
    if len(document.get("schema", [])) != 1:
        raise ContractError(f"{origin}: one table a file; put every other object into a file of its own")
    table = document["schema"][0]
    custom = _custom(table)
    columns = tuple(_column(p, f"{schema}.{table['name']}", origin) for p in table["properties"])
    parsed = Contract(
        schema=schema,
        name=table["name"],
        version=document["version"],
        purpose=document["description"]["purpose"],
        usage=document["description"]["usage"],
        limitations=document["description"].get("limitations"),
        grain=table["dataGranularityDescription"],
        owner=document["team"]["name"],
        columns=columns,
        delivery=custom.get("delivery"),
        business_date=custom.get("businessDate"),
        key_within=custom.get("keyWithin"),
        currency_column=custom.get("currencyColumn"),
    )
    for column in (parsed.business_date, parsed.currency_column):
        if column is not None:
            parsed.column(column)
    if parsed.key_within is not None and not (
        parsed.delivery == "append" and parsed.business_date and parsed.column(parsed.business_date).local_date
    ):
        raise ContractError(
            f"{origin}: keyWithin counts local days of records: deliver append, and give the column of businessDate a "
            "localDate"
        )
    return parsed


def _require_standard(document: Any, origin: str) -> None:
    errors = sorted(_validator().iter_errors(document), key=lambda e: list(map(str, e.absolute_path)))
    if errors:
        places = "; ".join(f"at {'/'.join(map(str, e.absolute_path)) or 'top'}: {e.message[:200]}" for e in errors[:5])
        raise ContractError(f"{origin} is not a valid ODCS document: {places}")


@cache
def _validator() -> Any:
    # The pydantic model of the same package takes misspelt keys in silence; the JSON schema does not.
    from jsonschema import Draft201909Validator  # noqa: PLC0415  (half a second that a reader of columns need not pay)

    schema = json.loads(
        resources.files("open_data_contract_standard").joinpath("schema.json").read_text(encoding="utf-8")
    )
    return Draft201909Validator(schema)


def _custom(element: dict[str, Any]) -> dict[str, Any]:
    return {p["property"]: p["value"] for p in element.get("customProperties", [])}


def _column(p: dict[str, Any], table: str, origin: str) -> Column:
    custom = _custom(p)
    if "metric" in custom:
        metric = _metric(p, custom, table, origin)
        p, custom = p | {"description": metric.description}, custom | {"unit": metric.unit}
    for field in ("logicalType", "physicalType", "description"):
        if field not in p:
            raise ContractError(f"{origin}: column {p['name']} needs {field}")
    options = p.get("logicalTypeOptions", {})
    return Column(
        name=p["name"],
        logical=p["logicalType"],
        physical=p["physicalType"],
        description=p["description"],
        required=p.get("required", False),
        key_position=p.get("primaryKeyPosition") if p.get("primaryKey") else None,
        enum=tuple(str(e["value"]) for e in p.get("enum", [])),
        pattern=options.get("pattern"),
        minimum=_text(options.get("minimum")),
        maximum=_text(options.get("maximum")),
        is_personal=p.get("classification") == "restricted",
        unit=custom.get("unit"),
        standard=custom.get("standard"),
        local_date=custom.get("localDate"),
        local_hour=custom.get("localHour"),
        unusable_becomes_null=custom.get("unusable") == "null",
        is_e164=custom.get("numberForm") == "e164",
        minimum_reason=custom.get("minimumReason"),
        metric=custom.get("metric"),
        not_metric=custom.get("notMetric"),
    )


def _metric(p: dict[str, Any], custom: dict[str, Any], table: str, origin: str) -> Metric:
    """The metric that a column carries: in the dictionary, and said nowhere else."""
    name, column = custom["metric"], f"{table}.{p['name']}"
    if name not in metrics():
        raise ContractError(f"{origin}: column {p['name']}: data_contracts/metrics.yaml has no metric {name}")
    if column not in metrics()[name].columns:
        raise ContractError(f"{origin}: data_contracts/metrics.yaml: {name} does not list {column} among its columns")
    if "description" in p or "unit" in custom:
        raise ContractError(
            f"{origin}: column {p['name']}: metric {name} says what it means and its unit; remove them here"
        )
    return metrics()[name]


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
