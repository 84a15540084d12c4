"""What made a version, as its manifest says: enough to explain it, and to make it again.

Belongs here: the manifest's provenance. Does not: the run key (run_key.py), which decides whether anything is new.
"""

from __future__ import annotations

import json

import duckdb

from pipelines import warehouse
from pipelines.intake.expiries import detail_from, usage_from
from pipelines.night import Night
from pipelines.run_key import RESULT_SETTINGS, code_digest
from pipelines.sql_catalogue import sql_tables
from pipelines.tier_history import FIRST, FOLLOWED, PROVENANCE, NightFile

# The first day of which call detail was kept, and the first that was kept rolled up, where any had expired.
DETAIL_FROM, USAGE_FROM = "detail_from", "usage_from"


def provenance(con: duckdb.DuckDBPyConnection, night: Night, history: NightFile) -> dict[str, str]:
    """Policy, model, code, the settings that decide results, the night's place in the tier history, and what was
    accepted, if gates were shut.

    Raises WarehouseError where a gate's SQL fails.
    """
    settings = {name: getattr(night.settings, name) for name in RESULT_SETTINGS}
    found = {
        "policy": night.policy.label,
        "policy_fingerprint": night.policy.fingerprint,
        "model": night.churn_model.version,
        "model_key": night.churn_model.key,
        "code": code_digest(),
        "settings": json.dumps(settings),
        "ledger_files": str(_files_taken(con)),
        PROVENANCE: history.digest,
        FOLLOWED: history.followed or FIRST,
    }
    for name, first in ((DETAIL_FROM, detail_from(con)), (USAGE_FROM, usage_from(con))):
        if first is not None:
            found[name] = first.isoformat()
    if night.known_at is not None:
        found["known_before"] = f"{night.known_before.isoformat()}Z"
    if night.accept is not None and (shut := shut_gates(con, night)):
        found |= {"accepted": night.accept, "accepted_gates": ", ".join(shut)}
    return found


def _files_taken(con: duckdb.DuckDBPyConnection) -> int:
    # So many lines of the ledger copy say what there was to know: a rebuild takes no more than these.
    return int(
        warehouse.first_row(con, "select count(distinct file_name) from intake.files where status = 'accepted'")[0]
    )


def shut_gates(con: duckdb.DuckDBPyConnection, night: Night) -> list[str]:
    """Names of the gates (audits of severity `gate`) that have rows. Raises WarehouseError."""
    gates = [audit for audit in sql_tables("audits") if audit.severity == "gate"]
    return [gate.name for gate in gates if warehouse.select(con, gate, night.parameters).limit(1).fetchall()]
