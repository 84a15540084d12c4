"""A year of customers whose spend wavers around a threshold: how often their tier changes, and who waits for a rise."""

import datetime as dt
from decimal import Decimal
from itertools import pairwise

import numpy as np
import polars as pl
from segmentation_rows import NO_CUTOFFS, NO_HAZARDS, features, remembered, with_measures

from segmentation.policy import Policy, preset, read_policy
from segmentation.scoring import score

CUSTOMERS = 200
RISES = pl.int_range(pl.len()) % 20 < 2
FLAGS = {"high": 1, "mid": 2, "ordinary": 3}
FIRST = dt.date(2025, 6, 5)  # a month closes on the 5th
TEXT = preset("default").decode()
PLAIN = read_policy((TEXT[: TEXT.index("# Promoted at once")] + TEXT[TEXT.index("# Who came from") :]).encode())


def wavering_months() -> np.ndarray:
    """Monthly spend of each customer, in hundredths: half around 120 yuan (60 or 80 points: mid or high), half around
    50 (20 or 40 points: ordinary or mid), give or take a quarter, and a tenth of them truly rising in month 9."""
    rng = np.random.default_rng(20_260_101)
    centre = np.where(np.arange(CUSTOMERS) % 2 == 0, 12_000, 5_000)
    spend = np.rint(centre * rng.uniform(0.75, 1.25, (15, CUSTOMERS))).astype(np.int64)
    spend[9:, ::20] *= 3
    spend[9:, 1::20] *= 5
    return spend


def year(policy: Policy) -> list[pl.DataFrame]:
    """Two nights in each of twelve months, each going on from the one before."""
    spend, nights = wavering_months(), []
    before = None
    for month in range(12):
        window = spend[month : month + 3]
        rows = [
            {
                "billed_amount": str(Decimal(int(total)) / 100),
                "latest_month_amount": str(Decimal(int(latest)) / 100),
                # No step of tenure within the year. Beside the points of ARPU 24 + 15, or 18 + 15: the score is 69 or
                # 79 around high, 43 or 53 around mid.
                "first_activation_date": dt.date(2021, 9, 1) if number % 2 == 0 else dt.date(2023, 5, 31),
                "operator_credit_score": "85",
            }
            for number, (total, latest) in enumerate(zip(window.sum(axis=0), window[-1], strict=True))
        ]
        frame = features(*rows)
        for day in (5, 20):
            as_of = FIRST.replace(year=2025 + (5 + month) // 12, month=(5 + month) % 12 + 1, day=day)
            scored = score(with_measures(frame, policy, as_of, before), policy, NO_CUTOFFS, NO_HAZARDS, as_of)
            before = remembered(scored.to_dicts())
            nights.append(scored)
    return nights


def changes(nights: list[pl.DataFrame]) -> int:
    """Changes of tier from night to night of those who only waver."""
    tiers = [night.filter(~RISES)["tier"] for night in nights]
    return sum((one != other).sum() for one, other in pairwise(tiers))


def test_hysteresis_leaves_at_most_a_fifth_of_the_changes_and_no_rise_waits() -> None:
    held, plain = year(read_policy(TEXT.encode())), year(PLAIN)
    # Without moves the tier is the score's, so that the two years differ in nothing but what is held.
    assert all((night["tier"] == night["score_tier"]).all() for night in plain)
    few, many = changes(held), changes(plain)
    assert many > 400
    assert few * 5 <= many, f"{few} changes with hysteresis, {many} without"
    for night in held:  # nobody whose score reaches a better tier is served as a worse one, not for one night
        assert not night["reasons"].str.contains("tier_waits").any()
        assert (night["value_tier"].replace_strict(FLAGS) <= night["score_tier"].replace_strict(FLAGS)).all()
    assert (held[-1].filter(RISES)["tier"] == "high").all()
