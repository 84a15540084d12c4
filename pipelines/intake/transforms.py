"""The SQL expressions that a mapping's transforms stand for, over the text columns of a source file.

Belongs here: the closed list of transforms. Does not: the check of the values they make (typed.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from data_contracts import Column
from pipelines.intake.mapping import ColumnBy, Transform
from pipelines.intake.reasons import Failure, failure
from pipelines.sql_text import identifier, literal

LOCAL_FORM = r"\d{4}-\d{2}-\d{2}[T ]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?"


@dataclass(frozen=True)
class Made:
    """How a column is made. `text` and `unless` are over source columns; the others over `{x}`, the text, and `{n}`.

    `text` is VARCHAR; `value` its typed value where plain parsing is not meant; `local` (`{n}`) a time without zone.
    `unless` is true where the transform itself fails, `fails` why; `extra` completes not_a_date and not_a_timestamp.
    """

    text: str
    value: str | None = None
    local: str | None = None
    unless: str | None = None
    fails: Failure | None = None
    ambiguous: tuple[str, Failure] | None = None  # over {t} (the UTC instant) and {n}
    extra: str = ""


def instant(local: str, zone: str) -> str:
    """The UTC instant, as TIMESTAMP, of a local time in a zone."""
    return f"make_timestamp(epoch_us(timezone({literal(zone)}, {local})))"


def local_time(utc: str, zone: str) -> str:
    """The local time, as TIMESTAMP, of a UTC instant."""
    return f"timezone({literal(zone)}, timezone('UTC', {utc}))"


def made(column: Column, transform: Transform, header: Sequence[str], as_of: date, time_zone: str) -> Made:
    """The expressions for one column of ours. `time_zone` is the operator's."""
    if transform.constant is not None:
        return Made(literal(transform.constant))
    if transform.months_before_as_of is not None:
        return _months(column, transform, transform.months_before_as_of, as_of, time_zone)
    if transform.digest_of_row is not None:
        names = header if transform.digest_of_row == "true" else transform.digest_of_row
        row = " || chr(31) || ".join(f"coalesce({identifier(n)}, '')" for n in names)
        return Made(f"{literal(transform.prefix or '')} || left(sha256({row}), 32)")
    if transform.column_by is not None:
        return _column_by(transform, transform.column_by)
    return _from(column, transform, transform.from_ or "")


def _column_by(transform: Transform, by: ColumnBy) -> Made:
    code = identifier(by.column)
    cases = " ".join(f"WHEN {literal(value)} THEN {identifier(name)}" for value, name in by.codes.items())
    return Made(
        _prefixed(f"CASE {code} {cases} END", transform),
        unless=f"{code} IS NULL OR {code} NOT IN ({_list(by.codes)})",
        fails=failure("unknown_code", by.column, extra=", ".join(by.codes)),
    )


def _from(column: Column, transform: Transform, name: str) -> Made:
    source = identifier(name)
    if transform.codes is not None:
        return _codes(source, name, transform.codes, transform.otherwise or "refuse")
    if transform.date_format is not None or transform.zone is not None:
        return _time(source, column, transform)
    return Made(_prefixed(source, transform))


def _list(values: Sequence[str] | dict[str, str]) -> str:
    return ", ".join(literal(v) for v in values)


def _prefixed(text: str, transform: Transform) -> str:
    if transform.prefix is None:
        return text
    added = f"{literal(transform.prefix)} || {text}"  # null stays null
    if transform.when_length is None:
        return added
    return f"CASE WHEN length({text}) = {transform.when_length} THEN {added} ELSE {text} END"


def _codes(source: str, name: str, codes: dict[str, str], otherwise: str) -> Made:
    cases = " ".join(f"WHEN {literal(code)} THEN {literal(value)}" for code, value in codes.items())
    text = f"CASE {source} {cases} {'ELSE ' + source if otherwise == 'keep' else ''} END"
    if otherwise != "refuse":
        return Made(text)
    return Made(
        text,
        unless=f"{source} IS NOT NULL AND {source} NOT IN ({_list(codes)})",
        fails=failure("unknown_code", name, extra=", ".join(codes)),
    )


def _time(source: str, column: Column, transform: Transform) -> Made:
    form = transform.date_format
    if form is not None and (column.logical == "date" or transform.zone is None):
        parsed = f"try_strptime({{x}}, {literal(form)})"
        value = f"CAST({parsed} AS DATE)" if column.logical == "date" else f"make_timestamp(epoch_us({parsed}))"
        return Made(source, value=value, extra=f"of the form {form}")
    zone = transform.zone or ""
    if form is not None:
        local = f"try_strptime({{x}}, {literal(form)})"
    else:
        local = f"CASE WHEN regexp_full_match({{x}}, {literal(LOCAL_FORM)}) THEN TRY_CAST({{x}} AS TIMESTAMP) END"
    value = instant("{n}", zone)
    here = local_time("{t}", zone)
    # A change of clocks moves them by up to two hours (Troll station); a twin instant shows the same local time.
    steps = [f"{sign} INTERVAL {minutes} MINUTE" for minutes in (30, 60, 120) for sign in "+-"]
    twins = " OR ".join(f"{local_time(f'({{t}} {s})', zone)} = {{n}}" for s in steps)
    ambiguous = (f"{here} <> {{n}} OR {twins}", failure("ambiguous_local_time", column.name, extra=zone))
    shape = f"of the form {form}" if form is not None else "of the form 2024-06-30 23:59:59"
    return Made(source, value=value, local=local, ambiguous=ambiguous, extra=shape)


def _months(column: Column, transform: Transform, months: str, as_of: date, time_zone: str) -> Made:
    text = literal(months) if months.lstrip("-").isdigit() else identifier(months)
    is_number = f"regexp_full_match({text}, '-?[0-9][0-9]?[0-9]?[0-9]?')"
    number = f"CASE WHEN {is_number} THEN CAST({text} AS INTEGER) END"
    day = f"CAST(DATE {literal(as_of.isoformat())} - to_months({number}) AS DATE)"
    by_kind = {
        "month_start": f"CAST(date_trunc('month', {day}) AS DATE)",
        "month_end": f"last_day({day})",
        "month": f"strftime({day}, '%Y-%m')",
    }
    value = None
    if column.logical == "date":
        value = "CAST({x} AS DATE)"
    elif column.logical == "timestamp":
        value = instant("CAST({x} AS TIMESTAMP)", time_zone)
    return Made(
        f"CAST({by_kind.get(transform.as_ or 'date', day)} AS VARCHAR)",
        value=value,
        unless=f"{text} IS NOT NULL AND NOT {is_number}",
        fails=failure("not_an_integer", months),
    )
