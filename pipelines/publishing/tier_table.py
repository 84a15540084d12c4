"""From the scored lines in the warehouse to a published version.

Belongs here: what is published, under which run key and contract. Does not: how (publish.py).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import duckdb

from data_contracts import contract
from pipelines.contracts.tables import arrow_schema
from pipelines.durable import always
from pipelines.night import Night
from pipelines.publishing.publish import Publication, publish
from pipelines.run_key import code_digest, run_key
from segmentation.scoring import MODEL_VERSION
from tierline.manifest import BATCH_ROWS

CONTRACT = "published.customer_tiers"


def publish_tier_table(
    con: duckdb.DuckDBPyConnection,
    night: Night,
    now: datetime,
    *,
    again: bool = False,
    may_commit: Callable[[], None] = always,
) -> Publication:
    """Publishes `scores.subscription` as the contract's columns, sorted by service_key. `now` is aware.

    again, may_commit: as of publish(). Raises PublishError, PublishLockError, or what `may_commit` raises; the current
    version stays then.
    """
    source = contract(CONTRACT)
    columns = ", ".join(f'cast("{c.name}" as {c.physical}) as "{c.name}"' for c in source.columns)
    key = run_key(con, night.as_of_date, night.parameters["known_before"], night.policy, night.settings)
    rows = con.sql(f"select {columns} from scores.subscription order by service_key")
    return publish(
        rows.to_arrow_reader(BATCH_ROWS).cast(arrow_schema(source)),
        folder=night.tier_table,
        as_of_date=night.as_of_date,
        run_key=key,
        service_key_type=night.settings.service_key_type,
        tiers=night.policy.tier_names,
        contract_version=source.version,
        published_at=now,
        expires_at=now + timedelta(hours=night.settings.expires_after_hours),
        provenance={
            "policy": night.policy.label,
            "policy_fingerprint": night.policy.fingerprint,
            "model": MODEL_VERSION,
            "code": code_digest(),
        },
        lock_wait_seconds=night.settings.lock_wait_seconds,
        keep_versions=night.settings.keep_versions,
        min_age=timedelta(hours=night.settings.keep_hours),
        again=again,
        may_commit=may_commit,
    )
