"""The metric dictionary: what it refuses, and that it, the contracts and the tables' columns fit one another.

Belongs here: data_contracts/metrics.py and metrics.yaml. Does not: figures (tests/sql).
"""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
import yaml

from data_contracts import ContractError, MetricError, contract, contract_names, metrics, parse_contract, parse_metrics

ONE = """
mou:
  says: minutes of use
  formula: minutes / months
  window: the window
  includes: customers
  unit: minutes
  source: cdr
  columns: [marts.customers.mou_minutes]
"""
TABLES = [f"marts.{name}" for name in contract_names("marts")]
CARRIERS = {c: m.name for m in metrics().values() for c in m.columns}
# Older than the dictionary: their other numbers are counts and amounts that stand for themselves.
BEFORE_THE_DICTIONARY = {"marts.customers", "marts.subscriptions", "marts.intake_files", "marts.rejects"}


def test_a_metric_is_read_and_says_its_small_print() -> None:
    (mou,) = parse_metrics(ONE + '  claim: "all talk"\n  claimed_share: "0.50"\n').values()
    assert (mou.name, mou.description, mou.claimed_share) == ("mou", "Minutes of use.", Decimal("0.5"))
    assert mou.small_print == "Metric mou: minutes / months; window: the window; of: customers; claimed: all talk."


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("  unit: minutes\n", "  unit: minutes\n  colour: red\n"), "mou: unknown key colour"),
        (("  unit: minutes\n", ""), "mou: unit is missing"),
        (("  unit: minutes\n", "  unit: 5\n"), "mou: unit must be text"),
        (("  unit: minutes\n", "  unit: minutes\n  unit: hours\n"), "written twice: unit"),
        (
            ("  unit: minutes\n", "  unit: minutes\n  claimed_share: 0.8\n"),
            "mou: claimed_share must be a quoted",
        ),
        (
            ("  unit: minutes\n", '  unit: minutes\n  claimed_share: "80"\n'),
            "mou: claimed_share must be a quoted",
        ),
        (("[marts.customers.mou_minutes]", "[mou_minutes]"), "schema.table.column"),
        (("[marts.customers.mou_minutes]", "marts.customers.mou_minutes"), "schema.table.column"),
        ((ONE, "- mou\n"), "write each metric"),
        ((ONE, "mou: minutes\n"), "mou needs keys"),
        ((ONE, ONE + ONE), "written twice: mou"),
        ((ONE, ONE + ONE.replace("mou:", "talk:")), "marts.customers.mou_minutes carries mou and talk"),
        ((ONE, "a: [\n"), "no YAML"),
    ],
)
def test_a_faulty_dictionary_is_refused(change: tuple[str, str], words: str) -> None:
    assert change[0] in ONE
    with pytest.raises(MetricError, match=re.escape(words)):
        parse_metrics(ONE.replace(*change), "x.yaml")


def contract_of(column: dict[str, object]) -> str:
    document = {
        "apiVersion": "v3.2.0", "kind": "DataContract", "id": "x", "name": "customers", "version": "1.0.0",
        "status": "active", "description": {"purpose": "p", "usage": "u"}, "team": {"name": "t"},
        "schema": [{"name": "customers", "dataGranularityDescription": "one row", "properties": [column]}],
    }  # fmt: skip
    return yaml.safe_dump(document)


def carrying(metric: str, **more: object) -> dict[str, object]:
    custom = [{"property": "metric", "value": metric}]
    return {"logicalType": "number", "physicalType": "DECIMAL(18,4)", "customProperties": custom} | more


def test_a_column_that_carries_a_metric_has_its_words_from_the_dictionary() -> None:
    text = contract_of(carrying("mou", name="mou_minutes"))
    (column,) = parse_contract(text, "marts", "x").columns
    assert (column.metric, column.description) == ("mou", metrics()["mou"].description)
    assert column.unit == "minutes a month"


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (carrying("talk", name="mou_minutes"), "has no metric talk"),
        (carrying("mou", name="minutes"), "mou does not list marts.customers.minutes"),
        (carrying("mou", name="mou_minutes", description="Minutes."), "remove them here"),
    ],
)
def test_a_contract_that_says_it_otherwise_is_refused(column: dict[str, object], words: str) -> None:
    with pytest.raises(ContractError, match=words):
        parse_contract(contract_of(column), "marts", "x")


@pytest.mark.parametrize("column", CARRIERS)
def test_every_column_of_a_metric_is_there_and_names_it(column: str) -> None:
    table, _, name = column.rpartition(".")
    assert contract(table).column(name).metric == CARRIERS[column]


@pytest.mark.parametrize("table", sorted(set(TABLES) - BEFORE_THE_DICTIONARY))
def test_every_number_is_a_metric_or_says_why_not(table: str) -> None:
    numbers = [c for c in contract(table).columns if c.logical in ("integer", "number")]
    assert numbers
    silent = [c.name for c in numbers if (c.metric is None) == (c.not_metric is None)]
    assert not silent, "name a `metric` or say `notMetric`, one of them"


def test_the_figures_that_a_night_is_about_are_metrics() -> None:
    said = {"arpu", "spend", "mou", "tenure", "credit", "value_score", "churn_risk", "tier_kept_share"}
    assert said <= metrics().keys()
    claimed = {m.name: m.claimed_share for m in metrics().values() if m.claim}
    assert claimed == {"top_spend_share": Decimal("0.8"), "churners_under_line_share": Decimal("0.87")}
    assert all((m.claim is None) == (m.claimed_share is None) for m in metrics().values())
