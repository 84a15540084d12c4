"""The explanation of one customer on one night, read from what that night left, or from the night built again.

Belongs here: which night, which policy, and whether everything adds up. Does not: the queries (evidence.py), the
arithmetic (parts.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from pipelines.explanation.evidence import Evidence, fetch, gather
from pipelines.explanation.parts import Part, adds_up, score_parts
from pipelines.night import Night
from pipelines.policy_source import PolicyText, named_policy
from pipelines.publishing.history import committed, current_version
from pipelines.scratch import scratch
from pipelines.tier_history import FOLLOWED
from segmentation.policy import Policy
from tierline.manifest import Manifest


class UnknownCustomerError(LookupError):
    """Nobody of this identifier is known on that night, or nobody with a line in service."""


@dataclass(frozen=True)
class Explanation:
    """A scored row, what it was made of, and the policy that decided, with its text to point into.

    published: the version that says so; None where the night was built again and nothing of it is published.
    """

    row: dict[str, Any]
    features: dict[str, Any]
    parts: tuple[Part, ...]
    evidence: Evidence
    policy: Policy
    text: PolicyText
    published: int | None

    @property
    def adds_up(self) -> bool:
        """Whether the parts, recomputed from the policy, are those published and add up to the published score."""
        return adds_up(self.parts, self.row["value_score"])

    @property
    def spend_adds_up(self) -> bool:
        """Whether the bills and usage listed add up to the amounts that ARPU is made of."""
        bills, usage = self.evidence, self.features
        return bool(
            bills.total("bills", "postpaid") == usage["billed_amount"]
            and bills.total("bills", "prepaid") == usage["prepaid_fee_amount"]
            and bills.total("usage") == usage["prepaid_usage_amount"]
        )


def explain(
    home: Path,
    customer_id: str,
    as_of_date: date | None,
    options: dict[str, Any],
    told: Callable[[int, int], None] = lambda _done, _total: None,
) -> Explanation:
    """Why the customer has that tier on `as_of_date`, by default the published version's.

    The warehouse's own tables where they are of that night; otherwise the night is built again beside it, under the
    policy, settings and history that the kept version of that night was made with, or else today's.

    Raises UnknownCustomerError, TurnBusyError or WarehouseBusyError while a run is at work, SettingsError without a
    warehouse, PolicyError, TierHistoryError.
    """
    with prepared(home, as_of_date, options, told) as (con, night, manifest):
        return explain_one(con, night, manifest, customer_id)


@contextmanager
def prepared(
    home: Path,
    as_of_date: date | None,
    options: dict[str, Any],
    told: Callable[[int, int], None] = lambda _done, _total: None,
) -> Iterator[tuple[duckdb.DuckDBPyConnection, Night, Manifest | None]]:
    """A connection that shows the night's tables, the night, and its version; for explaining several customers."""
    night, manifest = _night(home, as_of_date, options)
    _ = night.nights_before  # a missing night is told before anything is read
    if _is_in_warehouse(night, manifest):
        with duckdb.connect() as con:
            night.warehouse.attach(con, "warehouse")
            con.execute("use warehouse")
            yield con, night, manifest
    else:
        with scratch(night) as place:
            place.build(night, told, target="scores.tier_changes")
            yield place.con, night, manifest


def explain_one(
    con: duckdb.DuckDBPyConnection, night: Night, manifest: Manifest | None, customer_id: str
) -> Explanation:
    """The explanation of one customer from the night's tables. Raises UnknownCustomerError."""
    given = {"customer_id": customer_id, "as_of_date": night.as_of_date, "known_before": night.known_before}
    features = fetch(con, "select * from features.customer where customer_id = $customer_id", given)
    row = fetch(con, "select * from scores.customer where customer_id = $customer_id", given)
    if not features:
        raise UnknownCustomerError(
            f"no customer {customer_id} on {night.as_of_date}: customers are named as in the extract; "
            "`tierline lookup NUMBER` shows the customer_id of a caller"
        )
    if not row:
        raise UnknownCustomerError(
            f"customer {customer_id} has no line in service on {night.as_of_date}, and so no tier; the nights with one "
            "are in tier_history of analytics.duckdb"
        )
    segment = next(s for s in night.policy.segments if s.name == row[0]["policy_segment"])
    cutoffs = con.execute(
        "select measure, quantile, threshold from scores.cutoffs where segment = $segment", {"segment": segment.name}
    ).fetchall()
    found = {(measure, quantile): threshold for measure, quantile, threshold in cutoffs}
    return Explanation(
        row=row[0],
        features=features[0],
        parts=score_parts(row[0], segment.policy, night.policy_text.content, found),
        evidence=gather(con, given | {"policy_segment": segment.name}),
        policy=segment.policy,
        text=night.policy_text,
        published=manifest.version if manifest is not None else None,
    )


def _night(home: Path, as_of_date: date | None, options: dict[str, Any]) -> tuple[Night, Manifest | None]:
    tier_table = home / "published" / "customer_tiers"
    current = current_version(tier_table)
    if as_of_date is None and current is None:
        raise UnknownCustomerError(f"nothing is published in {home}: say which day to explain with --as-of")
    day = as_of_date if as_of_date is not None else current.as_of_date  # type: ignore[union-attr]
    versions = committed(tier_table).values() if current is not None else ()
    of_day = [manifest for manifest in versions if manifest is not None and manifest.as_of_date == day]
    manifest = current if current is not None and current.as_of_date == day else (of_day[-1] if of_day else None)
    made_from = manifest.provenance if manifest is not None else {}
    given = json.loads(made_from.get("settings", "{}")) | options
    setting = Night(home, day, given).settings.policy
    policy = named_policy("current", home, setting, manifest if manifest is not None else current)
    return Night(
        home, day, given, policy_given=policy, follows=made_from.get(FOLLOWED), model=made_from.get("model")
    ), manifest


def _is_in_warehouse(night: Night, manifest: Manifest | None) -> bool:
    """Whether the warehouse's tables are those of the night's published version."""
    if manifest is None:
        return False
    night.warehouse.require()
    with duckdb.connect() as con:
        night.warehouse.attach(con, "warehouse")
        con.execute("use warehouse")
        tables = con.execute(
            "select count(*) from information_schema.tables where table_catalog = 'warehouse' "
            "and table_schema = 'scores' and table_name in ('customer', 'subscription', 'tier_changes')"
        ).fetchall()
        if tables != [(3,)]:
            return False
        made = con.execute("select distinct as_of_date, policy_version from scores.customer").fetchall()
        tiers = dict(con.execute("select tier, count(*) from scores.subscription group by tier").fetchall())
    labels = {
        night.policy.label if s.name == "base" else f"{night.policy.label}/{s.name}" for s in night.policy.segments
    }
    same_night = {as_of for as_of, _ in made} == {night.as_of_date} and {label for _, label in made} <= labels
    return same_night and tiers == {tier: rows for tier, rows in manifest.tiers.items() if rows}
