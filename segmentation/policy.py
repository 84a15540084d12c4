"""The policy: every number and rule that an operator decides, typed, frozen and fingerprinted.
Its sections are in policy_value.py, policy_moves.py, policy_stages.py, policy_retention.py and policy_service.py;
here is the whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from segmentation.policy_moves import Moves, Provisional
from segmentation.policy_retention import Lifetime, Retention
from segmentation.policy_rules import canonical, descending
from segmentation.policy_service import Hint, Lists, Play
from segmentation.policy_stages import Churn, Lifecycle
from segmentation.policy_text import PolicyError, policy_error, read_yaml
from segmentation.policy_types import Name, Section, Text
from segmentation.policy_value import (
    FULL_SCORE,
    MEASURES,
    MONEY_MEASURES,
    Arpu,
    Credit,
    Eligibility,
    Grade,
    Limit,
    Tier,
    Value,
)

__all__ = ["BASE", "MEASURES", "PRESETS", "Policy", "Segment", "preset", "read_policy"]

PRESETS = ("default", "quantile", "pareto", "star", "gotone_2025", "power_utility")
BASE = "base"
# What a segment may decide for itself. The rest is one for all: names, currency, lists, churn, whose history is counted
# over everybody, and what rests on it (lifetime, retention).
SEGMENT_SECTIONS = (
    *("arpu", "credit", "value", "tiers", "eligibility", "limits", "spend_grade"),
    *("moves", "provisional", "lifecycle", "plays", "hints"),
)


@dataclass(frozen=True)
class Segment:
    """Customers of some brands and payment types (empty: any) and the policy that decides for them."""

    name: str
    brands: tuple[str, ...]
    payment_types: tuple[str, ...]
    policy: Policy


class SegmentRule(Section):
    """A segment as it is written: whom it is for, and the sections that replace the policy's own."""

    name: Name
    brands: Annotated[tuple[Text, ...], Field(strict=False)] = ()
    payment_types: Annotated[tuple[str, ...], Field(strict=False)] = ()
    policy: dict[str, Any]

    @field_validator("payment_types")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for payment_type in value:
            if payment_type not in ("postpaid", "prepaid"):
                raise ValueError(f"payment type '{payment_type}' is neither postpaid nor prepaid")
        return value

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.name == BASE:
            raise ValueError(f"the name {BASE} is taken by everybody whom no segment takes; choose another")
        if not self.brands and not self.payment_types:
            raise ValueError("a segment names brands, payment_types or both; everybody else is the policy itself")
        foreign = [key for key in self.policy if key not in SEGMENT_SECTIONS]
        if foreign:
            raise ValueError(
                f"{', '.join(foreign)} can't be a segment's; one policy has one of it. A segment may have "
                f"{', '.join(SEGMENT_SECTIONS)}"
            )
        return self


class Policy(Section):
    """Everything that an operator decides about tiers; made by `read_policy`, never changed afterwards."""

    name: Name
    version: Name
    owner: Annotated[str, Field(min_length=1)]
    currency: Annotated[str | None, Field(pattern=r"^[A-Z]{3}$")] = None
    arpu: Arpu = Arpu()
    credit: Credit
    value: Value
    tiers: Annotated[tuple[Tier, ...], Field(strict=False, min_length=1)]
    eligibility: Eligibility | None = None
    limits: Annotated[tuple[Limit, ...], Field(strict=False)] = ()
    spend_grade: Annotated[tuple[Grade, ...], Field(strict=False)] = ()
    moves: Moves = Moves()
    provisional: Provisional | None = None
    lists: Lists = Lists()
    lifecycle: Lifecycle
    plays: Annotated[tuple[Play, ...], Field(strict=False)] = ()
    hints: Annotated[tuple[Hint, ...], Field(strict=False)] = ()
    churn: Churn
    lifetime: Lifetime = Lifetime()
    retention: Retention = Retention()
    segment_rules: Annotated[tuple[SegmentRule, ...], Field(strict=False, alias="segments")] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        descending("tiers", "min_score", [(tier.name, tier.min_score) for tier in self.tiers])
        if self.value.weighted and self.tiers[0].min_score > FULL_SCORE:
            raise ValueError(
                f"tiers: '{self.tiers[0].name}' begins at {self.tiers[0].min_score}, and weighted scores end at 100"
            )
        if self.spend_grade:
            descending("spend_grade", "from", [(grade.name, grade.from_) for grade in self.spend_grade])
        if self.currency is None and (section := next(self._sections_of_money(), None)):
            raise ValueError(f"{section} has amounts, and no currency says of what: add `currency: CNY` (or yours)")
        for key, tier in self._tiers_named():
            if tier not in self.tier_names:
                raise ValueError(f"{key}: no tier is called '{tier}'; use one of {', '.join(self.tier_names)}")
        self._lists_agree()
        if self.lifecycle.warning.top_churn_band and len(self.churn.bands) < 2:
            raise ValueError(
                "lifecycle.warning.top_churn_band is on and churn.bands has one band, so that everybody would be in "
                "stage warning; add a band or switch the rule off"
            )
        bands = [band.name for band in self.churn.bands]
        for band in self.retention.risk_bands or ():
            if band not in bands:
                raise ValueError(f"retention.risk_bands: no band is called '{band}'; use one of {', '.join(bands)}")
        self._segments_agree()
        return self

    def _sections_of_money(self) -> Iterator[str]:
        for measure, dimension in self.value.dimensions.items():
            if measure in MONEY_MEASURES and dimension.amounts:
                yield f"value.{measure}"
        if self.spend_grade:
            yield "spend_grade"
        if self.provisional is not None:
            yield "provisional"
        if self.retention.min_value_at_risk.value:
            yield "retention.min_value_at_risk"
        yield from (f"hints: {hint.name}" for hint in self.hints if hint.measure.endswith("_amount"))

    def _tiers_named(self) -> Iterator[tuple[str, str]]:
        for name in ("red", "black", "vip"):
            rule = getattr(self.lists, name)
            for bound in ("at_least", "at_most"):
                if getattr(rule, bound) is not None:
                    yield f"lists.{name}.{bound}", getattr(rule, bound)
        if self.eligibility is not None:
            yield "eligibility.otherwise", self.eligibility.otherwise
        for number, limit in enumerate(self.limits, start=1):
            yield f"limits[{number}].at_most", limit.at_most
        if self.provisional is not None:
            yield "provisional.tier", self.provisional.tier
        for number, quota in enumerate(self.retention.quotas, start=1):
            yield f"retention.quotas[{number}].tier", quota.tier
        for number, play in enumerate(self.plays, start=1):
            for tier in play.tiers or ():
                yield f"plays[{number}].tiers", tier

    def _lists_agree(self) -> None:
        for name in ("red", "black", "vip"):
            rule = getattr(self.lists, name)
            if rule.at_least is None or rule.at_most is None:
                continue
            if self.position(rule.at_least) < self.position(rule.at_most):
                raise ValueError(
                    f"lists.{name}: at least {rule.at_least} and at most {rule.at_most} contradict; drop one of them"
                )

    def _segments_agree(self) -> None:
        names = [rule.name for rule in self.segment_rules]
        for segment in self.segments[:-1]:
            if names.count(segment.name) > 1:
                raise ValueError(f"segments: '{segment.name}' is named twice; names must differ")
            if segment.policy.tier_names != self.tier_names:
                raise ValueError(
                    f"segments: '{segment.name}' has the tiers {', '.join(segment.policy.tier_names)}, the policy "
                    f"{', '.join(self.tier_names)}; callers are served by one ladder: use the same names in one order"
                )

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """Who is decided for by which policy: the first that matches; the last one, `base`, matches everybody.

        Raises PolicyError that lists the faults of a segment's sections.
        """
        whole = self.model_dump(by_alias=True, exclude_unset=True)
        whole.pop("segments", None)
        segments = []
        for rule in self.segment_rules:
            try:
                policy = Policy.model_validate(whole | rule.policy)
            except ValidationError as error:
                raise policy_error(error, f"segment {rule.name}") from error
            segments.append(Segment(rule.name, rule.brands, rule.payment_types, policy))
        return (*segments, Segment(BASE, (), (), self))

    @property
    def tier_names(self) -> tuple[str, ...]:
        """Tier names, best first; a tier's flag is its position from 1."""
        return tuple(tier.name for tier in self.tiers)

    def position(self, tier: str) -> int:
        """The flag of a tier: 1 is best."""
        return self.tier_names.index(tier) + 1

    @property
    def label(self) -> str:
        """`name@version`, as it stands in every scored row."""
        return f"{self.name}@{self.version}"

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the content with defaults filled in; comments, key order and 1 vs 1.0 don't matter."""
        return hashlib.sha256(
            json.dumps(self.content, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
        ).hexdigest()

    @property
    def content(self) -> dict[str, Any]:
        """The policy as plain JSON values with defaults filled in: what the fingerprint is taken of."""
        content: dict[str, Any] = canonical(self.model_dump(by_alias=True))
        content["segments"] = [
            {**canonical(rule.model_dump(by_alias=True)), "policy": segment.policy.content_of(rule.policy)}
            for rule, segment in zip(self.segment_rules, self.segments, strict=False)
        ]
        return content

    def content_of(self, sections: dict[str, Any]) -> dict[str, Any]:
        """The plain values of some sections only."""
        return {name: value for name, value in self.content.items() if name in sections}


@lru_cache(maxsize=16)
def read_policy(text: bytes, source: str = "(unnamed)") -> Policy:
    """Parse and check a policy's YAML; `source` (a file's name, say) only stands in error messages. The same text gives
    the same object: a policy can't change, and each step of a night asks for it.

    Raises PolicyError that lists every fault: which key, what is wrong, the cure.
    """
    content = read_yaml(text, source)
    try:
        return Policy.model_validate(content)
    except ValidationError as error:
        raise policy_error(error, source) from error


def preset(name: str) -> bytes:
    """YAML text of a policy that ships with the package: one of PRESETS. Raises PolicyError for another name."""
    if name not in PRESETS:
        raise PolicyError(f"no preset policy is called '{name}'; there are {', '.join(PRESETS)}")
    return (resources.files("segmentation") / "policies" / f"{name}.yaml").read_bytes()
