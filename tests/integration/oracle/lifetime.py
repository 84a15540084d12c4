"""What a customer is expected to bring, in decimals of 40 digits.

Belongs here: margin, lifetime value, value at risk. Does not: the churn risk and the counts that they rest on.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

from oracle.churn import Band
from oracle.days import half_up
from oracle.read import Row

MONTH = Decimal("30.4375")


def monthly_odds(rate: Decimal, days: int) -> Decimal:
    """Odds of leaving within a month of somebody who leaves within `days` at that rate."""
    stays = (1 - rate) ** (MONTH / days)
    return (1 - stays) / stays


def band_odds(kind: str, tenure: int, seen: dict[Band, tuple[int, int]], churn: dict[str, Any]) -> Decimal:
    start = max(months for months in churn["tenure_bands_months"] if months <= tenure)
    exposed, left = seen.get((kind, start), (0, 0))
    everybody, leavers = (sum(pair[i] for pair in seen.values()) for i in (0, 1))
    base = Decimal(leavers) / everybody if everybody else Decimal(churn["prior_rate"])
    prior = Decimal(churn["prior_exposures"])
    rate = (left + prior * base) / (exposed + prior)
    least = Decimal("0.000001")
    return monthly_odds(min(max(rate, least), 1 - least), churn["horizon_days"])


def worth(
    arpu: Decimal | None,
    risk: Decimal,
    band: Band,
    tenure: int,
    *,
    seen: dict[Band, tuple[int, int]],
    policy: dict[str, Any],
) -> Row:
    """The three amounts of a customer's row."""
    if arpu is None:
        return dict.fromkeys(("margin_amount", "lifetime_value_amount", "value_at_risk_amount"))
    rules, kind = policy["lifetime"], band[0]
    with localcontext() as exact:
        exact.prec = 40
        own, first = monthly_odds(risk, policy["churn"]["horizon_days"]), band_odds(kind, tenure, seen, policy["churn"])
        stays, months = Decimal(1), Decimal(0)
        for t in range(1, rules["horizon_months"] + 1):
            odds = band_odds(kind, tenure + t - 1, seen, policy["churn"])
            if "risk_half_life_months" in rules:
                odds *= (own / first) ** (Decimal("0.5") ** (Decimal(t - 1) / rules["risk_half_life_months"]))
            stays /= 1 + odds
            months += stays / (1 + Decimal(rules["discount_rate"])) ** (Decimal(t) / 12)
        share = Fraction(rules["margin_share"])
        lifetime = half_up(max(Fraction(arpu), Fraction(0)) * share * Fraction(months), 4)
    return {
        "margin_amount": half_up(Fraction(arpu) * share, 4),
        "lifetime_value_amount": lifetime,
        "value_at_risk_amount": half_up(Fraction(lifetime) * Fraction(risk), 4),
    }
