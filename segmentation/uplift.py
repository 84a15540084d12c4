"""What a campaign changed: the difference of two shares that stayed, with its interval.
Who stayed is counted in sql/; how it is shown belongs in pipelines/retention."""

from __future__ import annotations

import math
from dataclasses import dataclass

# The 0.975 quantile of the normal distribution: 95 % intervals.
Z_95 = 1.959963984540054


@dataclass(frozen=True)
class Uplift:
    """A difference of shares (0.05 = 5 percentage points) and the ends of its 95 % interval."""

    difference: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out 0: the difference is more than chance would often give."""
        return self.low > 0 or self.high < 0


def uplift(retained: int, listed: int, control_retained: int, control: int) -> Uplift | None:
    """Share retained of the listed minus that of the control group; None where one of them is empty.

    The interval is Newcombe's hybrid of two Wilson score intervals (Statistics in Medicine 17, 1998, method 10), which
    holds its 95 % with small groups and shares near 0 and 1, and never leaves -1 … 1. Raises ValueError on counts that
    can't be.
    """
    for part, whole in ((retained, listed), (control_retained, control)):
        if not 0 <= part <= whole:
            raise ValueError(f"{part} retained of {whole}: count again, a part lies between 0 and the whole")
    if not listed or not control:
        return None
    p, q = retained / listed, control_retained / control
    (p_low, p_high), (q_low, q_high) = wilson(retained, listed), wilson(control_retained, control)
    return Uplift(
        difference=p - q,
        low=p - q - math.hypot(p - p_low, q_high - q),
        high=p - q + math.hypot(p_high - p, q - q_low),
    )


def wilson(part: int, whole: int, z: float = Z_95) -> tuple[float, float]:
    """Wilson's score interval of a share; `whole` is positive."""
    share, square = part / whole, z * z
    centre = share + square / (2 * whole)
    spread = z * math.sqrt(share * (1 - share) / whole + square / (4 * whole * whole))
    denominator = 1 + square / whole
    low, high = (centre - spread) / denominator, (centre + spread) / denominator
    # Exactly 0 and 1 at the ends, where subtraction leaves a last digit.
    return (0.0 if part == 0 else low), (1.0 if part == whole else high)
