"""What holds for every customer: exact sums, monotone tiers, formulas against fractions, no row looks at another."""

import datetime as dt
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from segmentation_rows import AS_OF, DEFAULT, NO_CUTOFFS, NO_HAZARDS, features, scored, with_measures

from segmentation.columns import AMOUNT_LIMIT, COUNT_LIMIT, EXPOSURE_LIMIT
from segmentation.measures import measures
from segmentation.policy import preset, read_policy
from segmentation.scoring import score

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


def batches(of, least=1):
    """Several at once: scoring twelve customers takes as long as scoring one."""
    return st.lists(of, min_size=least, max_size=12)


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


@given(batches(customers()))
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


@given(batches(customers(), least=2))
def test_a_better_score_never_has_a_worse_value_tier(rows):
    ranked = sorted(scored(*rows), key=lambda row: row["value_score"])
    flags = [DEFAULT.tier_names.index(row["value_tier"]) for row in ranked]
    assert flags == sorted(flags, reverse=True)


@given(batches(customers(), least=2), st.integers(1, 11), st.randoms(use_true_random=False))
def test_batches_split_and_shuffled_give_the_same_rows(rows, cut, random):
    whole = features(*rows)
    expected = score(with_measures(whole), DEFAULT, NO_CUTOFFS, NO_HAZARDS, AS_OF).sort("customer_id")
    order = list(range(len(rows)))
    random.shuffle(order)
    shuffled = whole[order]
    pieces = [shuffled[:cut], shuffled[cut:]]
    parts = [score(with_measures(piece), DEFAULT, NO_CUTOFFS, NO_HAZARDS, AS_OF) for piece in pieces]
    assert pl.concat(parts).sort("customer_id").equals(expected)


@given(batches(st.tuples(customers(), amounts(), amounts())))
def test_higher_arpu_never_lowers_the_score(cases):
    rows = [{**row, "lines_in_service": 1} for row, _, _ in cases for _ in range(2)]
    arpu = [amount for _, one, other in cases for amount in sorted((one, other))]
    scores = [row["value_score"] for row in scored(*rows, measured={"arpu_amount": arpu})]
    for low, high in zip(scores[::2], scores[1::2], strict=True):
        assert low <= high


@given(batches(customers()))
def test_higher_billing_never_lowers_the_arpu(rows):
    rows = [{**row, "lines_in_service": 1} for row in rows]
    more = [{**row, "billed_amount": row["billed_amount"] + Decimal("0.0001")} for row in rows]
    arpu = measures(features(*rows, *more), DEFAULT, AS_OF)["arpu_amount"].to_list()
    for low, high in zip(arpu[: len(rows)], arpu[len(rows) :], strict=True):
        # An amount of exactly 0 on a customer without postpaid line is no spend at all, hence possibly unknown.
        assert low is None or high is None or low <= high


@st.composite
def exposures(draw):
    exposed, base_exposed = draw(st.integers(0, EXPOSURE_LIMIT)), draw(st.integers(1, EXPOSURE_LIMIT))
    return {
        "band_exposed": exposed,
        "band_churned": int(exposed * draw(st.floats(0, 1))),
        "base_exposed": base_exposed,
        "base_churned": int(base_exposed * draw(st.floats(0, 1))),
    }


@given(batches(exposures()))
def test_churn_risk_is_exact_and_lies_between_band_rate_and_base(rows):
    for counts, row in zip(rows, scored(*rows), strict=True):
        exposed, churned, risk = counts["band_exposed"], counts["band_churned"], row["churn_risk"]
        base = Fraction(counts["base_churned"], counts["base_exposed"])
        assert risk == decimal_half_up((churned + 200 * base) / (exposed + 200), 6)
        band = Fraction(churned, exposed) if exposed else base
        assert decimal_half_up(min(band, base), 6) <= risk <= decimal_half_up(max(band, base), 6)


TOP = AMOUNT_LIMIT * 10_000 - 1


SPENT = st.fixed_dictionaries(
    {
        "billed_amount": amounts(-TOP, TOP),
        "prepaid_usage_amount": amounts(-TOP, TOP),
        "prepaid_fee_amount": amounts(-TOP, TOP),
        "billed_months": st.integers(1, 24),
        "usage_months": st.integers(1, 24),
    }
)


@given(batches(SPENT))
def test_arpu_is_the_exact_quotient_rounded_once(rows):
    for row, arpu in zip(rows, measures(features(*rows), DEFAULT, AS_OF)["arpu_amount"], strict=True):
        billed = Fraction(row["billed_amount"]) + Fraction(row["prepaid_fee_amount"])
        exact = billed / row["billed_months"] + Fraction(row["prepaid_usage_amount"]) / row["usage_months"]
        assert arpu == decimal_half_up(exact, 4)


OWED = st.tuples(
    st.integers(1, COUNT_LIMIT),
    st.tuples(st.floats(0, 1), st.floats(0, 1.2)),
    st.tuples(amounts(1, TOP), amounts(0, TOP)),
    st.integers(0, 25),
)


@given(batches(OWED))
def test_credit_is_the_exact_formula_rounded_once_up_to_the_widest_inputs(cases):
    for policy in (DEFAULT, HARDEST):
        caps, weights = policy.credit.caps, policy.credit.weights
        rows = [
            {
                "bills_due": bills,
                "bills_paid_on_time": int(bills * paid),
                "days_past_due": min(int(bills * late * caps.days_past_due.value), COUNT_LIMIT * 366),
                "amount_due_total": due,
                "overdue_amount": overdue,
                "arrears_stops": stops,
            }
            for bills, (paid, late), (due, overdue), stops in cases
        ]
        for row, credit in zip(rows, measures(features(*rows), policy, AS_OF)["credit"], strict=True):
            assert credit == _credit(row, caps, weights)


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


@given(batches(customers()))
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


@given(batches(customers()))
def test_what_lifts_does_lift_and_a_little_less_does_not(rows):
    columns = {"arpu": "arpu_amount", "tenure": "tenure_months", "credit": "credit"}
    lifts = [
        (change, row["value_tier"], *code.partition("=")[::2])
        for change, row in zip([r for r in rows if r["lines_in_service"]], scored(*rows), strict=True)
        for code in filter(None, row["lifted_by"].split(";"))
    ]
    assert {measure for *_, measure, _ in lifts} <= columns.keys()
    names = DEFAULT.tier_names
    for measure, column in columns.items():
        number, step = (int, 1) if measure == "tenure" else (Decimal, Decimal("0.0001"))
        said = [(change, tier, number(wanted)) for change, tier, lifting, wanted in lifts if lifting == measure]
        changes = [change for change, _, _ in said for _ in range(2)]
        values = [value for _, _, wanted in said for value in (wanted, wanted - step)]
        after = scored(*changes, measured={column: values}) if said else []
        for (_, tier, wanted), enough, short in zip(said, after[::2], after[1::2], strict=True):
            code = f"{measure}={wanted}"
            assert names.index(enough["value_tier"]) < names.index(tier), code
            assert names.index(short["value_tier"]) >= names.index(tier), code
