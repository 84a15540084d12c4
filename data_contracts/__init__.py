"""What goes in and out: Open Data Contract Standard (ODCS v3) files, one table each, and their loader; the metric
dictionary.

Belongs here: columns, types, units, keys, domains, owners, versions, metrics. Does not: anything that moves or checks
data.
"""

from data_contracts.loader import (
    Column,
    Contract,
    ContractError,
    contract,
    contract_names,
    parse_contract,
)
from data_contracts.metrics import Metric, MetricError, metrics, parse_metrics

__all__ = [
    "Column",
    "Contract",
    "ContractError",
    "Metric",
    "MetricError",
    "contract",
    "contract_names",
    "metrics",
    "parse_contract",
    "parse_metrics",
]
