"""The kinds of value that a policy is made of: exact numbers, thresholds with a reason, sections without typos.
No section of the policy is defined here, only what all sections share."""

from __future__ import annotations

import datetime as dt
import difflib
from decimal import Decimal
from typing import Annotated, Any, Generic, Self, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

T = TypeVar("T")


def decimals(number: Decimal) -> int:
    """Digits after the point that `number` needs (0.350 needs 2)."""
    return max(0, -int(number.normalize().as_tuple().exponent))


def _number(value: object) -> object:
    # Text and binary floats are refused: neither says exactly which number is meant.
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError(f"expected a plain number such as 30 or 0.35; found {value!r}")
    return Decimal(value)


def _at_most_decimals(limit: int) -> AfterValidator:
    def check(number: Decimal) -> Decimal:
        if decimals(number) > limit:
            raise ValueError(f"{number} has more than {limit} decimals; round it")
        return number

    return AfterValidator(check)


Exact = Annotated[Decimal, BeforeValidator(_number)]
Points = Annotated[Exact, Field(ge=0, lt=Decimal(10) ** 7), _at_most_decimals(4)]
Rate = Annotated[Exact, Field(gt=0, le=10_000), _at_most_decimals(4)]
Percent = Annotated[Exact, Field(ge=0, le=100), _at_most_decimals(4)]
Amount = Annotated[Exact, Field(ge=0, lt=Decimal(10) ** 11), _at_most_decimals(4)]
Share = Annotated[Exact, Field(ge=0, le=1), _at_most_decimals(6)]
Weight = Annotated[Exact, Field(ge=0, le=1), _at_most_decimals(4)]
Ratio = Annotated[Exact, Field(gt=0, le=100), _at_most_decimals(1)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=40)]
Text = Annotated[str, Field(min_length=1, max_length=200)]
Days = Annotated[int, Field(ge=1, le=366)]
Months = Annotated[int, Field(ge=1, le=1200)]
YearMonths = Annotated[int, Field(ge=0, le=60)]
Names = Annotated[tuple[Name, ...], Field(strict=False, min_length=1)]


class Section(BaseModel):
    """A frozen part of the policy; a key that it does not know is refused with the nearest known name."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=False)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, content: Any) -> Any:
        if not isinstance(content, dict):
            return content
        known = [field.alias or name for name, field in cls.model_fields.items()]
        faults = []
        for key in content:
            if key not in known:
                near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
                cure = f"did you mean '{near[0]}'?" if near else f"known here: {', '.join(known)}"
                faults.append(f"unknown key '{key}': {cure}")
        if faults:
            raise ValueError("; ".join(faults))
        return content


class Reasoned(Section):
    """A section that may say why its numbers are what they are, and since when."""

    reason: str | None = None
    date: dt.date | None = None


class Threshold(Reasoned, Generic[T]):
    """A number written bare (`30`) or with its grounds (`{value: 30, reason: …, date: 2026-01-01}`)."""

    value: T

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, content: Any) -> Any:
        return content if isinstance(content, dict | Threshold) else {"value": content}

    @classmethod
    def of(cls, value: T) -> Self:
        """The threshold without grounds, for defaults."""
        return cls.model_validate({"value": value})
