"""The policy: every number and rule that an operator decides, typed, frozen and fingerprinted.
How a number is applied to a customer belongs in credit.py, value.py, tiers.py, lifecycle.py and churn/."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from importlib import resources
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from segmentation.policy_rules import canonical, descending, exact_part, sums_to_one
from segmentation.policy_text import PolicyError, policy_error, read_yaml
from segmentation.policy_types import (
    Amount,
    Exact,
    Name,
    Points,
    Ratio,
    Reasoned,
    Section,
    Share,
    Threshold,
    Weight,
    decimals,
)

MEASURES = ("arpu", "tenure", "credit")
PRESETS = ("default", "quantile")
Count = Annotated[int, Field(ge=1, le=1200)]
Days = Annotated[int, Field(ge=1, le=366)]


class Arpu(Section):
    """The ARPU window: `window_months` closed months; a month is closed from `closing_day` of the next one on.

    A customer without any closed month gets `no_history_points` for ARPU.
    """

    window_months: Threshold[Annotated[int, Field(ge=1, le=24)]] = Threshold[int].of(3)
    closing_day: Threshold[Annotated[int, Field(ge=1, le=28)]] = Threshold[int].of(5)
    no_history_points: Threshold[Points] = Threshold[Points].of(Decimal(0))


class CreditWeights(Section):
    """Shares of the four parts of the payment credit; they sum to 1 exactly."""

    on_time: Weight
    days_past_due: Weight
    overdue: Weight
    arrears_stops: Weight

    @model_validator(mode="after")
    def _whole(self) -> Self:
        sums_to_one({key: getattr(self, key) for key in type(self).model_fields})
        return self


class CreditCaps(Section):
    """Where each bad sign stops getting worse: mean days past due, overdue ÷ mean amount due, arrears stops."""

    days_past_due: Threshold[Annotated[int, Field(ge=1, le=366)]]
    overdue_ratio: Threshold[Ratio]
    arrears_stops: Threshold[Annotated[int, Field(ge=1, le=20)]]


class Credit(Section):
    """The payment credit, 0-100 (formula in credit.py); an operator's own score wins where there is one."""

    neutral: Threshold[Points]
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


class Dimension(Section):
    """One measure's weight and its step function; below the first step there are 0 points."""

    weight: Threshold[Weight]
    steps: Annotated[tuple[Step, ...], Field(strict=False, min_length=1)]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if len({step.quantile is None for step in self.steps}) > 1:
            raise ValueError("steps mix `from:` and `quantile:`; use one kind, or their order is not defined")
        for low, high in pairwise(self.steps):
            if _start(low) >= _start(high):
                raise ValueError(
                    f"steps are not ordered: {_start(high)} comes after {_start(low)}; list them ascending"
                )
            if low.points >= high.points:
                raise ValueError(
                    f"the step at {_start(high)} gives {high.points} points and the one below {low.points}; "
                    "a higher value must give more points"
                )
        for points in (step.points for step in self.steps):
            exact_part("step points", self.weight.value, points)
        return self


class Value(Section):
    """The customer value: three dimensions whose weights sum to 1 exactly."""

    arpu: Dimension
    tenure: Dimension
    credit: Dimension

    @model_validator(mode="after")
    def _whole(self) -> Self:
        sums_to_one({f"{measure}.weight": getattr(self, measure).weight.value for measure in MEASURES})
        return self


class Tier(Reasoned):
    """A tier and the value score from which it begins."""

    name: Name
    min_score: Points


class ListRule(Reasoned):
    """What standing on a list does to the tier: at least that good, at most that good, or nothing (null)."""

    at_least: Name | None = None
    at_most: Name | None = None


class Lists(Section):
    """The three lists; where two of them apply and disagree, the one named earlier in `precedence` wins."""

    red: ListRule = ListRule()
    black: ListRule = ListRule()
    vip: ListRule = ListRule()
    precedence: Annotated[tuple[Literal["red", "black", "vip"], ...], Field(strict=False)] = ("black", "red", "vip")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if sorted(self.precedence) != ["black", "red", "vip"]:
            raise ValueError(f"precedence {list(self.precedence)} must name red, black and vip once each")
        return self

    @property
    def service_list_precedence(self) -> tuple[str, ...]:
        """Red and black, the winning one first: which entry counts when both are valid."""
        return tuple(name for name in self.precedence if name != "vip")


class Warning_(Section):  # noqa: N801 - `Warning` is a Python builtin
    """What puts a customer in stage warning; null or false switches a rule off. Order of rules: lifecycle.py."""

    all_suspended: bool = True
    inactive_days: Threshold[Annotated[int, Field(ge=1, le=90)]] | None = None
    overdue_ratio: Threshold[Ratio] | None = None
    top_churn_band: bool = True
    contract_ends_within_days: Threshold[Days] | None = None


class Identification(Section):
    """A customer is new while tenure is below this many months."""

    tenure_below_months: Threshold[Count]


class Growth(Section):
    """A customer grows while young, or while the latest month is at least `spend_ratio` times the window's mean."""

    tenure_below_months: Threshold[Count]
    spend_ratio: Threshold[Ratio] | None = None


class Lifecycle(Section):
    """Rules of the four lifecycle stages; what no rule takes is `stable`."""

    warning: Warning_
    identification: Identification
    growth: Growth

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
    """Labels, bands and shrinkage of the band rate (churn/band_rate.py); `prior_exposures` is its strength k."""

    prior_exposures: Threshold[Annotated[Exact, Field(gt=0, le=1_000_000)]]
    prior_rate: Threshold[Share]
    bands: Annotated[tuple[Band, ...], Field(strict=False, min_length=1)]
    horizon_days: Threshold[Days] = Threshold[int].of(30)
    tenure_bands_months: Annotated[tuple[int, ...], Field(strict=False, min_length=1)] = (0, 3, 12, 24, 36)
    history_months: Threshold[Annotated[int, Field(ge=1, le=60)]] = Threshold[int].of(12)
    prepaid_inactive_days: Threshold[Annotated[int, Field(ge=1, le=90)]] = Threshold[int].of(30)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        descending("bands", "min_risk", [(band.name, band.min_risk) for band in self.bands])
        months = self.tenure_bands_months
        if months[0] != 0 or any(low >= high for low, high in pairwise(months)):
            raise ValueError(f"tenure_bands_months {list(months)} must begin with 0 and ascend")
        if decimals(self.prior_exposures.value) > 2:
            raise ValueError("prior_exposures has more than 2 decimals; round it")
        return self


class Policy(Section):
    """Everything that an operator decides about tiers; made by `read_policy`, never changed afterwards."""

    name: Name
    version: Name
    owner: Annotated[str, Field(min_length=1)]
    currency: Annotated[str | None, Field(pattern=r"^[A-Z]{3}$")] = None
    arpu: Arpu = Arpu()
    credit: Credit
    value: Value
    tiers: Annotated[tuple[Tier, ...], Field(strict=False, min_length=1)]
    lists: Lists = Lists()
    lifecycle: Lifecycle
    churn: Churn

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        descending("tiers", "min_score", [(tier.name, tier.min_score) for tier in self.tiers])
        if self.currency is None and any(step.from_ is not None for step in self.value.arpu.steps):
            raise ValueError("value.arpu has amounts, and no currency says of what: add `currency: CNY` (or yours)")
        exact_part("arpu.no_history_points", self.value.arpu.weight.value, self.arpu.no_history_points.value)
        for name in ("red", "black", "vip"):
            rule: ListRule = getattr(self.lists, name)
            at_least, at_most = (
                self._flag(f"lists.{name}.at_least", rule.at_least),
                self._flag(f"lists.{name}.at_most", rule.at_most),
            )
            if at_least is not None and at_most is not None and at_least < at_most:
                raise ValueError(
                    f"lists.{name}: at least {rule.at_least} and at most {rule.at_most} contradict; drop one of them"
                )
        if self.lifecycle.warning.top_churn_band and len(self.churn.bands) < 2:
            raise ValueError(
                "lifecycle.warning.top_churn_band is on and churn.bands has one band, so that everybody would be in "
                "stage warning; add a band or switch the rule off"
            )
        return self

    def _flag(self, key: str, tier: str | None) -> int | None:
        names = self.tier_names
        if tier is None:
            return None
        if tier not in names:
            raise ValueError(f"{key}: no tier is called '{tier}'; use one of {', '.join(names)}")
        return names.index(tier) + 1

    @property
    def tier_names(self) -> tuple[str, ...]:
        """Tier names, best first; a tier's flag is its position from 1."""
        return tuple(tier.name for tier in self.tiers)

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The segments in the order in which they are tried; the last one takes everybody."""
        return (Segment("base", (), (), self),)

    @property
    def label(self) -> str:
        """`name@version`, as it stands in every scored row."""
        return f"{self.name}@{self.version}"

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the content with defaults filled in; comments, key order and 1 vs 1.0 don't matter."""
        content = canonical(self.model_dump(by_alias=True))
        return hashlib.sha256(
            json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
        ).hexdigest()


@dataclass(frozen=True)
class Segment:
    """Customers of some brands and payment types, and the policy that decides theirs; nothing named means any."""

    name: str
    brands: tuple[str, ...]
    payment_types: tuple[str, ...]
    policy: Policy


def read_policy(text: bytes, source: str = "(unnamed)") -> Policy:
    """Parse and check a policy's YAML; `source` (a file's name, say) only stands in error messages.

    Raises PolicyError that lists every fault: which key, what is wrong, the cure.
    """
    content = read_yaml(text, source)
    try:
        return Policy.model_validate(content)
    except ValidationError as error:
        raise policy_error(error, source) from error


def preset(name: str) -> bytes:
    """YAML text of a policy that ships with the package: one of PRESETS. Raises PolicyError for another name."""
    if name not in PRESETS:
        raise PolicyError(f"no preset policy is called '{name}'; there are {', '.join(PRESETS)}")
    return (resources.files("segmentation") / "policies" / f"{name}.yaml").read_bytes()


def _start(step: Step) -> Decimal:
    start = step.from_ if step.from_ is not None else step.quantile
    if start is None:  # Step refuses this; said for the type checker
        raise ValueError("step without a start")
    return start
