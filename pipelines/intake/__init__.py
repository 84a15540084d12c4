"""From files in landing/ to accepted rows in DuckDB, with a ledger that balances for every file.

Belongs here: what others may use of intake. Does not: any of its steps.
"""

from pipelines.intake.ingest import ingest
from pipelines.intake.ledger import create_tables
from pipelines.intake.mapping import MappingError, SourceMapping, load_mappings, parse_mapping
from pipelines.intake.refusal import IntakeRefusal
from pipelines.intake.settings import FileCopy, FileOutcome, IntakeReport, IntakeSettings, Progress

__all__ = [
    "FileCopy",
    "FileOutcome",
    "IntakeRefusal",
    "IntakeReport",
    "IntakeSettings",
    "MappingError",
    "Progress",
    "SourceMapping",
    "create_tables",
    "ingest",
    "load_mappings",
    "parse_mapping",
]
