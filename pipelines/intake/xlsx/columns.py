"""What each column of a source feeds, as far as it decides how a cell may be read.

Belongs here: that table. Does not: the transforms themselves (transforms.py).
"""

from __future__ import annotations

from data_contracts import contract
from pipelines.intake.mapping import SCHEMA, SourceMapping, Transform
from pipelines.intake.xlsx.cells import Wanted


def wanted(mapping: SourceMapping) -> dict[str, Wanted]:
    """The kind of each column of the header; one that feeds a date or time as well as something else counts as
    that."""
    found: dict[str, Wanted] = {name: "ignored" if name in mapping.ignored else "text" for name in mapping.header}
    for name, extract in mapping.extracts.items():
        target = contract(f"{SCHEMA}.{name}")
        for ours, transform in extract.columns.items():
            kind = _kind(transform, target.column(ours).logical)
            for source in transform.sources():
                if kind != "text" and found[source] not in ("date", "time"):
                    found[source] = kind
    return found


def _kind(transform: Transform, logical: str) -> Wanted:
    if transform.months_before_as_of is not None:
        return "number"
    if transform.from_ is None or transform.codes is not None or transform.prefix is not None:
        return "text"
    if logical in ("date", "timestamp"):
        return "date" if logical == "date" else "time"
    return "number" if logical in ("integer", "number") else "text"
