"""ARPU, MOU, tenure and credit of described customers."""

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest
from segmentation_rows import AS_OF, CUSTOMER, DEFAULT, PREPAID, features, policy_with

from segmentation.columns import AMOUNT_LIMIT, BANDS, BYTES_LIMIT, FEATURES, MEASURES, SECONDS_LIMIT, ColumnsError
from segmentation.measures import measures


def measured(*changes, policy=DEFAULT, as_of=AS_OF):
    return measures(features(*changes), policy, as_of).to_dicts()


def test_the_whole_row_of_one_customer():
    frame = measures(features({}), DEFAULT, AS_OF)
    assert frame.schema == pl.Schema(MEASURES)
    assert frame.to_dicts() == [
        {
            "customer_id": "C1",
            "arpu_amount": Decimal("116.1667"),
            "spend_amount": Decimal("348.5000"),
            "mou_minutes": Decimal("200.0000"),
            "tenure_months": 45,
            "credit": Decimal("82.7778"),
            "credit_source": "payments",
        }
    ]


@pytest.mark.parametrize(
    ("case", "change", "arpu"),
    [
        ("postpaid, two of three months closed", {"billed_months": 2, "billed_amount": "101"}, "50.5000"),
        ("rounded half up, not to even", {"billed_months": 8, "billed_amount": "0.0004"}, "0.0001"),
        ("a negative half is rounded away from zero", {"billed_months": 8, "billed_amount": "-0.0004"}, "-0.0001"),
        ("refunds above charges stay negative", {"billed_amount": "-30"}, "-10.0000"),
        ("never billed is 0", {"bills_in_window": 0, "billed_amount": "0"}, "0.0000"),
        ("zero bill is 0", {"billed_amount": "0"}, "0.0000"),
        ("brand-new postpaid is unknown", {"billed_months": 0, "billed_amount": "0"}, None),
        ("a line ceased since still counts", {**PREPAID, "billed_amount": "90"}, "30.0000"),
        (
            "prepaid: usage by usage months, fees by billed months",
            {**PREPAID, "prepaid_usage_amount": "40", "usage_months": 2, "prepaid_fee_amount": "30"},
            "30.0000",
        ),
        (
            "prepaid sum is rounded once: 1/3 + 1/6, not 0.3333 + 0.1667",
            {**PREPAID, "prepaid_usage_amount": "0.0002", "prepaid_fee_amount": "0.0001", "billed_months": 6},
            "0.0001",
        ),
        (
            "prepaid without closed usage and without fees is unknown, not 0",
            {**PREPAID, "usage_months": 0},
            None,
        ),
        (
            "prepaid without closed usage counts the fees that are known",
            {**PREPAID, "usage_months": 0, "prepaid_fee_amount": "60"},
            "20.0000",
        ),
        ("prepaid who used nothing is 0", {**PREPAID}, "0.0000"),
        (
            "prepaid where no bills are loaded at all",
            {**PREPAID, "billed_months": 0, "prepaid_usage_amount": "30"},
            "10.0000",
        ),
        (
            "mixed: both parts",
            {"has_prepaid_line": True, "billed_amount": "300", "prepaid_usage_amount": "30"},
            "110.0000",
        ),
        (
            "mixed: the unknown part adds nothing",
            {"has_prepaid_line": True, "billed_amount": "300", "usage_months": 0},
            "100.0000",
        ),
    ],
)
def test_arpu(case, change, arpu):
    assert measured(change)[0]["arpu_amount"] == (None if arpu is None else Decimal(arpu)), case


@pytest.mark.parametrize(
    ("seconds", "months", "minutes"),
    [(36_000, 3, "200.0000"), (0, 3, "0.0000"), (1, 2, "0.0083"), (0, 0, None), (3, 1, "0.0500")],
)
def test_minutes_of_use(seconds, months, minutes):
    row = measured({"voice_seconds": seconds, "usage_months": months})[0]
    assert row["mou_minutes"] == (None if minutes is None else Decimal(minutes))


@pytest.mark.parametrize(
    ("activated", "as_of", "months"),
    [
        ("2026-10-15", "2026-10-15", 0),
        ("2026-09-15", "2026-10-15", 1),
        ("2026-09-16", "2026-10-15", 0),
        ("2025-10-15", "2026-10-15", 12),
        ("2025-12-31", "2026-01-01", 0),
        ("2026-01-31", "2026-02-27", 0),
        ("2026-01-31", "2026-02-28", 1),
        ("2026-01-29", "2026-02-28", 1),
        ("2028-01-31", "2028-02-28", 0),
        ("2028-01-31", "2028-02-29", 1),
        ("2028-02-29", "2028-03-28", 0),
        ("2028-02-29", "2028-03-29", 1),
        ("2028-02-29", "2029-02-27", 11),
        ("2028-02-29", "2029-02-28", 12),
        ("2028-02-29", "2032-02-28", 47),
        ("2028-02-29", "2032-02-29", 48),
        ("2026-03-31", "2026-04-29", 0),
        ("2026-03-31", "2026-04-30", 1),
        ("2026-04-30", "2026-05-30", 1),
        ("2026-04-30", "2026-05-31", 1),
        ("2026-04-30", "2026-05-29", 0),
    ],
)
def test_tenure_counts_month_steps_that_do_not_pass_the_date(activated, as_of, months):
    change = {"first_activation_date": dt.date.fromisoformat(activated)}
    assert measured(change, as_of=dt.date.fromisoformat(as_of))[0]["tenure_months"] == months


@pytest.mark.parametrize(
    ("case", "change", "credit", "source"),
    [
        ("the operator's score wins", {"operator_credit_score": "91.5"}, "91.5000", "operator"),
        ("also where a group pays", {"operator_credit_score": "0", "pays_own_account": False}, "0.0000", "operator"),
        ("a group pays: neutral", {"pays_own_account": False}, "60.0000", "other_pays"),
        ("prepaid without history: neutral", PREPAID, "60.0000", "neutral"),
        (
            "all on time",
            {"bills_paid_on_time": 12, "days_past_due": 0, "overdue_amount": "0"},
            "100.0000",
            "payments",
        ),
        (
            "as bad as it gets, beyond every cap",
            {"bills_paid_on_time": 0, "days_past_due": 999, "overdue_amount": "999", "arrears_stops": 9},
            "0.0000",
            "payments",
        ),
        (
            "a stop costs a third of its weight: 100 - 20/3",
            {"bills_paid_on_time": 12, "days_past_due": 0, "overdue_amount": "0", "arrears_stops": 1},
            "93.3333",
            "payments",
        ),
        (
            "a credit balance is not better than nothing overdue",
            {"bills_paid_on_time": 12, "days_past_due": 0, "overdue_amount": "-50"},
            "100.0000",
            "payments",
        ),
        (
            "nothing due on balance, yet something overdue: the cap",
            {
                **{"bills_due": 1, "bills_paid_on_time": 1, "days_past_due": 0},
                **{"overdue_amount": "0.0001", "amount_due_total": "0"},
            },
            "80.0000",
            "payments",
        ),
        (
            "nothing due on balance, nothing overdue",
            {"bills_paid_on_time": 12, "days_past_due": 0, "overdue_amount": "0", "amount_due_total": "0"},
            "100.0000",
            "payments",
        ),
    ],
)
def test_credit(case, change, credit, source):
    row = measured(change)[0]
    assert (row["credit"], row["credit_source"]) == (Decimal(credit), source), case


def test_credit_uses_the_policys_neutral_score():
    policy = policy_with(("neutral: {value: 60", "neutral: {value: 70.25"))
    assert measured(PREPAID, policy=policy)[0]["credit"] == Decimal("70.25")


def test_ceased_customers_are_dropped_and_not_judged():
    ceased = {"customer_id": "gone", "lines_in_service": 0, "lines_active": 0, "first_activation_date": None}
    rows = measured(ceased, {"customer_id": "here"}, {**ceased, "customer_id": "gone too"})
    assert [row["customer_id"] for row in rows] == ["here"]
    assert measured(ceased) == []


def test_all_missing_and_mistyped_columns_are_listed_at_once():
    frame = features({}).drop("is_vip", "bills_due").with_columns(pl.col("billed_amount").cast(pl.Float64))
    with pytest.raises(ColumnsError) as raised:
        measures(frame, DEFAULT, AS_OF)
    text = str(raised.value)
    assert "features.customer" in text
    for piece in ("is_vip is missing", "bills_due is missing", "billed_amount is Float64", "Decimal(precision=18"):
        assert piece in text


def test_more_columns_in_another_order_are_fine():
    frame = features({}).select(reversed(FEATURES)).with_columns(brand=pl.lit("GoTone"))
    assert measures(frame, DEFAULT, AS_OF).equals(measures(features({}), DEFAULT, AS_OF))


@pytest.mark.parametrize(
    ("change", "wording"),
    [
        ({"first_activation_date": None}, "first_activation_date is null"),
        ({"first_activation_date": dt.date(2026, 10, 16)}, "later than the as-of date"),
        ({"billed_amount": str(AMOUNT_LIMIT)}, "billed_amount is 100,000,000,000 or more"),
        ({"billed_amount": str(-AMOUNT_LIMIT)}, "billed_amount is 100,000,000,000 or more"),
        ({"bills_due": -1}, "bills_due is below 0"),
        ({"bills_paid_on_time": 13}, "bills_paid_on_time exceeds bills_due"),
        ({"service_list": "ordinary"}, "service_list is neither red nor black"),
        ({"operator_credit_score": "100.0001"}, "operator_credit_score is outside 0-100"),
        ({"is_vip": None}, "is_vip is null"),
        ({"policy_segment": None}, "policy_segment is null"),
        ({"complaints": -1}, "complaints is below 0"),
        ({"roaming_seconds": SECONDS_LIMIT + 1}, "roaming_seconds is below 0 or above 10,000,000,000,000"),
        ({"data_bytes": BYTES_LIMIT + 1}, "data_bytes is below 0 or above 1,000,000,000,000,000,000"),
        ({"latest_month_data_bytes": -1}, "latest_month_data_bytes is below 0"),
    ],
)
def test_impossible_rows_are_refused_with_column_and_customer(change, wording):
    with pytest.raises(ColumnsError) as raised:
        measured({"customer_id": "fine"}, {**change, "customer_id": "C7"})
    assert wording in str(raised.value)
    assert "1 row(s), such as customer C7" in str(raised.value)
    assert "fine" not in str(raised.value)


def test_what_may_be_unknown_or_large_is_taken():
    unknown = dict.fromkeys(
        ("identity_verified", "previous_operator", "latest_month_voice_seconds", "latest_month_data_bytes")
    )
    large = {"data_bytes": BYTES_LIMIT, "voice_seconds": SECONDS_LIMIT, "roaming_seconds": SECONDS_LIMIT}
    assert len(measured(unknown, large, {"roaming_amount": "-5"})) == 3


def test_the_described_customer_has_every_feature_column():
    assert set(CUSTOMER) == set(FEATURES | BANDS)
