"""What came of campaigns: the counts of marts.campaign_uplift with uplift, interval and money.

Belongs here: reading the counts and adding what SQL may not divide. Does not: counting (sql/marts), how an interval is
made (segmentation/uplift.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from pipelines.retention.campaigns import CampaignError
from pipelines.workbook import Column, Sheet
from segmentation.uplift import Uplift, uplift

_COUNTS = (
    *("campaign", "tier", "list_date", "outcome_date", "listed", "contacted", "accepted", "control"),
    *("listed_judged", "listed_retained", "control_judged", "control_retained", "lifetime_value_amount"),
)
_DECIMALS = 6  # as shares have elsewhere
_ADDED = (
    Column(
        "uplift", "Share that stayed of the listed minus that of the control group. 0.05: 5 percentage points.", "share"
    ),
    Column(
        "uplift_low", "Lower end of its 95 % interval (Newcombe). An interval that holds 0 shows no effect.", "share"
    ),
    Column("uplift_high", "Upper end of the interval.", "share"),
    Column("retained_value", "An estimate: uplift times the lifetime value of the listed.", "amount"),
    Column("retained_value_low", "What the lower end of the interval makes of it.", "amount"),
    Column("retained_value_high", "What the upper end of the interval makes of it.", "amount"),
)


@dataclass(frozen=True)
class Estimate:
    """An amount of money and the ends of its interval."""

    estimate: Decimal
    low: Decimal
    high: Decimal


@dataclass(frozen=True)
class Result:
    """Counts of a campaign and tier (None: all tiers). What is judged is None until the outcome date has passed."""

    campaign: str
    tier: str | None
    list_date: date
    outcome_date: date
    listed: int
    contacted: int
    accepted: int
    control: int
    listed_judged: int | None
    listed_retained: int | None
    control_judged: int | None
    control_retained: int | None
    lifetime_value_amount: Decimal

    @property
    def uplift(self) -> Uplift | None:
        """By intention to treat; None while nobody is judged, or one of the groups is empty."""
        if self.listed_judged is None or self.control_judged is None:
            return None
        return uplift(self.listed_retained or 0, self.listed_judged, self.control_retained or 0, self.control_judged)

    @property
    def retained_value(self) -> Estimate | None:
        """Uplift x lifetime value of the listed: an estimate, with what the interval of the uplift makes of it."""
        found = self.uplift
        if found is None:
            return None
        estimate, low, high = (
            (self.lifetime_value_amount * Decimal(share)).quantize(Decimal("0.01"))
            for share in (found.difference, found.low, found.high)
        )
        return Estimate(estimate, low, high)


def results_of(analytics: Path, campaign: str | None = None) -> list[Result]:
    """One campaign by tier, all tiers first; without a name all campaigns, newest first.

    Raises CampaignError where the analysts' database is missing or of another release.
    """
    if not analytics.is_file():
        raise CampaignError(f"{analytics} is not there: nothing is published yet, run a night first")
    which = "tier is null" if campaign is None else "campaign = $campaign"
    with duckdb.connect(str(analytics), read_only=True) as con:
        try:
            rows = con.execute(
                f"select {', '.join(_COUNTS)} from campaign_uplift where {which} "
                "order by list_date desc, campaign, tier_flag",
                {"campaign": campaign} if campaign is not None else {},
            ).fetchall()
        except (duckdb.BinderException, duckdb.CatalogException) as error:
            raise CampaignError(
                f"{analytics} was made by another release and knows no campaigns: run a night, then ask again"
            ) from error
    return [Result(**dict(zip(_COUNTS, row, strict=True))) for row in rows]


def with_uplift(sheet: Sheet) -> Sheet:
    """A sheet of campaign_uplift's rows (columns _COUNTS among others) with uplift, interval and money behind them."""
    names = [column.name for column in sheet.columns]

    def added(row: Any) -> tuple[object, ...]:
        counts = dict(zip(names, row, strict=True))
        result = Result(**{name: counts[name] for name in _COUNTS})
        found, money = result.uplift, result.retained_value
        if found is None or money is None:
            return (None,) * len(_ADDED)
        shares = (round(share, _DECIMALS) for share in (found.difference, found.low, found.high))
        return *shares, money.estimate, money.low, money.high

    return replace(sheet, columns=(*sheet.columns, *_ADDED), rows=((*row, *added(row)) for row in sheet.rows))
