"""The policy's sections about change: when a tier is gained or lost, how long it holds, and how many may move.
How they are applied belongs in moves.py."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from segmentation.policy_types import Amount, Months, Name, Points, Reasoned, Section, Share, Threshold, YearMonths


class Demotion(Section):
    """A tier is lost when the score lies more than `margin` below its threshold at the close of `closed_months` months
    in a row and for `grace_months` more, and not within `minimum_stay_months` after a promotion.
    """

    margin: Threshold[Points] = Threshold[Points].of(Decimal(0))
    closed_months: Threshold[Annotated[int, Field(ge=1, le=24)]] = Threshold[int].of(1)
    grace_months: Threshold[YearMonths] = Threshold[int].of(0)
    minimum_stay_months: Threshold[YearMonths] = Threshold[int].of(0)

    @property
    def months(self) -> int:
        """Closed months in a row after which the tier is lost."""
        return int(self.closed_months.value) + int(self.grace_months.value)


class Validity(Reasoned):
    """How long a rating holds: so many months from the rating on, or until the next such day of the year."""

    months: Months | None = None
    until: Annotated[str, Field(pattern=r"^\d\d-\d\d$")] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.months is None) == (self.until is None):
            raise ValueError('give either `months: 12` or `until: "01-31"` (month and day)')
        if self.until is not None:
            month, day = map(int, self.until.split("-"))
            try:
                dt.date(2023, month, day)  # no leap day: it would be missing in three years of four
            except ValueError:
                raise ValueError(f"until {self.until} is no day of every year; write month and day: 01-31") from None
        return self


class Caps(Section):
    """Share of the customers whose tier may move in one night without a reason of their own (a list entry, an
    override): in the first run, when a policy is adopted, when ratings end, when a month has closed, in any
    other night.
    """

    first_run: Threshold[Share] = Threshold[Share].of(Decimal(1))
    adoption: Threshold[Share] = Threshold[Share].of(Decimal("0.2"))
    validity: Threshold[Share] = Threshold[Share].of(Decimal("0.5"))
    month_close: Threshold[Share] = Threshold[Share].of(Decimal("0.15"))
    night: Threshold[Share] = Threshold[Share].of(Decimal("0.05"))


class Moves(Section):
    """How tiers change. Left out: the tier is the night's score, nothing is held.

    `promotion`: at once, or only when the rating ends.
    """

    promotion: Literal["at_once", "at_rating"] = "at_once"
    demotion: Demotion = Demotion()
    validity: Validity | None = None
    caps: Caps = Caps()

    @model_validator(mode="after")
    def _rated(self) -> Self:
        if self.promotion == "at_rating" and self.validity is None:
            raise ValueError("promotion at_rating needs `validity:`, which says when customers are rated")
        return self


class Provisional(Reasoned):
    """A high spender who came from a competitor (ported in, or named a previous operator) is served as at least `tier`
    while tenure is below `tenure_below_months` and ARPU at least `min_arpu`.
    """

    tier: Name
    min_arpu: Amount
    tenure_below_months: Months
