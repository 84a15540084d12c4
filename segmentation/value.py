"""The customer value: points of each measure, their weighted parts, and the score that they add up to.
Which tier a score reaches belongs in tiers.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

import polars as pl

from segmentation.columns import CUTOFFS, MONEY, POINTS, ColumnsError, check_columns
from segmentation.policy import MEASURES, Dimension, Policy

MEASURE_COLUMNS = {"arpu": "arpu_amount", "tenure": "tenure_months", "credit": "credit"}

Steps = Mapping[str, tuple[tuple[Decimal, Decimal], ...]]
"""For each measure its (threshold, points), ascending, with quantiles replaced by this run's cut-offs."""


def required_cutoffs(policy: Policy) -> pl.DataFrame:
    """The population quantiles that `policy` asks for: [measure, quantile DECIMAL(7,6)], in the policy's order.

    Empty when all steps are absolute. The population of `arpu` are the customers whose ARPU is known.
    """
    rows = [
        (measure, step.quantile)
        for measure in MEASURES
        for step in _dimension(policy, measure).steps
        if step.quantile is not None
    ]
    schema = {"measure": CUTOFFS["measure"], "quantile": CUTOFFS["quantile"]}
    return pl.DataFrame(rows, schema=schema, orient="row")


def resolve(policy: Policy, cutoffs: pl.DataFrame) -> Steps:
    """The step functions of this run, quantiles replaced by `cutoffs` (columns CUTOFFS).

    A cut-off that is null (nobody has the measure) is reached by nobody. Raises ColumnsError that lists cut-offs which
    are missing, given twice, or falling while the quantile rises.
    """
    check_columns(cutoffs, CUTOFFS, "scores.cutoffs")
    given: dict[tuple[str, Decimal], Decimal | None] = {}
    faults = []
    for measure, quantile, threshold in cutoffs.select(*CUTOFFS).iter_rows():
        if (measure, quantile) in given:
            faults.append(f"{measure} {quantile} is given twice")
        given[measure, quantile] = threshold
    steps: dict[str, tuple[tuple[Decimal, Decimal], ...]] = {}
    for measure in MEASURES:
        reached: list[tuple[Decimal, Decimal]] = []
        for step in _dimension(policy, measure).steps:
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
        raise ColumnsError(f"scores.cutoffs: {'; '.join(faults)}. Compute them again for policy {policy.label}.")
    return steps


def points(policy: Policy, steps: Steps, measure: str) -> pl.Expr:
    """Points (0-100) that the measure reaches, DECIMAL(7,4); 0 below the first step."""
    return _stepwise(policy, steps, measure, lambda value: pl.lit(value, dtype=POINTS))


def part(policy: Policy, steps: Steps, measure: str) -> pl.Expr:
    """weight × points, DECIMAL(7,4): exact without rounding, since the policy refuses products of more decimals."""
    weight = _dimension(policy, measure).weight.value
    return _stepwise(policy, steps, measure, lambda value: pl.lit(weight * value, dtype=POINTS))


def points_code(policy: Policy, steps: Steps, measure: str) -> pl.Expr:
    """The reason code of the points reached, such as `arpu_points=80`."""
    return _stepwise(policy, steps, measure, lambda value: pl.lit(f"{measure}_points={value.normalize():f}"))


def value_score() -> pl.Expr:
    """The sum of the three parts, 0-100, DECIMAL(7,4); exact."""
    return (pl.col("arpu_part") + pl.col("tenure_part") + pl.col("credit_part")).cast(POINTS)


def _stepwise(policy: Policy, steps: Steps, measure: str, literal: Callable[[Decimal], pl.Expr]) -> pl.Expr:
    measured = pl.col(MEASURE_COLUMNS[measure]).cast(MONEY)
    result = literal(Decimal(0))
    for threshold, reached in steps[measure]:
        # Ascending, so that the highest step reached is asked first; tied cut-offs give the higher points.
        result = pl.when(measured >= pl.lit(threshold, dtype=MONEY)).then(literal(reached)).otherwise(result)
    if measure == "arpu":
        unknown = literal(policy.arpu.no_history_points.value)
        result = pl.when(measured.is_null()).then(unknown).otherwise(result)
    return result


def _dimension(policy: Policy, measure: str) -> Dimension:
    dimension: Dimension = getattr(policy.value, measure)
    return dimension
