"""The policy's sections about what customers will bring, and about whom to call before they leave.
How they are applied belongs in lifetime.py and worklist.py."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from segmentation.policy_rules import sums_to_one
from segmentation.policy_service import Stage
from segmentation.policy_types import Amount, Days, Name, Reasoned, Section, Share, Threshold


class Lifetime(Section):
    """The lifetime value (lifetime.py): months that are looked ahead, a year's discount, the share of ARPU that is
    left after what the customer costs. Somebody stays as the customer's band does; with `risk_half_life_months` the
    own risk comes first, and counts half after so many months.

    Left out: ARPU as it is, undiscounted, over two years.
    """

    horizon_months: Threshold[Annotated[int, Field(ge=1, le=60)]] = Threshold[int].of(24)
    discount_rate: Threshold[Share] = Threshold[Share].of(Decimal(0))
    margin_share: Threshold[Share] = Threshold[Share].of(Decimal(1))
    risk_half_life_months: Threshold[Annotated[int, Field(ge=1, le=120)]] | None = None


class Quota(Reasoned):
    """The share of a worklist that is a tier's."""

    tier: Name
    share: Share


class Retention(Section):
    """Whom a worklist takes (worklist.py): customers whose churn risk is in one of `risk_bands` (null: all but the
    lowest) or whose stage is one of `stages`, with at least `min_value_at_risk`; never those that `consent`,
    `exclude_lists` and `contact_gap_days` forbid.

    Without `quotas` the value at risk alone decides. `outcome_days` after the list it is judged who stayed; until then
    nobody of it is put on another list.
    """

    risk_bands: Annotated[tuple[Name, ...], Field(strict=False)] | None = None
    stages: Annotated[tuple[Stage, ...], Field(strict=False)] = ("warning",)
    min_value_at_risk: Threshold[Amount] = Threshold[Amount].of(Decimal(0))
    consent: Literal["given", "not_refused"] = "given"
    exclude_lists: Annotated[tuple[Literal["red", "black", "vip"], ...], Field(strict=False)] = ("black",)
    contact_gap_days: Threshold[Annotated[int, Field(ge=0, le=90)]] = Threshold[int].of(30)
    size: Threshold[Annotated[int, Field(ge=1, le=10_000_000)]] = Threshold[int].of(250)
    quotas: Annotated[tuple[Quota, ...], Field(strict=False)] = ()
    control_share: Threshold[Annotated[Share, Field(le=Decimal("0.5"))]] = Threshold[Share].of(Decimal("0.1"))
    outcome_days: Threshold[Days] = Threshold[int].of(60)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        tiers = [quota.tier for quota in self.quotas]
        if len(set(tiers)) < len(tiers):
            raise ValueError(f"quotas {', '.join(tiers)} name a tier twice; give each tier one share")
        if self.quotas:
            sums_to_one({quota.tier: quota.share for quota in self.quotas})
        return self
