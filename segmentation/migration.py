"""What a change of policy does to one customer: from which tier to which, better or worse, and why.
Counting customers belongs in pipelines/simulation; what the policies say differently, in policy_diff.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest

import polars as pl

from segmentation.columns import SCORE, Dtype, check_columns
from segmentation.policy import MEASURES, Policy
from segmentation.tiers import plain_flag

_SCORED: Mapping[str, Dtype] = {
    "policy_segment": pl.String(),
    "tier": pl.String(),
    "value_tier": pl.String(),
    "score_tier": pl.String(),
    **{f"{measure}_part": SCORE for measure in MEASURES},
    "value_score": SCORE,
}
PAIRS: Mapping[str, Dtype] = {f"{side}_{name}": kind for side in ("before", "after") for name, kind in _SCORED.items()}
"""A customer's scores under both policies, as `migration` takes them."""

MIGRATION: Mapping[str, Dtype] = {
    "before_place": pl.Int16(),
    "after_place": pl.Int16(),
    "direction": pl.String(),
    "cause": pl.String(),
}
"""What `migration` says of each customer."""

CAUSES: Mapping[str, str] = {
    "arpu": "ARPU earns other points or weighs otherwise",
    "spend": "the window's spend earns other points or weighs otherwise",
    "tenure": "tenure earns other points or weighs otherwise",
    "credit": "credit earns other points or weighs otherwise",
    "mou": "minutes of use earn other points or weigh otherwise",
    "thresholds": "the tiers begin at other scores",
    "eligibility": "eligibility or a limit decides otherwise",
    "moves": "the tier is held, or lost, by other rules",
    "lists": "a list, an override or the provisional tier decides otherwise",
}


@dataclass(frozen=True)
class Rung:
    """One place on the common ladder of two policies: the tier's name in each, None where it has no such tier."""

    before: str | None
    after: str | None

    @property
    def label(self) -> str:
        """The name; both where the tier is renamed."""
        names = dict.fromkeys(name for name in (self.before, self.after) if name is not None)
        return " → ".join(names)


def ladder(before: tuple[str, ...], after: tuple[str, ...]) -> tuple[Rung, ...]:
    """Both policies' tiers (best first) on one ladder, so that a move between ladders has a direction.

    A name that both have is one place. Between two such places other names are paired from the best down, as tiers
    that were renamed; what has no counterpart is a place of its own.
    """
    rungs: list[Rung] = []
    for what, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        pairs = zip(before[i:j], after[k:m], strict=True) if what == "equal" else zip_longest(before[i:j], after[k:m])
        rungs += [Rung(old, new) for old, new in pairs]
    return tuple(rungs)


def migration(pairs: pl.DataFrame, rungs: tuple[Rung, ...], after: Policy) -> pl.DataFrame:
    """`pairs` (columns PAIRS and any others) with the columns MIGRATION: places on the ladder (0 is best), direction,
    which is up, down or stays, and cause, null for who stays.

    The cause is one of CAUSES: `lists` where the tier by value stays; `moves` where the night's own score gives the
    same tier as before; `thresholds` where the score of before would reach the new tier too; otherwise the part of the
    score that pushed furthest that way, or `eligibility` where none did. Raises ColumnsError.
    """
    check_columns(pairs, PAIRS, "simulation.pairs")
    was = {rung.before: place for place, rung in enumerate(rungs) if rung.before is not None}
    will = {rung.after: place for place, rung in enumerate(rungs) if rung.after is not None}
    flags = {flag: will[name] for flag, name in enumerate(after.tier_names, start=1)}
    return (
        pairs.with_columns(
            before_place=_place("before_tier", was),
            after_place=_place("after_tier", will),
            _before=_place("before_value_tier", was),
            _after=_place("after_value_tier", will),
            _before_score=_place("before_score_tier", was),
            _after_score=_place("after_score_tier", will),
            value_score=pl.col("before_value_score"),
        )
        .with_columns(
            _old_score=_flag_by_segment(after).replace_strict(flags, return_dtype=pl.Int16),
            _sign=(pl.col("before_place") - pl.col("after_place")).sign(),
        )
        .with_columns(
            direction=pl.when(pl.col("_sign") > 0)
            .then(pl.lit("up"))
            .when(pl.col("_sign") < 0)
            .then(pl.lit("down"))
            .otherwise(pl.lit("stays")),
            cause=pl.when(pl.col("_sign") != 0).then(_cause()),
        )
        .drop("_before", "_after", "_before_score", "_after_score", "_old_score", "_sign", "value_score")
    )


def _flag_by_segment(after: Policy) -> pl.Expr:
    """The position that the score of before gives under the new tiers of the customer's segment."""
    flag = plain_flag(after)
    for segment in after.segments:
        flag = pl.when(pl.col("after_policy_segment") == segment.name).then(plain_flag(segment.policy)).otherwise(flag)
    return flag


def _place(column: str, places: Mapping[str, int]) -> pl.Expr:
    return pl.col(column).replace_strict(places, return_dtype=pl.Int16)


def _cause() -> pl.Expr:
    sign = pl.col("_sign")
    # Positive: that way. The old score gets at least as far as the customer does.
    old, new = pl.col("_old_score"), pl.col("_after_score")
    enough = (pl.col("_before_score") != old) & ((new - old) * sign >= 0)
    pushes = {m: (pl.col(f"after_{m}_part") - pl.col(f"before_{m}_part")) * sign for m in MEASURES}
    furthest = pl.max_horizontal(*pushes.values())
    cause = pl.lit("eligibility")
    for measure in reversed(MEASURES):  # of equal pushes the first measure is named
        cause = pl.when((furthest > 0) & (pushes[measure] == furthest)).then(pl.lit(measure)).otherwise(cause)
    return (
        pl.when(pl.col("_before") == pl.col("_after"))
        .then(pl.lit("lists"))
        .when(pl.col("_before_score") == pl.col("_after_score"))
        .then(pl.lit("moves"))
        .when(enough)
        .then(pl.lit("thresholds"))
        .otherwise(cause)
    )
