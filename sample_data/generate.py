"""Generates a whole operator into a folder, month by month and day by day, so that memory holds no extract whole.

Belongs here: the order of the work and what is written when. Does not: how any row is made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from sample_data import billing, contacts, payments
from sample_data.arrays import DAY, BoolArray, FloatArray, IntArray, money
from sample_data.changes import history, subscriptions
from sample_data.contacts import Contacts
from sample_data.crm import customers as customers_frame
from sample_data.crm import is_vip, make_lists, purged, service_lists, tier_overrides
from sample_data.files import Landing, csv_bytes
from sample_data.horizon import Horizon, make_horizon
from sample_data.people import customer_ids
from sample_data.usage import Part, expected, make_part, make_rates
from sample_data.world import World, make_world

Progress = Callable[[str, int, int], None]
CDR_PER_LINE_DAY: Final = 1.5
RECORDS_PER_CDR_FILE: Final = 5_000_000
"""Memory holds one file of CDRs: forty million records at once would take more than most machines have."""
_LATE_EVERY: Final = 37
_LATE_PERCENT: Final = 6
_CONTROLLED_DAYS: Final = 30


@dataclass(frozen=True)
class Summary:
    """What was written: valid rows by extract (planted faults apart), delivered files, bytes of all below landing/."""

    rows: dict[str, int]
    files: int
    bytes: int
    customers: int
    lines: int
    as_of: date
    faults: int = 0


def generate(
    destination: Path,
    *,
    customers: int = 1000,
    seed: int = 7,
    as_of: date = date(2024, 6, 30),
    bill_months: int = 18,
    cdr_days: int = 120,
    cdr_per_line_day: float = CDR_PER_LINE_DAY,
    cdr_total: int | None = None,
    records_per_cdr_file: int = RECORDS_PER_CDR_FILE,
    snapshots: int = 3,
    faults: bool = False,
    progress: Progress | None = None,
) -> Summary:
    """Writes `destination`/landing/<extract>/… and `destination`/truth.csv; same arguments, same bytes.

    `cdr_total` sets the CDRs of all days together and overrides `cdr_per_line_day`; `cdr_days=0` writes none.
    A day of more than `records_per_cdr_file` comes in several files.
    `snapshots`: deliveries of each snapshot extract, the last at `as_of`, the others at the month ends before.
    `faults` puts the faulty rows and files of faults.py among them and lists them in `destination`/faults.yaml.
    Raises ValueError for arguments out of range and FileExistsError if landing/ holds anything already.
    """
    _require(customers >= 1, "customers must be at least 1")
    _require(bill_months >= 1 and cdr_days >= 0 and snapshots >= 1, "bill_months, snapshots >= 1 and cdr_days >= 0")
    _require(records_per_cdr_file >= 1, "records_per_cdr_file must be at least 1")
    _require(cdr_per_line_day >= 0 and (cdr_total is None or cdr_total >= 0), "numbers of CDRs can't be negative")
    _require(not faults or (cdr_days >= 30 and customers >= 100), "faults need at least 30 cdr_days and 100 customers")
    landing_folder = destination / "landing"
    if landing_folder.exists() and any(landing_folder.iterdir()):
        raise FileExistsError(f"{landing_folder} is not empty: generate into a new folder, or remove it first")
    horizon = make_horizon(as_of, bill_months, cdr_days)
    world = make_world(horizon, customers, seed)
    report = progress or (lambda _step, _done, _total: None)
    with Landing(landing_folder) as landing:
        vip = _snapshots(world, landing, snapshots, report)
        _bills_and_payments(world, landing, report)
        calls = _contacts(world, landing, vip, report)
        if cdr_days:
            asked = _Asked(cdr_per_line_day, cdr_total, records_per_cdr_file)
            _usage(world, landing, calls, report, asked)
    _truth(world, destination)
    planted = 0
    if faults:
        from sample_data.faults import plant  # noqa: PLC0415  (most callers plant none)

        planted = plant(destination, horizon)
    files = [f for f in landing_folder.rglob("*") if f.is_file()]
    delivered = sum(f.suffix != ".ctl" for f in files)
    size = sum(f.stat().st_size for f in files)
    return Summary(dict(landing.rows), delivered, size, customers, world.lines.count, as_of, planted)


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)


def _snapshots(world: World, landing: Landing, count: int, report: Progress) -> BoolArray:
    """Writes customers, subscriptions, lists and overrides; returns which lines belong to VIPs."""
    events = history(world.lines, world.lives, world.changes)
    gone = purged(world.horizon, world.lives, world.seed)
    lists = make_lists(world.horizon, world.people, world.lives, world.seed)
    earlier = [d for d in world.horizon.month_ends() if d < world.horizon.as_of]
    days = [*(earlier[-(count - 1) :] if count > 1 else []), world.horizon.as_of]
    for done, day in enumerate(days, start=1):
        # Only as-of's own delivery has no control file: a late one is normal, and it is where faulty rows go.
        control = "records" if day < world.horizon.as_of else ""
        people = customers_frame(world.people, world.lines, gone, day)
        landing.write("customers", day, people, gz=False, control=control)
        frame = subscriptions(events, world.lines, day)
        landing.write("subscriptions", day, frame, gz=False, control=control)
        landing.write("service_lists", day, service_lists(lists, day), gz=False)
        report("snapshots", done, len(days))
    overrides = tier_overrides(world.horizon, world.people, world.lives, world.seed)
    landing.write("tier_overrides", world.horizon.as_of, overrides, gz=False)
    return np.asarray(is_vip(lists, world.people.count)[world.lines.customer], dtype=np.bool_)


def _bills_and_payments(world: World, landing: Landing, report: Progress) -> None:
    horizon = world.horizon
    pending: list[payments.Payments] = []
    for month, month_end in enumerate(horizon.month_ends()):
        if horizon.first_billed <= month < horizon.first_billed + horizon.billed:
            bills = billing.make_bills(world, month)
            landing.write("bills", horizon.due(month) - 15, billing.frame(bills, horizon, month), control="totals")
            owed = bills.owed(world.people.count)
            pending.append(payments.bill_payments(world, month, owed))
        if month >= horizon.first_billed:
            pending.append(payments.recharges(world, month))
            everything = payments.join(pending)
            now = everything.at < (month_end + 1) * DAY
            landing.write("payments", month_end, payments.frame(everything.take(now), horizon, month_end))
            pending = [everything.take(~now)]
        report("bills and payments", month + 1, horizon.months)


def _contacts(world: World, landing: Landing, vip: BoolArray, report: Progress) -> list[Contacts]:
    """Writes the contacts a month; returns those from the CDR window on."""
    kept: list[Contacts] = []
    horizon = world.horizon
    for month, month_end in enumerate(horizon.month_ends()):
        made = contacts.make_contacts(world, month)
        landing.write("contacts", month_end, contacts.frame(made, vip, month_end, world.seed))
        if month_end >= horizon.first_cdr_day:
            kept.append(made)
        report("contacts", month + 1, horizon.months)
    return kept


@dataclass(frozen=True)
class _Asked:
    """What the caller wants of CDRs: a line and day, or of all days together; the most records in one file."""

    per_line_day: float
    total: int | None
    per_file: int


def _usage(world: World, landing: Landing, made: list[Contacts], report: Progress, asked: _Asked) -> None:
    horizon, lines = world.horizon, world.lines
    days = np.arange(horizon.first_cdr_day, horizon.as_of + 1)
    rates = make_rates(lines, asked.per_line_day)
    calls = [_calls_of(made, int(day), horizon) for day in days]
    hotline = np.asarray([len(c.line) for c in calls])
    sums = np.asarray([expected(world, int(d), rates).sum() for d in days])
    if asked.total is None:
        counts = np.rint(sums).astype(np.int64)
    else:
        drawn = max(asked.total - int(hotline.sum()), 0)
        rates = make_rates(lines, asked.per_line_day * drawn / max(float(sums.sum()), 1e-9))
        counts = _spread(drawn, sums)
    sizes = zip(days.tolist(), counts.tolist(), hotline.tolist(), strict=True)
    parts = {day: _parts(count, hotline_calls, asked.per_file) for day, count, hotline_calls in sizes}
    for i, (day, numbered) in enumerate(parts.items()):
        weights = expected(world, day, rates)
        control = "totals" if horizon.as_of - day < _CONTROLLED_DAYS else ""
        for part in numbered:
            frame = make_part(world, day, rates, part, weights=weights, calls=None if part.number else calls[i])
            if (horizon.as_of - day) % _LATE_EVERY == 5:
                # One mediation node delivered two days late; its records go into a second file of that later day.
                late = frame.select((pl.int_range(pl.len()) * 7919 % 100 < _LATE_PERCENT).alias("late")).to_series()
                landing.write("cdr", day + 2, frame.filter(late), seq=len(parts[day + 2]) + 1 + part.number)
                frame = frame.filter(~late)
            landing.write("cdr", day, frame, seq=part.number + 1 if len(numbered) > 1 else 0, control=control)
        report("usage", i + 1, len(days))


def _parts(count: int, first_too: int, per_file: int) -> list[Part]:
    """`count` records in even parts of at most `per_file`; the first holds `first_too` more."""
    number = max(-(-count // per_file), 1)
    edges = [count * n // number for n in range(number + 1)]
    return [Part(n, edges[n + 1] - edges[n], edges[n] + (first_too if n else 0)) for n in range(number)]


def _calls_of(made: list[Contacts], day: int, horizon: Horizon) -> Contacts:
    month = horizon.month_of(day) - horizon.month_of(horizon.first_cdr_day)
    source = made[month]
    low, high = np.searchsorted(source.offered, [day * DAY, (day + 1) * DAY])
    picked = np.arange(low, high)[source.hotline[low:high]]
    return Contacts(**{name: column[picked] for name, column in source.__dict__.items()})


def _spread(total: int, weights: FloatArray) -> IntArray:
    """Integers in proportion to the weights that add up to `total`."""
    edges = np.rint(np.cumsum(weights) / max(float(weights.sum()), 1e-9) * total).astype(np.int64)
    return np.asarray(np.diff(edges, prepend=0), dtype=np.int64)


def _truth(world: World, destination: Path) -> None:
    """truth.csv: each customer still there with the model's own chances of leaving (life.py) and their causes."""
    row = np.flatnonzero(world.lives.left > world.horizon.as_of)
    causes = pl.DataFrame({name: mask[row] for name, mask in world.lives.causes.items()})
    named = causes.select(
        pl.concat_str([pl.when(pl.col(n)).then(pl.lit(n)) for n in causes.columns], separator=";", ignore_nulls=True)
    )
    within_90_days, after_gap = (
        money(np.rint(chance[row] * 1_000_000).astype(np.int64), 6)
        for chance in (world.lives.probability, world.lives.after_gap)
    )
    frame = pl.DataFrame(
        {
            "customer_id": customer_ids(row),
            "true_churn_probability": within_90_days,
            "true_churn_probability_after_gap": after_gap,
            "causes": named.to_series(),
        }
    )
    destination.mkdir(parents=True, exist_ok=True)
    (destination / "truth.csv").write_bytes(csv_bytes(frame))
