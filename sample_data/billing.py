"""Bills of one month: invoices by line, one for a company's account, prepaid statements, credits and adjustments.

Belongs here: amounts in cents and who owes them. Does not: who pays when (payments.py).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import polars as pl

from sample_data.arrays import DAY, NEVER, BoolArray, IntArray, dates, labels, money, stream, whole
from sample_data.horizon import Horizon
from sample_data.lines import COMPONENTS, PLAN_FEES, subscription_ids
from sample_data.people import People, account_ids
from sample_data.world import World

BILL_TYPES: Final = ("invoice", "credit", "adjustment")
_TAX_PERCENT: Final = 6


@dataclass(frozen=True)
class Bills:
    """One entry a bill; `amounts` is bills × (rental, then COMPONENTS), all in cents."""

    account: IntArray
    line: IntArray
    kind: IntArray
    amounts: IntArray
    instalment: IntArray
    refund: IntArray
    prepaid: BoolArray

    @property
    def tax(self) -> IntArray:
        """Tax on services net of refunds, half up."""
        taxed = self.amounts.sum(axis=1) - self.refund
        return np.asarray((taxed * _TAX_PERCENT + 50) // 100, dtype=np.int64)

    @property
    def due(self) -> IntArray:
        """What is to be paid (or, on a credit, taken back), tax included; prepaid statements are paid already."""
        total = self.amounts.sum(axis=1) + self.instalment - self.refund + self.tax
        return np.where(self.prepaid, 0, total)

    def owed(self, accounts: int) -> IntArray:
        """Cents owed by each account: credits taken off."""
        signed = np.where(self.kind == 1, -self.due, self.due)
        return whole(
            np.bincount(self.account, weights=signed.astype(np.float64), minlength=accounts).astype(np.float64)
        )


def make_bills(world: World, month: int) -> Bills:
    """Bills of a simulated month."""
    horizon, people, lines, lives, changes = world.horizon, world.people, world.lines, world.lives, world.changes
    rng = stream(world.seed, "bills", month)
    start, end = int(horizon.starts[month]), int(horizon.starts[month + 1])
    share = (np.minimum(lives.silent, end) - np.maximum(lines.activated // DAY, start)) / (end - start)
    plan = np.where(changes.replanned < end * DAY, changes.next_plan, lines.plan)
    fee = np.where(lines.free | lines.unbilled, 0, PLAN_FEES[plan])
    alive = (share > 0) & ~lines.unbilled
    # A prepaid line without a monthly fee gets no statement: its customer is never billed.
    line = np.flatnonzero(alive & (~lines.prepaid | (fee > 0)))
    share, fee = share[line], fee[line]
    above = np.maximum(lines.spend[line] * 100 - fee, 0) * lives.level[month, line] * share
    above = np.where(lines.free[line], 0, above)
    parts = above[:, None] * lines.mix[line] * np.exp(0.2 * rng.normal(size=(line.size, len(COMPONENTS))))
    parts[:, :5] = np.where(lines.prepaid[line, None], 0, parts[:, :5])
    parts[:, 2] = np.where(lines.roamer[line], 6 * parts[:, 2], np.where(rng.random(line.size) < 0.06, parts[:, 2], 0))
    amounts = np.column_stack([whole(fee * share), whole(parts)])
    prepaid, payer = lines.prepaid[line], lines.payer[line]
    until = lines.instalment_until[line]
    instalment = np.where(~prepaid & (until >= end), lines.instalment[line], 0)
    refunded = (rng.random(line.size) < 0.006) & ~prepaid & (payer < 0)
    refund = np.where(refunded, whole(amounts.sum(axis=1) * rng.uniform(0.05, 0.6, line.size)), 0)
    account = np.where(changes.transferred[line] < end * DAY, changes.next_owner[line], lines.account[line])
    zeros = np.zeros(line.size, dtype=np.int64)
    own = Bills(account, line, zeros, amounts, instalment, refund, prepaid)
    grouped = (payer >= 0) | people.is_group[lines.customer[line]]
    single = _take(own, ~grouped)
    return _join([single, _nil(own, payer, people), _company(own, grouped, payer), _corrections(rng, single)])


def frame(bills: Bills, horizon: Horizon, month: int) -> pl.DataFrame:
    """The bills extract of a month, in the contract's columns, dated the 1st of the next month."""
    count = len(bills.account)
    first = np.full(count, int(horizon.starts[month + 1]))
    payable = ~bills.prepaid & (bills.kind == 0)
    label = horizon.label(month)
    serial = pl.Series(np.arange(count) + 10_000_001).cast(pl.String)
    amounts = {f"{name}_amount": money(bills.amounts[:, i].copy(), 2) for i, name in enumerate(("rental", *COMPONENTS))}
    return pl.DataFrame(
        {
            "bill_id": pl.Series([f"B{label.replace('-', '')}"]).new_from_index(0, count) + serial,
            "account_id": account_ids(bills.account),
            "subscription_id": subscription_ids(bills.line),
            "bill_type": labels(BILL_TYPES, bills.kind),
            "billing_period": pl.Series([label]).new_from_index(0, count),
            "bill_date": dates(first),
            "payment_due_date": dates(np.where(payable, horizon.due(month), NEVER)),
            **amounts,
            "device_instalment_amount": money(bills.instalment, 2),
            "refund_amount": money(bills.refund, 2),
            "tax_amount": money(bills.tax, 2),
            "amount_due": money(bills.due, 2),
            "currency": pl.Series(["CNY"]).new_from_index(0, count),
        }
    )


def _nil(own: Bills, payer: IntArray, people: People) -> Bills:
    """Invoices over nothing, to members with an account of their own whose company pays."""
    mask = payer >= 0
    mask[mask] = people.nil_bills[own.account[mask]]
    nil = _take(own, mask)
    return Bills(nil.account, nil.line, nil.kind, nil.amounts * 0, nil.instalment * 0, nil.refund, nil.prepaid)


def _company(own: Bills, grouped: BoolArray, payer: IntArray) -> Bills:
    """One invoice a company, over its own line and its members', for the account as a whole."""
    mine = _take(own, grouped)
    owner = np.where(payer[grouped] >= 0, payer[grouped], mine.account)
    company, position = np.unique(owner, return_inverse=True)
    size = company.size
    amounts = np.zeros((size, mine.amounts.shape[1]), dtype=np.int64)
    np.add.at(amounts, position, mine.amounts)
    nothing = np.zeros(size, dtype=np.int64)
    return Bills(company, nothing - 1, nothing, amounts, nothing, nothing, np.zeros(size, dtype=np.bool_))


def _corrections(rng: np.random.Generator, single: Bills) -> Bills:
    """Credit notes (a few larger than the bill) and adjustments of either sign, on some postpaid bills."""
    u = rng.random(len(single.account))
    wanted = (u < 0.012) & ~single.prepaid & (single.amounts.sum(axis=1) > 0)
    hit = _take(single, wanted)
    kind = np.where(u[wanted] < 0.007, 1, 2)
    factor = np.where(u[wanted] < 0.0006, 4.0, np.where(kind == 1, 0.3, np.where(u[wanted] < 0.0095, -0.1, 0.08)))
    zero = np.zeros(len(hit.account), dtype=np.int64)
    return Bills(
        hit.account,
        hit.line,
        kind,
        whole(np.multiply(hit.amounts, factor[:, None], dtype=np.float64)),
        zero,
        zero,
        hit.prepaid,
    )


def _take(bills: Bills, mask: BoolArray) -> Bills:
    return Bills(**{f.name: getattr(bills, f.name)[mask] for f in fields(bills)})


def _join(parts: list[Bills]) -> Bills:
    return Bills(**{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Bills)})
