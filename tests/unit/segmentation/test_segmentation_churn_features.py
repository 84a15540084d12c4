"""Ratios and levels from the sums of features.churn: each from one row alone, unknown where it can't be known.

Belongs here: segmentation/churn/features.py. Does not: the sums (tests/sql/test_sql_churn.py).
"""

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest

from segmentation.churn.features import CHURN_FEATURES, CHURN_INPUTS, DRIVERS, churn_features, drivers
from segmentation.columns import ColumnsError

AS_OF = dt.date(2024, 6, 30)
# Who somebody is decides nobody's risk.
NEVER = {"region", "gender", "birth_year", "age", "language"}
ROW = {
    "customer_id": "C1",
    "brand": "GoTone",
    "customer_type": "individual",
    "is_member": False,
    "pays_own_account": True,
    "has_postpaid_line": True,
    "has_prepaid_line": False,
    "first_activation_date": dt.date(2023, 6, 30),
    "is_ported_in": False,
    "has_switched": False,
    "billed_months": 3,
    "billed_amount": Decimal(300),
    "latest_month_amount": Decimal(50),
    "lowest_month_amount": Decimal(50),
    "highest_month_amount": Decimal(150),
    "usage_days": 28,
    "usage_days_before": 28,
    "last_activity_date": dt.date(2024, 6, 28),
    "is_hub": False,
}


def features_of(**values: object) -> dict[str, object]:
    """The features of one customer; what is not given is 0, or null where it is no number."""
    nothing = {name: 0 if dtype.is_numeric() else None for name, dtype in CHURN_INPUTS.items()}
    row = nothing | ROW | values
    return churn_features(pl.DataFrame([row], schema=dict(CHURN_INPUTS)), AS_OF).row(0, named=True)


def test_every_feature_has_a_driver_and_every_driver_words_and_a_feature() -> None:
    assert set(drivers()) == set(CHURN_FEATURES)
    assert set(drivers().values()) == set(DRIVERS)
    assert 10 <= len(DRIVERS) <= 16
    for code, words in DRIVERS.items():
        assert code.isidentifier() and len(code) <= 20
        assert words and len(words) <= 60 and words[0].islower() and not words.endswith(".")


def test_nobody_is_judged_by_who_they_are() -> None:
    assert not NEVER & ({*CHURN_FEATURES} | {*CHURN_INPUTS})


def test_columns_are_as_declared_and_rows_in_their_order() -> None:
    frame = pl.DataFrame(
        [{name: ROW.get(name) for name in CHURN_INPUTS} | {"customer_id": c} for c in ("C2", "C1", "C3")],
        schema=dict(CHURN_INPUTS),
    )
    made = churn_features(frame, AS_OF)
    assert made.schema == {"customer_id": pl.String(), **{n: f.dtype for n, f in CHURN_FEATURES.items()}}
    assert made["customer_id"].to_list() == ["C2", "C1", "C3"]
    kinds = {"numeric": pl.Float64(), "flag": pl.Boolean(), "category": pl.String()}
    assert all(kinds[feature.kind] == feature.dtype for feature in CHURN_FEATURES.values())


def test_a_row_comes_out_the_same_whoever_else_is_in_the_batch() -> None:
    """Nothing is scaled, filled or cut by what others have."""
    rows = [ROW | {"voice_seconds": 100 * n, "billed_amount": Decimal(n * n), "contacts": n} for n in range(1, 40)]
    frame = pl.DataFrame([{name: row.get(name) for name in CHURN_INPUTS} for row in rows], schema=dict(CHURN_INPUTS))
    whole = churn_features(frame, AS_OF)
    alone = pl.concat([churn_features(frame[n], AS_OF) for n in range(len(frame))])
    assert whole.equals(alone, null_equal=True)


def test_a_missing_or_mistyped_column_is_named() -> None:
    frame = pl.DataFrame(schema=dict(CHURN_INPUTS)).drop("contacts").cast({"billed_amount": pl.Float64()})
    with pytest.raises(ColumnsError, match=r"billed_amount is Float64.*contacts is missing"):
        churn_features(frame, AS_OF)


@pytest.mark.parametrize(
    ("given", "name", "expected"),
    [
        ({}, "tenure_months", 12),
        ({}, "payment_type", "postpaid"),
        ({"has_prepaid_line": True}, "payment_type", "postpaid"),
        ({"has_prepaid_line": True}, "is_mixed", True),
        ({"has_prepaid_line": True, "has_postpaid_line": False}, "payment_type", "prepaid"),
        ({"contract_end_date": dt.date(2024, 7, 30)}, "days_to_contract_end", 30),
        ({"contract_end_date": dt.date(2024, 7, 30)}, "is_under_contract", True),
        ({}, "days_to_contract_end", None),
        ({"contract_ended_date": dt.date(2024, 6, 20)}, "days_since_contract_end", 10),
        ({}, "arpu_amount", 100),
        ({}, "spend_change", -1 / 3),
        ({"billed_months": 1, "billed_amount": Decimal(50)}, "spend_change", None),
        ({"billed_months": 0, "billed_amount": Decimal(0)}, "arpu_amount", None),
        ({}, "spend_spread", 0.5),
        ({"bills_due": 4, "bills_paid_on_time": 3}, "paid_on_time_share", 0.75),
        ({"bills_due": 4, "days_past_due": 30}, "mean_days_past_due", 7.5),
        ({}, "mean_days_past_due", None),
        # Owes 150 at a mean bill of 100.
        ({"bills_due": 4, "amount_due_total": Decimal(400), "overdue_amount": Decimal(150)}, "overdue_months", 1.5),
        ({"active_days": 14}, "active_days_share", 0.5),
        ({}, "days_since_activity", 2),
        ({"last_activity_date": None}, "days_since_activity", 91),
        ({"last_activity_date": None, "usage_days": None}, "days_since_activity", None),
        ({"voice_seconds": 28 * 90}, "voice_minutes_a_day", 1.5),
        ({"voice_seconds": 100, "voice_seconds_before": 300}, "voice_change", -0.5),
        # Half the days of the window before are not loaded: as much a day as now.
        ({"voice_seconds": 200, "voice_seconds_before": 100, "usage_days_before": 14}, "voice_change", 0),
        ({"voice_seconds": 100, "voice_seconds_before": None, "usage_days_before": None}, "voice_change", None),
        ({}, "voice_change", None),
        # There since 6 May: the whole of both windows; since the 7th: not.
        ({"data_bytes": 5, "first_activation_date": dt.date(2024, 5, 6)}, "data_change", 1),
        ({"data_bytes": 5, "first_activation_date": dt.date(2024, 5, 7)}, "data_change", None),
        # 70 in the last week are 10 a day, 630 in three weeks 30 a day.
        ({"voice_seconds": 700, "voice_seconds_week": 70}, "voice_week_change", -0.5),
        ({"data_bytes_lowest_week": 1, "data_bytes_highest_week": 3}, "data_spread", 0.5),
        ({"voice_seconds": 100, "voice_in_seconds": 25}, "called_share", 0.25),
        ({"voice_in_seconds": 0}, "called_share", None),
        ({"recharges": 3}, "recharges", None),
        ({"recharges": 3, "has_prepaid_line": True}, "recharges", 3),
        ({"recharges": None, "has_prepaid_line": True}, "days_since_recharge", None),
        ({"has_prepaid_line": True}, "days_since_recharge", 91),
        ({"has_prepaid_line": True, "last_recharge_date": dt.date(2024, 6, 30)}, "days_since_recharge", 0),
        ({"contacts": 10, "on_net_contacts": 4, "best_tier_contacts": 1}, "on_net_share", 0.4),
        ({"contacts": 10, "on_net_contacts": 4, "best_tier_contacts": 1}, "best_tier_share", 0.25),
        ({"on_net_contacts_seen": 8, "contacts_left": 2}, "contacts_left_share", 0.25),
        ({"contacts": 0, "contacts_before": 5}, "contacts_change", -1),
        ({"contacts": None, "is_hub": True}, "on_net_share", None),
    ],
)
def test_a_feature_by_hand(given: dict[str, object], name: str, expected: object) -> None:
    found = features_of(**given)[name]
    assert found == (pytest.approx(expected, abs=1e-12) if isinstance(expected, float) else expected)


def test_shares_and_changes_keep_their_bounds() -> None:
    for value in (0, 1, 10**6):
        for before in (0, 1, 10**6):
            after = dict.fromkeys(("voice_seconds", "data_bytes", "messages", "contacts"), value)
            made = features_of(**after, voice_seconds_before=before)
            for name, found in made.items():
                if name.endswith(("_share", "_change", "_spread")) and found is not None:
                    assert -1 <= found <= 1, name
