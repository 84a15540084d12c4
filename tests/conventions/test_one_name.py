"""A table's name is its asset key, its SQL file or function, and, at a border, its contract; compared both ways.

Belongs here: catalogues held together. Does not: what is in them.
"""

from importlib import resources
from pathlib import Path

import pytest

from data_contracts import contract, contract_names
from pipelines.contracts.tables import INTAKE_COLUMNS
from pipelines.definitions import build_definitions
from pipelines.judged_tables import JUDGED
from pipelines.publishing.analytics import MARTS
from pipelines.run_context import RUN_COLUMNS
from pipelines.sql_catalogue import output_columns, sql_table, sql_tables
from pipelines.sql_lineage import found_lineage, lineage_file

ROOT = Path(__file__).parents[2]
PUBLISHED = {"published.customer_tiers", "published.analytics"}
# Made by a job of its own, and no table.
MODELS = {"models.churn"}
# What a night takes away at its end.
EXPIRY = {"intake.expiry"}
SQL_FILES = sorted((ROOT / "sql").rglob("*.sql"))


@pytest.fixture(scope="module")
def assets(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    graph = build_definitions(tmp_path_factory.mktemp("home")).resolve_asset_graph()
    return {".".join(key.path) for key in graph.get_all_asset_keys()}


def test_assets_and_tables_are_the_same_set(assets: set[str]) -> None:
    extracts = contract_names("staging")
    expected = (
        {f"landing.{name}" for name in extracts}
        | {f"staging.{name}" for name in extracts}
        | {f"intake.{name}" for name in INTAKE_COLUMNS}
        | {f"run.{name}" for name in RUN_COLUMNS}
        | {t.table for schema in ("features", "scores", "marts") for t in sql_tables(schema)}
        | set(JUDGED)
        | PUBLISHED
        | MODELS
        | EXPIRY
    )
    assert assets == expected


def test_every_sql_file_is_in_the_catalogue() -> None:
    files = {".".join(file.relative_to(ROOT / "sql").with_suffix("").parts) for file in SQL_FILES}
    known = {t.table for schema in ("features", "scores", "marts", "audits") for t in sql_tables(schema)}
    assert files == known


def test_every_audit_is_a_check(tmp_path: Path) -> None:
    checks = build_definitions(tmp_path).resolve_asset_graph().asset_check_keys
    names = {key.name for key in checks}
    assert {audit.name for audit in sql_tables("audits")} <= names
    assert {f"keeps_contract_{name}" for name in (*contract_names("staging"), "customer_tiers")} <= names


@pytest.mark.parametrize("table", [t.table for s in ("features", "scores", "marts") for t in sql_tables(s)])
def test_every_upstream_of_a_sql_file_is_an_asset(table: str, assets: set[str]) -> None:
    assert set(sql_table(table).upstreams) <= assets


@pytest.mark.parametrize("table", [t.table for s in ("features", "scores", "marts", "audits") for t in sql_tables(s)])
def test_every_output_column_is_explained(table: str) -> None:
    source = sql_table(table)
    assert set(output_columns(source)) == set(source.column_notes)


@pytest.mark.parametrize("table", ["features.usage_daily", *(f"marts.{name}" for name in MARTS)])
def test_a_contract_of_a_sql_table_has_its_columns_in_order(table: str) -> None:
    assert tuple(c.name for c in contract(table).columns) == output_columns(sql_table(table))


@pytest.mark.parametrize("table", ["features.usage_daily", *(f"marts.{name}" for name in MARTS)])
def test_a_column_means_the_same_in_the_contract_and_in_the_sql(table: str) -> None:
    notes = sql_table(table).column_notes
    told = {c.name: c.description for c in contract(table).columns}
    assert told == {name: f"{note[0].upper()}{note[1:]}." for name, note in notes.items()}


def test_the_published_contract_has_the_columns_of_its_rows_in_order() -> None:
    promised = tuple(c.name for c in contract("published.customer_tiers").columns)
    assert promised == output_columns(sql_table("scores.subscription"))


def test_every_contract_has_a_table() -> None:
    made = {t.table for schema in ("features", "marts") for t in sql_tables(schema)} | {"published.customer_tiers"}
    for schema in ("features", "marts", "published"):
        assert {f"{schema}.{name}" for name in contract_names(schema)} <= made


def test_the_kept_lineage_is_current() -> None:
    kept = resources.files("sql").joinpath("lineage.json").read_text(encoding="utf-8")
    assert kept == lineage_file(), "run: python -m pipelines.sql_lineage"


def test_column_lineage_reaches_the_extracts() -> None:
    lineage = found_lineage(sql_table("features.bill_shares"))
    assert ("staging.bills", "rental_amount") in lineage["amount"]
    assert ("staging.bills", "tax_amount") not in lineage["amount"]
