"""The policy's section about the fitted churn model: when one is fitted, what stops it, when it takes over.
How it is fitted, judged and used is in churn/."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, model_validator

from segmentation.churn.evaluate import Costs
from segmentation.churn.leaks import LeakLimits
from segmentation.policy_types import Amount, Exact, Section, Share, Text, Threshold

Area = Annotated[Exact, Field(gt=0.5, le=1)]
Shape = Annotated[Exact, Field(gt=0, le=1000)]


class AcceptedLeak(Section):
    """A feature (or `model`, the whole) that may be as good as it is, because of a reason that somebody gave."""

    feature: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    reason: Text
    date: dt.date | None = None


class RetentionCosts(Section):
    """What the expected maximum profit is counted with: amounts in the policy's currency, and the Beta distribution of
    the share of would-be churners who accept an offer.
    """

    customer_value: Threshold[Annotated[Amount, Field(gt=0)]] = Threshold[Amount].of(Decimal(200))
    offer: Threshold[Amount] = Threshold[Amount].of(Decimal(10))
    contact: Threshold[Amount] = Threshold[Amount].of(Decimal(1))
    accept_alpha: Shape = Decimal(6)
    accept_beta: Shape = Decimal(14)

    @model_validator(mode="after")
    def _worth_it(self) -> Self:
        if self.offer.value >= self.customer_value.value:
            raise ValueError(f"offer {self.offer.value} costs what a customer is worth ({self.customer_value.value})")
        return self

    @property
    def costs(self) -> Costs:
        """As figures."""
        return Costs(
            customer_value=float(self.customer_value.value),
            offer=float(self.offer.value),
            contact=float(self.contact.value),
            accept_alpha=float(self.accept_alpha),
            accept_beta=float(self.accept_beta),
        )


class ModelRules(Section):
    """When a churn model is fitted and may replace the one before it.

    min_events: churners (and others) below which no model is fitted, and postpaid and prepaid none of their own.
    challenger_margin: share by which the log loss on later data must be lower. leak_*: see LeakLimits. drift_limit:
    population stability index from which a warning is given; 0.2 is the usual line of "has shifted".
    """

    min_events: Threshold[Annotated[int, Field(ge=20, le=1_000_000)]] = Threshold[int].of(200)
    challenger_margin: Threshold[Share] = Threshold[Share].of(Decimal("0.005"))
    leak_auc: Threshold[Area] = Threshold[Area].of(Decimal("0.9"))
    leak_null_auc: Threshold[Area] = Threshold[Area].of(Decimal("0.75"))
    leak_model_auc: Threshold[Area] = Threshold[Area].of(Decimal("0.95"))
    accepted_leaks: Annotated[tuple[AcceptedLeak, ...], Field(strict=False)] = ()
    drift_limit: Threshold[Annotated[Exact, Field(gt=0, le=10)]] = Threshold[Exact].of(Decimal("0.2"))
    costs: RetentionCosts = RetentionCosts()

    @property
    def leak_limits(self) -> LeakLimits:
        """As figures."""
        return LeakLimits(
            auc=float(self.leak_auc.value),
            null_auc=float(self.leak_null_auc.value),
            model_auc=float(self.leak_model_auc.value),
        )

    @property
    def accepted(self) -> dict[str, str]:
        """Reason by feature."""
        return {leak.feature: leak.reason for leak in self.accepted_leaks}
