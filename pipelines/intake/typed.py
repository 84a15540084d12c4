"""One SELECT that types every field of a source file and says, where one fails, which and why.

Belongs here: text -> typed value, and the conditions of rejection. Does not: duplicates and keys (keys.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal

from data_contracts import Column, Contract
from pipelines.intake.mapping import SourceMapping
from pipelines.intake.reasons import Failure, failure
from pipelines.intake.settings import IntakeSettings
from pipelines.intake.transforms import LOCAL_FORM, Made, made
from pipelines.sql_text import identifier, literal

DATE_FORM = r"\d{4}-\d{2}-\d{2}"
_INTEGER_FORM = "-?[0-9]+"
ZONED_FORM = LOCAL_FORM + r"(Z|[+-](0\d|1[0-4])(:?[0-5]\d)?)"
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
# As many digits as every number of so many has room for.
_SAFE_DIGITS = {"INTEGER": 9, "BIGINT": 18}
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


@dataclass(frozen=True)
class Fault:
    """What may be wrong with a field: where `condition` is true, `code` (an expression) says what.

    `beside_form` is what remains to be asked of a field that has its column's form, None: nothing.
    """

    condition: str
    code: str
    beside_form: str | None


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


def typed_select(terms: Terms, source: str, *, is_parquet: bool = False) -> TypedSelect:
    """The SELECT over `source` (a FROM item whose columns are the mapping's header, all VARCHAR).

    A required column that the mapping does not name can't occur (mapping.py refuses it); others are null. Fields of a
    text file were looked through for control characters before, and are null where they are empty: of Parquet both are
    done here.
    """
    target, mapping, out = terms.target, terms.mapping, TypedSelect()
    extract = mapping.extracts[target.name]
    texts, values, results = [], [], []
    faults: list[Fault] = []
    forms: dict[str, str] = {}
    null_if_empty = frozenset() if is_parquet else frozenset(map(identifier, mapping.header))
    if is_parquet:
        for name in mapping.header:
            if name not in mapping.ignored:
                code = out.code(failure("control_character", name))
                texts.append(f"regexp_matches({identifier(name)}, {literal(CONTROL)}) AS _c{code}")
                faults.append(_beside(f"_c{code}", str(code)))
    for name, reason in extract.require.items():
        code = out.code(failure("required_by_mapping", name, extra=reason.rstrip(".")))
        texts.append(f"coalesce(trim({identifier(name)}), '') = '' AS _c{code}")
        faults.append(_beside(f"_c{code}", str(code)))
    for i, column in enumerate(target.columns):
        if column.name not in extract.columns:
            results.append(f"CAST(NULL AS {column.physical}) AS {identifier(column.name)}")
            continue
        how = made(column, extract.columns[column.name], mapping.header, terms.as_of, terms.settings.time_zone)
        text = how.text if how.text in null_if_empty else f"nullif({how.text}, '')"
        texts.append(f"{text} AS _x{i}")
        if how.unless is not None and how.fails is not None:
            code = out.code(how.fails)
            texts.append(f"({how.unless}) AS _c{code}")
            faults.append(_beside(f"_c{code}", str(code)))
        if how.local is not None:
            values.append(f"{_fill(how.local, i)} AS _n{i}")
        values.append(f"{_value(column, how, i)} AS _t{i}")
        found = _faults(out, column, how, i)
        if column.unusable_becomes_null:
            flag = f"_nulled_{i}"
            out.nulled[column.name] = flag
            wrong = " OR ".join(f"coalesce({fault.condition}, FALSE)" for fault in found)
            results.append(f"CASE WHEN NOT ({wrong}) THEN _t{i} END AS {identifier(column.name)}")
            results.append(f"({wrong}) AS {flag}")
            continue
        form = _form(column, how)
        if form is not None and (short := _short_number(column)) is not None:
            form, found = short, [replace(fault, beside_form=None) for fault in found]
        if form is not None:
            # Where lines end, ^ and $ of a contract's pattern hold too.
            x, whole = (f"_x{i}", f"(?m:{form})") if column.required else (f"coalesce(_x{i}, '')", f"(?m:{form})?")
            forms[x] = whole
        faults += found
        results.append(f"_t{i} AS {identifier(column.name)}")
    inner = f"SELECT {', '.join(texts)} FROM {source}"
    middle = f"SELECT *, {', '.join(values)} FROM ({inner})"
    out.sql = f"SELECT {', '.join(results)}, CAST({_verdict(faults, forms)} AS INTEGER) AS _fail FROM ({middle})"
    return out


def _verdict(faults: Sequence[Fault], forms: Mapping[str, str]) -> str:
    """0, or the code of the first fault. `forms` are regular expressions that whole texts of their key have to match.

    Nearly all rows have no fault, so a row is asked for all its forms at once before any field is looked at: one long
    text and one regular expression cost a fraction of one for each field. A line end parts the fields, as no field has
    one in it; a null that must not be leaves one too few.
    """
    if not faults:
        return "0"
    one_by_one = f"CASE {' '.join(f'WHEN {fault.condition} THEN {fault.code}' for fault in faults)} ELSE 0 END"
    if not forms:
        return one_by_one
    row, form = f"concat_ws(chr(10), {', '.join(forms)})", r"\n".join(forms.values())
    beside = " OR ".join(fault.beside_form for fault in faults if fault.beside_form is not None)
    sound = f"regexp_full_match({row}, {literal(form)}) AND NOT coalesce({beside or 'FALSE'}, FALSE)"
    return f"CASE WHEN {sound} THEN 0 ELSE {one_by_one} END"


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


def _form(column: Column, how: Made) -> str | None:
    """The regular expression that a text of the column has to match as a whole; None where parsing alone decides."""
    if how.value is not None:
        return None
    match column.logical:
        case "integer":
            return _INTEGER_FORM
        case "number":
            return _exact(column)
        case "date":
            return DATE_FORM
        case "timestamp":
            return ZONED_FORM
        case _:
            return column.pattern


def _short_number(column: Column) -> str | None:
    """The form of numbers so short that they are within their type and limits; None where there is no such form."""
    if column.logical == "integer":
        digits, fraction = _SAFE_DIGITS.get(column.physical, 0), ""
    elif column.logical == "number":
        precision, scale = _precision_and_scale(column)
        digits, fraction = precision - scale, rf"(\.[0-9]{{1,{scale}}})?"
    else:
        return None
    if column.maximum is not None:
        digits = min(digits, len(str(int(Decimal(column.maximum)))) - 1)
    least = Decimal(column.minimum) if column.minimum is not None else Decimal("-Infinity")
    if digits < 1 or least > 0 or column.enum or column.pattern is not None:
        return None
    sign = "-?" if least <= -(10**digits) else ""
    return f"{sign}[0-9]{{1,{digits}}}{fraction}"


def _value(column: Column, how: Made, i: int) -> str:
    """The field's value, or null; of a text that has not the column's form it may be anything, as it is a fault."""
    x = f"_x{i}"
    match column.logical:
        case _ if how.value is not None:
            return _fill(how.value, i)
        case "integer" | "number" | "date":
            return f"TRY_CAST({x} AS {column.physical})"
        case "timestamp":
            # A plain cast to TIMESTAMP drops the offset in silence, so the cast goes through TIMESTAMPTZ.
            return f"make_timestamp(epoch_us(TRY_CAST({x} AS TIMESTAMPTZ)))"
        case "boolean":
            return f"CASE WHEN {x} IN {_TRUE} THEN TRUE WHEN {x} IN {_FALSE} THEN FALSE END"
        case _:
            return x


def _faults(out: TypedSelect, column: Column, how: Made, i: int) -> list[Fault]:
    """Everything that may be wrong with a column, the first that holds decides."""
    x, t, name = f"_x{i}", f"_t{i}", column.name
    form, faults = _form(column, how), list[Fault]()

    def one(reason: str, extra: str = "") -> str:
        return str(out.code(failure(reason, name, extra=extra)))

    def spaced(reason: str, extra: str = "") -> str:
        with_hint = out.code(failure(reason, name, spaces=True, extra=extra))
        return f"CASE WHEN {x} <> trim({x}, chr(32) || chr(9)) THEN {with_hint} ELSE {one(reason, extra)} END"

    def unparsed(code: str) -> None:
        null = f"{t} IS NULL" if form is None else f"({t} IS NULL OR NOT regexp_full_match({x}, {literal(form)}))"
        faults.append(Fault(f"{x} IS NOT NULL AND {null}", code, f"{x} IS NOT NULL AND {t} IS NULL"))

    if column.required:
        faults.append(Fault(f"{x} IS NULL", one("required_missing"), f"{x} IS NULL" if form is None else None))
    match column.logical:
        case "integer":
            digits = f"regexp_full_match({x}, {literal(_INTEGER_FORM)})"
            range_ = one("out_of_range", extra=column.physical)
            unparsed(f"CASE WHEN {digits} THEN {range_} ELSE {spaced('not_an_integer')} END")
        case "number":
            range_ = one("out_of_range", extra=column.physical)
            decimals = one("too_many_decimals", extra=str(_precision_and_scale(column)[1]))
            exact = f"WHEN regexp_full_match({x}, {literal(_exact(column))}) THEN {range_}"
            plain = f"WHEN regexp_full_match({x}, '-?[0-9]+(\\.[0-9]+)?') THEN {decimals}"
            unparsed(f"CASE {exact} {plain} ELSE {spaced('not_a_decimal')} END")
        case "date":
            unparsed(spaced("not_a_date", extra=how.extra or "of the form 2024-06-30"))
        case "timestamp":
            extra = how.extra or "of the form 2024-06-30T23:59:59+08:00"
            local = f"regexp_full_match({x}, {literal(LOCAL_FORM)}) AND TRY_CAST({x} AS TIMESTAMP) IS NOT NULL"
            no_zone = f"WHEN {local} THEN {one('no_zone')}" if how.value is None else ""
            otherwise = spaced("not_a_timestamp", extra=extra)
            unparsed(f"CASE {no_zone} ELSE {otherwise} END" if no_zone else otherwise)
            if how.ambiguous is not None:
                condition, fails = how.ambiguous
                faults.append(_beside(_fill(condition, i), str(out.code(fails))))
        case "boolean":
            unparsed(spaced("not_a_boolean"))
    if column.enum:
        allowed = ", ".join(literal(v) for v in column.enum)
        faults.append(_beside(f"{x} NOT IN ({allowed})", spaced("unknown_code", extra=", ".join(column.enum))))
    if column.pattern is not None:
        wrong = f"NOT regexp_matches({x}, {literal(column.pattern)})"
        code = _number_form(out, column, x) if _is_number_form(column) else spaced("bad_form", extra=column.pattern)
        faults.append(Fault(wrong, code, None if form == column.pattern else wrong))
    return faults + _limits(out, column, t)


def _beside(condition: str, code: str) -> Fault:
    """A fault that a column's form says nothing about."""
    return Fault(condition, code, condition)


def _precision_and_scale(column: Column) -> tuple[int, int]:
    form = _DECIMAL.fullmatch(column.physical)
    if form is None:
        raise ValueError(f"column {column.name}: a number must be DECIMAL(p,s), not {column.physical}")
    return int(form.group(1)), int(form.group(2))


def _exact(column: Column) -> str:
    # Zeros behind the scale lose nothing.
    return rf"-?[0-9]+(\.[0-9]{{1,{_precision_and_scale(column)[1]}}}0*)?"


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


def _limits(out: TypedSelect, column: Column, t: str) -> list[Fault]:
    found = []
    kind = {"date": "DATE ", "timestamp": "TIMESTAMP "}.get(column.logical, "")
    for limit, sign, reason in ((column.minimum, "<", "below_minimum"), (column.maximum, ">", "above_maximum")):
        if limit is None:
            continue
        because = f": {column.minimum_reason}." if column.minimum_reason else "."
        extra = limit + because if reason == "below_minimum" else limit
        value = f"{kind}{literal(limit)}" if kind else f"CAST({literal(limit)} AS {column.physical})"
        found.append(_beside(f"{t} {sign} {value}", str(out.code(failure(reason, column.name, extra=extra)))))
    return found
