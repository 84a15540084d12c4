"""The rows of the extracts behind one customer's numbers, each with the file that it came in.

Belongs here: queries for one customer. Does not: what follows from the rows. A subscriber's number is never selected.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

QUERIES: Mapping[str, str] = {
    "lines": """
        select s.subscription_id, s.account_id, s.brand, s.plan_id, s.payment_type, s.status, s.activation_date,
            s.contract_end_date, s.ported_in_from, f.file_name
        from features.subscriptions as s
        left join staging.subscriptions as r
            on r.subscription_id = s.subscription_id and r.valid_from = s.state_since and r.known_at < $known_before
        left join intake.files as f on f.file_id = r.file_id and f.extract = 'subscriptions'
        where s.customer_id = $customer_id
        qualify row_number() over (partition by s.subscription_id order by r.known_at desc, f.file_name) = 1
        order by s.activation_date, s.subscription_id
    """,
    "bills": """
        select b.billing_period, b.bill_id, b.subscription_id, r.bill_type, b.payment_type, b.amount, f.file_name
        from features.bill_shares as b
        join run.arpu_months as m on m.segment = $policy_segment and m.billing_period = b.billing_period
        join staging.bills as r on r.bill_id = b.bill_id
        join intake.files as f on f.file_id = r.file_id and f.extract = 'bills'
        where b.customer_id = $customer_id
        order by b.billing_period, b.bill_id, b.subscription_id
    """,
    "usage": """
        select u.billing_period, u.subscription_id, u.charge_amount as amount
        from features.usage_monthly as u
        join run.arpu_months as m on m.segment = $policy_segment and m.billing_period = u.billing_period
        join features.subscription_months as l
            on l.subscription_id = u.subscription_id and l.billing_period = u.billing_period
        cross join (select min(usage_date) as first_day, max(usage_date) as last_day from features.usage_daily) as s
        where l.customer_id = $customer_id and l.payment_type = 'prepaid'
            and s.first_day <= m.first_day and s.last_day >= m.last_day
        order by u.billing_period, u.subscription_id
    """,
    "payments": """
        select p.billing_period, p.account_id, p.payment_due_date, p.amount_due, p.settled_date, p.days_past_due,
            p.overdue_amount
        from features.account_periods as p
        join features.account_owners as o on o.account_id = p.account_id
        where o.customer_id = $customer_id
        order by p.billing_period, p.account_id
    """,
    "lists": """
        select e.list, e.reason, e.valid_from, e.valid_to, f.file_name
        from staging.service_lists as e
        join intake.files as f on f.file_id = e.file_id and f.extract = 'service_lists'
        where e.customer_id = $customer_id and e.known_at < $known_before and e.valid_from <= $as_of_date
            and coalesce(e.valid_to > $as_of_date, true)
        qualify row_number() over (partition by e.list, e.valid_from order by e.known_at desc) = 1
        order by e.list, e.valid_from
    """,
    "overrides": """
        select e.tier, e.reason, e.approved_by, e.valid_from, e.valid_to, f.file_name
        from staging.tier_overrides as e
        join intake.files as f on f.file_id = e.file_id and f.extract = 'tier_overrides'
        where e.customer_id = $customer_id and e.known_at < $known_before and e.valid_from <= $as_of_date
            and coalesce(e.valid_to > $as_of_date, true)
        qualify row_number() over (partition by e.valid_from order by e.known_at desc) = 1
        order by e.valid_from
    """,
    "history": """
        with nights as (select * from run.tier_changes union all by name select * from scores.tier_changes)
        select valid_from, tier, tier_cause, value_tier, lifecycle_stage
        from nights
        where customer_id = $customer_id
        qualify tier is distinct from lag(tier) over (order by valid_from)
            or lifecycle_stage is distinct from lag(lifecycle_stage) over (order by valid_from)
        order by valid_from
    """,
}


@dataclass(frozen=True)
class Evidence:
    """Rows by QUERIES' names, each a dict of its columns."""

    rows: Mapping[str, tuple[dict[str, Any], ...]]

    def __getitem__(self, name: str) -> tuple[dict[str, Any], ...]:
        return self.rows[name]

    def total(self, name: str, payment_type: str | None = None) -> Any:
        """The sum of `amount` over the rows of bills or usage, those of one payment type if it is given."""
        return sum(row["amount"] for row in self[name] if payment_type in (None, row.get("payment_type")))


def gather(con: duckdb.DuckDBPyConnection, given: Mapping[str, Any]) -> Evidence:
    """The rows of one customer. `given`: customer_id, policy_segment, as_of_date, known_before."""
    return Evidence({name: tuple(fetch(con, query, given)) for name, query in QUERIES.items()})


def fetch(con: duckdb.DuckDBPyConnection, query: str, given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a query as dicts; it takes of `given` what it names."""
    named = {name: value for name, value in given.items() if f"${name}" in query}
    cursor = con.execute(query, named)
    columns = [column[0] for column in cursor.description or []]
    return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
