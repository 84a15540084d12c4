"""A whole night on both engines: every table row by row, and the published files byte by byte.

Belongs here: equality of the engines on the sample with its faults. Does not: what a row should be (tests/sql).
"""

import json
from pathlib import Path

import duckdb
import pytest
from conftest import Twins

from pipelines import usage, warehouse
from pipelines.contracts.tables import INTAKE_COLUMNS
from pipelines.engine import OneNode, engine_of
from pipelines.judged_tables import JUDGED
from pipelines.publishing.analytics import MARTS
from pipelines.spark.engine import SparkEngine
from pipelines.sql_catalogue import sql_table, sql_tables
from pipelines.sql_text import identifiers
from pipelines.table_types import table_types
from tierline import TierTable

MADE = [t.table for schema in ("features", "scores") for t in sql_tables(schema)] + [*JUDGED]
AUDITS = [t.table for t in sql_tables("audits")]


def files(home: Path) -> dict[str, str]:
    manifest = TierTable(home / "published" / "customer_tiers").manifest
    assert manifest is not None
    return {Path(file.path).name: file.sha256 for file in manifest.files}


def rows(con: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    found = con.sql(f"select {identifiers(table_types(table))} from {table}")
    assert {n: str(k) for n, k in zip(found.columns, found.types, strict=True)} == table_types(table)
    return sorted(map(repr, found.fetchall()))


def test_both_nights_publish_the_same_bytes(twins: Twins) -> None:
    assert not twins.duckdb.failures and not twins.spark.failures, (twins.duckdb.failures, twins.spark.failures)
    assert (twins.duckdb.version, twins.spark.version, twins.spark.created) == (2, 2, True)
    assert twins.duckdb.run_key == twins.spark.run_key
    assert files(twins.on_duckdb.home) == files(twins.on_spark.home)


@pytest.mark.parametrize("table", ["staging.cdr", *(f"intake.{name}" for name in INTAKE_COLUMNS)])
def test_intake_came_to_the_same_on_both(twins: Twins, table: str) -> None:
    with twins.on_duckdb.warehouse.open() as here, twins.on_spark.warehouse.open() as there:
        assert rows(there, table) == rows(here, table)
        taken = dict(
            there.execute(
                "select file_name, extract from intake.elsewhere join intake.files using (file_id, extract)"
            ).fetchall()
        )
    assert set(taken.values()) == {"cdr"} and len(taken) == 5


def test_both_nights_warn_of_the_same(twins: Twins) -> None:
    assert twins.duckdb.warnings == twins.spark.warnings
    assert twins.duckdb.warnings


@pytest.mark.parametrize("table", MADE)
def test_a_table_has_the_same_rows_on_both(twins: Twins, table: str) -> None:
    with twins.on_duckdb.warehouse.open() as here, twins.on_spark.warehouse.open() as there:
        expected = rows(here, table)
        assert rows(there, table) == expected
        made_on_spark = there.execute(
            "select 1 from information_schema.tables where table_type = 'VIEW' "
            "and table_schema || '.' || table_name = $t",
            {"t": table},
        ).fetchall()
    assert made_on_spark, f"{table} was made on DuckDB"


@pytest.mark.parametrize("table", AUDITS)
def test_an_audit_finds_the_same_on_both(twins: Twins, table: str) -> None:
    with twins.on_duckdb.warehouse.open() as con:
        expected = OneNode(twins.on_duckdb).bad_rows(con, sql_table(table), 20)
    with twins.on_spark.warehouse.open() as con:
        assert engine_of(twins.on_spark).bad_rows(con, sql_table(table), 20) == expected


@pytest.mark.parametrize("name", MARTS)
def test_a_mart_can_be_asked_on_spark_too(twins: Twins, name: str) -> None:
    """Marts are made on one node; whoever has Spark may ask the same SQL there."""
    night = twins.on_spark
    with night.warehouse.open() as con:
        con.execute(f"attach '{night.analytics}' as published (read_only)")
        found = SparkEngine(night).ask(con, sql_table(f"marts.{name}"))
        con.register("found", found)
        expected = con.sql(f"select {identifiers(table_types(f'marts.{name}'))} from published.main.{name}")
        assert sorted(map(repr, con.sql("select * from found").fetchall())) == sorted(map(repr, expected.fetchall()))


def test_every_sql_file_is_compared() -> None:
    there = {t.table for schema in ("features", "scores", "marts", "audits") for t in sql_tables(schema)}
    assert there == {*MADE, *AUDITS, *(f"marts.{name}" for name in MARTS)} - set(JUDGED)


def test_days_are_kept_and_rows_are_sent_once(twins: Twins) -> None:
    def listed() -> set[tuple[str, int]]:
        place = Path(twins.on_spark.settings.spark_path)
        kept = [*place.glob("staging/*/*"), *place.glob("features/usage_daily/*/*/*.parquet")]
        return {(str(path), path.stat().st_mtime_ns) for path in kept}

    before = listed()
    assert before
    with twins.on_spark.warehouse.open() as con:
        again = engine_of(twins.on_spark).roll_up(con, usage.DAILY_USAGE, lambda _done, _total: None)
        assert (again.rolled_up, again.days) == (0, warehouse.count(con, usage.DAILY_USAGE.files))
    assert listed() == before


def test_the_manifest_names_nothing_of_the_engine(twins: Twins) -> None:
    said = [
        json.loads((night.tier_table / "manifests" / "2.json").read_text(encoding="utf-8"))["provenance"]
        for night in (twins.on_duckdb, twins.on_spark)
    ]
    assert said[0] == said[1]
