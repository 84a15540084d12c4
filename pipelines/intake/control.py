"""The control file beside a delivery (<file name>.ctl): how many records, which totals, known when.

Belongs here: reading it and holding the file against it. Does not: counting lines.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import duckdb
import yaml
from pydantic import Field, ValidationError, field_validator

from pipelines.intake.opened import errors_without_data
from pipelines.intake.refusal import IntakeRefusal
from pipelines.intake.strict_yaml import Strict, explain, load_text
from pipelines.sql_text import identifier

# Ten decimals and 28 digits before them: far beyond any amount, and exact.
_SUM_TYPE = "DECIMAL(38,10)"
_MOST_BYTES = 256 * 1024
_NUMBER = r"-?[0-9]{1,27}(\.[0-9]{1,10})?"


class Control(Strict):
    """What the sender says of a file. `totals` are exact decimals as text, by source column."""

    records: int | None = Field(None, ge=0)
    known_at: str | None = None
    sha256: str | None = None
    sequence: int | None = Field(None, ge=0, le=10**15)
    stream: str | None = Field(None, min_length=1, max_length=100)
    totals: dict[str, str] = Field(default_factory=dict)

    @field_validator("totals")
    @classmethod
    def _decimals(cls, totals: dict[str, str]) -> dict[str, str]:
        for column, total in totals.items():
            if re.fullmatch(_NUMBER, total) is None:
                raise ValueError(f"the total of {column} is no plain decimal number")
        return totals


def read_control(path: Path, file_name: str) -> Control | None:
    """The control file of the data file at `path`, or None. Raises IntakeRefusal if it is there and unreadable."""
    beside = controls_beside(path)
    if not beside:
        return None
    if not beside[0].is_file():  # a pipe would block
        raise _unreadable(file_name, "it is a folder, a pipe, or a link that leads nowhere")
    if beside[0].stat().st_size > _MOST_BYTES:
        raise _unreadable(file_name, f"it has more than {_MOST_BYTES} bytes")
    try:
        document = load_text(beside[0].read_text(encoding="utf-8"))
        return Control.model_validate({} if document in (None, "") else document)
    except ValidationError as error:
        raise _unreadable(file_name, explain(error)) from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise _unreadable(file_name, "it is no YAML text in UTF-8") from error


def controls_beside(path: Path) -> list[Path]:
    """The control files that stand beside a file; more than one is a fault."""
    # lexists: a name as long as names may be leaves no room for .ctl, which is an error elsewhere.
    return [p for p in (path.with_name(path.name + ".ctl"), path.with_name(path.name + ".CTL")) if os.path.lexists(p)]


def _unreadable(file_name: str, why: str) -> IntakeRefusal:
    return IntakeRefusal(
        f"{file_name}.ctl",
        "control_unreadable",
        why,
        "Its keys are records, known_at, sha256, sequence, stream and totals, see docs/sources.md.",
    )


def require_digest(control: Control, digest: str, file_name: str) -> None:
    """Raises IntakeRefusal unless the digest is the announced one."""
    if control.sha256 is not None and control.sha256.lower() != digest:
        raise _mismatch(file_name, "sha256", control.sha256.lower(), digest)


def require_records(control: Control, records: int, file_name: str) -> None:
    """Raises IntakeRefusal unless there are as many data records (no header, trailer, blank lines) as announced."""
    if control.records is not None and control.records != records:
        raise _mismatch(file_name, "records", str(control.records), str(records))


def require_totals(
    con: duckdb.DuckDBPyConnection,
    control: Control,
    header: tuple[str, ...],
    file_name: str,
    *,
    text_sums: Callable[[Sequence[str]], Sequence[Decimal]],
    typed: Mapping[str, tuple[str, str]] | None = None,
) -> None:
    """Holds the announced totals against all records of the file, exactly; `text_sums` adds up columns of its text.

    Every record that could be split into fields counts, rejected and duplicate ones too, if its field is a plain
    decimal number. Raises IntakeRefusal at the first total that differs or names no column.

    `typed` says for a file whose rows have no fault where a column of it stands as plain numbers (table, column): if
    those add up, the text is not read again.
    """
    for column in control.totals:
        if column not in header:
            raise _unreadable(file_name, f"totals names {column!r}, which is no column of the file")
    if not control.totals or _adds_up(con, control, typed or {}):
        return
    for (column, expected), found in zip(control.totals.items(), text_sums(list(control.totals)), strict=True):
        if Decimal(expected) != found:
            raise _mismatch(file_name, f"the total of {column}", expected, f"{found.normalize():f}")


def sums_of_text(
    con: duckdb.DuckDBPyConnection, columns: Sequence[str], source: str, file_name: str
) -> tuple[Decimal, ...]:
    """The plain decimal numbers of each column of `source` (a FROM item of text columns), added up exactly."""
    sums = ", ".join(
        f"coalesce(sum(CASE WHEN regexp_full_match({c}, $form) THEN CAST({c} AS {_SUM_TYPE}) END), 0)"
        for c in map(identifier, columns)
    )
    with errors_without_data(file_name):
        return tuple(con.execute(f"SELECT {sums} FROM {source}", {"form": _NUMBER}).fetchall()[0])


def _adds_up(con: duckdb.DuckDBPyConnection, control: Control, typed: Mapping[str, tuple[str, str]]) -> bool:
    for column, expected in control.totals.items():
        if column not in typed:
            return False
        table, name = typed[column]
        if con.execute(f"SELECT coalesce(sum({identifier(name)}), 0) FROM {table}").fetchall() != [
            (Decimal(expected),)
        ]:
            return False
    return True


def _mismatch(file_name: str, what: str, expected: str, found: str) -> IntakeRefusal:
    return IntakeRefusal(
        file_name,
        "control_mismatch",
        f"{what}: the control file says {expected}, the file has {found}",
        "Deliver the file again, or its control file if that is wrong.",
    )
