"""Scored rows of described customers: value, tier, lists, lifecycle, churn, reasons."""

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest
from segmentation_rows import (
    AS_OF,
    DEFAULT,
    NO_CUTOFFS,
    NO_HAZARDS,
    PREPAID,
    features,
    policy_with,
    scored,
    with_measures,
)

from segmentation.columns import CUTOFFS, SCORES, ColumnsError
from segmentation.explain import REASONS, meaning, reason_table_markdown
from segmentation.policy import preset, read_policy
from segmentation.scoring import score
from segmentation.value import required_cutoffs

QUANTILE = read_policy(preset("quantile"), "quantile")


def test_the_whole_row_of_one_customer():
    frame = score(with_measures(features({})), DEFAULT, NO_CUTOFFS, NO_HAZARDS, AS_OF)
    assert frame.schema == pl.Schema(SCORES)
    assert frame.to_dicts() == [
        {
            "customer_id": "C1",
            "as_of_date": AS_OF,
            "policy_segment": "base",
            "arpu_amount": Decimal("116.1667"),
            "spend_amount": Decimal("348.5000"),
            "mou_minutes": Decimal("200.0000"),
            "tenure_months": 45,
            "credit": Decimal("82.7778"),
            "credit_source": "payments",
            "arpu_part": Decimal("30.0000"),
            "spend_part": Decimal("0.0000"),
            "tenure_part": Decimal("24.0000"),
            "credit_part": Decimal("15.0000"),
            "mou_part": Decimal("0.0000"),
            "value_score": Decimal("69.0000"),
            "spend_grade": "mid",
            "score_tier": "mid",
            "tier": "mid",
            "tier_flag": 2,
            "tier_since": AS_OF,
            "tier_cause": "first_rating",
            "tier_ground": "score",
            "value_tier": "mid",
            "stay_until": None,
            "rated_on": AS_OF,
            "rated_until": None,
            "rated_score": Decimal("69.0000"),
            "closed_month": None,
            "below_before": 0,
            "below_now": False,
            "lifecycle_stage": "stable",
            "stage_since": AS_OF,
            "stage_cause": "stage_settled",
            "next_stage": None,
            "next_stage_since": None,
            "arpu_points": Decimal("60.0000"),
            "spend_points": Decimal("0.0000"),
            "tenure_points": Decimal("80.0000"),
            "credit_points": Decimal("75.0000"),
            "mou_points": Decimal("0.0000"),
            "below_months": 0,
            "provisional_until": None,
            "churn_risk": Decimal("0.030000"),
            "churn_risk_band": "elevated",
            "churn_drivers": "",
            "margin_amount": Decimal("46.4667"),
            "lifetime_value_amount": Decimal("796.7927"),
            "value_at_risk_amount": Decimal("23.9038"),
            "service_list": "none",
            "is_vip": False,
            "account_manager_id": None,
            "retention_play": "introduce-services",
            "usage_hints": "",
            "reasons": "arpu_points=60;tenure_points=80;credit_points=75;credit_payments",
            "lifted_by": "arpu=120;tenure=60",
            "changes": "",
            "policy_version": "default@1",
            "model_version": "band-rate-1",
        }
    ]


@pytest.mark.parametrize(
    ("arpu", "points"),
    [
        *[("-5", 0), ("0", 0), ("29.9999", 0), ("30", 20), ("49.9999", 20), ("50", 40), ("199.9999", 80)],
        *[("200", 100), ("99999999999", 100), (None, 0)],
    ],
)
def test_a_step_begins_exactly_at_its_value(arpu, points):
    row = scored({}, measured={"arpu_amount": None if arpu is None else Decimal(arpu)})[0]
    assert (row["arpu_points"], row["arpu_part"]) == (points, Decimal(points) / 2)


def test_unknown_arpu_gets_the_policys_points():
    policy = policy_with(("no_history_points: {value: 0", "no_history_points: {value: 40.5"))
    row = scored({"billed_months": 0, "billed_amount": "0"}, policy=policy)[0]
    assert (row["arpu_points"], row["arpu_part"]) == (Decimal("40.5"), Decimal("20.25"))
    assert "arpu_points=40.5;no_closed_month" in row["reasons"]


@pytest.mark.parametrize(
    ("score_reached", "tier", "flag"), [("75", "high", 1), ("74", "mid", 2), ("50", "mid", 2), ("49", "ordinary", 3)]
)
def test_a_tier_begins_exactly_at_its_score(score_reached, tier, flag):
    # The described customer scores 69: move the border of high or mid around it.
    policy = policy_with(
        ("name: high, min_score: 75", f"name: high, min_score: {69 + 75 - int(score_reached)}"),
        ("name: mid, min_score: 50", f"name: mid, min_score: {69 + 50 - int(score_reached)}"),
    )
    row = scored({}, policy=policy)[0]
    assert (row["value_tier"], row["tier"], row["tier_flag"]) == (tier, tier, flag)


def test_five_stars_are_a_policy_away():
    text = preset("default").decode()
    start, end = text.index("tiers:"), text.index("# By spend alone")
    stars = "".join(f"  - {{name: star{n}, min_score: {(n - 1) * 20}}}\n" for n in (5, 4, 3, 2, 1))
    text = text[:start] + "tiers:\n" + stars + "\n" + text[end:]
    text = text[: text.index("# What to do")] + text[text.index("# Plans for") :]
    text = text.replace("{tier: high, min_arpu", "{tier: star4, min_arpu").replace("at_least: high", "at_least: star4")
    text = text[: text.index("  quotas:")] + text[text.index("  control_share:") :]
    text = text.replace("at_most: ordinary", "at_most: star1")
    policy = read_policy(text.encode())
    rows = scored({}, {"service_list": "red"}, {"service_list": "black"}, policy=policy)
    assert [(row["tier"], row["tier_flag"]) for row in rows] == [("star4", 2), ("star4", 2), ("star1", 5)]


@pytest.mark.parametrize(
    ("case", "change", "tier", "codes"),
    [
        ("red raises", {"service_list": "red"}, "high", "red_list;raised_by_list"),
        ("black lowers", {"service_list": "black"}, "ordinary", "black_list;lowered_by_list"),
        ("VIP changes nothing by default", {"is_vip": True}, "mid", "vip"),
        ("red and VIP", {"service_list": "red", "is_vip": True}, "high", "red_list;vip;raised_by_list"),
    ],
)
def test_lists(case, change, tier, codes):
    row = scored(change)[0]
    assert (row["value_tier"], row["tier"]) == ("mid", tier), case
    assert row["reasons"].endswith(f";credit_payments;{codes}"), case
    assert row["service_list"] == change.get("service_list", "none")


@pytest.mark.parametrize(("precedence", "tier"), [("[black, red, vip]", "ordinary"), ("[vip, black, red]", "high")])
def test_where_lists_disagree_the_earlier_in_precedence_wins(precedence, tier):
    policy = policy_with(
        ("at_least: null", "at_least: high"), ("precedence: [black, red, vip]", f"precedence: {precedence}")
    )
    assert scored({"service_list": "black", "is_vip": True}, policy=policy)[0]["tier"] == tier


def test_the_vip_lists_manager_comes_before_the_crms():
    rows = scored(
        {"account_manager_id": "crm", "is_vip": True, "vip_account_manager_id": "vip"},
        {"account_manager_id": "crm"},
        {"is_vip": True},
    )
    assert [row["account_manager_id"] for row in rows] == ["vip", "crm", None]


DAYS = dt.timedelta(days=1)
CHURNERS = {"band_exposed": 800, "band_churned": 60}


@pytest.mark.parametrize(
    ("case", "change", "stage", "code"),
    [
        ("all suspended", {"lines_active": 0}, "warning", "warn_suspended"),
        ("one of two suspended", {"lines_in_service": 2, "lines_active": 1}, "stable", "several_lines"),
        ("silent for 30 days", {"last_activity_date": AS_OF - 30 * DAYS}, "warning", "warn_inactive"),
        ("silent for 29 days", {"last_activity_date": AS_OF - 29 * DAYS}, "stable", None),
        ("never heard", {"last_activity_date": None}, "warning", "warn_inactive"),
        (
            "silent, but too few days of CDRs are loaded to say so",
            {"last_activity_date": None, "usage_observed_days": 29},
            "stable",
            None,
        ),
        (
            "activated two weeks ago and not heard yet",
            {"last_activity_date": None, "first_activation_date": AS_OF - 14 * DAYS},
            "identification",
            None,
        ),
        ("overdue above 1.5 mean bills", {"overdue_amount": "180.0001"}, "warning", "warn_overdue"),
        ("overdue exactly 1.5 mean bills", {"overdue_amount": "180"}, "stable", None),
        (
            "overdue without a bill due",
            {**PREPAID, "overdue_amount": "10", "amount_due_total": "-5"},
            "stable",
            "prepaid_arpu",
        ),
        ("nothing overdue, credit notes on balance", {"overdue_amount": "0", "amount_due_total": "-5"}, "stable", None),
        ("top churn band", CHURNERS, "warning", "warn_churn"),
        ("contract ends today", {"contract_end_date": AS_OF}, "warning", "warn_contract"),
        ("contract ends in 60 days", {"contract_end_date": AS_OF + 60 * DAYS}, "warning", "warn_contract"),
        ("contract ends in 61 days", {"contract_end_date": AS_OF + 61 * DAYS}, "stable", None),
        ("under 3 months", {"first_activation_date": dt.date(2026, 7, 16)}, "identification", None),
        ("3 months", {"first_activation_date": dt.date(2026, 7, 15)}, "growth", None),
        ("under 12 months", {"first_activation_date": dt.date(2025, 10, 16)}, "growth", None),
        ("12 months", {"first_activation_date": dt.date(2025, 10, 15)}, "stable", None),
        ("latest month at 1.2 × ARPU", {"latest_month_amount": "139.4001"}, "growth", "spend_grows"),
        ("latest month below 1.2 × ARPU", {"latest_month_amount": "139.4"}, "stable", None),
        (
            "one month has no mean to grow from",
            {"billed_months": 1, "usage_months": 1, "latest_month_amount": "500"},
            "stable",
            None,
        ),
        (
            "refunds leave no mean to grow from",
            {"billed_amount": "-1", "latest_month_amount": "50"},
            "stable",
            None,
        ),
        (
            "a new customer whose lines are suspended: warning comes first",
            {"lines_active": 0, "first_activation_date": AS_OF},
            "warning",
            "warn_suspended",
        ),
    ],
)
def test_lifecycle_stage(case, change, stage, code):
    row = scored(change)[0]
    assert row["lifecycle_stage"] == stage, case
    others = {part for part in row["reasons"].split(";") if part.startswith(("warn_", "spend_"))}
    expected = {code} if code and code.startswith(("warn_", "spend_")) else set()
    assert others == expected, case
    assert code is None or code in row["reasons"].split(";"), case


def test_all_causes_of_a_warning_are_listed_in_the_order_of_the_rules():
    change = {
        "lines_active": 0,
        "last_activity_date": None,
        "overdue_amount": "999",
        "contract_end_date": AS_OF,
        **CHURNERS,
    }
    assert scored(change)[0]["reasons"].endswith("warn_suspended;warn_inactive;warn_overdue;warn_churn;warn_contract")


def test_warning_rules_can_be_switched_off():
    policy = policy_with(
        ("all_suspended: true", "all_suspended: false"),
        ("    inactive_days: {value: 30", "    # inactive_days: {value: 30"),
        ("top_churn_band: true", "top_churn_band: false"),
    )
    change = {"lines_active": 0, "last_activity_date": None, **CHURNERS}
    assert scored(change, policy=policy)[0]["lifecycle_stage"] == "stable"


@pytest.mark.parametrize(
    ("case", "counts", "risk", "band"),
    [
        ("(24 + 200 × 0.03) / 1000", (800, 24, 10_000, 300), "0.030000", "elevated"),
        ("an unseen band is everybody", (0, 0, 10_000, 300), "0.030000", "elevated"),
        ("nothing seen at all: the policy's prior rate", (0, 0, 0, 0), "0.020000", "low"),
        ("half a millionth is rounded up: 200 × 0.0105 / 200000", (199_800, 0, 2_000, 21), "0.000011", "low"),
        ("exactly at the top band", (800, 44, 10_000, 300), "0.050000", "high"),
        ("just below it", (800_000, 40_003, 10_000, 300), "0.049999", "elevated"),
        ("everybody leaves", (10, 10, 10, 10), "1.000000", "high"),
    ],
)
def test_churn_risk(case, counts, risk, band):
    names = ("band_exposed", "band_churned", "base_exposed", "base_churned")
    row = scored(dict(zip(names, counts, strict=True)))[0]
    assert (row["churn_risk"], row["churn_risk_band"]) == (Decimal(risk), band), case
    assert ("no_churn_history" in row["reasons"]) == (counts[2] == 0)


@pytest.mark.parametrize(
    ("case", "change", "present", "absent"),
    [
        ("never billed", {"bills_in_window": 0, "billed_amount": "0"}, {"never_billed"}, {"zero_bill"}),
        ("zero bill", {"billed_amount": "0"}, {"zero_bill"}, {"never_billed", "negative_arpu"}),
        ("refunds", {"billed_amount": "-3"}, {"negative_arpu", "arpu_points=0"}, {"zero_bill"}),
        (
            "brand-new",
            {"billed_months": 0, "billed_amount": "0", "bills_in_window": 0},
            {"no_closed_month"},
            {"never_billed", "zero_bill", "arpu_partial"},
        ),
        (
            "a member whose company is billed is not never_billed",
            {"bills_in_window": 0, "pays_own_account": False},
            {"other_pays", "credit_other_pays"},
            {"never_billed"},
        ),
        ("prepaid", {**PREPAID, "prepaid_usage_amount": "9"}, {"prepaid_arpu", "credit_neutral"}, {"zero_bill"}),
        (
            "half of a mixed customer is unknown",
            {"has_prepaid_line": True, "usage_months": 0},
            {"arpu_partial", "prepaid_arpu"},
            {"no_closed_month"},
        ),
        (
            "all the rest",
            {"lines_in_service": 2, "ported_in_from": "other", "operator_credit_score": "50"},
            {"several_lines", "ported_in", "credit_operator", "credit_points=25"},
            {"credit_payments"},
        ),
    ],
)
def test_reasons(case, change, present, absent):
    codes = set(scored(change)[0]["reasons"].split(";"))
    assert present <= codes, case
    assert not absent & codes, case


def test_every_code_is_in_the_table_and_the_table_in_the_docs_form():
    assert all(meaning(code) for code in scored({})[0]["reasons"].split(";"))
    lines = reason_table_markdown().splitlines()
    assert len(lines) == len(REASONS) + 2
    assert "| `arpu_points=N` |" in lines[2]
    with pytest.raises(KeyError):
        meaning("no_such_code")


def cutoffs(*thresholds, quantiles=("0.2", "0.4", "0.6", "0.8", "0.95")):
    rows = [
        ("base", "arpu", Decimal(quantile), None if threshold is None else Decimal(threshold))
        for quantile, threshold in zip(quantiles, thresholds, strict=True)
    ]
    return pl.DataFrame(rows, schema=dict(CUTOFFS), orient="row")


def test_required_cutoffs_are_the_policys_quantiles():
    assert required_cutoffs(DEFAULT).is_empty()
    frame = required_cutoffs(QUANTILE)
    assert frame.schema == pl.Schema({"segment": pl.String, "measure": pl.String, "quantile": pl.Decimal(7, 6)})
    assert frame.rows() == [("base", "arpu", Decimal(q)) for q in ("0.2", "0.4", "0.6", "0.8", "0.95")]


@pytest.mark.parametrize(
    ("case", "thresholds", "points"),
    [
        ("116.1667 lies between the second and the third", ("10", "100", "120", "150", "300"), 40),
        ("exactly on a threshold", ("10", "20", "30", "116.1667", "116.1668"), 80),
        ("tied thresholds give the higher points", ("0", "0", "0", "0", "300"), 80),
        ("nobody has an ARPU: nothing is reached", (None,) * 5, 0),
    ],
)
def test_quantile_steps_use_the_given_cutoffs(case, thresholds, points):
    assert scored({}, policy=QUANTILE, cutoffs=cutoffs(*thresholds))[0]["arpu_points"] == points, case


@pytest.mark.parametrize(
    ("frame", "wording"),
    [
        (NO_CUTOFFS, "arpu 0.2 is missing; arpu 0.4 is missing"),
        (pl.concat([cutoffs("1", "2", "3", "4", "5")] * 2), "arpu 0.200000 is given twice"),
        (cutoffs("1", "2", "1", "4", "5"), "falls from 2.0000 to 1.0000 at quantile 0.6"),
        (cutoffs("1", "2", "3", "4", "5").drop("measure"), "measure is missing"),
    ],
)
def test_wrong_cutoffs_are_refused(frame, wording):
    with pytest.raises(ColumnsError, match=wording):
        scored({}, policy=QUANTILE, cutoffs=frame)


def test_ceased_customers_have_no_row():
    frame = with_measures(features({}))
    gone = frame.with_columns(lines_in_service=pl.lit(0, pl.Int32), customer_id=pl.lit("gone"))
    assert score(pl.concat([gone, frame]), DEFAULT, NO_CUTOFFS, NO_HAZARDS, AS_OF)["customer_id"].to_list() == ["C1"]
    assert score(gone, DEFAULT, NO_CUTOFFS, NO_HAZARDS, AS_OF).is_empty()


def test_rows_without_measures_are_refused():
    frame = with_measures(features({})).with_columns(tenure_months=pl.lit(None, pl.Int32))
    with pytest.raises(ColumnsError, match="tenure_months is null in 1 row"):
        score(frame, DEFAULT, NO_CUTOFFS, NO_HAZARDS, AS_OF)
    with pytest.raises(ColumnsError, match="credit_source is missing"):
        score(frame.drop("credit_source"), DEFAULT, NO_CUTOFFS, NO_HAZARDS, AS_OF)
