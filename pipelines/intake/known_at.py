"""When the content of a file was known: from its control file, its name, or what the mapping declares.

Belongs here: the second clock of a file. Does not: business dates of rows (load.py).
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from pipelines.intake.file_rules import KnownAt
from pipelines.intake.mapping import SourceMapping
from pipelines.intake.refusal import IntakeRefusal


def midnight(day: date, zone: str) -> datetime:
    """The UTC instant, naive, at which the local day begins."""
    return datetime.combine(day, time.min, ZoneInfo(zone)).astimezone(UTC).replace(tzinfo=None)


def known_at(
    mapping: SourceMapping, extract: str, *, name: str, file_name: str, control: str | None, as_of: date, zone: str
) -> datetime | None:
    """UTC instant, naive; None where each row's business date counts.

    `control` is the control file's known_at and goes before all. Raises IntakeRefusal if there is none to be had.
    """
    if control is not None:
        return _from_control(control, file_name, zone)
    rule = mapping.known_at_of(extract)
    if rule is None or rule == "row":
        return None
    if rule == "as_of":
        return midnight(as_of, zone)
    if rule.date_ is not None:
        return midnight(rule.date_, zone)
    return _from_name(rule, name, file_name, zone)


def _from_control(text: str, file_name: str, zone: str) -> datetime:
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return midnight(date.fromisoformat(text), zone)
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise _unreadable(file_name) from error
    if instant.tzinfo is None:
        raise _unreadable(file_name)
    return instant.astimezone(UTC).replace(tzinfo=None)


def _unreadable(file_name: str) -> IntakeRefusal:
    return IntakeRefusal(
        f"{file_name}.ctl",
        "control_unreadable",
        "known_at is neither a date nor a time with its zone",
        "Write 2024-06-30 or 2024-06-30T21:00:00+08:00.",
    )


def _from_name(rule: KnownAt, name: str, file_name: str, zone: str) -> datetime | None:
    found = re.search(rule.file_name or "", name)
    if found is None:
        if rule.otherwise == "row":
            return None
        raise IntakeRefusal(
            file_name,
            "known_at_missing",
            "nothing says when this delivery was known: its name has no date",
            "Name it like customers_20240630.csv, or put known_at into a control file or the source mapping.",
        )
    groups = found.groupdict()
    text = groups["date"] + (groups.get("time") or "")
    form = rule.format or ("%Y%m%d%H%M%S" if groups.get("time") else "%Y%m%d")
    try:
        moment = datetime.strptime(text, form)
    except ValueError as error:
        raise IntakeRefusal(
            file_name,
            "known_at_missing",
            f"{text!r} in its name is no date of the form {form}",
            "Mend the name, or put known_at into a control file.",
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(zone))
    return moment.astimezone(UTC).replace(tzinfo=None)
