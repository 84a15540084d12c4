"""Numbers that a sender gives to its files, so that a file that never came is noticed (as GSMA TD.57 has it).

Belongs here: reading a file's number and its place in the run of numbers. Does not: finding gaps (sql/features).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import duckdb

from pipelines.intake.control import Control
from pipelines.intake.discover import printable
from pipelines.intake.file_rules import Sequence
from pipelines.intake.mapping import SourceMapping
from pipelines.intake.refusal import IntakeRefusal


@dataclass(frozen=True)
class Numbered:
    """A file's number in its stream. `position` is the number with the wraps counted: it grows where numbers begin
    anew. Numbers run from `first` to `last`.
    """

    sequence: int
    stream: str | None
    position: int
    first: int
    last: int


def numbered(
    con: duckdb.DuckDBPyConnection, mapping: SourceMapping, *, name: str, file_name: str, control: Control
) -> Numbered | None:
    """The number that the control file says, else the file's name; None where neither is to have one.

    Raises IntakeRefusal if the name lacks the declared number, or the number lies outside its range.
    """
    rule = mapping.sequence or Sequence.model_validate({})
    stream, sequence = control.stream, control.sequence
    if rule.file_name is not None:
        found = re.search(rule.file_name, name)
        groups = found.groupdict() if found is not None else {}
        if stream is None and groups.get("stream") is not None:
            stream = printable(groups["stream"])
        if sequence is None and (groups.get("sequence") or "").isdecimal():
            sequence = int(groups["sequence"])
        if sequence is None:
            raise IntakeRefusal(
                file_name,
                "sequence_missing",
                "its name has no sequence number where the source mapping declares one",
                "Mend the name, or put sequence into a control file.",
            )
    if sequence is None:
        return None
    if not rule.first <= sequence <= rule.last:
        raise IntakeRefusal(
            file_name,
            "sequence_out_of_range",
            f"its sequence number is {sequence}, and numbers run from {rule.first} to {rule.last}",
            "Mend the number, or sequence.first and sequence.last in the source mapping.",
        )
    position = _position(con, mapping.source, stream, sequence, rule)
    return Numbered(sequence, stream, position, rule.first, rule.last)


def _position(con: duckdb.DuckDBPyConnection, source: str, stream: str | None, sequence: int, rule: Sequence) -> int:
    """The place nearest to the furthest file so far: behind 99999 comes 1, and 99998 after 1 is a late file."""
    furthest = con.execute(
        """SELECT sequence, sequence_position FROM intake.files
           WHERE source = ? AND stream IS NOT DISTINCT FROM ? AND status = 'accepted' AND sequence IS NOT NULL
           ORDER BY sequence_position DESC LIMIT 1""",
        [source, stream],
    ).fetchall()
    if not furthest:
        return sequence
    number, position = furthest[0]
    count = rule.last - rule.first + 1
    ahead = (sequence - number) % count
    return int(position + (ahead if ahead <= count // 2 else ahead - count))


def same_place(con: duckdb.DuckDBPyConnection, source: str, number: Numbered) -> tuple[str, str] | None:
    """(file name, SHA-256) of the file that was accepted with that number, or None."""
    rows = con.execute(
        """SELECT file_name, sha256 FROM intake.files
           WHERE source = ? AND stream IS NOT DISTINCT FROM ? AND sequence_position = ? AND status = 'accepted'
           ORDER BY file_id LIMIT 1""",
        [source, number.stream, number.position],
    ).fetchall()
    return rows[0] if rows else None


def conflict(file_name: str, number: Numbered, earlier: str) -> IntakeRefusal:
    """The refusal of a file whose number another one has."""
    of = f" of stream {number.stream}" if number.stream is not None else ""
    return IntakeRefusal(
        file_name,
        "sequence_conflict",
        f"sequence number {number.sequence}{of} was accepted before, as {earlier} with other content",
        "Ask the sender which of the two is right; a correction is delivered under a number of its own.",
    )
