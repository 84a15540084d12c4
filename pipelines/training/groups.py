"""Of whom a model is judged apart: tier, tenure and, as an audit, what must never be a feature.

Belongs here: describing customers of past dates. Does not: figures (segmentation/churn/evaluate.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import polars as pl

from pipelines.night import Night
from pipelines.scratch import Scratch
from segmentation.churn.evaluate import Costs, Evaluation, evaluate

GROUPS = ("payment_type", "tier", "tenure_band")
AUDITS = ("gender", "age_band", "region")
ACTIVE_DAYS = 30
# Small groups have wide intervals whatever the resamples; these are enough to say how wide.
_RESAMPLES = 100
_AGES = (25, 35, 45, 55, 65)
_NOBODY = pl.DataFrame(
    schema={
        "origin_date": pl.Date(),
        **dict.fromkeys(("customer_id", "tier", "gender", "age_band", "region"), pl.String()),
        "is_active": pl.Boolean(),
    }
)
_DESCRIBED = """
    select s.customer_id, s.tier, f.gender, f.region, f.birth_year, f.lines_active, f.last_activity_date
    from scores.customer as s
    join features.customer as f using (customer_id)
"""


def described(
    scratch: Scratch, night: Night, dates: Sequence[date], progress: Callable[[int, int], None]
) -> pl.DataFrame:
    """One row a customer and date: origin_date, customer_id, tier, gender, age_band, region, is_active, as of the night
    of that date under tonight's policy. Raises what Scratch.build raises.
    """
    frames = []
    for done, day in enumerate(dates):
        progress(done, len(dates))
        scratch.build(replace(night, as_of_date=day, follows=None, known_at=None))
        frame = scratch.con.sql(_DESCRIBED).pl()
        frames.append(
            frame.select(
                pl.lit(day).alias("origin_date"),
                "customer_id",
                "tier",
                pl.col("gender").fill_null("unknown"),
                _age_band(day.year - pl.col("birth_year")).alias("age_band"),
                pl.col("region").fill_null("unknown"),
                (
                    (pl.col("lines_active") > 0)
                    & ((day - pl.col("last_activity_date")).dt.total_days() < ACTIVE_DAYS).fill_null(value=False)
                ).alias("is_active"),
            )
        )
    progress(len(dates), len(dates))
    return pl.concat(frames) if frames else _NOBODY


def figures_by_group(
    held_out: pl.DataFrame,
    dimensions: Sequence[str],
    risk: npt.NDArray[np.float64],
    churned: npt.NDArray[np.bool_],
    costs: Costs,
) -> dict[str, dict[str, Evaluation | None]]:
    """Dimension -> group -> figures; None for a group too small to judge. `held_out` has customer_id, the dimensions,
    and a row for each risk and outcome.
    """
    found: dict[str, dict[str, Evaluation | None]] = {}
    customers = held_out["customer_id"].rank("dense").cast(pl.Int64).to_numpy()
    for dimension in dimensions:
        values = held_out[dimension].cast(pl.String).fill_null("unknown")
        groups: Mapping[str, Evaluation | None] = {
            name: evaluate(risk[own], churned[own], costs, groups=customers[own], resamples=_RESAMPLES)
            for name in sorted(values.unique().to_list(), key=_by_number)
            for own in [(values == name).to_numpy()]
        }
        found[dimension] = dict(groups)
    return found


def _by_number(group: str) -> tuple[bool, int, str]:
    """Bands in the order of their numbers, `under 25` first; then names."""
    first = re.search(r"\d+", group)
    return first is None, int(first[0]) - group.startswith("under") if first else 0, group


def _age_band(age: pl.Expr) -> pl.Expr:
    band: pl.Expr = pl.when(age < _AGES[0]).then(pl.lit(f"under {_AGES[0]}"))
    for low, high in pairwise(_AGES):
        band = pl.when((age >= low) & (age < high)).then(pl.lit(f"{low}-{high - 1}")).otherwise(band)
    return pl.when(age >= _AGES[-1]).then(pl.lit(f"{_AGES[-1]}+")).otherwise(band).fill_null("unknown")
