"""Reports: the answers add up, and a database that can't give them is named with the cure.

Belongs here: pipelines/reports.py over small analysts' databases. Does not: how workbooks look (test_workbook.py).
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import pytest

from data_contracts import contract
from pipelines.reports import REPORTS, ReportError, write_report

sys.path.insert(0, str(Path(__file__).parents[1] / "intake"))
from workbooks import read_back

ROWS = """
    ('C1', 'high', 1, 100.0, 0.10, 'red', true, 'M2', null),
    ('C2', 'high', 1, 300.0, 0.20, 'none', true, 'M1', 'high'),
    ('C3', 'mid', 2, null, 0.30, 'none', false, null, null),
    ('=C4', 'mid', 2, 100.0, 0.30, 'black', false, null, null),
    ('C5', null, null, null, null, null, null, null, null)
"""


@pytest.fixture
def analytics(tmp_path: Path) -> Path:
    """Tables with their contracts' columns, and customers; columns that ROWS does not name are null."""
    path = tmp_path / "analytics.duckdb"
    with duckdb.connect(str(path)) as con:
        for table in ("customers", "tier_migration", "tier_stability", "campaign_uplift"):
            columns = ", ".join(f"{c.name} {c.physical}" for c in contract(f"marts.{table}").columns)
            con.execute(f"create table {table} ({columns})")
        con.execute(
            "insert into customers (customer_id, tier, tier_flag, arpu_amount, churn_risk, service_list, is_vip, "
            f"account_manager_id, override_tier) values {ROWS}"
        )
        con.execute("comment on column customers.tier is 'What a customer is worth.'")
    return path


def values(path: Path, sheet: str) -> list[list[str | None]]:
    return [[cell.value for cell in row] for row in read_back(path)[sheet]]


def test_customers_by_tier_add_up(analytics: Path, tmp_path: Path) -> None:
    out = tmp_path / "tiers.xlsx"
    write_report(analytics, "tiers", out)
    header, high, mid = values(out, "tiers")
    assert dict(zip(header, high, strict=True)) == {
        "tier": "high", "customers": "2", "share_of_customers": "0.5", "spend_a_month": "400", "share_of_spend": "0.8",
        "average_risk": "0.15", "expected_leavers": "0.3", "vip": "2", "red": "1", "black": "0", "overridden": "1",
    }  # fmt: skip
    assert (mid[1], mid[3], mid[6], mid[9]) == ("2", "100", "0.6", "1")
    assert [row[0] for row in values(out, "customers")[1:]] == ["C1", "C2", "=C4", "C3"]
    assert [cell.is_formula for row in read_back(out)["customers"] for cell in row].count(True) == 0


def test_listed_customers_have_their_manager(analytics: Path, tmp_path: Path) -> None:
    out = tmp_path / "lists.xlsx"
    write_report(analytics, "lists", out)
    assert [row[:2] for row in values(out, "VIP")[1:]] == [["C2", "M1"], ["C1", "M2"]]
    assert [row[:2] for row in values(out, "red and black")[1:]] == [["=C4", "black"], ["C1", "red"]]
    assert [row[:2] for row in values(out, "overrides")[1:]] == [["C2", "high"]]


def test_campaigns_have_their_uplift_interval_and_money(analytics: Path, tmp_path: Path) -> None:
    with duckdb.connect(str(analytics)) as con:
        con.execute(
            "insert into campaign_uplift (campaign, tier, tier_flag, list_date, outcome_date, listed, control, "
            "listed_judged, listed_retained, control_judged, control_retained, lifetime_value_amount) values "
            "('may', null, 0, '2024-05-31', '2024-07-30', 72, 81, 70, 56, 80, 48, 1000), "
            "('may', 'high', 1, '2024-05-31', '2024-07-30', 9, 0, 9, 9, 0, 0, 500), "
            "('june', null, 0, '2024-06-30', '2024-08-29', 70, 80, null, null, null, null, 1000)"
        )
    out = tmp_path / "campaigns.xlsx"
    write_report(analytics, "campaigns", out)
    header, june, may, high = values(out, "campaigns")
    told = dict(zip(header, may, strict=True))
    assert (told["tier"], told["uplift"], told["retained_value"]) == ("(all)", "0.2", "200")
    # Newcombe's (1998) example (a), method 10.
    assert round(float(told["uplift_low"] or 0), 4) == 0.0524
    assert round(float(told["uplift_high"] or 0), 4) == 0.3339
    assert (told["retained_value_low"], told["retained_value_high"]) == ("52.43", "333.87")
    # Not judged yet, and nobody to compare with.
    assert [row[-6:] for row in (june, high)] == [[None] * 6] * 2


@pytest.mark.parametrize("name", REPORTS)
def test_an_operator_without_customers_gets_headers(name: str, analytics: Path, tmp_path: Path) -> None:
    with duckdb.connect(str(analytics)) as con:
        con.execute("delete from customers")
    write_report(analytics, name, tmp_path / "empty.xlsx")
    assert all(len(rows) == 1 for rows in read_back(tmp_path / "empty.xlsx").values())


def test_a_database_of_another_release_is_named(tmp_path: Path) -> None:
    path = tmp_path / "analytics.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("create table customers (customer_id varchar, tier varchar)")
    with pytest.raises(ReportError, match=r"another release.*run a night"):
        write_report(path, "lists", tmp_path / "x.xlsx")
    assert not (tmp_path / "x.xlsx").exists()
