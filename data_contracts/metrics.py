"""The metric dictionary: each figure of the analysts' tables, said once.

Belongs here: reading metrics.yaml, strictly. Does not: how a figure is computed (sql/marts, segmentation).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

import yaml

_ORIGIN = "data_contracts/metrics.yaml"
_OPTIONAL = frozenset({"denominator", "claim", "claimed_share"})


class MetricError(ValueError):
    """A dictionary that breaks its own rules; the message names the metric, the key and the cure."""


@dataclass(frozen=True)
class Metric:
    """One figure. `says` is what its columns say of themselves, `columns` are schema.table.column; shares are exact.

    `claim` is what others say that the figure is, and `claimed_share` the same as a number.
    """

    name: str
    says: str
    formula: str
    window: str
    includes: str
    unit: str
    source: str
    columns: tuple[str, ...]
    denominator: str | None = None
    claim: str | None = None
    claimed_share: Decimal | None = None

    @property
    def description(self) -> str:
        """What a column that carries the metric says of itself: a sentence."""
        return f"{self.says[0].upper()}{self.says[1:]}."

    @property
    def small_print(self) -> str:
        """How the figure is made, in one line."""
        told = [f"Metric {self.name}: {self.formula}", f"window: {self.window}", f"of: {self.includes}"]
        told += [f"per: {self.denominator}"] if self.denominator else []
        told += [f"claimed: {self.claim}"] if self.claim else []
        return "; ".join(told) + "."


@cache
def metrics() -> Mapping[str, Metric]:
    """The shipped dictionary by name, in its order. Raises MetricError."""
    return parse_metrics(resources.files("data_contracts").joinpath("metrics.yaml").read_text(encoding="utf-8"))


def parse_metrics(text: str, origin: str = _ORIGIN) -> Mapping[str, Metric]:
    """Parses a dictionary: metric name -> its keys. Raises MetricError that names `origin`, metric and key."""
    try:
        document = yaml.load(text, _Loader)  # noqa: S506 (a SafeLoader)
    except yaml.YAMLError as error:
        raise MetricError(f"{origin} is no YAML: {error}") from error
    if not isinstance(document, dict):
        raise MetricError(f"{origin}: write each metric as `name:` with its keys below")
    found = {str(name): _metric(str(name), content, origin) for name, content in document.items()}
    carried: dict[str, str] = {}
    for metric in found.values():
        for column in metric.columns:
            if column in carried:
                raise MetricError(f"{origin}: {column} carries {carried[column]} and {metric.name}; choose one")
            carried[column] = metric.name
    return MappingProxyType(found)


def _metric(name: str, content: Any, origin: str) -> Metric:
    known = [field.name for field in fields(Metric) if field.name != "name"]
    if not isinstance(content, dict):
        raise MetricError(f"{origin}: {name} needs keys: {', '.join(known)}")
    unknown = [str(key) for key in content if key not in known]
    missing = [key for key in known if key not in _OPTIONAL and not content.get(key)]
    if unknown or missing:
        told = [f"unknown key {key}" for key in unknown] + [f"{key} is missing" for key in missing]
        raise MetricError(f"{origin}: {name}: {'; '.join(told)}; known are {', '.join(known)}")
    values = dict(content)
    columns = values.pop("columns")
    if not isinstance(columns, list) or not all(isinstance(c, str) and c.count(".") == 2 for c in columns):
        raise MetricError(f"{origin}: {name}: columns must be a list of schema.table.column")
    share = values.pop("claimed_share", None)
    unclear = [key for key, value in values.items() if not isinstance(value, str)]
    if unclear:
        raise MetricError(f"{origin}: {name}: {', '.join(unclear)} must be text; put it in quotes")
    return Metric(name=name, columns=tuple(columns), claimed_share=_share(name, share, origin), **values)


def _share(name: str, value: Any, origin: str) -> Decimal | None:
    if value is None:
        return None
    try:
        share = Decimal(value) if isinstance(value, str) else None
    except InvalidOperation:
        share = None
    if share is None or not 0 <= share <= 1:
        raise MetricError(f'{origin}: {name}: claimed_share must be a quoted number from 0 to 1, such as "0.80"')
    return share


class _Loader(yaml.SafeLoader):
    """YAML in which a key that is written twice is a mistake."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = sorted({str(key) for key in keys if keys.count(key) > 1})
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"written twice: {', '.join(twice)}", node.start_mark)
        return super().construct_mapping(node, deep)
