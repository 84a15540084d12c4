"""Money that arrives: payments of postpaid bills by each account's habit, and recharges of prepaid lines.

Belongs here: who pays how much on which day. Does not: what was billed.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import polars as pl

from sample_data.arrays import DAY, BoolArray, IntArray, instants, labels, money, stream
from sample_data.horizon import Horizon, compact
from sample_data.life import UNPAID
from sample_data.lines import PLAN_FEES, subscription_ids
from sample_data.people import PARTIAL, account_ids
from sample_data.world import World

RECHARGES: Final[IntArray] = np.asarray((10, 20, 30, 50, 100, 200, 300), dtype=np.int64)


@dataclass(frozen=True)
class Payments:
    """One entry a payment: local second, account, billed month (-1: a recharge of `line`), cents."""

    at: IntArray
    account: IntArray
    month: IntArray
    line: IntArray
    amount: IntArray

    def take(self, mask: BoolArray | IntArray) -> Payments:
        """The payments of the mask or positions."""
        return Payments(**{f.name: getattr(self, f.name)[mask] for f in fields(self)})


def join(parts: list[Payments]) -> Payments:
    """All parts in one."""
    return Payments(**{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Payments)})


def bill_payments(world: World, month: int, owed: IntArray) -> Payments:
    """Payments of a month's bills, whenever they come; partial payers pay the rest late or never."""
    horizon, people, lives = world.horizon, world.people, world.lives
    rng = stream(world.seed, "payments", month)
    delay = lives.delay[month].astype(np.int64)
    payer = np.flatnonzero((owed > 0) & (delay < UNPAID))
    delay, due = delay[payer], owed[payer]
    partial = (people.trait[payer] == PARTIAL) & (rng.random(payer.size) < 0.7)
    first = np.where(partial, due * rng.integers(40, 85, payer.size) // 100, due)
    # Nobody pays before the bill is delivered.
    day = np.maximum(horizon.due(month) + delay, int(horizon.starts[month + 1]) + 4)
    rest = np.flatnonzero(partial & (due > first) & (rng.random(payer.size) < 0.6))
    days = np.concatenate([day, day[rest] + rng.integers(8, 40, rest.size)])
    account = np.concatenate([payer, payer[rest]])
    return Payments(
        at=days * DAY + rng.integers(7 * 3600, 23 * 3600, days.size),
        account=account,
        month=np.full(days.size, month),
        line=np.full(days.size, -1),
        amount=np.concatenate([first, (due - first)[rest]]),
    )


def recharges(world: World, month: int) -> Payments:
    """Recharges of a month; a line tops up about what it consumes, in the usual denominations."""
    horizon, lines, lives, changes = world.horizon, world.lines, world.lives, world.changes
    rng = stream(world.seed, "recharges", month)
    start, end = int(horizon.starts[month]), min(int(horizon.starts[month + 1]), horizon.as_of + 1)
    begin = np.maximum(lines.activated // DAY + 1, start)
    days = np.minimum(lives.silent, end) - begin
    line = np.flatnonzero(lines.prepaid & (days > 0))
    days, begin = days[line], begin[line]
    spend = np.maximum(lines.spend[line], PLAN_FEES[lines.plan[line]] / 100) * lives.level[month, line]
    amount = RECHARGES[np.clip(np.searchsorted(RECHARGES, spend * 0.9), 0, len(RECHARGES) - 1)]
    times = rng.poisson(spend * 1.03 * days / 30.4 / amount)
    chosen = np.repeat(np.arange(line.size), times)
    day = begin[chosen] + (rng.random(chosen.size) * days[chosen]).astype(np.int64)
    at = day * DAY + rng.integers(7 * 3600, 23 * 3600, chosen.size)
    owner = np.where(changes.transferred[line] < begin * DAY, changes.next_owner[line], lines.account[line])
    return Payments(at, owner[chosen], np.full(chosen.size, -1), line[chosen], amount[chosen] * 100)


def frame(payments: Payments, horizon: Horizon, day: int) -> pl.DataFrame:
    """The payments extract named `day`, by time."""
    ordered = payments.take(np.lexsort((payments.line, payments.month, payments.account, payments.at)))
    count = len(ordered.at)
    serial = pl.Series(np.arange(count) + 10_000_001).cast(pl.String)
    periods = [horizon.label(m) for m in range(horizon.months)]
    return pl.DataFrame(
        {
            "payment_id": pl.Series([f"P{compact(day)[:6]}"]).new_from_index(0, count) + serial,
            "account_id": account_ids(ordered.account),
            "kind": labels(("payment", "recharge"), (ordered.month < 0).astype(np.int64)),
            "billing_period": labels(periods, ordered.month),
            "subscription_id": subscription_ids(ordered.line),
            "paid_at": instants(ordered.at),
            "amount": money(ordered.amount, 2),
        }
    )
