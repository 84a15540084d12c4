"""A worklist as agents get it: CSV or Excel, without the control group.

Belongs here: columns and their words. Does not: who is on the list, how a workbook looks (pipelines/workbook.py).
"""

from __future__ import annotations

import csv
from pathlib import Path

import polars as pl

from pipelines.durable import FILE_MODE, Disk
from pipelines.retention.worklist import Worklist, listed
from pipelines.workbook import Column, Kind, Sheet, write_workbook

_COLUMNS: dict[str, tuple[str, Kind]] = {
    "campaign": ("Campaign, to be given back with the results.", "text"),
    "customer_id": ("Customer, to be given back with the results.", "text"),
    "service_key": ("Whom to call: the customer's oldest active line, or account.", "text"),
    "tier": ("Tier that the customer is served as.", "text"),
    "position": ("Place within the tier, by value at risk.", "integer"),
    "account_manager_id": ("Manager who calls, where there is one.", "text"),
    "language": ("Language to be served in.", "text"),
    "lifecycle_stage": ("Lifecycle stage.", "text"),
    "churn_risk": ("Probability of leaving within the policy's horizon.", "share"),
    "churn_risk_band": ("Band of it.", "text"),
    "churn_drivers": ("What raises the risk most, joined by semicolons.", "text"),
    "retention_play": ("What to do for the customer.", "text"),
    "value_at_risk_amount": ("Lifetime value times churn risk.", "amount"),
}


def write_csv(worklist: Worklist, path: Path) -> None:
    """Writes the list as UTF-8 CSV, whole or not at all, mode 0640, in the place of an earlier one. Raises OSError."""
    partial = path.with_name(f".{path.name}.part")
    try:
        partial.touch(mode=FILE_MODE)  # before any content: it holds data of customers
        with partial.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(_COLUMNS)
            writer.writerows(_rows(worklist).iter_rows())
        Disk().adopt(partial, path, "worklist")
    finally:
        partial.unlink(missing_ok=True)


def write_xlsx(worklist: Worklist, path: Path) -> None:
    """Writes the list as a workbook, as `write_csv` does. Raises OSError."""
    columns = tuple(Column(name, note, kind) for name, (note, kind) in _COLUMNS.items())
    write_workbook(path, [Sheet(worklist.campaign, columns, _rows(worklist).iter_rows())])


def _rows(worklist: Worklist) -> pl.DataFrame:
    return listed(worklist).select(*_COLUMNS)
