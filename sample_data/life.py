"""What happens to customers month by month: usage, complaints, payment habits, and leaving, with its true probability.

Belongs here: the latent model of churn and its causes. Does not: how any of it shows in an extract.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from sample_data.arrays import DAY, NEVER, BoolArray, FloatArray, IntArray, pick, stream
from sample_data.horizon import Horizon
from sample_data.lines import Lines
from sample_data.people import LATE, ON_TIME, PARTIAL, VERY_LATE, People

REASONS: Final = ("arrears", "voluntary", "ported_out", "other")
UNPAID: Final = 9999
STOP_AFTER_DUE: Final = 30
"""Days past due at which an account's lines are stopped for arrears."""
_CEASE_AFTER_STOP: Final = 75
_SILENT_UNTIL_CEASED: Final = 180
_BASE_LOGIT: Final = -4.95
TRUTH_DAYS: Final = 90
GAP_DAYS: Final = 7
LABEL_DAYS: Final = 30
"""The gap and the horizon of the default policy."""


@dataclass(frozen=True)
class Lives:
    """`level` (months × lines) scales a line's usage; `delay` (months × customers) is days from due to payment.

    `left`, `silent`: first day gone, else NEVER; `ceased` a local second. `probability`: of leaving within
    TRUTH_DAYS after the as-of date, for those still there; `after_gap`: within LABEL_DAYS after a gap of GAP_DAYS, for
    those still there at its end; `causes`: their parts by name.
    """

    level: npt.NDArray[np.float32]
    delay: npt.NDArray[np.int16]
    complaints: npt.NDArray[np.uint8]
    left: IntArray
    silent: IntArray
    ceased: IntArray
    cease_reason: IntArray
    trouble: IntArray
    donors: IntArray
    renewed: BoolArray
    probability: FloatArray
    after_gap: FloatArray
    causes: dict[str, BoolArray]


def live(horizon: Horizon, people: People, lines: Lines, seed: int) -> tuple[Lines, Lives]:
    """Simulates all months; also returns the lines without those that would start after their customer left."""
    rng = stream(seed, "life")
    months, count = horizon.months, people.count
    main = np.flatnonzero(lines.main)
    renewed = (rng.random(lines.count) < 0.62) & (lines.contract_end >= horizon.first_day)
    trouble = _trouble(rng, horizon, people, lines, main)
    donors = _donors(horizon, people, lines, trouble)
    left = np.full(count, NEVER, dtype=np.int64)
    trend = 0.25 * rng.normal(size=count)
    fading = np.zeros(count)
    fade = np.zeros(count)
    level = np.empty((months, lines.count), dtype=np.float32)
    complaints = np.zeros((months + 1, count), dtype=np.uint8)
    parts: dict[str, FloatArray] = {}
    for month in range(months):
        trend = 0.75 * trend + 0.16 * rng.normal(size=count)
        fading = np.where(fading > 0, fading - 1, np.where(rng.random(count) < 0.014, 5, 0))
        fade = np.where(fading > 0, fade - 0.33, fade * 0.5)
        shock = 0.12 * rng.normal(size=lines.count)
        level[month] = np.exp((trend + fade)[lines.customer] + shock)
        complaints[month] = np.minimum(rng.poisson(0.03 + 0.05 * (people.sensitivity > 1), count), 9)
        annoyed = (complaints[month] > 0) | (complaints[month - 1] > 0)
        start, end = int(horizon.starts[month]), min(int(horizon.starts[month + 1]), horizon.as_of + 1)
        parts = _parts(
            people=people,
            lines=lines,
            main=main,
            renewed=renewed,
            middle=start + 15,
            fade=fade,
            annoyed=annoyed,
            troubled=trouble <= month,
        )
        chance = _probability(parts)
        day = rng.integers(start, end, count)
        goes = (rng.random(count) < chance) & (left == NEVER) & (day > people.joined + 10) & ~people.is_group
        left = np.where(goes, day, left)
    left[donors] = horizon.first_cdr_day + 3
    left, silent, ceased, reason = _ends(rng, horizon, people, lines, left=left, trouble=trouble)
    exists = lines.main | (lines.activated < (silent - 3) * DAY)
    doomed = np.asarray([horizon.due(m) for m in range(months)] + [NEVER])[np.minimum(trouble, months)]
    doomed = doomed + STOP_AFTER_DUE + _CEASE_AFTER_STOP
    monthly = np.where(people.is_group, 0.0, _probability(parts))
    doomed = np.where(people.is_group, NEVER, doomed)
    lives = Lives(
        level=level[:, exists],
        delay=_delays(rng, people, trouble, months),
        complaints=complaints[:months],
        left=left,
        silent=silent[exists],
        ceased=ceased[exists],
        cease_reason=reason[exists],
        trouble=trouble,
        donors=donors,
        renewed=renewed[exists],
        probability=_within(monthly, doomed, horizon.as_of, TRUTH_DAYS),
        after_gap=_within(monthly, doomed, horizon.as_of + GAP_DAYS, LABEL_DAYS),
        causes={name: part >= 0.5 for name, part in parts.items()},
    )
    return lines.keep(exists), lives


def _parts(
    *,
    people: People,
    lines: Lines,
    main: IntArray,
    renewed: BoolArray,
    middle: int,
    fade: FloatArray,
    annoyed: BoolArray,
    troubled: BoolArray,
) -> dict[str, FloatArray]:
    """Contributions to the log-odds of leaving in a month; tenure peaks at 10-14 months and falls on both sides."""
    end = lines.contract_end[main]
    ahead = end - middle
    near = (end >= 0) & (ahead <= 30) & (ahead > np.where(renewed[main], 0, -75))
    tenure = (middle - people.joined) / 30.4
    return {
        "contract_end": np.where(near, 1.5, 0.0),
        "falling_usage": 1.5 * np.clip(-fade - 0.2, 0, 1.3),
        "complaints": np.where(annoyed, 1.3, 0.0),
        "price": 0.75 * np.clip(people.sensitivity, -1.5, 2),
        "payment_trouble": np.where(troubled, 0.9, 0.0),
        "ported_in": np.where(lines.ported_from[main] >= 0, 0.8, 0.0),
        "tenure_peak": np.where((tenure >= 10) & (tenure < 15), 1.3, 0.0),
        "tenure": np.where(tenure < 4, -0.3, np.where(tenure > 60, -0.6, 0.0)),
        "prepaid": np.where(people.prepaid, 0.45, 0.0),
        "member": np.where(people.group >= 0, -1.2, 0.0),
    }


def _probability(parts: dict[str, FloatArray]) -> FloatArray:
    total = np.sum(list(parts.values()), axis=0) + _BASE_LOGIT
    return np.asarray(1 / (1 + np.exp(-total)), dtype=np.float64)


def _within(monthly: FloatArray, doomed: IntArray, day: int, days: int) -> FloatArray:
    """Chance of leaving in the `days` after `day`; who is about to be cut off for arrears leaves nearly surely."""
    chance = 1 - (1 - monthly) ** (days / 30.4)
    return np.where((doomed > day) & (doomed <= day + days), 0.9, chance)


def _trouble(rng: np.random.Generator, horizon: Horizon, people: People, lines: Lines, main: IntArray) -> IntArray:
    """Month from which a postpaid payer pays nothing more; beyond the last month for nearly everybody."""
    rate = 0.0016 * (1 + 5 * (people.trait >= VERY_LATE))
    month = np.floor(np.log(rng.random(people.count)) / np.log1p(-rate)).astype(np.int64)
    month += np.maximum(0, np.searchsorted(horizon.starts, people.joined, side="right") - 1)
    able = ~people.prepaid & ~people.is_group & (lines.payer[main] < 0) & ~lines.free[main] & ~lines.unbilled[main]
    return np.where(able, month, NEVER)


def _delays(rng: np.random.Generator, people: People, trouble: IntArray, months: int) -> npt.NDArray[np.int16]:
    delay = np.empty((months, people.count), dtype=np.int16)
    for month in range(months):
        early = -rng.integers(0, 15, people.count)
        slip = rng.integers(1, 26, people.count)
        long = rng.integers(STOP_AFTER_DUE + 2, 56, people.count)
        u = rng.random(people.count)
        trait = people.trait
        value = np.where((trait == ON_TIME) & (u < 0.03), np.minimum(slip, 9), early)
        value = np.where((trait == LATE) & (u < 0.7), slip, value)
        value = np.where(trait == VERY_LATE, np.where((u < 0.35) & ~people.is_group, long, slip), value)
        value = np.where((trait == PARTIAL) & (u < 0.4), slip, value)
        delay[month] = np.where(trouble <= month, UNPAID, value)
    return delay


def _donors(horizon: Horizon, people: People, lines: Lines, trouble: IntArray) -> IntArray:
    """Single-line postpaid customers who leave as the CDR window opens, so that their numbers come back within it."""
    if not people.receivers.size:
        return np.empty(0, dtype=np.int64)
    single = np.bincount(lines.customer, minlength=people.count) == 1
    old = people.joined < horizon.first_day - 100
    fit = single & old & ~people.prepaid & ~people.is_group & (people.group < 0) & (trouble > horizon.months)
    return np.flatnonzero(fit)[: people.receivers.size]


def _ends(
    rng: np.random.Generator, horizon: Horizon, people: People, lines: Lines, *, left: IntArray, trouble: IntArray
) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Last days of customers and lines: leaving, arrears that ran too long, further lines given up."""
    dues = np.asarray([horizon.due(m) for m in range(horizon.months)] + [NEVER])
    arrears = dues[np.minimum(trouble, horizon.months)] + STOP_AFTER_DUE + _CEASE_AFTER_STOP
    line_left = left[lines.customer] + np.where(lines.main, 0, rng.integers(0, 7, lines.count))
    own = ~lines.prepaid & (lines.payer < 0)
    line_arrears = np.where(own, arrears[lines.customer], NEVER)
    gone = np.maximum(lines.activated // DAY + 20, horizon.first_day) + rng.exponential(5000, lines.count).astype(int)
    dropped = np.where(lines.main, NEVER, gone)
    silent = np.minimum(np.minimum(line_left, line_arrears), dropped)
    silent = np.where(silent > horizon.as_of, NEVER, silent)
    delay = np.where(lines.prepaid, _SILENT_UNTIL_CEASED + rng.integers(0, 10, lines.count), 0)
    ceased = np.where(silent < NEVER, silent + delay, NEVER)
    seconds = rng.integers(9 * 3600, 18 * 3600, lines.count)
    ceased = np.where(ceased > horizon.as_of, NEVER, ceased * DAY + seconds)
    reason = np.where(lines.prepaid, 3, 1 + pick(rng, (0.6, 0.34, 0.06), lines.count))
    reason = np.where(~lines.prepaid & (line_arrears <= np.minimum(line_left, dropped)), 0, reason)
    has_prepaid = np.bincount(lines.customer, weights=lines.prepaid, minlength=people.count) > 0
    left = np.minimum(left, np.where(has_prepaid, NEVER, arrears))
    return np.where(left > horizon.as_of, NEVER, left), silent, ceased, reason
