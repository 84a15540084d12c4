"""The tables that functions of segmentation/ make: the one list of them.

Belongs here: their columns, and what each is made from. Does not: the functions, making a table (scoring.py,
spark/scoring.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from segmentation.columns import DRIFTS, MEASURES, RISKS, SCORES, Dtype


@dataclass(frozen=True)
class JudgedTable:
    """Columns with their types, in order; the tables that the function reads; and the table in whose making this one
    is made, if it is not made by itself.
    """

    columns: Mapping[str, Dtype]
    upstreams: tuple[str, ...]
    made_with: str | None = None


_TO_RATE_RISK = ("features.churn", "features.customer")
JUDGED: dict[str, JudgedTable] = {
    "scores.measures": JudgedTable(MEASURES, ("features.customer",)),
    "scores.churn_risk": JudgedTable(RISKS, _TO_RATE_RISK),
    "scores.churn_drift": JudgedTable(DRIFTS, _TO_RATE_RISK, made_with="scores.churn_risk"),
    "scores.customer": JudgedTable(
        SCORES,
        (
            *("features.customer", "features.tier_state", "features.churn_bands"),
            *("scores.measures", "scores.churn_risk", "scores.cutoffs"),
        ),
    ),
}
