"""The analysts' tables of the tier history after two nights, against a plain fold of the history's files.

Belongs here: two whole nights, the files that they leave, the report made of them. Does not: single rules (tests/sql).
"""

from __future__ import annotations

import csv
import sys
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
from conftest import TINY_AS_OF, MakeHome
from typer.testing import CliRunner

from data_contracts import metrics
from pipelines.cli.app import app
from pipelines.runs import run_night

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "intake"))
from workbooks import read_back

# So many days later that who left meanwhile left within the policy's horizon.
LATER = date(2024, 7, 30)
BY_POLICY = ("first_rating", "promoted", "demoted", "rerated", "adopted")
KEPT = (
    *("tier", "tier_flag", "value_tier", "tier_cause", "tier_ground", "lifecycle_stage", "stage_cause"),
    *("below_months", "rated_until", "policy_version"),
)
Row = dict[str, Any]


def change_lists_and_cease_lines(home: Path) -> set[str]:
    """Snapshots of 15 July: five customers are on the red list, and five others have no line in service any more.

    Returns those who left.
    """
    folder = home / "landing" / "subscriptions"
    with (folder / "subscriptions_20240630.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    serving = sorted({row["customer_id"] for row in lines if row["status"] == "active"})
    listed, left = serving[:5], set(serving[5:10])
    for row in lines:
        if row["customer_id"] in left and row["status"] != "ceased":
            row |= {"status": "ceased", "status_date": "2024-07-10"}
    write(folder / "subscriptions_20240715.csv", lines)
    folder = home / "landing" / "service_lists"
    with (folder / "service_lists_20240630.csv").open(encoding="utf-8", newline="") as file:
        names = csv.DictReader(file).fieldnames or ()
    entries = [{"customer_id": who, "list": "red", "reason": "complaint", "valid_from": "2024-07-01"} for who in listed]
    write(folder / "service_lists_20240715.csv", [dict.fromkeys(names, "") | entry for entry in entries])
    return left


def write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def fold(home: Path) -> dict[str, list[Row]]:
    """Each customer's intervals, from the history's files one night after the other."""
    intervals: dict[str, list[Row]] = {}
    for path in sorted((home / "published" / "tier_history").glob("as_of_date=*/*.parquet")):
        for change in pq.read_table(path, partitioning=None).to_pylist():
            kept = {name: change.get(name) for name in KEPT}
            if change["tier"] is not None:
                kept["below_months"] = change["below_before"] + int(change["below_now"])
            held = intervals.setdefault(change["customer_id"], [])
            if held and held[-1]["valid_to"] is None:
                if {name: held[-1][name] for name in KEPT} == kept:
                    continue
                held[-1]["valid_to"] = change["valid_from"]
            if change["tier"] is not None:
                held.append({"valid_from": change["valid_from"], "valid_to": None, **kept})
    return intervals


def on(held: list[Row], day: date) -> Row | None:
    open_then = (r for r in held if r["valid_from"] <= day and (r["valid_to"] is None or r["valid_to"] > day))
    return next(open_then, None)


def migration(intervals: dict[str, list[Row]]) -> dict[tuple[Any, ...], Counter[str]]:
    """(month, tier before, tier after) -> customers and causes."""
    cells: dict[tuple[Any, ...], Counter[str]] = {}
    for month, before, end in (
        ("2024-06", date(2024, 5, 31), date(2024, 6, 30)),
        ("2024-07", date(2024, 6, 30), LATER),
    ):
        for held in intervals.values():
            was, now = on(held, before), on(held, end)
            if was is None and now is None:
                continue
            cell = (month, was and was["tier"], now and now["tier"])
            counts = cells.setdefault(cell, Counter())
            counts["customers"] += 1
            if now is not None and cell[1] != cell[2]:
                counts[now["tier_cause"] if now["tier_cause"] in BY_POLICY else "own_reason"] += 1
    return cells


def rows_of(con: duckdb.DuckDBPyConnection, table: str) -> list[Row]:
    found = con.execute(f'select * from "{table}"')
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def test_two_nights_are_told_as_their_files_tell_them(make_finished_home: MakeHome, tmp_path: Path) -> None:
    home = make_finished_home("home")
    left = change_lists_and_cease_lines(home)
    second = run_night(home, LATER, accept="lists and lines were changed on purpose")
    assert second.succeeded, second.failures

    intervals = fold(home)
    expected = migration(intervals)
    with duckdb.connect(str(home / "published" / "analytics.duckdb"), read_only=True) as con:
        history = rows_of(con, "tier_history")
        moves = rows_of(con, "tier_migration")
        (stability,) = [row for row in rows_of(con, "tier_stability") if row["month"] == "2024-07"]
        (churners,) = rows_of(con, "churners_under_line")
        transitions = rows_of(con, "stage_transitions")
        audit = rows_of(con, "fairness_audit")
        scored = con.execute("select count(*) from customers where tier is not null").fetchall()[0][0]
        told = dict(
            con.execute(
                "select table_name || '.' || column_name, comment from duckdb_columns() where comment is not null"
            ).fetchall()
        )

    assert {(r["customer_id"], r["valid_from"]): r for r in history} == {
        (who, r["valid_from"]): {"customer_id": who, **r} for who, held in intervals.items() for r in held
    }
    assert {r["customer_id"] for r in history} - {r["customer_id"] for r in history if r["valid_to"] is None} == left
    shown = {(r["month"], r["tier_before"], r["tier_after"]): r for r in moves}
    assert len(shown) == len(moves)
    causes = ("customers", "promoted", "demoted", "rerated", "adopted", "own_reason")
    assert {cell: [r[name] for name in causes] for cell, r in shown.items()} == {
        cell: [counts[name] for name in causes] for cell, counts in expected.items()
    }
    assert {cell: r["first_rated"] for cell, r in shown.items()} == {
        cell: counts["first_rating"] for cell, counts in expected.items()
    }
    # The nights were such that something was told: moves by a list, and customers who left.
    assert sum(r["own_reason"] for r in moves) > 0
    assert sum(r["customers"] for r in moves if r["tier_after"] is None) == len(left)

    both = [(was, now) for held in intervals.values() if (was := on(held, TINY_AS_OF)) and (now := on(held, LATER))]
    assert stability["customers"] == len(both)
    assert stability["kept"] == sum(was["tier"] == now["tier"] for was, now in both)
    assert stability["moved_up"] == sum(now["tier_flag"] < was["tier_flag"] for was, now in both)
    july = sum(r["customers"] for r in transitions if r["month"] == "2024-07")
    assert july == sum(r["customers"] for r in moves if r["month"] == "2024-07")
    assert churners["horizon_date"] == TINY_AS_OF
    assert churners["churners"] + churners["churners_without_arpu"] == len(left)
    for dimension in ("gender", "age", "region"):
        groups = {r["group_name"]: r["customers"] for r in audit if r["dimension"] == dimension}
        assert sum(groups.values()) == scored

    for metric in metrics().values():
        for column in metric.columns:
            schema, _, name = column.partition(".")
            assert schema != "marts" or metric.small_print in told[name]
    out = tmp_path / "migration.xlsx"
    result = CliRunner().invoke(app, ["report", "migration", "--out", str(out), "--home", str(home)])
    assert result.exit_code == 0, result.output
    pages = read_back(out)
    assert len(pages["migration"]) - 1 == len(moves)
    assert [row[0].value for row in pages["stability"][1:]] == ["2024-07", "2024-06"]
