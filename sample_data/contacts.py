"""Contacts of customers with the hotline and other channels, with month-edge peaks and complaints before leaving.

Belongs here: contacts of one month. Does not: the calls that they make in the CDRs (usage.py takes them from here).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from sample_data.arrays import DAY, NEVER, BoolArray, IntArray, ids, instants, labels, numbers, pick, stream
from sample_data.horizon import call_weights, compact
from sample_data.world import World

CHANNELS: Final = ("agent", "ivr", "app", "web", "sms", "store", "other")
QUEUES: Final = ("general", "billing", "technical", "vip")
REASONS: Final = (
    *("咨询-账单", "咨询-套餐", "咨询-流量", "咨询-漫游", "ENQ-BALANCE", "ENQ-SIM"),
    *("投诉-网络质量", "投诉-资费", "CMP-SERVICE"),
)
_FIRST_COMPLAINT: Final = 6
OUTCOMES: Final = ("resolved", "transferred", "callback", "未解决")
HOUR_WEIGHTS: Final = (
    *(0.1, 0.05, 0.05, 0.05, 0.05, 0.1, 0.3, 0.6, 1.1, 1.5, 1.6, 1.35),
    *(1.0, 1.0, 1.25, 1.3, 1.25, 1.1, 1.0, 1.05, 1.0, 0.8, 0.5, 0.25),
)
_RATE: Final = 0.42


@dataclass(frozen=True)
class Contacts:
    """One entry a contact, by time; `hotline` marks calls to the operator's own number, `ended` a local second."""

    line: IntArray
    offered: IntArray
    answered: IntArray
    ended: IntArray
    channel: IntArray
    outgoing: BoolArray
    reason: IntArray
    number: IntArray

    @property
    def hotline(self) -> BoolArray:
        """Calls of customers to 10086, by an agent or the voice menu."""
        return (self.channel <= 1) & ~self.outgoing


def make_contacts(world: World, month: int) -> Contacts:
    """Contacts of a month, from each customer's main line while it is in use."""
    horizon, lines, lives = world.horizon, world.lines, world.lives
    rng = stream(world.seed, "contacts", month)
    main = np.flatnonzero(lines.main)
    complaints = lives.complaints[month].astype(np.int64)
    times = rng.poisson(_RATE, main.size)
    every = times + complaints
    customer = np.repeat(np.arange(main.size), every)
    ordinal = np.arange(customer.size) - np.repeat(np.cumsum(every) - every, every)
    complaint = ordinal >= times[customer]
    line = main[customer]
    days = np.arange(int(horizon.starts[month]), min(int(horizon.starts[month + 1]), horizon.as_of + 1))
    day = days[pick(rng, call_weights(days), line.size)]
    second = pick(rng, HOUR_WEIGHTS, line.size) * 3600 + rng.integers(0, 3600, line.size)
    channel = pick(rng, (0.27, 0.42, 0.16, 0.05, 0.04, 0.04, 0.02), line.size)
    channel = np.where(complaint & (rng.random(line.size) < 0.8), 0, channel)
    outgoing = (channel == 0) & ~complaint & (rng.random(line.size) < 0.12)
    offered = day * DAY + second
    wait = np.where(channel == 0, rng.exponential(35, line.size), rng.uniform(0, 4, line.size)).astype(np.int64)
    lost = (channel == 0) & (wait > 75) | (rng.random(line.size) < 0.02)
    talk = np.where(channel == 0, rng.exponential(210, line.size) + 20, rng.exponential(60, line.size) + 5)
    answered = np.where(lost, NEVER, offered + wait)
    ended = offered + wait + np.where(lost, 0, talk).astype(np.int64)
    reason = np.where(
        complaint, _FIRST_COMPLAINT + pick(rng, (0.4, 0.4, 0.2), line.size), pick(rng, (3, 2, 2, 1, 2, 1), line.size)
    )
    kept = (day > lines.activated[line] // DAY) & (day < lives.silent[line])
    order = np.flatnonzero(kept)
    order = order[np.argsort(offered[order], kind="stable")]
    line, offered = line[order], offered[order]
    return Contacts(
        line=line,
        offered=offered,
        answered=answered[order],
        ended=ended[order],
        channel=channel[order],
        outgoing=outgoing[order],
        reason=reason[order],
        number=world.changes.number_at(line, offered),
    )


def frame(contacts: Contacts, vip: BoolArray, day: int, seed: int) -> pl.DataFrame:
    """The contacts extract named `day`; `vip` by line sends to the VIP queue."""
    rng = stream(seed, "queues", day)
    count = len(contacts.line)
    by_agent = contacts.channel == 0
    queue = np.where(vip[contacts.line], 3, np.where(contacts.reason >= _FIRST_COMPLAINT, 2, contacts.reason % 2))
    lost = contacts.answered == NEVER
    serial = pl.Series(np.arange(count) + 10_000_001).cast(pl.String)
    return pl.DataFrame(
        {
            "contact_id": pl.Series([f"T{compact(day)[:6]}"]).new_from_index(0, count) + serial,
            "contact_address": numbers(contacts.number),
            "direction": labels(("incoming", "outgoing"), contacts.outgoing.astype(np.int64)),
            "channel": labels(CHANNELS, contacts.channel),
            "queue": labels(QUEUES, np.where(by_agent, queue, -1)),
            "agent_id": ids("G", 201, np.where(by_agent & ~lost, rng.integers(0, 40, count), -1)),
            "offered_at": instants(contacts.offered),
            "answered_at": instants(contacts.answered),
            "ended_at": instants(contacts.ended),
            "reason_code": labels(REASONS, contacts.reason),
            "outcome": labels(OUTCOMES, np.where(lost, -1, pick(rng, (0.74, 0.1, 0.1, 0.06), count))),
        }
    )
