"""Rules that several sections of a policy share, worded for its author, and the canonical form of its content.
A rule that holds for one section only stands with that section in policy.py."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from itertools import pairwise
from typing import Any


def sums_to_one(weights: dict[str, Decimal]) -> None:
    """Raise ValueError unless the weights sum to 1 exactly."""
    total = sum(weights.values(), Decimal(0))
    if total != 1:
        listed = " + ".join(f"{key} {weight}" for key, weight in weights.items())
        raise ValueError(f"weights must sum to 1 exactly; {listed} = {total}")


def descending(section: str, key: str, levels: list[tuple[str, Decimal]]) -> None:
    """Raise ValueError unless levels (name, number) have different names, descend, and end at 0."""
    names = [name for name, _ in levels]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{section}: '{name}' is named twice; names must differ")
    for (above, high), (below, low) in pairwise(levels):
        if high <= low:
            raise ValueError(
                f"{section} are not ordered: '{below}' ({key} {low}) follows '{above}' ({key} {high}); "
                "list them highest first"
            )
    if levels[-1][1] != 0:
        raise ValueError(
            f"{section}: the last one, '{levels[-1][0]}', must have {key} 0, so that everybody has a place"
        )


def canonical(value: Any) -> Any:
    """Content as plain JSON values that do not depend on how numbers and dates were written."""
    if isinstance(value, dict):
        return {str(key): canonical(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [canonical(item) for item in value]
    if isinstance(value, Decimal):
        return format(value.normalize(), "f") if value else "0"
    return value.isoformat() if isinstance(value, dt.date) else value
