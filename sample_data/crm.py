"""Snapshots of the customers, of the red, black and VIP lists and of tier overrides, as they stood on a day.

Belongs here: CRM attributes, lists, overrides. Does not: lines (changes.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from sample_data.arrays import NEVER, BoolArray, IntArray, dates, labels, money, stream
from sample_data.horizon import Horizon
from sample_data.life import Lives
from sample_data.lines import OPERATORS, Lines
from sample_data.people import GENDERS, LANGUAGES, REGIONS, People, customer_ids, manager_ids

LISTS: Final = ("red", "black", "vip")
LIST_REASONS: Final = ("重要客户", "政府大客户", "恶意欠费", "骚扰电话", "long-standing customer", "市场部推荐")


# Tier, reason, who approved; days from the as-of date to start and end. One has run out, one names no known tier.
OVERRIDES: Final = (
    ("high", "escalated complaint", "head-of-service", -40, NEVER),
    ("ordinary", "fraud under investigation", "risk-02", -21, 60),
    ("mid", "trial of a family offer", "marketing-07", -200, -20),
    ("platinum", "promised by a shop", "shop-112", -15, NEVER),
    ("high", "contract signed", "sales-31", 5, NEVER),
)


@dataclass(frozen=True)
class ServiceLists:
    """One entry a customer, list and start; `listed` is the day from which the extract shows it."""

    customer: IntArray
    list: IntArray
    manager: IntArray
    reason: IntArray
    valid_from: IntArray
    valid_to: IntArray
    listed: IntArray


def purged(horizon: Horizon, lives: Lives, seed: int) -> IntArray:
    """Day from which a customer is missing from the CRM's snapshots: half of those who left, months later."""
    rng = stream(seed, "purge")
    size = lives.left.size
    day = lives.left + rng.integers(40, 140, size)
    gone = (lives.left < NEVER) & (rng.random(size) < 0.5) & (day <= horizon.as_of)
    return np.where(gone, day, NEVER)


def customers(people: People, lines: Lines, gone: IntArray, day: int) -> pl.DataFrame:
    """The customers extract at the end of `day`. Who ported a line in is not asked where he came from."""
    ported = np.isin(np.arange(people.count), lines.customer[lines.ported_from >= 0])
    came_from = np.where(ported, -1, people.previous_operator)
    row = np.flatnonzero((people.joined <= day) & (gone > day))
    manager = np.where(people.manager_change <= day, people.next_manager, people.manager)
    credit = pl.DataFrame({"c": money(np.maximum(people.credit[row], 0), 2), "known": people.credit[row] >= 0})
    consent = people.consent[row]
    return pl.DataFrame(
        {
            "customer_id": customer_ids(row),
            "customer_type": labels(("individual", "group"), people.is_group[row].astype(np.int64)),
            "group_id": customer_ids(people.group[row]),
            "account_manager_id": manager_ids(manager[row]),
            "region": labels(REGIONS, people.region[row]),
            "language": labels(LANGUAGES, people.language[row]),
            "credit_score": credit.select(pl.when("known").then("c")).to_series(),
            "contact_consent": labels(("false", "true", None), consent),
            "birth_year": labels([str(y) for y in range(1900, 2101)], np.maximum(people.birth_year[row] - 1900, -1)),
            "gender": labels(GENDERS, people.gender[row]),
            "identity_verified": labels(("false", "true", None), people.verified[row]),
            "previous_operator": labels(OPERATORS, came_from[row]),
        }
    )


def make_lists(horizon: Horizon, people: People, lives: Lives, seed: int) -> ServiceLists:
    """About 4 % VIPs, 1.2 % red, 1 % black; some run out, some begin later; one red and black; a modest VIP."""
    rng = stream(seed, "lists")
    here = np.flatnonzero((lives.left == NEVER) & (people.joined < horizon.as_of - 90))
    ranked = here[np.argsort(-people.spend[here], kind="stable")]
    size = here.size
    vip = ranked[: max(2, size // 25)]
    if size > 10:
        vip = np.append(vip, ranked[size // 2 :][~people.is_group[ranked[size // 2 :]]][:1])
    red = rng.choice(here, size=min(size, max(3, size // 80)), replace=False)
    black = rng.choice(here, size=min(size, max(3, size // 100)), replace=False)
    black = np.unique(np.append(black[1:], red[:1]))
    customer = np.concatenate([vip, red, black])
    kind = np.repeat(np.arange(3)[[2, 0, 1]], [vip.size, red.size, black.size])
    first = np.concatenate([[0], np.flatnonzero(np.diff(kind)) + 1]) if kind.size else np.empty(0, dtype=np.int64)
    u = rng.random(customer.size)
    u[first] = 0.5  # the first of each list holds today, so that the cases promised above do
    start = horizon.as_of - rng.integers(70, 900, customer.size)
    start = np.where(u > 0.93, horizon.as_of + rng.integers(3, 60, customer.size), start)
    finish = np.where(u < 0.15, horizon.as_of - rng.integers(1, 60, customer.size), NEVER)
    finish = np.where((u > 0.6) & (u < 0.8), horizon.as_of + rng.integers(20, 400, customer.size), finish)
    staff = max(3, people.count // 80)
    own = np.where(people.manager[customer] >= 0, people.manager[customer], rng.integers(0, staff, customer.size))
    reason = np.where(kind == 1, 2 + rng.integers(0, 2, customer.size), np.asarray((0, 1, 4, 5))[customer % 4])
    return ServiceLists(
        customer=customer,
        list=kind,
        manager=np.where(kind == 2, own, -1),
        reason=np.where(u > 0.97, -1, reason),
        valid_from=start,
        valid_to=finish,
        listed=np.where(u > 0.85, horizon.as_of - 10, 0),
    )


def service_lists(lists: ServiceLists, day: int) -> pl.DataFrame:
    """The service_lists extract at the end of `day`."""
    row = np.flatnonzero(lists.listed <= day)
    return pl.DataFrame(
        {
            "customer_id": customer_ids(lists.customer[row]),
            "list": labels(LISTS, lists.list[row]),
            "account_manager_id": manager_ids(lists.manager[row]),
            "reason": labels(LIST_REASONS, lists.reason[row]),
            "valid_from": dates(lists.valid_from[row]),
            "valid_to": dates(lists.valid_to[row]),
        }
    )


def tier_overrides(horizon: Horizon, people: People, lives: Lives, seed: int) -> pl.DataFrame:
    """The tier_overrides extract at the end of the as-of date: a handful of customers who are still there."""
    rng = stream(seed, "overrides")
    here = np.flatnonzero((lives.left == NEVER) & (people.joined < horizon.as_of - 90))
    chosen = np.sort(rng.choice(here, size=min(here.size, len(OVERRIDES)), replace=False))
    tiers, reasons, approvers, starts, ends = zip(*OVERRIDES[: chosen.size], strict=True) if chosen.size else ((),) * 5
    return pl.DataFrame(
        {
            "customer_id": customer_ids(chosen),
            "tier": pl.Series(tiers, dtype=pl.String),
            "reason": pl.Series(reasons, dtype=pl.String),
            "approved_by": pl.Series(approvers, dtype=pl.String),
            "valid_from": dates(horizon.as_of + np.asarray(starts, dtype=np.int64)),
            "valid_to": dates(np.asarray([e if e == NEVER else horizon.as_of + e for e in ends], dtype=np.int64)),
        }
    )


def is_vip(lists: ServiceLists, count: int) -> BoolArray:
    """Customers on the VIP list at any time."""
    vip = np.zeros(count, dtype=np.bool_)
    vip[lists.customer[lists.list == 2]] = True
    return vip
