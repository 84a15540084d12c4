"""The policy's sections about the lifecycle stage and the churn risk.
How they are applied belongs in lifecycle.py and churn/."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, model_validator

from segmentation.policy_model import ModelRules
from segmentation.policy_rules import descending
from segmentation.policy_types import (
    Amount,
    Days,
    Exact,
    Months,
    Name,
    Ratio,
    Reasoned,
    Section,
    Share,
    Text,
    Threshold,
    decimals,
)

Stops = Annotated[int, Field(ge=1, le=100)]


class Complaints(Section):
    """So many complaints within 90 days; a contact is one when its reason code begins with one of `reason_codes`."""

    count: Threshold[Annotated[int, Field(ge=1, le=1000)]]
    reason_codes: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]


class Warning_(Section):  # noqa: N801 - `Warning` is a Python builtin
    """What puts a customer in stage warning; null or false switches a rule off. Order of rules: lifecycle.py."""

    all_suspended: bool = True
    inactive_days: Threshold[Annotated[int, Field(ge=1, le=90)]] | None = None
    overdue_ratio: Threshold[Ratio] | None = None
    arrears_stops: Threshold[Stops] | None = None
    complaints: Complaints | None = None
    spend_ratio: Threshold[Share] | None = None
    usage_ratio: Threshold[Share] | None = None
    top_churn_band: bool = True
    contract_ends_within_days: Threshold[Days] | None = None


class Identification(Section):
    """A customer is new while tenure is below this many months."""

    tenure_below_months: Threshold[Months]


class Growth(Section):
    """A customer grows while young, or while the latest month is at least a ratio times the window's mean: of the
    spend, or of the usage (voice or data).
    """

    tenure_below_months: Threshold[Months]
    spend_ratio: Threshold[Ratio] | None = None
    usage_ratio: Threshold[Ratio] | None = None


class Lifecycle(Section):
    """Rules of the four lifecycle stages; what no rule takes is `stable`.

    A customer enters warning at once, and any other stage when its rules have held for `settle_days` nights in a row.
    """

    warning: Warning_
    identification: Identification
    growth: Growth
    settle_days: Threshold[Annotated[int, Field(ge=0, le=366)]] = Threshold[int].of(0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        new, young = self.identification.tenure_below_months.value, self.growth.tenure_below_months.value
        if young < new:
            raise ValueError(f"growth ends at month {young}, before identification ({new}); make growth at least {new}")
        return self


class Band(Reasoned):
    """A churn risk band and the risk from which it begins."""

    name: Name
    min_risk: Share


class Churn(Section):
    """Labels, bands and shrinkage of the band rate (churn/band_rate.py); `prior_exposures` is its strength k.

    Who leaves is looked for in the `horizon_days` after a gap of `gap_days`, the days that retention needs to act.
    `low_arpu_line` judges nobody: it is the ARPU under which analysts compare churners with everybody.
    """

    prior_exposures: Threshold[Annotated[Exact, Field(gt=0, le=1_000_000)]]
    prior_rate: Threshold[Share]
    bands: Annotated[tuple[Band, ...], Field(strict=False, min_length=1)]
    gap_days: Threshold[Annotated[int, Field(ge=0, le=90)]] = Threshold[int].of(0)
    horizon_days: Threshold[Days] = Threshold[int].of(30)
    tenure_bands_months: Annotated[tuple[int, ...], Field(strict=False, min_length=1)] = (0, 3, 12, 24, 36)
    history_months: Threshold[Annotated[int, Field(ge=1, le=60)]] = Threshold[int].of(12)
    prepaid_inactive_days: Threshold[Annotated[int, Field(ge=1, le=90)]] = Threshold[int].of(30)
    low_arpu_line: Threshold[Amount] | None = None
    model: ModelRules = ModelRules()

    @property
    def window(self) -> str:
        """When those leave whom the risk is of, in words: `30 days after a gap of 7`."""
        gap = f" after a gap of {self.gap_days.value}" if self.gap_days.value else ""
        return f"{self.horizon_days.value} days{gap}"

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        descending("bands", "min_risk", [(band.name, band.min_risk) for band in self.bands])
        months = self.tenure_bands_months
        if months[0] != 0 or any(low >= high for low, high in pairwise(months)):
            raise ValueError(f"tenure_bands_months {list(months)} must begin with 0 and ascend")
        gap, silent = self.gap_days.value, self.prepaid_inactive_days.value
        if gap >= silent:
            raise ValueError(
                f"gap_days {gap} is not below prepaid_inactive_days {silent}: every prepaid customer who is silent "
                "would have left within the gap; shorten it"
            )
        if decimals(self.prior_exposures.value) > 2:
            raise ValueError("prior_exposures has more than 2 decimals; round it")
        return self

    @property
    def tenure_bands(self) -> tuple[str, ...]:
        """Names of the tenure bands, in the order of tenure_bands_months: `0-3`, `3-12`, …, `36+`."""
        edges = self.tenure_bands_months
        return (*(f"{low}-{high}" for low, high in pairwise(edges)), f"{edges[-1]}+")
