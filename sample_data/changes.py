"""What changes on a line while it lives: number, plan, owner, contract, stops; and recycled numbers.

Belongs here: the dated changes and the interval history made of them. Does not: bills or usage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from sample_data.arrays import DAY, NEVER, BoolArray, IntArray, dates, instants, labels, stream
from sample_data.horizon import Horizon
from sample_data.life import REASONS, STOP_AFTER_DUE, UNPAID, Lives
from sample_data.lines import BRANDS, OPERATORS, PLANS, Lines, next_plan, subscription_ids
from sample_data.people import VERY_LATE, People, account_ids, customer_ids

RECYCLE_AFTER_DAYS: Final = 90
STATUSES: Final = ("active", "suspended", "ceased")
_PREFIXES: Final[IntArray] = np.asarray((139, 138, 137, 136, 135, 134, 159, 158, 150, 151, 188), dtype=np.int64)
_UNHELD_FROM: Final = 50_000_000


@dataclass(frozen=True)
class Changes:
    """Seconds of the changes of each line (NEVER: none) and the values after them; `stop_*` list suspensions."""

    number: IntArray
    next_number: IntArray
    renumbered: IntArray
    next_plan: IntArray
    replanned: IntArray
    next_owner: IntArray
    transferred: IntArray
    next_contract_end: IntArray
    renewed: IntArray
    stop_line: IntArray
    stop_from: IntArray
    stop_to: IntArray
    stop_reason: IntArray
    recycled: IntArray

    def number_at(self, line: IntArray, second: IntArray) -> IntArray:
        """The number that each line holds at a local second."""
        return np.where(second < self.renumbered[line], self.number[line], self.next_number[line])


def own_number(position: IntArray) -> IntArray:
    """The operator's own numbers, +86 13x…, a different one for each position below 100 million."""
    scattered = (position * 38_271_493 + 17_654_321) % 100_000_000
    return (86_000 + _PREFIXES[position % len(_PREFIXES)]) * 100_000_000 + scattered


def unheld_number(position: IntArray) -> IntArray:
    """Own numbers that no line ever holds."""
    return own_number(_UNHELD_FROM + position)


def make_changes(horizon: Horizon, people: People, lines: Lines, lives: Lives, seed: int) -> Changes:
    """Draws the changes of all lines within the simulated months; each fits between activation and end."""
    rng = stream(seed, "changes")
    count = lines.count
    low = np.maximum(lines.activated // DAY + 5, horizon.first_day)
    high = np.minimum(lives.silent, horizon.as_of) - 2
    seconds = rng.integers(9 * 3600, 20 * 3600, (3, count))

    def moments(share: float, row: int) -> IntArray:
        day = low + (rng.random(count) * (high - low)).astype(np.int64)
        return np.where((rng.random(count) < share) & (high > low), day * DAY + seconds[row], NEVER)

    replanned = moments(0.10, 0)
    replanned = np.where(lines.free | lines.unbilled, NEVER, replanned)
    renumbered = moments(0.025, 1)
    renumbered[np.isin(lines.customer, people.receivers)] = NEVER
    number, recycled = _numbers(rng, horizon, people, lines, lives)
    renewed = np.where(lives.renewed & (lines.contract_end <= high), lines.contract_end * DAY + 8 * 3600, NEVER)
    transferred, owner = _transfers(rng, horizon, people, lines, lives)
    stops = _stops(rng, horizon, people, lines, lives, transferred=transferred)
    return Changes(
        number=number,
        next_number=own_number(count + np.arange(count)),
        renumbered=renumbered,
        next_plan=next_plan(lines.plan, rng.random(count) < 0.65),
        replanned=replanned,
        next_owner=owner,
        transferred=transferred,
        next_contract_end=lines.contract_end + np.where(rng.random(count) < 0.5, 365, 730),
        renewed=renewed,
        stop_line=stops[0],
        stop_from=stops[1],
        stop_to=stops[2],
        stop_reason=stops[3],
        recycled=recycled,
    )


def _numbers(
    rng: np.random.Generator, horizon: Horizon, people: People, lines: Lines, lives: Lives
) -> tuple[IntArray, IntArray]:
    """First numbers; some new lines get one that a ceased line gave up at least 90 days before."""
    number = own_number(np.arange(lines.count))
    forced_to = np.flatnonzero(np.isin(lines.customer, people.receivers))
    forced_from = np.flatnonzero(np.isin(lines.customer, lives.donors))
    size = min(forced_to.size, forced_from.size)
    forced_to, forced_from = forced_to[:size], forced_from[:size]
    number[forced_to] = number[forced_from]
    new = lines.activated >= (horizon.first_day + RECYCLE_AFTER_DAYS) * DAY
    to = np.flatnonzero(new & (lives.ceased == NEVER) & (rng.random(lines.count) < 0.4))
    to = to[~np.isin(to, forced_to)]
    given = np.flatnonzero((lives.ceased < NEVER) & ~np.isin(np.arange(lines.count), forced_from))
    to = to[np.argsort(lines.activated[to], kind="stable")]
    given = given[np.argsort(lives.ceased[given], kind="stable")]
    size = min(to.size, given.size)
    to, given = to[to.size - size :], given[:size]
    late = lives.ceased[given] + (RECYCLE_AFTER_DAYS + 1) * DAY <= lines.activated[to]
    number[to[late]] = number[given[late]]
    return number, np.concatenate([forced_to, to[late]])


def _transfers(
    rng: np.random.Generator, horizon: Horizon, people: People, lines: Lines, lives: Lives
) -> tuple[IntArray, IntArray]:
    owner = lines.customer.copy()
    moment = np.full(lines.count, NEVER, dtype=np.int64)
    low = np.maximum(lines.activated // DAY + 40, horizon.first_day + 20)
    steady = (lives.left == NEVER) & (lives.trouble > horizon.months + 12) & ~people.is_group & (people.group < 0)
    fit = ~lines.main & (lives.silent == NEVER) & steady[lines.customer] & (low < horizon.as_of - 5)
    able = np.flatnonzero(fit & (lines.contract_end < 0) | fit & (lines.instalment == 0))
    takers = np.flatnonzero(steady & (people.joined < horizon.first_day))
    size = min(able.size, max(4, lines.count // 200)) if takers.size else 0
    chosen = rng.choice(able, size=size, replace=False)
    owner[chosen] = takers[rng.integers(0, max(takers.size, 1), size)] if size else owner[chosen]
    day = low[chosen] + (rng.random(size) * (horizon.as_of - 3 - low[chosen])).astype(np.int64)
    moment[chosen] = day * DAY + 10 * 3600 + rng.integers(0, 6 * 3600, size)
    moment[owner == lines.customer] = NEVER
    return moment, owner


def _stops(
    rng: np.random.Generator, horizon: Horizon, people: People, lines: Lines, lives: Lives, *, transferred: IntArray
) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Suspensions: for arrears 30 days past due until paid, and a few at the customer's own wish."""
    payable = ~lines.prepaid & (lines.payer < 0) & ~lines.free & ~lines.unbilled & (transferred == NEVER)
    steady = (people.trait != VERY_LATE) & (lives.trouble > horizon.months)
    calm = np.flatnonzero(
        steady[lines.customer] & (lives.silent == NEVER) & (lines.activated < (horizon.as_of - 120) * DAY)
    )
    chosen = rng.choice(calm, size=min(calm.size, max(5, lines.count // 120)), replace=False)
    begin = horizon.as_of - rng.integers(3, 110, chosen.size)
    finish = begin + rng.integers(15, 90, chosen.size)
    columns = [_rows(chosen, begin, finish, 1)]
    for month in range(horizon.months):
        delay = lives.delay[month].astype(np.int64)
        first = horizon.due(month) + STOP_AFTER_DUE
        if first > horizon.as_of:
            break
        stopped = (delay > STOP_AFTER_DUE) & ((delay < UNPAID) | (lives.trouble == month))
        there = (lines.activated < (int(horizon.starts[month + 1]) - 3) * DAY) & (lives.silent > first)
        line = np.flatnonzero(stopped[lines.account] & payable & there)
        finish = np.where(
            delay[lines.account[line]] < UNPAID, first - STOP_AFTER_DUE + delay[lines.account[line]], NEVER
        )
        columns.append(_rows(line, np.full(line.size, first), finish, 0))
    line, begin, finish, reason = (np.concatenate(column) for column in zip(*columns, strict=True))
    ends = (finish <= horizon.as_of) & (finish < lives.silent[line])
    order = np.lexsort((begin, line))
    stop_to = np.where(ends, finish * DAY + 43_200 + line % 7200, NEVER)
    return line[order], (begin * DAY + 32_400 + line % 3600)[order], stop_to[order], reason[order]


def _rows(
    line: IntArray, begin: IntArray, finish: IntArray, reason: int
) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    return line, begin, finish, np.full(line.size, reason, dtype=np.int64)


def history(lines: Lines, lives: Lives, changes: Changes) -> pl.DataFrame:
    """One row a line and instant of change, with all fields as they are from then on, by line and time."""
    every = np.arange(lines.count)
    ends = np.flatnonzero(lives.ceased < NEVER)
    stop, back = changes.stop_line, np.flatnonzero(changes.stop_to < NEVER)
    plan, number, owner, contract = (
        np.flatnonzero(at < NEVER)
        for at in (changes.replanned, changes.renumbered, changes.transferred, changes.renewed)
    )
    back_line, back_at = stop[back], changes.stop_to[back]
    events = [
        {
            "line": every,
            "at": lines.activated,
            "customer": lines.customer,
            "account": lines.account,
            "number": changes.number,
            "plan": lines.plan,
            "contract_end": lines.contract_end,
            **_status(0, np.full(lines.count, -1), lines.activated),
        },
        {"line": plan, "at": changes.replanned[plan], "plan": changes.next_plan[plan]},
        {"line": number, "at": changes.renumbered[number], "number": changes.next_number[number]},
        {
            "line": owner,
            "at": changes.transferred[owner],
            "customer": changes.next_owner[owner],
            "account": changes.next_owner[owner],
        },
        {"line": contract, "at": changes.renewed[contract], "contract_end": changes.next_contract_end[contract]},
        {"line": stop, "at": changes.stop_from, **_status(1, changes.stop_reason, changes.stop_from)},
        {"line": back_line, "at": back_at, **_status(0, np.full(back.size, -1), back_at)},
        {
            "line": ends,
            "at": lives.ceased[ends],
            "number": np.zeros(ends.size, dtype=np.int64),
            **_status(2, lives.cease_reason[ends], lives.ceased[ends]),
        },
    ]
    frame = pl.concat([pl.DataFrame(e) for e in events], how="diagonal").sort("line", "at", maintain_order=True)
    last = lives.ceased[frame["line"].to_numpy()]
    frame = frame.filter(pl.Series(frame["at"].to_numpy() <= last))
    frame = frame.with_columns(pl.exclude("line", "at").forward_fill().over("line"))
    return frame.unique(["line", "at"], keep="last", maintain_order=True)


def _status(code: int, reason: IntArray, second: IntArray) -> dict[str, IntArray]:
    return {
        "status": np.full(len(second), code, dtype=np.int64),
        "reason": reason.astype(np.int64),
        "status_day": second // DAY,
    }


def subscriptions(events: pl.DataFrame, lines: Lines, day: int) -> pl.DataFrame:
    """The subscriptions extract as it stood at the end of `day`: every interval begun by then."""
    known = events.filter(pl.col("at") < (day + 1) * DAY)
    known = known.with_columns(
        to=pl.col("at").shift(-1, fill_value=NEVER), after=pl.col("line").shift(-1, fill_value=-1)
    )
    column = {name: known[name].to_numpy() for name in known.columns}
    line = column["line"]
    valid_to = np.where(column["after"] == line, column["to"], NEVER)
    number = pl.DataFrame({"n": column["number"]}).select(
        pl.when(pl.col("n") > 0).then(pl.lit("+") + pl.col("n").cast(pl.String))
    )
    return pl.DataFrame(
        {
            "subscription_id": subscription_ids(line),
            "customer_id": customer_ids(column["customer"]),
            "account_id": account_ids(column["account"]),
            "msisdn": number.to_series(),
            "brand": labels(BRANDS, lines.brand[line]),
            "plan_id": labels(PLANS, column["plan"]),
            "payment_type": labels(("postpaid", "prepaid"), lines.prepaid[line].astype(np.int64)),
            "activation_date": dates(lines.activated[line] // DAY),
            "contract_end_date": dates(column["contract_end"]),
            "status": labels(STATUSES, column["status"]),
            "status_date": dates(column["status_day"]),
            "status_reason": labels(REASONS, column["reason"]),
            "ported_in_from": labels(OPERATORS, lines.ported_from[line]),
            "valid_from": instants(column["at"]),
            "valid_to": instants(valid_to),
        }
    )


def suspended_on(lines: Lines, changes: Changes, day: int) -> BoolArray:
    """Lines that are stopped during any part of the day."""
    stopped = np.zeros(lines.count, dtype=np.bool_)
    hit = (changes.stop_from // DAY <= day) & (changes.stop_to // DAY >= day)
    stopped[changes.stop_line[hit]] = True
    return stopped
