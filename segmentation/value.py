"""The customer value: points of each measure, their weighted parts, and the score that they add up to.
Which tier a score reaches belongs in tiers.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

import polars as pl

from segmentation.columns import CUTOFFS, MONEY, SCORE, ColumnsError, check_columns
from segmentation.exact import ONE, half_up, to_decimal, whole
from segmentation.policy import MEASURES, Policy, Segment
from segmentation.policy_value import Dimension, UnitRate

MEASURE_COLUMNS = {
    "arpu": "arpu_amount",
    "spend": "spend_amount",
    "tenure": "tenure_months",
    "credit": "credit",
    "mou": "mou_minutes",
}
# Parts are computed in units of 10^-12: a weight, a rate and a measure of 4 decimals each, nothing rounded.
FINE = 10**12
_FINE_OF_UNIT = FINE // ONE

Steps = Mapping[str, tuple[tuple[Decimal, Decimal], ...]]
"""For each stepped measure its (threshold, points), ascending, with quantiles replaced by this run's cut-offs."""


def required_cutoffs(policy: Policy) -> pl.DataFrame:
    """The population quantiles that `policy` asks for: [segment, measure, quantile DECIMAL(7,6)], in its order.

    Empty when all steps are absolute. The population of a segment's measure are its customers in service of whom the
    measure is known.
    """
    rows = [
        (segment.name, measure, step.quantile)
        for segment in policy.segments
        for measure, dimension in segment.policy.value.dimensions.items()
        for step in dimension.steps or ()
        if step.quantile is not None
    ]
    schema = {name: CUTOFFS[name] for name in ("segment", "measure", "quantile")}
    return pl.DataFrame(rows, schema=schema, orient="row")


def resolve(segment: Segment, cutoffs: pl.DataFrame) -> Steps:
    """The step functions of this run, quantiles replaced by `cutoffs` (columns CUTOFFS).

    A cut-off that is null (nobody has the measure) is reached by nobody. Raises ColumnsError that lists cut-offs which
    are missing, given twice, or falling while the quantile rises.
    """
    check_columns(cutoffs, CUTOFFS, "scores.cutoffs")
    given: dict[tuple[str, Decimal], Decimal | None] = {}
    faults = []
    of_segment = cutoffs.filter(pl.col("segment") == segment.name)
    for measure, quantile, threshold in of_segment.select("measure", "quantile", "threshold").iter_rows():
        if (measure, quantile) in given:
            faults.append(f"{measure} {quantile} is given twice")
        given[measure, quantile] = threshold
    steps: dict[str, tuple[tuple[Decimal, Decimal], ...]] = {}
    for measure, dimension in segment.policy.value.dimensions.items():
        if dimension.steps is None:
            continue
        reached: list[tuple[Decimal, Decimal]] = []
        for step in dimension.steps:
            start = step.from_
            if step.quantile is not None:
                if (measure, step.quantile) not in given:
                    faults.append(f"{measure} {step.quantile} is missing")
                start = given.get((measure, step.quantile))
            if start is None:
                continue
            if reached and start < reached[-1][0]:
                faults.append(
                    f"{measure}: the threshold falls from {reached[-1][0]} to {start} at quantile {step.quantile}"
                )
            reached.append((start, step.points))
        steps[measure] = tuple(reached)
    if faults:
        raise ColumnsError(
            f"scores.cutoffs, segment {segment.name}: {'; '.join(faults)}. Compute them again for policy "
            f"{segment.policy.label}."
        )
    return steps


def points(policy: Policy, steps: Steps, measure: str) -> pl.Expr:
    """Points that the measure earns, DECIMAL(12,4); 0 below the first step and for measures that the policy lacks.

    A rate's points are rounded half up to 4 decimals here, for show; parts are made of the exact ones.
    """
    dimension = policy.value.dimensions.get(measure)
    if dimension is None:
        return pl.lit(Decimal(0), dtype=SCORE)
    if dimension.per_unit is not None:
        return to_decimal(half_up(_rated(policy, measure, dimension.per_unit), whole(_FINE_OF_UNIT)), 12, 4)
    return _stepwise(policy, steps, measure, lambda value: pl.lit(value, dtype=SCORE))


def fine_part(policy: Policy, steps: Steps, measure: str) -> pl.Expr:
    """weight × points in units of 10^-12 as Int128, exact; a policy without weights weighs every dimension 1."""
    dimension = policy.value.dimensions[measure]
    weight = weight_units(dimension)
    if dimension.per_unit is not None:
        return _rated(policy, measure, dimension.per_unit) * whole(weight) // whole(ONE)
    return _stepwise(policy, steps, measure, lambda value: whole(int(value * ONE) * weight * (_FINE_OF_UNIT // ONE)))


def weight_units(dimension: Dimension) -> int:
    """The weight in ten-thousandths."""
    return int(dimension.weight.value * ONE) if dimension.weight is not None else ONE


def score_and_parts(policy: Policy) -> dict[str, pl.Expr]:
    """`value_score` and the part of each of MEASURES, DECIMAL(12,4), from the columns `fine_<measure>`.

    The score is the exact sum, rounded half up once. Parts are rounded by largest remainder, so that they add up to it:
    each is cut off at 4 decimals, and what is missing goes, a unit each, to those that lost most (of equals, to the
    first of MEASURES).
    """
    used = tuple(policy.value.dimensions)
    fine = {measure: pl.col(f"fine_{measure}") for measure in used}
    cut = {measure: fine[measure] // whole(_FINE_OF_UNIT) for measure in used}
    lost = {measure: fine[measure] % whole(_FINE_OF_UNIT) for measure in used}
    score = half_up(pl.sum_horizontal(fine.values()), whole(_FINE_OF_UNIT))
    missing = score - pl.sum_horizontal(cut.values())
    columns = {"value_score": to_decimal(score, 12, 4)}
    for position, measure in enumerate(used):
        ahead = [
            ((lost[other] >= lost[measure]) if used.index(other) < position else (lost[other] > lost[measure])).cast(
                pl.Int128
            )
            for other in used
            if other != measure
        ]
        unit = (pl.sum_horizontal(whole(0), *ahead) < missing).cast(pl.Int128)
        columns[f"{measure}_part"] = to_decimal(cut[measure] + unit, 12, 4)
    unused = (measure for measure in MEASURES if measure not in used)
    return columns | {f"{measure}_part": pl.lit(Decimal(0), dtype=SCORE) for measure in unused}


def points_code(policy: Policy, steps: Steps, measure: str) -> pl.Expr:
    """The reason code of the points earned, such as `arpu_points=80`."""
    if measure in steps:
        return _stepwise(policy, steps, measure, lambda value: pl.lit(f"{measure}_points={value.normalize():f}"))
    return pl.concat_str(pl.lit(f"{measure}_points="), plain_text(pl.col(f"{measure}_points")))


def plain_text(number: pl.Expr) -> pl.Expr:
    """A decimal as people write it: 80, 82.5."""
    return number.cast(pl.String).str.strip_chars_end("0").str.strip_chars_end(".")


def spend_grade(policy: Policy) -> pl.Expr:
    """The grade by ARPU alone; null where the policy has no grades or ARPU is not known."""
    grade: pl.Expr = pl.lit(None, dtype=pl.String)
    for level in reversed(policy.spend_grade):
        reached = pl.col("arpu_amount") >= pl.lit(level.from_, dtype=MONEY)
        lowest = level is policy.spend_grade[-1]
        grade = (
            pl.when(pl.col("arpu_amount").is_not_null() if lowest else reached)
            .then(pl.lit(level.name))
            .otherwise(grade)
        )
    return grade


def measure_units(measure: str) -> pl.Expr:
    """The measure in ten-thousandths of its unit, Int128."""
    return pl.col(MEASURE_COLUMNS[measure]).cast(MONEY).to_physical().cast(pl.Int128)


def _rated(policy: Policy, measure: str, rate: UnitRate) -> pl.Expr:
    # Points in units of 10^-12; never below 0 (refunds can exceed charges).
    measured = measure_units(measure)
    if rate.count == "whole":
        measured = measured // whole(ONE) * whole(ONE)
    elif rate.count == "nearest":
        measured = half_up(measured, whole(ONE)) * whole(ONE)
    earned = (measured * whole(int(rate.points * ONE) * (_FINE_OF_UNIT // ONE))).clip(lower_bound=whole(0))
    if rate.at_most is not None:
        earned = pl.min_horizontal(earned, whole(int(rate.at_most * FINE)))
    return earned.fill_null(whole(int(_unknown(policy, measure) * FINE)))


def _stepwise(policy: Policy, steps: Steps, measure: str, literal: Callable[[Decimal], pl.Expr]) -> pl.Expr:
    measured = pl.col(MEASURE_COLUMNS[measure]).cast(MONEY)
    result = literal(Decimal(0))
    for threshold, reached in steps[measure]:
        # Ascending, so that the highest step reached is asked first; tied cut-offs give the higher points.
        result = pl.when(measured >= pl.lit(threshold, dtype=MONEY)).then(literal(reached)).otherwise(result)
    return pl.when(measured.is_null()).then(literal(_unknown(policy, measure))).otherwise(result)


def _unknown(policy: Policy, measure: str) -> Decimal:
    return policy.arpu.no_history_points.value if measure in ("arpu", "spend") else Decimal(0)
