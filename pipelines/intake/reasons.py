"""Why a single record is rejected: codes, and sentences with the cure for a person.

Belongs here: the catalogue. Does not: the conditions (typed.py, normalise.py, keys.py). No sentence holds a value.
"""

from __future__ import annotations

from dataclasses import dataclass

_SENTENCES = {
    "wrong_field_count": "The line has {found} fields, the header {expected}. Quote fields that hold the delimiter.",
    "quote_not_closed": "A quote is not closed on its line. Fields end on their line, inner quotes are doubled.",
    "quote_misplaced": "A quote stands inside a field or before more text. Quote whole fields and double inner quotes.",
    "control_character": "The line holds a control character (such as NUL). Remove it at the source.",
    "required_missing": "{column} is empty; the contract requires it.",
    "required_by_mapping": "{column} is blank: {extra}.",
    "not_an_integer": "{column} is no whole number in plain digits (no decimals, separators, hex or exponent).",
    "not_a_decimal": "{column} is no decimal number in plain digits such as -12.50 (no NaN, exponent, separators).",
    "too_many_decimals": "{column} has more than {extra} decimals. Round at the source; nothing is rounded here.",
    "out_of_range": "{column} does not fit into {extra}.",
    "not_a_date": "{column} is no date {extra}.",
    "not_a_timestamp": "{column} is no time {extra}.",
    "no_zone": "{column} has no zone. Deliver 2024-06-30T23:59:59+08:00, or declare its zone in the source mapping.",
    "ambiguous_local_time": "{column} does not exist or happens twice in {extra}, as clocks change. Deliver its zone.",
    "below_minimum": "{column} is below {extra}",
    "above_maximum": "{column} is above {extra}.",
    "unknown_code": "{column} is none of {extra}. Mend it, or map it under codes.",
    "bad_number_form": "{column} is no number in international form (+ and 7 to 15 digits){extra}.",
    "bad_form": "{column} has not the form {extra}.",
    "not_a_boolean": "{column} is neither true nor false.",
    "cell_error": "{column} (column {letters}) holds an error such as #N/A. Mend the formula, or empty the cell.",
    "cell_formula": "{column} (column {letters}) holds a formula without a stored result; nothing is calculated here. "
    "Open the workbook in Excel, let it calculate, save it.",
    "cell_rounded": "{column} (column {letters}) is a number of more than 15 digits, which Excel has rounded. Format "
    "the column as text and enter it anew.",
    "cell_exponent": "{column} (column {letters}) is shown as an exponent such as 8.6138E+12, so that nobody sees its "
    "digits. Format the column as text and enter it anew.",
    "cell_scaled": "{column} (column {letters}) is shown in another scale than it is stored in: 50 % is 0.5. Format it "
    "as a plain number.",
    "cell_date": "{column} (column {letters}) is a date in Excel and none in the contract: Excel makes dates of 1-2 or "
    "2024-05. Format the column as text and enter it anew.",
    "cell_control": "{column} (column {letters}) holds a line break or another control character. Write it on one "
    "line.",
    "detail_expired": "{column} is of a day before {extra}. The call detail of such a day has expired (setting "
    "keep_cdr_days), and what it said of the day is final. Deliver sooner, or have detail kept for longer.",
    "key_conflict": "A record with the same {column} and other content was accepted before, or stands further up. "
    "{extra}",
}
SPACES = " It has spaces around it: deliver it without."


@dataclass(frozen=True)
class Failure:
    """What `_fail` in a typed table stands for: the column (ours, or the source's) and the reason."""

    column: str | None
    reason: str
    detail: str


def failure(reason: str, column: str | None = None, *, spaces: bool = False, **values: object) -> Failure:
    """The failure with its sentence. Raises KeyError for a reason outside the catalogue."""
    text = _SENTENCES[reason].format(column=column, **values)
    return Failure(column, reason, text + SPACES if spaces else text)


def reason_codes() -> tuple[str, ...]:
    """All codes that intake.rejects may hold."""
    return tuple(_SENTENCES)
