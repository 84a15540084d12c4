"""A landing folder, a database and one call for intake: what every test here works with.

Belongs here: writing extracts and asking the ledger. Does not: expectations.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from data_contracts import contract
from pipelines.intake import IntakeReport, IntakeSettings, SourceMapping, ingest

CDR: dict[str, str] = {
    "record_id": "r1",
    "served_msisdn": "+8613800000001",
    "calling_number": "+8613800000001",
    "called_number": "10086",
    "direction": "outgoing",
    "call_type": "voice",
    "answer_time": "2024-06-30T12:00:00+08:00",
    "call_duration": "61",
    "uplink_bytes": "0",
    "downlink_bytes": "0",
    "roaming": "false",
    "long_distance": "true",
    "charge": "0.15",
    "cause_for_term": "16",
}


class Silent:
    def step(self, name: str, done: int, total: int) -> None: ...


def cdr_row(**values: str) -> str:
    return ",".join((CDR | values).values())


def cdr_file(*rows: str) -> bytes:
    return "".join(line + "\n" for line in (",".join(CDR), *rows)).encode()


def header_of(extract: str) -> str:
    return ",".join(c.name for c in contract(f"staging.{extract}").columns)


def full_row(extract: str, **values: str) -> str:
    return ",".join(values.get(c.name, "") for c in contract(f"staging.{extract}").columns)


def extract_file(extract: str, *rows: dict[str, str]) -> bytes:
    return "".join(line + "\n" for line in (header_of(extract), *(full_row(extract, **r) for r in rows))).encode()


@dataclass
class Desk:
    """`put` files, `run` intake, `ask` the database. Every run is checked to balance, file by file."""

    con: duckdb.DuckDBPyConnection
    landing: Path
    settings: IntakeSettings
    mappings: dict[str, SourceMapping] = field(default_factory=dict)
    as_of: date = date(2024, 6, 30)

    def put(self, name: str, content: bytes) -> Path:
        path = self.landing / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content, mtime=0) if name.endswith(".gz") else content)
        return path

    def run(self, **settings: Any) -> IntakeReport:
        report = ingest(
            self.con,
            self.landing,
            mappings=self.mappings,
            as_of_date=self.as_of,
            settings=replace(self.settings, **settings),
            progress=Silent(),
        )
        self.require_balance()
        assert not list(self.settings.temporary_folder.glob("*")), "temporary files are left"
        return report

    def ask(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self.con.execute(sql, list(parameters)).fetchall()

    def reasons(self) -> list[tuple[int, str | None, str]]:
        """(line, column, reason) of all rejects."""
        return self.ask("SELECT line_number, column_name, reason FROM intake.rejects ORDER BY ALL")  # type: ignore[return-value]

    def require_balance(self) -> None:
        for file_id, extract, *n in self.ask(
            """SELECT file_id, extract, records, header, trailer, blank, accepted, rejected, duplicate
               FROM intake.files WHERE status = 'accepted'"""
        ):
            assert n[0] == sum(n[1:]), (extract, n)
            kept = self.ask(f"SELECT count(*) FROM staging.{extract} WHERE file_id = ?", file_id)[0][0]
            expired = self.ask(
                """SELECT coalesce(sum(records), 0)::BIGINT FROM intake.file_days WHERE file_id = ?
                   AND usage_date IN (SELECT usage_date FROM intake.expired_days)""",
                file_id,
            )[0][0]
            assert kept + expired == n[4]
            assert self.ask("SELECT count(*) FROM intake.rejects WHERE file_id = ?", file_id) == [(n[5],)]
            assert self.ask("SELECT count(*) FROM intake.duplicates WHERE file_id = ?", file_id) == [(n[6],)]
            assert self.ask(
                """SELECT count(DISTINCT line_number) = count(*) FROM (
                       SELECT line_number FROM intake.rejects WHERE file_id = $1
                       UNION ALL SELECT line_number FROM intake.duplicates WHERE file_id = $1)""",
                file_id,
            ) == [(True,)]

    def refusal(self, **settings: Any) -> tuple[str, int | None]:
        """Runs, expects exactly one refusal and nothing kept of it; returns its code and line."""
        report = self.run(**settings)
        (refused,) = report.refused
        assert refused.cure and refused.reason and refused.file in str(refused)
        for table in ("rejects", "duplicates"):
            assert self.ask(f"SELECT count(*) FROM intake.{table} WHERE file_name = ?", refused.file) == [(0,)]
        found = self.ask("SELECT DISTINCT status, reason FROM intake.files WHERE file_name = ?", refused.file)
        assert found in ([("refused", str(refused))], [("accepted", None), ("refused", str(refused))]) or (
            refused.code == "name_taken"
        )
        return refused.code, refused.line
