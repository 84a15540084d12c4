"""Lifetime value: examples worked out by hand, and what holds for every customer."""

from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from segmentation_rows import DEFAULT

from segmentation.columns import HAZARDS, ColumnsError
from segmentation.lifetime import lifetime_columns, value_at_risk
from segmentation.policy import Policy
from segmentation.policy_retention import Lifetime

NOBODY = pl.DataFrame(schema=dict(HAZARDS))


def policy(**lifetime: Any) -> Policy:
    """The default policy with another section `lifetime`, a horizon of leaving of exactly a month, and bands of a rate
    of their own (no shrinkage to speak of).
    """
    churn = DEFAULT.churn
    near = churn.prior_exposures.model_copy(update={"value": Decimal("0.01")})
    return DEFAULT.model_copy(
        update={"lifetime": Lifetime(**lifetime), "churn": churn.model_copy(update={"prior_exposures": near})}
    )


def hazards(**counts: tuple[int, int]) -> pl.DataFrame:
    """Counts by band, `postpaid_36` for postpaid customers of 36 months and more."""
    names = dict(zip(DEFAULT.churn.tenure_bands_months, DEFAULT.churn.tenure_bands, strict=True))
    rows = [(f"{b.split('_')[0]}:{names[int(b.split('_')[1])]}", *pair) for b, pair in counts.items()]
    return pl.DataFrame(rows, schema=dict(HAZARDS), orient="row")


def worth(
    *rows: tuple[str | None, int, str], rules: Policy, counts: pl.DataFrame = NOBODY, postpaid: bool = True
) -> list[tuple[Decimal | None, ...]]:
    """(margin, lifetime value, value at risk) of rows (ARPU, tenure, risk)."""
    arpu, tenure, risk = zip(*rows, strict=True)
    frame = pl.DataFrame(
        {
            "arpu_amount": pl.Series([None if a is None else Decimal(a) for a in arpu], dtype=pl.Decimal(18, 4)),
            "tenure_months": pl.Series(tenure, dtype=pl.Int32),
            "has_postpaid_line": [postpaid] * len(rows),
            "churn_risk": pl.Series([Decimal(r) for r in risk], dtype=pl.Decimal(7, 6)),
        }
    )
    found = frame.with_columns(**lifetime_columns(rules, counts)).with_columns(value_at_risk_amount=value_at_risk())
    return found.select("margin_amount", "lifetime_value_amount", "value_at_risk_amount").rows()


def test_no_risk_is_an_annuity() -> None:
    # 100 x 0.4 for 3 months, undiscounted; at 12 % a year: 40 x (1.12^(-1/12) + 1.12^(-2/12) + 1.12^(-3/12)), the
    # factors being 0.9906004, 0.9812891 and 0.9720654.
    rules = policy(horizon_months=3, margin_share=Decimal("0.4"), risk_half_life_months=1)
    assert worth(("100", 50, "0"), rules=rules) == [(Decimal("40.0000"), Decimal("120.0000"), Decimal("0.0000"))]
    rules = policy(
        horizon_months=3, margin_share=Decimal("0.4"), discount_rate=Decimal("0.12"), risk_half_life_months=1
    )
    assert worth(("100", 50, "0"), rules=rules)[0][1] == Decimal("117.7582")


def test_a_customer_at_the_rate_of_the_band_leaves_at_it() -> None:
    # Everybody leaves at 10 % in 30 days; in a month of 30.4375 days 1 - 0.9^(30.4375/30) = 0.1013818, so that
    # S = 0.8986182, 0.8075147, 0.7256474 and the sum is 2.4317803 months of 100.
    counts = hazards(postpaid_36=(1_000_000, 100_000))
    ((_, value, at_risk),) = worth(("100", 50, "0.1"), rules=policy(horizon_months=3), counts=counts)
    assert (value, at_risk) == (Decimal("243.1780"), Decimal("24.3178"))


def test_the_own_risk_counts_whole_at_first_and_fades() -> None:
    # The band leaves at 10 %, the customer's risk is 20 %. Monthly odds: band 0.1128197, own (0.8^-1.0145833 - 1)
    # 0.2540743, hence 2.2520398 times as high. Half-life 1 month: months 2 and 3 have that to the power 1/2 and 1/4,
    # odds 0.1693062 and 0.1382066. S = 0.7974009, 0.6819436, 0.5991387; the sum is 2.0784832 months.
    counts = hazards(postpaid_36=(1_000_000, 100_000))
    rules = policy(horizon_months=3, risk_half_life_months=1)
    assert worth(("100", 50, "0.2"), rules=rules, counts=counts)[0][1] == Decimal("207.8483")


def test_without_a_half_life_the_value_is_the_bands_and_more_risk_puts_more_of_it_at_risk() -> None:
    counts = hazards(postpaid_36=(1_000_000, 100_000))
    risks = ("0", "0.1", "0.25", "0.5", "0.9", "1")
    found = worth(*(("100", 50, risk) for risk in risks), rules=policy(horizon_months=3), counts=counts)
    assert {value for _, value, _ in found} == {Decimal("243.1780")}
    assert [at_risk for _, _, at_risk in found] == [
        (Decimal("243.1780") * Decimal(risk)).quantize(Decimal("0.0001")) for risk in risks
    ]


def test_tenure_goes_on_through_the_bands() -> None:
    # Month 1 is month 35 of tenure (20 % leave in 30 days), months 2 and 3 are in the band of 36 and more (1 %); other
    # people's payment type doesn't matter. S = 0.8^1.0145833 = 0.7974009, then x 0.99^1.0145833 = 0.9898549 twice.
    counts = hazards(postpaid_24=(1_000_000, 200_000), postpaid_36=(1_000_000, 10_000), prepaid_36=(10, 9))
    ((_, value, _),) = worth(("100", 35, "0.2"), rules=policy(horizon_months=3), counts=counts)
    assert value == Decimal("236.8016")
    # After half a year in the last band the customer stays there.
    assert (
        worth(("100", 36, "0.01"), ("100", 360, "0.01"), rules=policy(), counts=counts)[0]
        == (worth(("100", 360, "0.01"), rules=policy(), counts=counts)[0])
    )


def test_payment_type_chooses_the_bands() -> None:
    counts = hazards(postpaid_36=(1_000_000, 10_000), prepaid_36=(1_000_000, 90_000))
    rules = policy(risk_half_life_months=1)
    (stays,), (leaves,) = (worth(("100", 50, "0.05"), rules=rules, counts=counts, postpaid=p) for p in (True, False))
    assert stays[1] > leaves[1]


def test_unknown_negative_and_no_spend() -> None:
    unknown, negative, none = worth((None, 5, "0.1"), ("-12.5", 5, "0.1"), ("0", 5, "0.1"), rules=policy())
    assert unknown == (None, None, None)
    assert negative == (Decimal("-12.5000"), Decimal("0.0000"), Decimal("0.0000"))
    assert none == (Decimal("0.0000"), Decimal("0.0000"), Decimal("0.0000"))


def test_counts_of_another_type_are_refused() -> None:
    with pytest.raises(ColumnsError, match=r"features\.churn_bands: exposed is String"):
        lifetime_columns(policy(), NOBODY.cast({"exposed": pl.String()}))


risks = st.integers(0, 1_000_000).map(lambda millionths: Decimal(millionths).scaleb(-6))
arpus = st.integers(0, 10**9).map(lambda units: str(Decimal(units).scaleb(-4)))
bands = st.dictionaries(
    st.sampled_from([f"{kind}_{start}" for kind in ("postpaid", "prepaid") for start in (0, 3, 12, 24, 36)]),
    st.integers(0, 5000).flatmap(lambda exposed: st.tuples(st.just(exposed), st.integers(0, exposed))),
)
rules = st.builds(
    policy,
    horizon_months=st.integers(1, 60),
    discount_rate=st.sampled_from([Decimal(0), Decimal("0.1"), Decimal(1)]),
    margin_share=st.sampled_from([Decimal(0), Decimal("0.333333"), Decimal(1)]),
    risk_half_life_months=st.integers(1, 120),
)


@given(arpus, st.integers(0, 400), st.lists(risks, min_size=2, max_size=6), rules, bands)
def test_more_risk_is_never_worth_more_and_all_is_within_the_horizon(arpu, tenure, own, given_policy, counts):
    rows = [(arpu, tenure, str(risk)) for risk in (*sorted(own), Decimal(1))]
    found = worth(*rows, rules=given_policy, counts=hazards(**counts))
    values = [value for _, value, _ in found]
    assert values == sorted(values, reverse=True)
    rule = given_policy.lifetime
    most = Decimal(arpu) * rule.margin_share.value * rule.horizon_months.value
    assert all(0 <= value <= most + Decimal("0.00005") for value in values)
    assert found[-1][1:] == (Decimal(0), Decimal(0))


@given(arpus, st.integers(0, 400), rules, bands)
def test_no_risk_is_an_annuity_in_any_band(arpu, tenure, given_policy, counts):
    ((_, value, at_risk),) = worth((arpu, tenure, "0"), rules=given_policy, counts=hazards(**counts))
    rule = given_policy.lifetime
    yearly = 1 + float(rule.discount_rate.value)
    months = sum(yearly ** (-t / 12) for t in range(1, rule.horizon_months.value + 1))
    assert float(value) == pytest.approx(float(arpu) * float(rule.margin_share.value) * months, abs=0.0001)
    assert at_risk == 0


@given(st.lists(st.tuples(arpus, st.integers(0, 400), risks.map(str)), min_size=2, max_size=40), bands, st.data())
def test_a_row_comes_out_the_same_in_any_batch(rows, counts, data):
    given_counts = hazards(**counts)
    whole = worth(*rows, rules=policy(), counts=given_counts)
    cut = data.draw(st.integers(1, len(rows) - 1))
    assert whole == [w for part in (rows[:cut], rows[cut:]) for w in worth(*part, rules=policy(), counts=given_counts)]
    assert whole[-1:] == worth(rows[-1], rules=policy(), counts=given_counts)
