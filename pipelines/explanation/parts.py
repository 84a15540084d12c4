"""The score added up again: each dimension's value, step or rate, points, weight and part, in plain exact numbers.

Belongs here: the arithmetic of a score for one customer, written a second time on purpose, without Polars. Does not:
deciding anything: where it differs from what was published, the explanation says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

from segmentation.policy import Policy
from segmentation.policy_lines import policy_line
from segmentation.policy_value import Dimension, UnitRate
from segmentation.value import MEASURE_COLUMNS

_UNIT = Decimal("0.0001")


@dataclass(frozen=True)
class Part:
    """What one measure gave to the score.

    value: None where it is not known. rule: the step or rate in words. exact: weight × points before rounding. part: as
    published. line: where the rule stands in the policy's text, None where a default applies.
    """

    measure: str
    value: Decimal | int | None
    rule: str
    points: Fraction
    weight: Decimal | None
    exact: Fraction
    part: Decimal
    line: int | None

    @property
    def agrees(self) -> bool:
        """Whether the published part is the exact one, rounded."""
        return abs(Fraction(self.part) - self.exact) < Fraction(_UNIT)


def score_parts(
    row: Mapping[str, Any], policy: Policy, text: bytes, cutoffs: Mapping[tuple[str, Decimal], Decimal | None]
) -> tuple[Part, ...]:
    """The parts of a scored row under its segment's policy; `cutoffs` by measure and quantile."""
    return tuple(
        _part(measure, dimension, row, policy, text, cutoffs) for measure, dimension in policy.value.dimensions.items()
    )


def adds_up(parts: tuple[Part, ...], score: Decimal) -> bool:
    """Whether the published parts are the exact ones rounded, and their sum is the score, which is the exact sum
    rounded half up.
    """
    exact = sum((part.exact for part in parts), Fraction(0))
    rounded = Decimal(exact.numerator * 10_000 // exact.denominator)  # down; the rest decides
    rest = exact * 10_000 - Fraction(rounded)
    whole = (rounded + (1 if rest >= Fraction(1, 2) else 0)) * _UNIT
    return all(part.agrees for part in parts) and sum((p.part for p in parts), Decimal(0)) == score == whole


def _part(  # noqa: PLR0917 (one customer, one dimension)
    measure: str,
    dimension: Dimension,
    row: Mapping[str, Any],
    policy: Policy,
    text: bytes,
    cutoffs: Mapping[tuple[str, Decimal], Decimal | None],
) -> Part:
    value = row[MEASURE_COLUMNS[measure]]
    segment = row["policy_segment"]
    place: tuple[str | int, ...] = ("value", measure)
    if value is None:
        points = Fraction(policy.arpu.no_history_points.value) if measure in ("arpu", "spend") else Fraction(0)
        rule, place = "not known yet", ("arpu", "no_history_points")
    elif dimension.per_unit is not None:
        points, rule = _rated(Decimal(value), dimension.per_unit)
        place = (*place, "per_unit")
    else:
        points, rule = Fraction(0), "below the first step"
        for index, step in enumerate(dimension.steps or ()):
            start = step.from_ if step.from_ is not None else cutoffs.get((measure, step.start))
            if start is not None and Decimal(value) >= start:
                points, rule = Fraction(step.points), f"from {start.normalize():f}"
                if step.quantile is not None:
                    rule += f" (the {step.quantile.normalize():f} quantile)"
                place = ("value", measure, "steps", index)
    weight = dimension.weight.value if dimension.weight is not None else None
    return Part(
        measure=measure,
        value=value,
        rule=rule,
        points=points,
        weight=weight,
        exact=points * Fraction(weight if weight is not None else 1),
        part=row[f"{measure}_part"],
        line=policy_line(text, *place, segment=segment),
    )


def _rated(value: Decimal, rate: UnitRate) -> tuple[Fraction, str]:
    counted = value
    if rate.count == "whole":
        counted = Decimal(value // 1 - (1 if value < 0 and value % 1 else 0))
    elif rate.count == "nearest":
        counted = value.quantize(Decimal(1), ROUND_HALF_UP)
    points = max(Fraction(counted) * Fraction(rate.points), Fraction(0))
    rule = f"{counted.normalize():f} × {rate.points.normalize():f}"
    if rate.at_most is not None and points > Fraction(rate.at_most):
        return Fraction(rate.at_most), f"{rule}, at most {rate.at_most.normalize():f}"
    return points, rule
