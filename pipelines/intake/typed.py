"""One SELECT that types every field of a source file and says, where one fails, which and why.

Belongs here: text -> typed value, and the conditions of rejection. Does not: duplicates and keys (keys.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from data_contracts import Column, Contract
from pipelines.intake.mapping import SourceMapping
from pipelines.intake.reasons import Failure, failure
from pipelines.intake.settings import IntakeSettings
from pipelines.intake.transforms import LOCAL_FORM, Made, made
from pipelines.sql_text import identifier, literal

DATE_FORM = r"\d{4}-\d{2}-\d{2}"
ZONED_FORM = LOCAL_FORM + r"(Z|[+-](0\d|1[0-4])(:?[0-5]\d)?)"
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_TRUE = "('true', 'TRUE', 'True', '1')"
_FALSE = "('false', 'FALSE', 'False', '0')"
CONTROL = r"[\x00-\x08\x0A-\x1F\x7F]"


@dataclass(frozen=True)
class Terms:
    """What an extract of a file is typed by. `known_at` (naive UTC) is the delivery's, None where it is told by row.

    Call detail of days before `detail_from` is rejected: such a day is rolled up for good. None: no day is.
    """

    target: Contract
    mapping: SourceMapping
    file_name: str
    as_of: date
    settings: IntakeSettings
    known_at: datetime | None
    detail_from: date | None


@dataclass
class TypedSelect:
    """The statement and how to read its `_fail` (0, or 1 + position in `failures`) and `_nulled_<i>` columns.

    `nulled` maps a column of ours to its flag column. Output columns are the contract's, typed, then `_fail`.
    """

    sql: str = ""
    failures: list[Failure] = field(default_factory=list)
    nulled: dict[str, str] = field(default_factory=dict)

    def code(self, fails: Failure) -> int:
        """Registers a failure and returns its code."""
        self.failures.append(fails)
        return len(self.failures)


def typed_select(terms: Terms, source: str, *, check_control: bool = False) -> TypedSelect:
    """The SELECT over `source` (a FROM item whose columns are the mapping's header, all VARCHAR).

    A required column that the mapping does not name can't occur (mapping.py refuses it); others are null.
    `check_control` adds the check for control characters that text files went through before.
    """
    target, mapping, out = terms.target, terms.mapping, TypedSelect()
    extract = mapping.extracts[target.name]
    texts, values, results, whens = [], [], [], []
    if check_control:
        for name in mapping.header:
            if name not in mapping.ignored:
                code = out.code(failure("control_character", name))
                texts.append(f"regexp_matches({identifier(name)}, {literal(CONTROL)}) AS _c{code}")
                whens.append(f"WHEN _c{code} THEN {code}")
    for name, reason in extract.require.items():
        code = out.code(failure("required_by_mapping", name, extra=reason.rstrip(".")))
        texts.append(f"coalesce(trim({identifier(name)}), '') = '' AS _c{code}")
        whens.append(f"WHEN _c{code} THEN {code}")
    for i, column in enumerate(target.columns):
        if column.name not in extract.columns:
            results.append(f"CAST(NULL AS {column.physical}) AS {identifier(column.name)}")
            continue
        how = made(column, extract.columns[column.name], mapping.header, terms.as_of, terms.settings.time_zone)
        texts.append(f"nullif({how.text}, '') AS _x{i}")
        if how.unless is not None and how.fails is not None:
            code = out.code(how.fails)
            texts.append(f"({how.unless}) AS _c{code}")
            whens.append(f"WHEN _c{code} THEN {code}")
        if how.local is not None:
            values.append(f"{_fill(how.local, i)} AS _n{i}")
        values.append(f"{_value(column, how, i)} AS _t{i}")
        bad = _conditions(out, column, how, i)
        if column.unusable_becomes_null:
            flag = f"_nulled_{i}"
            out.nulled[column.name] = flag
            wrong = " OR ".join(f"coalesce({condition}, FALSE)" for condition, _ in bad)
            results.append(f"CASE WHEN NOT ({wrong}) THEN _t{i} END AS {identifier(column.name)}")
            results.append(f"({wrong}) AS {flag}")
            continue
        whens += [f"WHEN {condition} THEN {then}" for condition, then in bad]
        results.append(f"_t{i} AS {identifier(column.name)}")
    fail = f"CASE {' '.join(whens)} ELSE 0 END" if whens else "0"
    inner = f"SELECT {', '.join(texts)} FROM {source}"
    middle = f"SELECT *, {', '.join(values)} FROM ({inner})"
    out.sql = f"SELECT {', '.join(results)}, CAST({fail} AS INTEGER) AS _fail FROM ({middle})"
    return out


def plain_numbers(target: Contract, mapping: SourceMapping) -> dict[str, str]:
    """Columns of the source whose digits one of ours keeps as a number, with its name."""
    made_from = mapping.extracts[target.name].columns
    return {
        transform.from_: column.name
        for column in target.columns
        if column.logical in ("integer", "number") and not column.unusable_becomes_null
        and (transform := made_from.get(column.name)) is not None
        and transform.from_ is not None and transform.is_plain
    }  # fmt: skip


def _fill(expression: str, i: int) -> str:
    return expression.replace("{x}", f"_x{i}").replace("{n}", f"_n{i}").replace("{t}", f"_t{i}")


def _value(column: Column, how: Made, i: int) -> str:
    x = f"_x{i}"
    # A plain cast to TIMESTAMP drops the offset in silence, so the cast goes through TIMESTAMPTZ.
    instant = f"make_timestamp(epoch_us(TRY_CAST({x} AS TIMESTAMPTZ)))"
    match column.logical:
        case _ if how.value is not None:
            value = _fill(how.value, i)
        case "integer":
            value = f"TRY_CAST({x} AS {column.physical})"
        case "number":
            value = _where(x, _exact(column), f"TRY_CAST({x} AS {column.physical})")
        case "date":
            value = _where(x, DATE_FORM, f"TRY_CAST({x} AS DATE)")
        case "timestamp":
            value = _where(x, ZONED_FORM, instant)
        case "boolean":
            value = f"CASE WHEN {x} IN {_TRUE} THEN TRUE WHEN {x} IN {_FALSE} THEN FALSE END"
        case _:
            value = x
    return value


def _where(x: str, form: str, value: str) -> str:
    return f"CASE WHEN regexp_full_match({x}, {literal(form)}) THEN {value} END"


def _conditions(out: TypedSelect, column: Column, how: Made, i: int) -> list[tuple[str, str]]:
    """(condition, code expression) of everything that may be wrong with a column, the first that holds decides."""
    x, t, name = f"_x{i}", f"_t{i}", column.name
    bad: list[tuple[str, str]] = []

    def one(reason: str, extra: str = "") -> str:
        return str(out.code(failure(reason, name, extra=extra)))

    def spaced(reason: str, extra: str = "") -> str:
        with_hint = out.code(failure(reason, name, spaces=True, extra=extra))
        return f"CASE WHEN {x} <> trim({x}, chr(32) || chr(9)) THEN {with_hint} ELSE {one(reason, extra)} END"

    if column.required:
        bad.append((f"{x} IS NULL", one("required_missing")))
    unparsed = f"{x} IS NOT NULL AND {t} IS NULL"
    match column.logical:
        case "integer":
            digits = f"regexp_full_match({x}, '-?[0-9]+')"
            bad.append((f"{x} <> CAST({t} AS VARCHAR) AND NOT {digits}", spaced("not_an_integer")))
            range_ = one("out_of_range", extra=column.physical)
            bad.append((unparsed, f"CASE WHEN {digits} THEN {range_} ELSE {spaced('not_an_integer')} END"))
        case "number":
            range_ = one("out_of_range", extra=column.physical)
            decimals = one("too_many_decimals", extra=str(_scale(column)))
            exact = f"WHEN regexp_full_match({x}, {literal(_exact(column))}) THEN {range_}"
            plain = f"WHEN regexp_full_match({x}, '-?[0-9]+(\\.[0-9]+)?') THEN {decimals}"
            bad.append((unparsed, f"CASE {exact} {plain} ELSE {spaced('not_a_decimal')} END"))
        case "date":
            extra = how.extra or "of the form 2024-06-30"
            bad.append((unparsed, spaced("not_a_date", extra=extra)))
        case "timestamp":
            extra = how.extra or "of the form 2024-06-30T23:59:59+08:00"
            local = f"regexp_full_match({x}, {literal(LOCAL_FORM)}) AND TRY_CAST({x} AS TIMESTAMP) IS NOT NULL"
            no_zone = f"WHEN {local} THEN {one('no_zone')}" if how.value is None else ""
            otherwise = spaced("not_a_timestamp", extra=extra)
            bad.append((unparsed, f"CASE {no_zone} ELSE {otherwise} END" if no_zone else otherwise))
            if how.ambiguous is not None:
                condition, fails = how.ambiguous
                bad.append((_fill(condition, i), str(out.code(fails))))
        case "boolean":
            bad.append((unparsed, spaced("not_a_boolean")))
    if column.enum:
        allowed = ", ".join(literal(v) for v in column.enum)
        bad.append((f"{x} NOT IN ({allowed})", spaced("unknown_code", extra=", ".join(column.enum))))
    if column.pattern is not None:
        wrong = f"NOT regexp_matches({x}, {literal(column.pattern)})"
        bad.append(
            (
                wrong,
                _number_form(out, column, x) if _is_number_form(column) else spaced("bad_form", extra=column.pattern),
            )
        )
    bad += _limits(out, column, t)
    return bad


def _scale(column: Column) -> int:
    form = _DECIMAL.fullmatch(column.physical)
    if form is None:
        raise ValueError(f"column {column.name}: a number must be DECIMAL(p,s), not {column.physical}")
    return int(form.group(2))


def _exact(column: Column) -> str:
    # Zeros behind the scale lose nothing.
    return rf"-?[0-9]+(\.[0-9]{{1,{_scale(column)}}}0*)?"


def _is_number_form(column: Column) -> bool:
    return column.is_e164 or column.unusable_becomes_null


def _number_form(out: TypedSelect, column: Column, x: str) -> str:
    hints: Sequence[tuple[str, str]] = (
        (
            r"[0-9.]+[eE]\+?[0-9]+",
            ": an exponent, as spreadsheets write it, has lost digits. Export the column as text",
        ),
        (r"[0-9]{7,15}", ": the plus sign is missing. Deliver the country code with a plus, or map a prefix"),
        (r"\s+.*|.*\s+", ": it has spaces in it or around it. Deliver it without"),
        (r"[^\x00-\x7F]+.*|.*[^\x00-\x7F]+", ": it has full-width or other non-ASCII characters. Deliver plain digits"),
        (r"\+?[0-9]+[-()./ 0-9]+", ": it has separators. Deliver digits only"),
    )
    codes = [(form, out.code(failure("bad_number_form", column.name, extra=hint))) for form, hint in hints]
    cases = " ".join(f"WHEN regexp_full_match({x}, {literal(form)}) THEN {code}" for form, code in codes)
    return f"CASE {cases} ELSE {out.code(failure('bad_number_form', column.name, extra=''))} END"


def _limits(out: TypedSelect, column: Column, t: str) -> list[tuple[str, str]]:
    bad = []
    kind = {"date": "DATE ", "timestamp": "TIMESTAMP "}.get(column.logical, "")
    for limit, sign, reason in ((column.minimum, "<", "below_minimum"), (column.maximum, ">", "above_maximum")):
        if limit is None:
            continue
        because = f": {column.minimum_reason}." if column.minimum_reason else "."
        extra = limit + because if reason == "below_minimum" else limit
        value = f"{kind}{literal(limit)}" if kind else f"CAST({literal(limit)} AS {column.physical})"
        bad.append((f"{t} {sign} {value}", str(out.code(failure(reason, column.name, extra=extra)))))
    return bad
