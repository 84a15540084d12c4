"""What generate writes: by contract, the same each time, balanced control files, refusals of wrong arguments."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
import yaml

from data_contracts import contract, contract_names
from sample_data import Summary, generate

AS_OF = date(2024, 6, 30)
# Results of campaigns answer worklists, which a generated operator has not made yet.
EXTRACTS = [name for name in contract_names("staging") if name != "campaign_results"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Summary]:
    folder = tmp_path_factory.mktemp("operator")
    return folder, generate(folder, customers=400, seed=11, cdr_days=100, cdr_per_line_day=0.5)


def load(folder: Path, extract: str) -> pl.DataFrame:
    found = sorted(f for f in (folder / "landing" / extract).iterdir() if f.suffix != ".ctl")
    return pl.concat([pl.read_csv(f, infer_schema=False).with_columns(file=pl.lit(f.name)) for f in found])


@pytest.mark.parametrize("extract", EXTRACTS)
def test_rows_keep_the_contract(made: tuple[Path, Summary], extract: str) -> None:
    rows, rule = load(made[0], extract), contract(f"staging.{extract}")
    assert rows.columns[:-1] == [c.name for c in rule.columns]
    assert rows.height == made[1].rows[extract] > 0
    for column in rule.columns:
        values = rows[column.name].drop_nulls()
        assert not column.required or len(values) == rows.height, column.name
        assert not column.enum or set(values) <= set(column.enum), column.name
        if column.pattern:
            assert values.str.contains(column.pattern).all(), column.name
        if column.logical == "integer":
            assert values.str.contains(r"^-?\d+$").all(), column.name
        if column.logical == "number":
            assert values.str.contains(r"^-?\d+\.\d{2,4}$").all(), column.name
            assert column.minimum is None or values.cast(pl.Float64).min() >= float(column.minimum), column.name
        if column.logical == "timestamp":
            assert values.str.contains(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00$").all(), column.name
        if column.logical == "date":
            assert values.str.contains(r"^\d{4}-\d\d-\d\d$").all(), column.name
        if column.logical == "boolean":
            assert set(values) == {"true", "false"}, column.name
    key = [*rule.key, "file"] if rule.delivery == "snapshot" else list(rule.key)
    assert not rows.select(key).is_duplicated().any()


def test_every_contract_is_generated(made: tuple[Path, Summary]) -> None:
    assert sorted(made[1].rows) == sorted(EXTRACTS)


def test_same_arguments_give_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        generate(tmp_path / name, customers=120, seed=seed, bill_months=3, cdr_days=31, faults=True)
    first, second, third = (
        {str(f.relative_to(tmp_path / n)): f.read_bytes() for f in (tmp_path / n).rglob("*") if f.is_file()}
        for n in ("a", "b", "c")
    )
    assert first == second
    assert first != third


def test_file_names_tell_when_each_delivery_was_known(made: tuple[Path, Summary]) -> None:
    landing = made[0] / "landing"
    for extract in EXTRACTS:
        for file in (landing / extract).iterdir():
            found = re.fullmatch(rf"{extract}_(\d{{8}})(_\d)?\.csv(\.gz)?(\.ctl)?", file.name)
            assert found and found[1] <= "20240630", file.name
    bills = sorted(f.name for f in (landing / "bills").glob("*.csv.gz"))
    assert len(bills) == 18 and bills[0] == "bills_20230105.csv.gz" and bills[-1] == "bills_20240605.csv.gz"
    for extract in ("customers", "subscriptions", "service_lists"):
        assert [f.name[-12:-4] for f in sorted((landing / extract).glob("*.csv"))] == [
            "20240430",
            "20240531",
            "20240630",
        ]


def test_control_files_count_and_add_up(made: tuple[Path, Summary]) -> None:
    controls = sorted((made[0] / "landing").rglob("*.ctl"))
    assert len(controls) >= 18 + 30
    for control in controls:
        told = yaml.safe_load(control.read_text(encoding="utf-8"))
        rows = pl.read_csv(control.with_suffix(""), infer_schema=False)
        assert told["records"] == rows.height
        for column, total in told.get("totals", {}).items():
            assert sum((Decimal(v) for v in rows[column]), Decimal(0)) == Decimal(total), (control.name, column)


def test_bills_add_up_and_are_dated_after_their_month(made: tuple[Path, Summary]) -> None:
    amounts = [c.name for c in contract("staging.bills").columns if c.name.endswith("_amount")]
    bills = load(made[0], "bills").with_columns(pl.col(*amounts, "amount_due").cast(pl.Decimal(18, 4)))
    parts = [a for a in amounts if a not in {"refund_amount"}]
    total = sum((pl.col(a) for a in parts), pl.lit(Decimal(0))) - pl.col("refund_amount")
    prepaid = set(load(made[0], "subscriptions").filter(pl.col("payment_type") == "prepaid")["subscription_id"])
    statement = pl.col("subscription_id").fill_null("").is_in(list(prepaid))
    assert bills.filter(~statement & (total != pl.col("amount_due"))).height == 0
    assert (
        bills.filter(statement & ((pl.col("amount_due") != 0) | pl.col("payment_due_date").is_not_null())).height == 0
    )
    assert (bills["bill_date"].str.slice(0, 7) > bills["billing_period"]).all()
    assert set(bills["bill_date"].str.slice(8)) == {"01"}
    assert set(bills["payment_due_date"].drop_nulls().str.slice(8)) == {"20"}


def test_payments_are_no_more_than_owed_and_known_by_as_of(made: tuple[Path, Summary]) -> None:
    owed: dict[tuple[str, str], Decimal] = {}
    for row in load(made[0], "bills").iter_rows(named=True):
        sign = -1 if row["bill_type"] == "credit" else 1
        place = (row["account_id"], row["billing_period"])
        owed[place] = owed.get(place, Decimal(0)) + sign * Decimal(row["amount_due"])
    paid: dict[tuple[str, str], Decimal] = {}
    for row in load(made[0], "payments").filter(pl.col("kind") == "payment").iter_rows(named=True):
        place = (row["account_id"], row["billing_period"])
        paid[place] = paid.get(place, Decimal(0)) + Decimal(row["amount"])
        assert row["paid_at"][:10] <= AS_OF.isoformat() and row["subscription_id"] is None
    assert len(paid) > 1000
    assert all(amount <= owed[place] for place, amount in paid.items())


def test_total_number_of_cdrs_can_be_asked_for(tmp_path: Path) -> None:
    summary = generate(tmp_path, customers=200, bill_months=1, cdr_days=9, cdr_total=12_345)
    assert summary.rows["cdr"] == 12_345


def test_days_of_many_cdrs_come_in_several_files_with_records_of_their_own(tmp_path: Path) -> None:
    summary = generate(tmp_path, customers=200, bill_months=1, cdr_days=9, cdr_total=9_000, records_per_cdr_file=400)
    files = sorted(f.name for f in (tmp_path / "landing" / "cdr").iterdir() if f.suffix != ".ctl")
    assert [f for f in files if "_20240630" in f] == [f"cdr_20240630_{n}.csv.gz" for n in (1, 2, 3)]
    rows = load(tmp_path, "cdr")
    assert rows.height == summary.rows["cdr"] == 9_000
    assert rows["record_id"].n_unique() == rows.height
    assert rows.drop("record_id", "file").is_duplicated().sum() < rows.height // 100
    # Hotline calls are few, and all in the first file.
    in_file = rows.group_by("file").agg(
        pl.len().alias("records"), pl.col("called_number").str.ends_with("10086").sum().alias("hotline")
    )
    assert in_file["records"].max() < 500
    # 25 June's node was late: what it has of each part comes two days later, in a file a part behind that day's own.
    assert in_file.filter(pl.col("file").str.starts_with("cdr_20240627_")).height == 6


def test_cdr_files_hold_their_day_and_late_ones_an_earlier_day(made: tuple[Path, Summary]) -> None:
    rows = load(made[0], "cdr").with_columns(
        day=pl.col("answer_time").str.slice(0, 10).str.replace_all("-", ""), named=pl.col("file").str.slice(4, 8)
    )
    late = pl.col("file").str.contains("_2.csv.gz", literal=True)
    assert rows.filter(~late & (pl.col("day") != pl.col("named"))).height == 0
    assert rows.filter(late).height > 0
    assert rows.filter(late & (pl.col("day") >= pl.col("named"))).height == 0


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    generate(tmp_path, customers=30, bill_months=1, cdr_days=2, progress=lambda *step: told.append(step))
    assert {step for step, _, _ in told} == {"snapshots", "bills and payments", "contacts", "usage"}
    assert all(1 <= done <= total for _, done, total in told)


@pytest.mark.parametrize(
    "wrong",
    [
        {"customers": 0},
        {"bill_months": 0},
        {"cdr_days": -1},
        {"snapshots": 0},
        {"cdr_total": -1},
        {"faults": True, "cdr_days": 5},
    ],
)
def test_arguments_out_of_range_are_refused(tmp_path: Path, wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"must|need|negative|>="):
        generate(tmp_path, **wrong)  # type: ignore[arg-type]
    assert not any(tmp_path.iterdir())


def test_a_landing_that_holds_files_is_not_written_into(tmp_path: Path) -> None:
    generate(tmp_path, customers=3, bill_months=1, cdr_days=0)
    with pytest.raises(FileExistsError, match="not empty"):
        generate(tmp_path, customers=3, bill_months=1, cdr_days=0)


@pytest.mark.parametrize("customers", [1, 2, 45])
@pytest.mark.parametrize("as_of", [date(2024, 2, 29), date(2024, 3, 3)])
def test_tiny_operators_and_month_edges_work(tmp_path: Path, customers: int, as_of: date) -> None:
    generate(tmp_path, customers=customers, as_of=as_of, bill_months=2, cdr_days=3)
    assert max(f.name for f in (tmp_path / "landing" / "bills").glob("*.gz")) == "bills_20240205.csv.gz"
