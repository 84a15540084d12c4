"""From which instant on a delivery of subscriptions changes who held a number.

Belongs here: intake.subscription_changes. Does not: attributing usage anew, which reads it.
"""

from __future__ import annotations

from datetime import datetime

import duckdb


def note_subscription_changes(con: duckdb.DuckDBPyConnection, file_id: int, known_at: datetime) -> None:
    """Writes the earliest instant (UTC) affected by the file just loaded, null if nothing changed.

    Compared with each subscription's latest delivery known before. A row that is new, or has another number, status
    or customer, counts from its valid_from; one with another valid_to from the smaller of both; an interval that is
    gone while its subscription is still delivered, from its valid_from. A vanished subscription counts nothing.
    """
    con.execute(
        """
        INSERT INTO intake.subscription_changes
        WITH new AS (
            SELECT * FROM staging.subscriptions WHERE file_id = $file_id
        ), old AS (
            SELECT s.* FROM staging.subscriptions s
            WHERE s.known_at < $known_at AND s.subscription_id IN (SELECT subscription_id FROM new)
            QUALIFY s.known_at = max(s.known_at) OVER (PARTITION BY s.subscription_id)
        ), compared AS (
            SELECT
                coalesce(new.valid_from, old.valid_from) AS valid_from,
                CASE
                    WHEN new.subscription_id IS NULL OR old.subscription_id IS NULL
                        OR new.msisdn IS DISTINCT FROM old.msisdn
                        OR new.status IS DISTINCT FROM old.status
                        OR new.customer_id IS DISTINCT FROM old.customer_id
                    THEN coalesce(new.valid_from, old.valid_from)
                    WHEN new.valid_to IS DISTINCT FROM old.valid_to THEN least(new.valid_to, old.valid_to)
                END AS changed_from
            FROM new FULL JOIN old ON old.subscription_id = new.subscription_id AND old.valid_from = new.valid_from
        )
        SELECT $file_id, $known_at, min(changed_from) FROM compared
        """,
        {"file_id": file_id, "known_at": known_at},
    )
