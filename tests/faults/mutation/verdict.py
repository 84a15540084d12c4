"""Gives damaged files to intake and holds its ledger, staging and rejects against the plain reading of the same bytes.

Belongs here: what must be true of every file, and counting. Does not: making files, or printing (mutated_extracts.py).
"""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from pipelines.intake import FileOutcome, IntakeRefusal, IntakeSettings, create_tables, ingest

from .contract_rules import Rules, Value, rules_of
from .deliveries import KINDS, Delivered, deliver
from .layouts import AS_OF, CURRENCY, EXTRACTS, ZONE, Layout, layouts, mappings
from .reading import MAX_LINE_BYTES, Line, Reading, read

_ZONE = ZoneInfo(ZONE)
_KNOWN_AT = datetime(2024, 6, 30, tzinfo=_ZONE).astimezone(UTC).replace(tzinfo=None)
_LEDGER = ("files", "rejects", "duplicates", "nulled", "file_days", "subscription_changes")
_BATCHES_A_DATABASE = 50
Outcomes = dict[str, FileOutcome | IntakeRefusal | None]


@dataclass
class Tally:
    """Sums over the files of one kind of damage. The first four must stay 0."""

    unbalanced: int = 0
    changed: int = 0
    taken_in_spite: int = 0
    stopped: int = 0
    files: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    refused_without_need: Counter[str] = field(default_factory=Counter)
    taken: int = 0
    accepted: int = 0
    rejected: int = 0
    duplicate: int = 0
    rejected_without_need: Counter[str] = field(default_factory=Counter)

    @property
    def faults(self) -> int:
        return self.unbalanced + self.changed + self.taken_in_spite + self.stopped

    def add(self, other: Tally) -> None:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


@dataclass
class Result:
    """What came of a corpus: a tally a kind, and each fault in words with the file's number, to make it again."""

    tallies: dict[str, Tally] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def of(self, kind: str) -> Tally:
        return self.tallies.setdefault(kind, Tally())

    @property
    def harmless_refused(self) -> int:
        """Harmless files that were refused, or whose lines were rejected: where all is refused, nothing is proven."""
        undamaged, announced = self.of("undamaged"), self.of("control file that is right")
        refused = undamaged.refused_without_need + announced.refused_without_need
        return refused.total() + undamaged.rejected_without_need.total()

    @property
    def total(self) -> Tally:
        total = Tally()
        for tally in self.tallies.values():
            total.add(tally)
        return total


def corpus(seed: int, start: int, stop: int) -> Iterator[list[Delivered]]:
    """Files `start` up to `stop` in deliveries of a few, at most two a source. A file depends on its number alone."""
    batch: list[Delivered] = []
    for number in range(start, stop):
        chance = random.Random(f"{seed} {number}")  # noqa: S311 (damage, not secrets)
        turn, kind = divmod(number, len(KINDS))
        layout = layouts()[(kind + turn) % len(layouts())]
        if chance.random() < 0.1:  # a second file of the source that came before: keys meet across files
            layout = layouts()[(kind + turn - 1) % len(layouts())]
        batch.append(deliver(layout, number, KINDS[kind], chance))
        if len(batch) == len(layouts()):
            yield batch
            batch = []
    if batch:
        yield batch


def judge_corpus(batches: Iterator[list[Delivered]], folder: Path) -> Result:
    """Gives each batch to intake in a landing folder of its own."""
    result = Result()
    for some in iter(lambda: list(islice(batches, _BATCHES_A_DATABASE)), []):
        with new_database() as con:
            for batch in some:
                judge_batch(con, batch, folder, result)
    return result


def new_database() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(config={"threads": 1})
    con.execute("SET TimeZone = 'UTC'")
    create_tables(con)
    return con


def judge_batch(con: duckdb.DuckDBPyConnection, batch: list[Delivered], folder: Path, result: Result) -> None:
    """One run of intake over the batch, judged; the database is as empty afterwards as before."""
    landing = folder / "landing"
    shutil.rmtree(landing, ignore_errors=True)
    landing.mkdir(parents=True)
    for file in batch:
        _put(landing, file)
    settings = IntakeSettings(ZONE, CURRENCY, folder / "tmp", max_line_bytes=MAX_LINE_BYTES)
    try:
        report = ingest(con, landing, mappings=mappings(), as_of_date=AS_OF, settings=settings, progress=_Silent())
    except Exception as error:
        _judge_alone(batch, folder, result, error)
        report = None
    if report is not None:
        outcomes: Outcomes = {c.file_name: None for c in report.copies}
        outcomes |= {r.file.removesuffix(".ctl"): r for r in report.refused}
        outcomes |= {o.file_name: o for o in report.accepted}
        staged: dict[str, list[tuple[Value, ...]]] = {}
        for file in sorted(batch, key=lambda f: _turn(outcomes, f)):
            _judge_file(con, file, outcomes, staged, result)
        _require_nothing_else(con, batch, result)
    for table in [*(f"staging.{name}" for name in EXTRACTS), *(f"intake.{name}" for name in _LEDGER)]:
        con.execute(f"DELETE FROM {table}")


def _judge_alone(batch: list[Delivered], folder: Path, result: Result, error: Exception) -> None:
    """Whose fault was it that intake stopped? Each file goes alone into a database of its own."""
    if len(batch) > 1:
        for file in batch:
            with new_database() as con:
                judge_batch(con, [file], folder, result)
        return
    tally = result.of(batch[0].kind)
    tally.files, tally.stopped = tally.files + 1, tally.stopped + 1
    said = f"{batch[0].name} ({batch[0].kind}): intake stopped: {type(error).__name__}: {error}"
    result.said.append(said[:400])


class _Silent:
    def step(self, name: str, done: int, total: int) -> None: ...


def _put(landing: Path, file: Delivered) -> None:
    path = landing / file.layout.source / file.name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(file.content)
    if file.control is not None:
        # JSON is YAML; every scalar of a control file is text.
        path.with_name(path.name + ".ctl").write_text(json.dumps(file.control))


def _file_name(file: Delivered) -> str:
    return f"{file.layout.source}/{file.name}"


def _turn(outcomes: Outcomes, file: Delivered) -> int:
    outcome = outcomes.get(_file_name(file))
    return outcome.file_id if isinstance(outcome, FileOutcome) else 0


def _judge_file(
    con: duckdb.DuckDBPyConnection,
    file: Delivered,
    outcomes: Outcomes,
    staged: dict[str, list[tuple[Value, ...]]],
    result: Result,
) -> None:
    tally = result.of(file.kind)
    tally.files += 1
    seen = read(file.content, file.name, file.layout, file.control)
    match outcomes.get(_file_name(file), "missing"):
        case None:
            return  # the content of another file of the batch
        case IntakeRefusal() as refusal:
            tally.refused[refusal.code] += 1
            if refusal.code in ("does_not_balance", "unreadable"):
                tally.refused_without_need[refusal.code] += 1  # nothing was kept, but intake was taken by surprise
            elif seen.fault is None:
                tally.refused_without_need[refusal.code] += 1
        case FileOutcome() as outcome if seen.fault is None:
            tally.taken += 1
            for column in ("accepted", "rejected", "duplicate"):
                setattr(tally, column, getattr(tally, column) + getattr(outcome, column))
            _judge_taken(con, file, outcome.file_id, seen=seen, staged=staged, result=result)
        case FileOutcome():
            tally.taken += 1
            tally.taken_in_spite += 1
            result.said.append(f"{file.name} ({file.kind}): taken in spite of: {seen.fault}")
        case _:
            tally.unbalanced += 1
            result.said.append(f"{file.name} ({file.kind}): neither taken nor refused")


def _judge_taken(
    con: duckdb.DuckDBPyConnection,
    file: Delivered,
    file_id: int,
    *,
    seen: Reading,
    staged: dict[str, list[tuple[Value, ...]]],
    result: Result,
) -> None:
    tally, extract = result.of(file.kind), file.layout.extract
    rows = con.execute(f"SELECT * EXCLUDE (file_id) FROM staging.{extract} WHERE file_id = ? ORDER BY rowid", [file_id])
    staging = rows.fetchall()
    rejects = _by_line(con, "line_number, (reason, raw)", "rejects", file_id)
    duplicates = _by_line(con, "line_number, raw", "duplicates", file_id)
    ledger = con.execute(
        "SELECT records, header, trailer, blank, accepted, rejected, duplicate, nulled FROM intake.files "
        "WHERE file_id = ?",
        [file_id],
    ).fetchall()[0]
    data = [line for line in seen.lines if line.kind in ("row", "reject")]
    kept = [line for line in data if line.number not in rejects and line.number not in duplicates]
    wrong: list[str] = []
    counted = (len(seen.lines), *(seen.count(kind) for kind in ("header", "trailer", "blank")))
    mine = (*counted, len(kept), len(rejects), len(duplicates), sum(line.nulled for line in kept))
    if ledger != mine:
        wrong.append(f"the ledger says {ledger}, the lines {mine}")
    numbers = {line.number for line in data}
    if (
        len(staging) != len(kept)
        or rejects.keys() & duplicates.keys()
        or not rejects.keys() | duplicates.keys() <= numbers
    ):
        wrong.append(f"{len(staging)} rows in staging for {len(kept)} lines, or a line told twice or not there")
    by_number = {line.number: line for line in data}
    if not file.name.endswith(".parquet"):
        told = {n: raw for n, (_, raw) in rejects.items()} | duplicates
        wrong += [f"line {n} is shown otherwise than it is" for n, raw in told.items() if by_number[n].text != raw]
    if wrong:
        tally.unbalanced += 1
        result.said += [f"{file.name} ({file.kind}): {w}" for w in wrong]
    expected = _by_key(file.layout, data, rejects, staged.setdefault(extract, []))
    changed = _changed(file.layout, kept, staging, expected)
    changed += [f"line {n} is no duplicate" for n in duplicates if expected.get(n) != "duplicate"]
    tally.changed += len(changed)
    result.said += [f"{file.name} ({file.kind}): {c}" for c in changed]
    for number, (reason, _) in rejects.items():
        if by_number[number].kind == "row" and expected.get(number) != "conflict":
            tally.rejected_without_need[reason] += 1
    staged[extract] += [line.values for line in kept if line.kind == "row"]


def _by_line(con: duckdb.DuckDBPyConnection, columns: str, table: str, file_id: int) -> dict[Any, Any]:
    found = con.execute(f"SELECT {columns} FROM intake.{table} WHERE file_id = ?", [file_id]).fetchall()
    return dict(found)


def _by_key(
    layout: Layout, data: list[Line], rejects: dict[int, tuple[str, str]], before: list[tuple[Value, ...]]
) -> dict[int, str]:
    """What the key makes of each row that was not rejected for another reason: accept, duplicate or conflict."""
    rules = rules_of(layout.extract)
    fine = [r for r in data if r.kind == "row" and rejects.get(r.number, ("key_conflict",))[0] == "key_conflict"]
    if layout.extract == "cdr":  # compared with what is there of the file's days alone
        day = rules.business_date or 0
        days = {_local_day(line.values[day]) for line in fine}
        before = [values for values in before if _local_day(values[day]) in days]
    known: dict[tuple[Value, ...], list[tuple[Value, ...]]] = {}
    for values in before:
        known.setdefault(_key(rules, values), []).append(values)
    expected: dict[int, str] = {}
    for line in fine:
        there = known.get(_key(rules, line.values))
        if there is None:
            known[_key(rules, line.values)] = [line.values]
            expected[line.number] = "accept"
        else:
            expected[line.number] = "duplicate" if line.values in there else "conflict"
    return expected


def _key(rules: Rules, values: tuple[Value, ...]) -> tuple[Value, ...]:
    return tuple(values[i] for i in rules.key)


def _local(moment: Value) -> datetime:
    assert isinstance(moment, datetime)
    return moment.replace(tzinfo=UTC).astimezone(_ZONE)


def _local_day(moment: Value) -> date:
    return _local(moment).date()


def _changed(layout: Layout, kept: list[Line], staging: list[tuple[Value, ...]], expected: dict[int, str]) -> list[str]:
    """Rows of staging that are not what their line says; columns are named, values are not."""
    rules, wrong = rules_of(layout.extract), []
    names = [rule.name for rule in rules.columns]
    for line, row in zip(kept, staging, strict=False):
        if line.kind != "row" or expected.get(line.number) != "accept":
            wrong.append(f"line {line.number} is accepted and should be {expected.get(line.number, 'rejected')}")
            continue
        if row[: len(names)] != line.values:
            differ = [n for n, a, b in zip(names, row, line.values, strict=False) if a != b]
            wrong.append(f"line {line.number}: other values in {', '.join(differ)}")
        if row[len(names) :] != _derived(rules, layout, line):
            wrong.append(f"line {line.number}: other local dates, hours or known_at")
    return wrong


def _derived(rules: Rules, layout: Layout, line: Line) -> tuple[Value, ...]:
    """Local dates, local hours, known_at: the columns of staging behind the contract's."""
    pairs = list(zip(rules.columns, line.values, strict=True))
    dates = [None if v is None else _local_day(v) for rule, v in pairs if rule.local_date]
    hours = [None if v is None else _local(v).hour for rule, v in pairs if rule.local_hour]
    known: Value = _KNOWN_AT
    if layout.source == "desk":
        known = line.values[rules.business_date or 0]
        if not isinstance(known, datetime) and isinstance(known, date):
            known = datetime.combine(known, time.min, _ZONE).astimezone(UTC).replace(tzinfo=None)
    return (*dates, *hours, known)


def _require_nothing_else(con: duckdb.DuckDBPyConnection, batch: list[Delivered], result: Result) -> None:
    """Nothing of a refused file may be anywhere but in its row of the ledger."""
    tables = [*(f"staging.{name}" for name in EXTRACTS), "intake.rejects", "intake.duplicates", "intake.nulled"]
    strays = " UNION ALL ".join(
        f"SELECT file_id FROM {t} ANTI JOIN (FROM intake.files WHERE status = 'accepted') f USING (file_id)"
        for t in tables
    )
    if found := con.execute(f"SELECT count(*) FROM ({strays})").fetchall()[0][0]:
        result.of(batch[0].kind).unbalanced += 1
        result.said.append(f"{batch[0].name} and the files with it: {found} rows belong to no accepted file")
