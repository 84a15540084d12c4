"""Call detail records of one day: voice, SMS and data of every line in use, hotline calls, numbers nobody holds.

Belongs here: single records and their charges. Does not: monthly levels (life.py), contacts (contacts.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from sample_data.arrays import (
    DAY,
    NEVER,
    BoolArray,
    FloatArray,
    IntArray,
    instants,
    labels,
    money,
    numbers,
    pick,
    stream,
    whole,
)
from sample_data.changes import suspended_on, unheld_number
from sample_data.contacts import Contacts
from sample_data.horizon import compact
from sample_data.lines import PLAN_FEES, Lines
from sample_data.world import World

HOTLINE: Final = 10086
VOICE, SMS, DATA = range(3)
_TYPES: Final = ("voice", "sms", "data")
_DIRECTIONS: Final = ("outgoing", "incoming")
_CAUSES: Final = ("0", "3", "4")
"""TS 32.298 causeForTerm: normal release, unsuccessful call attempt, abnormal release."""
_OTHER_CODES: Final[IntArray] = np.asarray((114, 110, 12315, 95588, 10010, 95598), dtype=np.int64)
_SENDERS: Final[IntArray] = np.asarray((95588, 95533, HOTLINE, 95555, 12306), dtype=np.int64)
_FOREIGN: Final[IntArray] = np.asarray((133, 189, 130, 186, 177), dtype=np.int64)
_TALK_HOURS: Final = (2, 1, 1, 1, 1, 3, 10, 25, 50, 70, 74, 70, 62, 52, 55, 60, 62, 66, 72, 74, 70, 55, 30, 10)
_DATA_HOURS: Final = (30, 18, 10, 8, 8, 12, 30, 55, 60, 58, 60, 64, 75, 66, 58, 58, 60, 66, 78, 88, 95, 95, 80, 55)
_UNIT_CHARGE: Final = 0.24
"""Yuan that a mean record costs before a line's own price level."""


@dataclass(frozen=True)
class Rates:
    """Expected records: `line` a line and day at level 1, `price` a line's factor on charges, `billable` share."""

    line: FloatArray
    price: FloatArray
    billable: FloatArray


def make_rates(lines: Lines, per_line_day: float) -> Rates:
    """Spreads `per_line_day` by activity; prepaid prices are set so that a month's use costs the line's spend."""
    line = per_line_day * lines.activity / max(float(lines.activity.mean()), 1e-9)
    fee = PLAN_FEES[lines.plan] / 100
    monthly = np.maximum(line, 0.02) * 30.4 * _UNIT_CHARGE
    price = np.clip(np.maximum(lines.spend - fee, 2) / monthly, 0.2, 12.0)
    billable = np.where(lines.prepaid, 1.0, np.clip(1 - fee / np.maximum(lines.spend, 1), 0.02, 0.6) * 0.5)
    return Rates(line, price, billable)


def expected(world: World, day: int, rates: Rates) -> FloatArray:
    """Expected records of each line on a day; zero on its first and last day and while stopped."""
    lines, lives = world.lines, world.lives
    in_use = (lines.activated // DAY < day) & (lives.silent > day) & ~suspended_on(lines, world.changes, day)
    level = lives.level[world.horizon.month_of(day)].astype(np.float64)
    weekend = 0.9 if (day + 3) % 7 >= 5 else 1.0
    return np.asarray(np.where(in_use, rates.line * level * weekend, 0.0), dtype=np.float64)


@dataclass
class _Day:
    line: IntArray
    at: IntArray
    kind: IntArray
    incoming: IntArray
    other: IntArray
    duration: IntArray


@dataclass(frozen=True)
class Part:
    """A part of a day's records: its number from 0, how many it draws, the day's records in the parts before it."""

    number: int
    count: int
    before: int


def make_part(
    world: World, day: int, rates: Rates, part: Part, *, weights: FloatArray, calls: Contacts | None
) -> pl.DataFrame:
    """A part's records by the lines' weights, plus the hotline calls `calls`, by time, in the contract's columns."""
    # An index that ends in 0 is the same stream as without it.
    rng, count = stream(world.seed, "cdr", day, part.number), part.count
    drawn = _ordinary(rng, world, day, count if weights.sum() > 0 else 0, weights)
    if calls is not None:
        hotline = _hotline(calls)
        drawn = _Day(*(np.concatenate([getattr(drawn, n), getattr(hotline, n)]) for n in drawn.__dict__))
    both = list(drawn.__dict__.values())
    order = np.argsort(both[1], kind="stable")
    records = _Day(*(column[order] for column in both))
    return _frame(rng, world, day, records, rates, before=part.before)


def _ordinary(rng: np.random.Generator, world: World, day: int, count: int, weights: FloatArray) -> _Day:
    line = pick(rng, weights, count) if count else np.empty(0, dtype=np.int64)
    kind = pick(rng, (0.46, 0.14, 0.40), count)
    hour = np.where(kind == DATA, pick(rng, _DATA_HOURS, count), pick(rng, _TALK_HOURS, count))
    at = day * DAY + hour * 3600 + rng.integers(0, 3600, count)
    incoming = rng.random(count) < np.asarray((0.45, 0.65, 0.0))[kind]
    talk = np.clip(np.exp(rng.normal(4.3, 1.1, count)), 1, 7200).astype(np.int64)
    session = np.clip(np.exp(rng.normal(5.5, 1.2, count)), 5, 86_400).astype(np.int64)
    unanswered = rng.random(count) < 0.13
    duration = np.where(kind == DATA, session, np.where((kind == SMS) | unanswered, 0, talk))
    other = _other_party(rng, world, line, at, kind=kind, incoming=incoming)
    return _Day(line, at, kind, incoming.astype(np.int64), other, duration)


def _other_party(
    rng: np.random.Generator, world: World, line: IntArray, at: IntArray, *, kind: IntArray, incoming: BoolArray
) -> IntArray:
    """Mostly one of the line's few steady contacts, on this network or another; codes, landlines, abroad."""
    count = line.size
    friend = (rng.random(count) ** 2 * 9).astype(np.int64)
    stranger = rng.random(count) < 0.25
    secret = np.where(stranger, rng.integers(0, 2**31, count), (line * 2_654_435_761 + friend * 40_503_997) % 2**31)
    peer = secret // 128 % world.lines.count
    on_net = (secret % 128 < 45) & (peer != line)
    outside = (86_000 + _FOREIGN[secret % 5]) * 100_000_000 + secret % 100_000_000
    other = np.where(on_net, world.changes.number_at(peer, at), outside)
    u = rng.random(count)
    other = np.where((kind == VOICE) & (u < 0.04), 86_10_6000_0000 + secret % 9_999_999, other)
    other = np.where((kind == VOICE) & (u > 0.995), 852_6000_0000 + secret % 9_999_999, other)
    other = np.where((kind == VOICE) & ~incoming & (u > 0.975) & (u < 0.99), _OTHER_CODES[secret % 6], other)
    other = np.where((kind == SMS) & incoming & (u < 0.5), _SENDERS[secret % 5], other)
    withheld = (kind == VOICE) & incoming & (u > 0.96) & (u < 0.965)
    return np.where((kind == DATA) | withheld, 0, other)


def _hotline(calls: Contacts) -> _Day:
    size = calls.line.size
    zeros = np.zeros(size, dtype=np.int64)
    connected = np.where(calls.answered < NEVER, calls.ended - calls.offered, 0)
    return _Day(calls.line, calls.offered, zeros, zeros, np.full(size, HOTLINE), connected)


def _frame(rng: np.random.Generator, world: World, day: int, r: _Day, rates: Rates, *, before: int) -> pl.DataFrame:
    lines, changes = world.lines, world.changes
    count = r.line.size
    outgoing = r.incoming == 0
    hotline = r.other == HOTLINE
    roaming = (rng.random(count) < np.where(lines.roamer[r.line], 0.15, 0.004)) & ~hotline
    far = np.clip(lines.mix[r.line, 1] * 1.3, 0.01, 0.7)
    distant = (r.kind == VOICE) & outgoing & (rng.random(count) < far) & (r.other > 1_000_000)
    volume = np.where(r.kind == DATA, np.clip(np.exp(rng.normal(15.4, 1.5, count)), 2_000, 4e9), 0).astype(np.int64)
    uplink = (volume * rng.uniform(0.03, 0.25, count)).astype(np.int64)
    minutes = -(-r.duration // 60)
    per_minute = np.where(roaming, 0.60, np.where(distant, 0.35, 0.19))
    natural = np.where(r.kind == VOICE, minutes * per_minute, np.where(r.kind == SMS, 0.10, 0))
    natural = np.where(r.kind == DATA, np.minimum(volume / 1e6 * np.where(roaming, 0.1, 0.02), 10), natural)
    charged = outgoing & ~hotline & (rng.random(count) < rates.billable[r.line])
    charge = whole(np.where(charged, natural * rates.price[r.line], 0) * 100) * 100
    # Data is rated by volume, below the cent.
    charge = np.where((r.kind == DATA) & charged, whole(natural * rates.price[r.line] * 10_000), charge)
    served = changes.number_at(r.line, r.at)
    nobody = rng.random(count) < 0.001
    served = np.where(nobody, unheld_number(r.line % 997), served)
    other, mine = numbers(r.other), numbers(np.where(r.kind == DATA, 0, served))
    cause = np.where((r.kind == VOICE) & (r.duration == 0), 1, np.where(rng.random(count) < 0.012, 2, 0))
    both = pl.DataFrame({"other": other, "mine": mine, "out": outgoing})
    return pl.DataFrame(
        {
            "record_id": pl.Series([f"{compact(day)}-"]).new_from_index(0, count)
            + pl.Series(np.arange(count) + 1_000_001 + before).cast(pl.String),
            "served_msisdn": numbers(served),
            "calling_number": both.select(pl.when("out").then("mine").otherwise("other")).to_series(),
            "called_number": both.select(pl.when("out").then("other").otherwise("mine")).to_series(),
            "direction": labels(_DIRECTIONS, r.incoming),
            "call_type": labels(_TYPES, r.kind),
            "answer_time": instants(r.at),
            "call_duration": r.duration,
            "uplink_bytes": uplink,
            "downlink_bytes": volume - uplink,
            "roaming": roaming,
            "long_distance": distant,
            "charge": money(charge, 4),
            "cause_for_term": labels(_CAUSES, cause),
        }
    )
