"""What holds for every customer: exact sums, monotone tiers, formulas against fractions, no row looks at another."""

import datetime as dt
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from segmentation_rows import AS_OF, DEFAULT, NO_CUTOFFS, NO_HAZARDS, features, scored, with_measures

from segmentation.columns import AMOUNT_LIMIT, COUNT_LIMIT, EXPOSURE_LIMIT
from segmentation.measures import measures
from segmentation.policy import preset, read_policy
from segmentation.scoring import score

FEW = settings(max_examples=60, deadline=None)
# Caps and weights that share no factor: the largest denominator a policy can ask for.
HARDEST = read_policy(
    preset("default")
    .replace(b"days_past_due: {value: 30", b"days_past_due: {value: 366")
    .replace(b"overdue_ratio: {value: 2,", b"overdue_ratio: {value: 99.9,")
    .replace(b"arrears_stops: {value: 3", b"arrears_stops: {value: 20")
    .replace(b"on_time: {value: 0.4,", b"on_time: {value: 0.4001,")
    .replace(b"days_past_due: {value: 0.2,", b"days_past_due: {value: 0.1999,")
    .replace(b"overdue: {value: 0.2,", b"overdue: {value: 0.1997,")
    .replace(b"arrears_stops: {value: 0.2,", b"arrears_stops: {value: 0.2003,")
)
assert HARDEST.credit.caps.overdue_ratio.value == Decimal("99.9"), "the default policy's text has changed"


def amounts(low=-(10**6), high=10**7):
    return st.integers(low, high).map(lambda units: Decimal(units).scaleb(-4))


def decimal_half_up(exact: Fraction, places: int) -> Decimal:
    """An independent ROUND_HALF_UP: integer division with remainder, away from zero at the half."""
    scaled = abs(exact) * 10**places
    size = scaled.numerator // scaled.denominator
    size += (scaled - size) >= Fraction(1, 2)
    result = Decimal(size).scaleb(-places) * (-1 if exact < 0 else 1)
    return result.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


@st.composite
def customers(draw):
    bills = draw(st.integers(0, 40))
    exposed, base = draw(st.integers(0, 5000)), draw(st.integers(0, 50_000))
    return {
        "operator_credit_score": draw(st.none() | amounts(0, 10**6)),
        "lines_in_service": draw(st.integers(0, 3)),
        "lines_active": draw(st.integers(0, 3)),
        "first_activation_date": draw(st.dates(dt.date(2010, 1, 1), AS_OF)),
        "contract_end_date": draw(st.none() | st.dates(AS_OF, dt.date(2028, 1, 1))),
        "billed_months": draw(st.integers(0, 3)),
        "bills_in_window": draw(st.integers(0, 3)),
        "billed_amount": draw(amounts()),
        "usage_months": draw(st.integers(0, 3)),
        "prepaid_usage_amount": draw(amounts()),
        "has_prepaid_line": draw(st.booleans()),
        "last_activity_date": draw(st.none() | st.dates(AS_OF - dt.timedelta(days=90), AS_OF)),
        "bills_due": bills,
        "bills_paid_on_time": draw(st.integers(0, bills)),
        "days_past_due": draw(st.integers(0, 500)),
        "amount_due_total": draw(amounts()),
        "overdue_amount": draw(amounts()),
        "pays_own_account": draw(st.booleans()),
        "arrears_stops": draw(st.integers(0, 5)),
        "service_list": draw(st.sampled_from([None, "red", "black"])),
        "is_vip": draw(st.booleans()),
        "band_exposed": exposed,
        "band_churned": draw(st.integers(0, exposed)),
        "base_exposed": base,
        "base_churned": draw(st.integers(0, base)),
    }


@FEW
@given(st.lists(customers(), min_size=1, max_size=8))
def test_parts_add_up_exactly_and_the_score_stays_in_range(rows):
    for row in scored(*rows):
        parts = row["arpu_part"] + row["tenure_part"] + row["credit_part"]
        assert parts == row["value_score"]
        assert 0 <= row["value_score"] <= 100
        assert 0 <= row["credit"] <= 100
        assert 0 <= row["churn_risk"] <= 1
        for measure in ("arpu", "tenure", "credit"):
            weight = getattr(DEFAULT.value, measure).weight.value
            assert row[f"{measure}_part"] == weight * row[f"{measure}_points"]


@FEW
@given(st.lists(customers(), min_size=2, max_size=12))
def test_a_better_score_never_has_a_worse_value_tier(rows):
    ranked = sorted(scored(*rows), key=lambda row: row["value_score"])
    flags = [DEFAULT.tier_names.index(row["value_tier"]) for row in ranked]
    assert flags == sorted(flags, reverse=True)


@FEW
@given(st.lists(customers(), min_size=2, max_size=12), st.integers(1, 11), st.randoms(use_true_random=False))
def test_batches_split_and_shuffled_give_the_same_rows(rows, cut, random):
    whole = features(*rows)
    expected = score(with_measures(whole), DEFAULT, NO_CUTOFFS, NO_HAZARDS, AS_OF).sort("customer_id")
    order = list(range(len(rows)))
    random.shuffle(order)
    shuffled = whole[order]
    batches = [shuffled[:cut], shuffled[cut:]]
    parts = [score(with_measures(batch), DEFAULT, NO_CUTOFFS, NO_HAZARDS, AS_OF) for batch in batches]
    assert pl.concat(parts).sort("customer_id").equals(expected)


@FEW
@given(customers(), amounts(), amounts())
def test_higher_arpu_never_lowers_the_score(row, one, other):
    row["lines_in_service"] = 1
    low, high = (scored(row, measured={"arpu_amount": amount})[0]["value_score"] for amount in sorted((one, other)))
    assert low <= high


@FEW
@given(customers())
def test_higher_billing_never_lowers_the_arpu(row):
    row["lines_in_service"] = 1
    more = {**row, "billed_amount": row["billed_amount"] + Decimal("0.0001")}
    low, high = measures(features(row, more), DEFAULT, AS_OF)["arpu_amount"]
    # An amount of exactly 0 on a customer without postpaid line is no spend at all, hence possibly unknown.
    assert low is None or high is None or low <= high


@FEW
@given(st.integers(0, EXPOSURE_LIMIT), st.integers(1, EXPOSURE_LIMIT), st.floats(0, 1), st.floats(0, 1))
def test_churn_risk_is_exact_and_lies_between_band_rate_and_base(exposed, base_exposed, share, base_share):
    churned, base_churned = int(exposed * share), int(base_exposed * base_share)
    counts = {
        "band_exposed": exposed,
        "band_churned": churned,
        "base_exposed": base_exposed,
        "base_churned": base_churned,
    }
    risk = scored(counts)[0]["churn_risk"]
    base = Fraction(base_churned, base_exposed)
    assert risk == decimal_half_up((churned + 200 * base) / (exposed + 200), 6)
    band = Fraction(churned, exposed) if exposed else base
    assert decimal_half_up(min(band, base), 6) <= risk <= decimal_half_up(max(band, base), 6)


TOP = AMOUNT_LIMIT * 10_000 - 1


@FEW
@given(st.tuples(amounts(-TOP, TOP), amounts(-TOP, TOP), amounts(-TOP, TOP)), st.integers(1, 24), st.integers(1, 24))
def test_arpu_is_the_exact_quotient_rounded_once(money, billed_months, usage_months):
    billed, used, fees = money
    row = {
        "billed_amount": billed,
        "prepaid_usage_amount": used,
        "prepaid_fee_amount": fees,
        "billed_months": billed_months,
        "usage_months": usage_months,
    }
    exact = (Fraction(billed) + Fraction(fees)) / billed_months + Fraction(used) / usage_months
    assert measures(features(row), DEFAULT, AS_OF)["arpu_amount"].item() == decimal_half_up(exact, 4)


@FEW
@given(
    st.integers(1, COUNT_LIMIT),
    st.tuples(st.floats(0, 1), st.floats(0, 1.2)),
    st.tuples(amounts(1, TOP), amounts(0, TOP)),
    st.integers(0, 25),
)
def test_credit_is_the_exact_formula_rounded_once_up_to_the_widest_inputs(bills, shares, money, stops):
    (paid, late), (due, overdue) = shares, money
    for policy in (DEFAULT, HARDEST):
        caps, weights = policy.credit.caps, policy.credit.weights
        row = {
            "bills_due": bills,
            "bills_paid_on_time": int(bills * paid),
            "days_past_due": min(int(bills * late * caps.days_past_due.value), COUNT_LIMIT * 366),
            "amount_due_total": due,
            "overdue_amount": overdue,
            "arrears_stops": stops,
        }
        assert measures(features(row), policy, AS_OF)["credit"].item() == _credit(row, caps, weights)


def _credit(row, caps, weights) -> Decimal:
    bills = row["bills_due"]

    def good(bad: Fraction, cap: Decimal | int) -> Fraction:
        return 1 - min(bad, Fraction(cap)) / Fraction(cap)

    mean_due = Fraction(row["amount_due_total"]) / bills
    exact = (
        Fraction(weights.on_time.value) * Fraction(row["bills_paid_on_time"], bills)
        + Fraction(weights.days_past_due.value) * good(Fraction(row["days_past_due"], bills), caps.days_past_due.value)
        + Fraction(weights.overdue.value) * good(Fraction(row["overdue_amount"]) / mean_due, caps.overdue_ratio.value)
        + Fraction(weights.arrears_stops.value) * good(Fraction(row["arrears_stops"]), caps.arrears_stops.value)
    )
    return decimal_half_up(100 * exact, 4)


def test_the_widest_credit_inputs_do_not_overflow():
    amount = Decimal(TOP).scaleb(-4)
    widest = {
        "bills_due": COUNT_LIMIT,
        "bills_paid_on_time": COUNT_LIMIT,
        "days_past_due": 0,
        "amount_due_total": amount,
        "overdue_amount": "0",
        "arrears_stops": 0,
    }
    worst = {**widest, "bills_paid_on_time": 0, "days_past_due": COUNT_LIMIT * 366, "overdue_amount": amount}
    rows = measures(features(widest, {**worst, "arrears_stops": COUNT_LIMIT}), HARDEST, AS_OF)
    assert rows["credit"].to_list() == [100, 0]


@FEW
@given(st.dates(dt.date(1990, 1, 1), dt.date(2040, 12, 31)), st.integers(0, 6000))
def test_tenure_is_the_number_of_month_steps_not_passing_the_date(start, days):
    as_of = start + dt.timedelta(days=days)
    months = 0
    while _step(start, months + 1) <= as_of:
        months += 1
    row = {"first_activation_date": start}
    assert measures(features(row), DEFAULT, as_of)["tenure_months"].item() == months


def _step(start: dt.date, months: int) -> dt.date:
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    for day in (start.day, 30, 29, 28):
        try:
            return dt.date(year, month + 1, min(day, start.day))
        except ValueError:
            continue
    raise AssertionError


UNEVEN = read_policy(
    preset("default")
    .replace(b"weight: {value: 0.5,", b"weight: {value: 0.3337,")
    .replace(b"weight: {value: 0.3,", b"weight: {value: 0.3332,")
    .replace(b"weight: {value: 0.2,", b"weight: {value: 0.3331,")
    .replace(b"points: 20, reason", b"points: 13.3333, reason")
    .replace(b"points: 40, reason", b"points: 47.7777, reason")
    .replace(b"points: 75, reason", b"points: 71.1111, reason")
)


@FEW
@given(st.lists(customers(), min_size=1, max_size=8))
def test_parts_are_rounded_by_largest_remainder_and_add_up(rows):
    for row in scored(*rows, policy=UNEVEN):
        exact = {
            measure: Fraction(getattr(UNEVEN.value, measure).weight.value) * Fraction(row[f"{measure}_points"])
            for measure in ("arpu", "tenure", "credit")
        }
        parts = {measure: row[f"{measure}_part"] for measure in exact}
        assert sum(parts.values()) == row["value_score"] == decimal_half_up(sum(exact.values()), 4)
        lost = {measure: exact[measure] * 10_000 % 1 for measure in exact}
        raised = {m for m in exact if parts[m] > exact[m] or (parts[m] == exact[m] and lost[m] > 0)}
        assert all(abs(Fraction(parts[m]) - exact[m]) < Fraction(1, 10_000) for m in exact)
        assert all(lost[up] >= lost[cut] for up in raised for cut in set(exact) - raised)


@FEW
@given(st.lists(customers(), min_size=1, max_size=6))
def test_what_lifts_does_lift_and_a_little_less_does_not(rows):
    columns = {"arpu": "arpu_amount", "tenure": "tenure_months", "credit": "credit"}
    for change, row in zip([r for r in rows if r["lines_in_service"]], scored(*rows), strict=True):
        for code in filter(None, row["lifted_by"].split(";")):
            measure, _, wanted = code.partition("=")
            step = 1 if measure == "tenure" else Decimal("0.0001")
            value = int(wanted) if measure == "tenure" else Decimal(wanted)
            enough, short = (
                scored(change, measured={columns[measure]: number})[0]["value_tier"] for number in (value, value - step)
            )
            names = DEFAULT.tier_names
            assert names.index(enough) < names.index(row["value_tier"]), code
            assert names.index(short) >= names.index(row["value_tier"]), code
