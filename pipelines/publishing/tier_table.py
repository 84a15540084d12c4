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
from pipelines.policy_source import keep_policy
from pipelines.publishing.provenance import provenance
from pipelines.publishing.publish import Publication, publish
from pipelines.run_key import run_key
from pipelines.tier_history import add_night
from tierline.manifest import BATCH_ROWS, ManifestError
from tierline.verify import current_manifest

CONTRACT = "published.customer_tiers"


def tiers_before(night: Night) -> dict[str, int] | None:
    """Lines by tier of the version that the night would follow; None without one, or where it is of a later night."""
    try:
        manifest = current_manifest(night.tier_table)
    except (ManifestError, OSError):
        return None
    return dict(manifest.tiers) if manifest.as_of_date <= night.as_of_date else None


def publish_tier_table(
    con: duckdb.DuckDBPyConnection, night: Night, now: datetime, may_commit: Callable[[], None] = always
) -> Publication:
    """Publishes `scores.subscription` as the contract's columns, sorted by service_key. `now` is aware.

    `may_commit` as of publish(). A night that is accepted with a reason is published again even if it was rolled back.
    Raises PublishError, PublishLockError, or what `may_commit` raises; the current version stays then.
    """
    source = contract(CONTRACT)
    columns = ", ".join(f'cast("{c.name}" as {c.physical}) as "{c.name}"' for c in source.columns)
    keep_policy(night.home, night.policy, night.policy_text)
    key = run_key(con, night)
    # Before the version that names it: a night that is published has its history.
    history = add_night(con, night.tier_history, as_of_date=night.as_of_date, run_key=key, followed=night.nights_before)
    made_from = provenance(con, night, history)
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
        provenance=made_from,
        lock_wait_seconds=night.settings.lock_wait_seconds,
        keep_versions=night.settings.keep_versions,
        min_age=timedelta(hours=night.settings.keep_hours),
        again=night.accept,
        may_commit=may_commit,
    )
