"""The policy's sections that say what a customer is worth: windows, credit, dimensions, tiers and who is eligible.
How the numbers are applied belongs in credit.py, value.py and tiers.py."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from segmentation.policy_rules import sums_to_one
from segmentation.policy_types import (
    Amount,
    Days,
    Exact,
    Months,
    Name,
    Percent,
    Points,
    Rate,
    Ratio,
    Reasoned,
    Section,
    Threshold,
    Weight,
    decimals,
)

MEASURES = ("arpu", "spend", "tenure", "credit", "mou")
MONEY_MEASURES = ("arpu", "spend")
FULL_SCORE = Decimal(100)


class Arpu(Section):
    """The ARPU window: `window_months` closed months; a month is closed from `closing_day` of the next one on.

    A customer without any closed month gets `no_history_points` for ARPU, and for spend.
    """

    window_months: Threshold[Annotated[int, Field(ge=1, le=24)]] = Threshold[int].of(3)
    closing_day: Threshold[Annotated[int, Field(ge=1, le=28)]] = Threshold[int].of(5)
    no_history_points: Threshold[Points] = Threshold[Points].of(Decimal(0))


class CreditWeights(Section):
    """Shares of the four parts of the payment credit; they sum to 1 exactly."""

    on_time: Threshold[Weight]
    days_past_due: Threshold[Weight]
    overdue: Threshold[Weight]
    arrears_stops: Threshold[Weight]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        sums_to_one({key: getattr(self, key).value for key in type(self).model_fields})
        return self


class CreditCaps(Section):
    """Where each bad sign stops getting worse: mean days past due, overdue ÷ mean amount due, arrears stops."""

    days_past_due: Threshold[Days]
    overdue_ratio: Threshold[Ratio]
    arrears_stops: Threshold[Annotated[int, Field(ge=1, le=20)]]


class Credit(Section):
    """The payment credit, 0-100 (formula in credit.py); an operator's own score wins where there is one."""

    neutral: Threshold[Percent]
    weights: CreditWeights
    caps: CreditCaps


class Step(Reasoned):
    """From an absolute value or from a quantile of the population on: so many points."""

    from_: Amount | None = Field(None, alias="from")
    quantile: Annotated[Exact, Field(gt=0, lt=1)] | None = None
    points: Points

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.from_ is None) == (self.quantile is None):
            raise ValueError("a step starts either `from:` a value or at a `quantile:`; give exactly one of them")
        if self.quantile is not None and decimals(self.quantile) > 6:
            raise ValueError(f"quantile {self.quantile} has more than 6 decimals; round it")
        return self

    @property
    def start(self) -> Decimal:
        """Where the step begins: a value or a quantile."""
        start = self.from_ if self.from_ is not None else self.quantile
        if start is None:  # refused above; said for the type checker
            raise ValueError("step without a start")
        return start


class UnitRate(Reasoned):
    """Points for each unit of a measure (a yuan, a month, a point of credit, a minute).

    `count` says what of a broken unit counts: all of it (`exact`), nothing (`whole`), or to the nearest (`nearest`,
    halves up). `at_most` caps the points.
    """

    points: Rate
    count: Literal["exact", "whole", "nearest"] = "exact"
    at_most: Points | None = None


class Dimension(Section):
    """One measure's weight, and either its step function (below the first step there are 0 points) or a rate."""

    weight: Threshold[Weight] | None = None
    steps: Annotated[tuple[Step, ...], Field(strict=False, min_length=1)] | None = None
    per_unit: UnitRate | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.steps is None) == (self.per_unit is None):
            raise ValueError("a dimension gives points by `steps:` or `per_unit:`; give exactly one of them")
        steps = self.steps or ()
        if len({step.quantile is None for step in steps}) > 1:
            raise ValueError("steps mix `from:` and `quantile:`; use one kind, or their order is not defined")
        for low, high in pairwise(steps):
            if low.start >= high.start:
                raise ValueError(f"steps are not ordered: {high.start} comes after {low.start}; list them ascending")
            if low.points >= high.points:
                raise ValueError(
                    f"the step at {high.start} gives {high.points} points and the one below {low.points}; "
                    "a higher value must give more points"
                )
        if self.weight is not None:
            self._within_full_score()
        return self

    def _within_full_score(self) -> None:
        if self.steps is not None and self.steps[-1].points > FULL_SCORE:
            raise ValueError(
                f"{self.steps[-1].points} points with a weight: weighted points go to {FULL_SCORE}; leave out all "
                "weights for points that are added up"
            )
        if self.per_unit is not None and (self.per_unit.at_most is None or self.per_unit.at_most > FULL_SCORE):
            raise ValueError(f"`per_unit` with a weight needs `at_most:` {FULL_SCORE} points or fewer")

    @property
    def amounts(self) -> bool:
        """Whether it names values in the measure's own unit, not only places in the population."""
        return self.per_unit is not None or any(step.from_ is not None for step in self.steps or ())


class Value(Section):
    """The customer value: the sum of its dimensions.

    With weights, which sum to 1 exactly, it goes from 0 to 100; without any, points are added up as they are.
    """

    arpu: Dimension | None = None
    spend: Dimension | None = None
    tenure: Dimension | None = None
    credit: Dimension | None = None
    mou: Dimension | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        dimensions = self.dimensions
        if not dimensions:
            raise ValueError(f"there is no dimension; give at least one of {', '.join(MEASURES)}")
        weights = {
            f"{measure}.weight": dimension.weight.value
            for measure, dimension in dimensions.items()
            if dimension.weight is not None
        }
        if weights and len(weights) < len(dimensions):
            without = ", ".join(measure for measure, dimension in dimensions.items() if dimension.weight is None)
            raise ValueError(f"{without} has no weight and others have one; give all dimensions a weight, or none")
        if weights:
            sums_to_one(weights)
        return self

    @property
    def dimensions(self) -> dict[str, Dimension]:
        """The dimensions that the policy uses, in the order of MEASURES."""
        given = {measure: getattr(self, measure) for measure in MEASURES}
        return {measure: dimension for measure, dimension in given.items() if dimension is not None}

    @property
    def weighted(self) -> bool:
        """Whether the score goes from 0 to 100."""
        return all(dimension.weight is not None for dimension in self.dimensions.values())


class Tier(Reasoned):
    """A tier and the value score from which it begins."""

    name: Name
    min_score: Points


class Eligibility(Reasoned):
    """Who is rated at all; whoever is not has the tier `otherwise`, whatever the score.

    `identity_verified`: registered under the real name; where that is unknown it is not fulfilled.
    """

    tenure_months: Threshold[Months] | None = None
    identity_verified: bool = False
    otherwise: Name


class Limit(Reasoned):
    """So many arrears stops within 12 months: the next rating is at most this tier."""

    arrears_stops: Annotated[int, Field(ge=1, le=100)]
    at_most: Name


class Grade(Reasoned):
    """A spend grade and the ARPU from which it begins."""

    name: Name
    from_: Amount = Field(alias="from")
