"""A row that is asked for all its forms at once gets the verdict that its fields, asked one by one, would give it.

Belongs here: the shortcut of typed.py beside what it is short for. Does not: what is a fault (test_intake_records).
"""

from __future__ import annotations

import random
from datetime import date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from data_contracts import Column, Contract, contract, contract_names
from pipelines.intake import IntakeSettings, typed
from pipelines.intake.mapping import SCHEMA, identity_mapping
from pipelines.intake.typed import Terms, typed_select

STAGING = [contract(f"{SCHEMA}.{name}") for name in contract_names(SCHEMA)]
HOSTILE = [
    *("", " ", "0", "-0", "+5", " 7", "7 ", "1e3", "1_000", "5.", ".5", "1.00", "1.23456", "1.20000", "-3.5", "- 3"),
    *("99999999999999999999", "12345678901234.5678", "NaN", "infinity", "true", "TRUE", "yes", "中", "１２", "a\tb"),
    *("2024-06-30", "2024-6-30", "2024-02-30", "10000-01-01", "1979-12-31", "2024-06", "2024-13", "epoch", "today"),
    *("2024-06-30T12:00:00Z", "2024-06-30 12:00:00", "2024-06-30T12:00:00+08:00", "2024-06-30T25:00:00Z"),
    *("2024-06-30T12:00:00+15:00", "2024-06-30T12:00:00.1234567Z", "+8613800000001", "8613800000001", "10086", "+0"),
    *("CNY", "cny", "CNY ", "invoice", "invoice ", "CN"),
]
SOUND = {"integer": "12", "number": "3.50", "date": "2024-06-30", "timestamp": "2024-06-30T12:00:00Z"}


def sound(column: Column) -> str:
    if column.enum:
        return column.enum[0]
    if column.pattern is not None:
        return "+8613800000001" if "+" in column.pattern else "CNY" if "A-Z" in column.pattern else "2024-05"
    return "true" if column.logical == "boolean" else SOUND.get(column.logical, "text")


def rows_of(target: Contract, count: int) -> pa.Table:
    """Rows without a fault, with one hostile field, and with several."""
    rng = random.Random(target.name)  # noqa: S311 the same rows each time
    rows = []
    for _ in range(count):
        row = {column.name: sound(column) for column in target.columns}
        for name in rng.sample(sorted(row), k=min(rng.choice((0, 1, 1, 2, 5)), len(row))):
            row[name] = rng.choice(HOSTILE)
        rows.append(row)
    return pa.Table.from_pylist(rows)


@pytest.mark.parametrize("target", STAGING, ids=lambda target: target.name)
def test_all_forms_at_once_judge_as_one_by_one(
    target: Contract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = rows_of(target, 6_000)
    settings = IntakeSettings("Asia/Shanghai", "CNY", tmp_path)
    mapping = identity_mapping(target)
    terms = Terms(target, mapping, "file.csv", date(2024, 7, 1), settings, datetime(2024, 7, 1), None)
    whole = typed._verdict
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        con.register("given", given)
        at_once = typed_select(terms, "given", is_parquet=True)
        monkeypatch.setattr(typed, "_verdict", lambda faults, forms: whole(faults, {}))
        one_by_one = typed_select(terms, "given", is_parquet=True)
        assert ("concat_ws" in at_once.sql) == any(map(has_form, target.columns))
        assert "concat_ws" not in one_by_one.sql
        verdicts = con.execute(at_once.sql).fetchall()
        assert verdicts == con.execute(one_by_one.sql).fetchall()
    codes = {row[-1] for row in verdicts}
    assert 0 in codes
    assert len(codes) > len(at_once.failures) // 2


def has_form(column: Column) -> bool:
    formed = column.logical in ("integer", "number", "date", "timestamp") or column.pattern is not None
    return formed and not column.unusable_becomes_null
