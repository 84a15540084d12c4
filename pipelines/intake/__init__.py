"""From files in landing/ to accepted rows in DuckDB, with a ledger that balances for every file.

Belongs here: what others may use of intake. Does not: any of its steps.
"""

from pipelines.intake.ingest import ingest
from pipelines.intake.ledger import create_tables
from pipelines.intake.ledger_copy import LedgerCopyError, LedgerEntry, read_ledger_copy
from pipelines.intake.mapping import MappingError, SourceMapping, load_mappings, parse_mapping
from pipelines.intake.refusal import IntakeRefusal
from pipelines.intake.replay import replay
from pipelines.intake.settings import FileCopy, FileOutcome, IntakeReport, IntakeSettings, Progress

__all__ = [
    "FileCopy",
    "FileOutcome",
    "IntakeRefusal",
    "IntakeReport",
    "IntakeSettings",
    "LedgerCopyError",
    "LedgerEntry",
    "MappingError",
    "Progress",
    "SourceMapping",
    "create_tables",
    "ingest",
    "load_mappings",
    "parse_mapping",
    "read_ledger_copy",
    "replay",
]
