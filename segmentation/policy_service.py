"""The policy's sections about how a customer is served: lists, retention plays and usage hints.
How they are applied belongs in tiers.py and plays.py."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from segmentation.policy_types import Amount, Name, Names, Reasoned, Section, Text

Stage = Literal["identification", "growth", "stable", "warning"]


class ListRule(Reasoned):
    """What standing on a list does to the tier: at least that good, at most that good, or nothing (null)."""

    at_least: Name | None = None
    at_most: Name | None = None


class Lists(Section):
    """The three lists; where two of them apply and disagree, the one named earlier in `precedence` wins."""

    red: ListRule = ListRule()
    black: ListRule = ListRule()
    vip: ListRule = ListRule()
    precedence: Annotated[tuple[Literal["red", "black", "vip"], ...], Field(strict=False)] = ("black", "red", "vip")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if sorted(self.precedence) != ["black", "red", "vip"]:
            raise ValueError(f"precedence {list(self.precedence)} must name red, black and vip once each")
        return self

    @property
    def service_list_precedence(self) -> tuple[str, ...]:
        """Red and black, the winning one first: which entry counts when both are valid."""
        return tuple(name for name in self.precedence if name != "vip")


class Play(Reasoned):
    """What to do for customers of a cell of tier × stage × brand; a key that is left out means all of them."""

    tiers: Names | None = None
    stages: Annotated[tuple[Stage, ...], Field(strict=False, min_length=1)] | None = None
    brands: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)] | None = None
    play: Name


class Hint(Reasoned):
    """A plan for the agent to mention when a month's mean of a measure reaches `from`.

    Amounts are in the policy's currency, from bills; the others in seconds and bytes, from usage.
    """

    name: Name
    measure: Literal[
        "long_distance_amount",
        "roaming_amount",
        "long_distance_seconds",
        "roaming_seconds",
        "voice_seconds",
        "data_bytes",
    ]
    from_: Amount = Field(alias="from")
    plan: Text
