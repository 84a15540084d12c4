"""What a mapping declares of its files as a whole: how they are written, when known, how numbered.

Belongs here: those declarations and their checks. Does not: columns (mapping.py), applying the rules to a file.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Literal

from pydantic import Field, field_validator, model_validator

from pipelines.intake.strict_yaml import Strict


class Format(Strict):
    """How the text is written. `quote` is '"' or none; a trailer is the last line if it begins with the prefix."""

    delimiter: str = ","
    encoding: Literal["utf-8", "gbk", "gb18030", "big5", "iso-8859-1", "windows-1252"] = "utf-8"
    quote: Literal['"', "none"] = '"'
    header: bool = True
    trailer_prefix: str | None = Field(None, min_length=1)
    parquet: bool = False

    @field_validator("delimiter")
    @classmethod
    def _one_plain_character(cls, value: str) -> str:
        value = "\t" if value in ("\\t", "tab") else value
        if len(value) != 1 or value == '"' or not (value == "\t" or " " < value < "\x7f") or value.isalnum():
            raise ValueError("delimiter must be one ASCII character, no letter, digit, space or quote (or tab)")
        return value


class KnownAt(Strict):
    """From the file's name (`file_name` with a group `date`, optionally `time`, read by `format`) or a fixed date.

    `otherwise: row` takes each record's business date where the name does not match; without it the file is refused.
    """

    file_name: str | None = None
    otherwise: Literal["refuse", "row"] = "refuse"
    format: str | None = None
    date_: date | None = Field(None, alias="date")

    @model_validator(mode="after")
    def _one_way(self) -> KnownAt:
        if (self.file_name is None) == (self.date_ is None):
            raise ValueError("known_at needs either file_name or date")
        if self.file_name is not None:
            try:
                groups = re.compile(self.file_name).groupindex
            except re.error as error:
                raise ValueError(f"known_at.file_name is no regular expression: {error}") from error
            if "date" not in groups:
                raise ValueError("known_at.file_name needs a group (?P<date>…)")
        elif self.format is not None:
            raise ValueError("known_at.format belongs to file_name")
        return self


class Sequence(Strict):
    """Numbers of files: by the group `sequence` (and `stream`) of `file_name`, or by control files alone.

    They run from `first` to `last` and begin anew behind it, in each stream (sender, recipient, switch) by itself.
    """

    file_name: str | None = None
    first: int = Field(1, ge=0)
    last: int = Field(99999, le=10**15)

    @model_validator(mode="after")
    def _can_be_read(self) -> Sequence:
        if self.file_name is not None:
            try:
                groups = re.compile(self.file_name).groupindex
            except re.error as error:
                raise ValueError(f"sequence.file_name is no regular expression: {error}") from error
            if "sequence" not in groups or set(groups) - {"sequence", "stream"}:
                raise ValueError(r"sequence.file_name needs a group (?P<sequence>\d+) and may have one (?P<stream>…)")
        if self.last - self.first < 9:
            raise ValueError("sequence: with fewer than ten numbers a late file can't be told from a new round")
        return self
