"""Who the customers are: persons and companies, their spend, habits of paying and CRM attributes.

Belongs here: what is fixed for a customer. Does not: lines, months, money moved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from sample_data.arrays import NEVER, BoolArray, FloatArray, IntArray, ids, pick, stream, whole
from sample_data.horizon import Horizon

REGIONS: Final = ("广州", "深圳", "佛山", "东莞", "珠海", "Zhongshan", "Huizhou")
LANGUAGES: Final = ("zh-CN", "en")
GENDERS: Final = ("female", "male", "other")
ON_TIME, LATE, VERY_LATE, PARTIAL = range(4)
FIRST_CUSTOMER: Final = 10_000_001
FORCED_PAIRS: Final = 2
"""Numbers that are recycled within the CDR window whatever the dice say, where the window is long enough."""


@dataclass(frozen=True)
class People:
    """One entry a customer. `spend` is yuan a month; `credit` is hundredths of a point or -1; codes index the names."""

    is_group: BoolArray
    group: IntArray
    joined: IntArray
    spend: FloatArray
    prepaid: BoolArray
    nil_bills: BoolArray
    trait: IntArray
    sensitivity: FloatArray
    birth_year: IntArray
    gender: IntArray
    region: IntArray
    language: IntArray
    credit: IntArray
    consent: IntArray
    verified: IntArray
    previous_operator: IntArray
    manager: IntArray
    next_manager: IntArray
    manager_change: IntArray
    receivers: IntArray

    @property
    def count(self) -> int:
        """Number of customers."""
        return len(self.joined)


def customer_ids(positions: IntArray) -> pl.Series:
    """customer_id of each position; below 0 null."""
    return ids("C", FIRST_CUSTOMER, positions)


def account_ids(positions: IntArray) -> pl.Series:
    """account_id of the account that the customer at each position owns."""
    return ids("A", 50_000_001, positions)


def manager_ids(positions: IntArray) -> pl.Series:
    """account_manager_id; below 0 null."""
    return ids("AM", 1001, positions)


def make_people(horizon: Horizon, count: int, seed: int) -> People:
    """Draws `count` customers who joined by two days before the as-of date; about 1 % are companies."""
    rng = stream(seed, "people")
    is_group = np.zeros(count, dtype=np.bool_)
    if count >= 40:
        is_group[rng.choice(count, size=max(3, round(count * 0.01)), replace=False)] = True
    companies = np.flatnonzero(is_group)
    member = (rng.random(count) < 0.10) & ~is_group & (companies.size > 0)
    group = np.full(count, -1, dtype=np.int64)
    group[member] = companies[(companies.size * rng.random(int(member.sum())) ** 1.6).astype(np.int64)]
    prepaid = (rng.random(count) < 0.54) & ~is_group & ~member
    joined = _joined(rng, horizon, count)
    joined[is_group] = horizon.first_day - rng.integers(700, 4000, companies.size)
    receivers = _force_receivers(joined, is_group | member, horizon)
    spend = np.where(prepaid, 33 * np.exp(0.74 * rng.normal(size=count)), 66 * np.exp(0.78 * rng.normal(size=count)))
    spend = np.where(is_group, 300 * np.exp(0.6 * rng.normal(size=count)), spend)
    trait = pick(rng, (0.76, 0.14, 0.05, 0.05), count)
    birth = np.clip(whole(rng.normal(1983, 14, count)), 1932, 2005)
    credit_mean = np.asarray((88.0, 71.0, 52.0, 57.0))[trait]
    has_credit = (rng.random(count) < np.where(prepaid, 0.06, 0.38)) & ~is_group
    credit = whole(np.clip(rng.normal(credit_mean, 7.0), 0, 100) * 100)
    gender = pick(rng, (0.47, 0.50, 0.01, 0.02), count)
    staff = max(3, count // 80)
    managed = is_group | (spend > np.quantile(spend, 0.95))
    manager = np.where(managed, rng.integers(0, staff, count), -1)
    changes = managed & (rng.random(count) < 0.25)
    # A stream of its own: what was drawn before stays as it is.
    said = stream(seed, "said")
    came = (said.random(count) < 0.033) & ~is_group
    return People(
        is_group=is_group,
        group=group,
        joined=joined,
        spend=spend,
        prepaid=prepaid,
        nil_bills=member & (rng.random(count) < 0.45),
        trait=trait,
        sensitivity=rng.normal(size=count),
        birth_year=np.where(is_group | (rng.random(count) < 0.06), -1, birth),
        gender=np.where(is_group | (gender == 3), -1, gender),
        region=np.where(rng.random(count) < 0.02, -1, pick(rng, (0.27, 0.25, 0.15, 0.14, 0.08, 0.06, 0.05), count)),
        language=np.where(rng.random(count) < 0.04, -1, pick(rng, (0.95, 0.05), count)),
        credit=np.where(has_credit, credit, -1),
        consent=pick(rng, (0.26, 0.62, 0.12), count),
        verified=pick(said, (0.018, 0.97, 0.012), count),
        previous_operator=np.where(came, pick(said, (0.5, 0.4, 0.1), count), -1),
        manager=manager,
        next_manager=np.where(manager >= 0, (manager + 1) % staff, -1),
        manager_change=np.where(changes, horizon.as_of - rng.integers(1, 55, count), NEVER),
        receivers=receivers,
    )


def _joined(rng: np.random.Generator, horizon: Horizon, count: int) -> IntArray:
    before = horizon.first_day - 1 - np.minimum(rng.exponential(46 * 30.4, count), 190 * 30).astype(np.int64)
    during = rng.integers(horizon.first_day, horizon.as_of - 20, count)
    fresh = horizon.as_of - rng.integers(2, 20, count)
    u = rng.random(count)
    return np.where(u < 0.74, before, np.where(u < 0.985, during, fresh)).astype(np.int64)


def _force_receivers(joined: IntArray, barred: BoolArray, horizon: Horizon) -> IntArray:
    """Makes two ordinary customers brand-new, to get a recycled number with CDRs on both sides of the 90 days."""
    if horizon.as_of - horizon.first_cdr_day < 98:
        return np.empty(0, dtype=np.int64)
    free = np.flatnonzero(~barred)[-FORCED_PAIRS:]
    joined[free] = horizon.as_of - 4
    return free
