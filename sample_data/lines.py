"""The lines in use: brand, plan, payment type, contract, spend and who pays, as they stand at activation.

Belongs here: what is fixed for a line. Does not: its later changes (life.py, changes.py).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import polars as pl

from sample_data.arrays import DAY, BoolArray, FloatArray, IntArray, ids, pick, stream, whole
from sample_data.horizon import Horizon
from sample_data.people import People

BRANDS: Final = ("GoTone", "Easyown", "M-Zone")
GOTONE, EASYOWN, MZONE = range(3)
OPERATORS: Final = ("联通", "电信", "Broadnet")
_FEES: Final = {
    GOTONE: (1800, 3800, 5800, 8800, 12800, 18800, 28800, 38800, 58800),
    EASYOWN: (0, 500, 800, 1800, 2800),
    MZONE: (900, 1800, 2800, 3800),
}
PLAN_FEES: Final[IntArray] = np.asarray([fee for fees in _FEES.values() for fee in fees], dtype=np.int64)
"""Monthly fee of each plan in cents, without tax."""
PLANS: Final = tuple(f"{'GEM'[brand]}{fee // 100:03d}" for brand, fees in _FEES.items() for fee in fees)
_FIRST_PLAN: Final = {GOTONE: 0, EASYOWN: 9, MZONE: 14}
COMPONENTS: Final = ("voice", "long_distance", "roaming", "data", "messaging", "value_added")


@dataclass
class Lines:
    """One entry a line. `activated` is a local second, `contract_end` a day or -1, `payer` a company or -1.

    `mix` (lines × 6) splits the spend above the fee over COMPONENTS; `instalment` is cents a month until a day.
    """

    customer: IntArray
    main: BoolArray
    account: IntArray
    payer: IntArray
    prepaid: BoolArray
    brand: IntArray
    plan: IntArray
    spend: FloatArray
    activated: IntArray
    contract_end: IntArray
    ported_from: IntArray
    free: BoolArray
    unbilled: BoolArray
    instalment: IntArray
    instalment_until: IntArray
    mix: FloatArray
    activity: FloatArray
    roamer: BoolArray

    @property
    def count(self) -> int:
        """Number of lines."""
        return len(self.customer)

    def keep(self, mask: BoolArray) -> Lines:
        """The lines of the mask only."""
        return Lines(**{f.name: getattr(self, f.name)[mask] for f in fields(self)})


def subscription_ids(positions: IntArray) -> pl.Series:
    """subscription_id of each position; below 0 null."""
    return ids("S", 700_000_001, positions)


def make_lines(horizon: Horizon, people: People, seed: int) -> Lines:
    """One to four lines a customer, one a company; a fourth of the further lines mix prepaid and postpaid."""
    rng = stream(seed, "lines")
    wanted = np.where(people.is_group, 1, 1 + pick(rng, (0.72, 0.18, 0.07, 0.03), people.count))
    wanted[people.receivers] = 1
    customer = np.repeat(np.arange(people.count), wanted)
    first = np.repeat(np.cumsum(wanted) - wanted, wanted)
    main = np.arange(len(customer)) == first
    joined = people.joined[customer]
    day = np.where(main, joined, joined + 10 + (rng.random(len(customer)) * (horizon.as_of - joined)).astype(int))
    kept = day <= horizon.as_of - 2
    customer, main, day, wanted = customer[kept], main[kept], day[kept], wanted[customer[kept]]
    count = len(customer)
    prepaid = people.prepaid[customer] ^ (~main & (rng.random(count) < 0.25))
    share = np.where(main, np.where(wanted > 1, 0.85, 1.0), rng.uniform(0.15, 0.55, count))
    spend = people.spend[customer] * share
    young = people.birth_year[customer] >= 1994
    brand = np.where(prepaid, np.where(young | (rng.random(count) < 0.12), MZONE, EASYOWN), GOTONE)
    payer = np.where(main & (people.group[customer] >= 0) & ~prepaid, people.group[customer], -1)
    account = np.where((payer >= 0) & ~people.nil_bills[customer], payer, customer)
    term = np.where(rng.random(count) < 0.4, 365, 730)
    held = ~prepaid & (rng.random(count) < 0.72) & ~people.is_group[customer]
    terms = np.maximum(1, -(-(horizon.first_day - day) // term))
    contract_end = np.where(held, day + term * terms, -1)
    device = held & (rng.random(count) < 0.3) & (spend > 40) & (payer < 0)
    prices = np.asarray((8325, 12491, 20825, 33325))
    mix = rng.exponential(size=(count, 6)) * np.asarray((0.30, 0.15, 0.05, 0.32, 0.05, 0.13))
    return Lines(
        customer=customer,
        main=main,
        account=account,
        payer=payer,
        prepaid=prepaid,
        brand=brand,
        plan=_plan(brand, spend * np.exp(0.35 * people.sensitivity[customer])),
        spend=spend,
        activated=day * DAY + rng.integers(9 * 3600, 18 * 3600, count),
        contract_end=contract_end,
        ported_from=np.where(rng.random(count) < 0.07, rng.integers(0, 3, count), -1),
        free=~prepaid & (payer < 0) & (rng.random(count) < 0.008),
        unbilled=~prepaid & (payer < 0) & ~people.is_group[customer] & (rng.random(count) < 0.006),
        instalment=np.where(device, prices[rng.integers(0, 4, count)], 0),
        instalment_until=contract_end,
        mix=mix / mix.sum(axis=1, keepdims=True),
        activity=np.exp(0.7 * rng.normal(size=count)) * (np.maximum(spend, 5) / 50) ** 0.35,
        roamer=rng.random(count) < 0.06,
    )


def _plan(brand: IntArray, spend: FloatArray) -> IntArray:
    """The dearest plan of the brand whose fee stays under 70 % of the spend, else the cheapest."""
    plan = np.zeros(len(brand), dtype=np.int64)
    target = whole(spend * 70)
    for code, fees in _FEES.items():
        chosen = np.clip(np.searchsorted(np.asarray(fees), target, side="right") - 1, 0, len(fees) - 1)
        plan = np.where(brand == code, _FIRST_PLAN[code] + chosen, plan)
    return plan


def next_plan(plan: IntArray, up: BoolArray) -> IntArray:
    """The neighbouring plan of the same brand, up or down; at the edge, the other neighbour."""
    moved = plan.copy()
    for code, fees in _FEES.items():
        low, high = _FIRST_PLAN[code], _FIRST_PLAN[code] + len(fees) - 1
        here = (plan >= low) & (plan <= high)
        step = np.where((up & (plan < high)) | (plan == low), 1, -1)
        moved = np.where(here, plan + step, moved)
    return moved
