"""Between which dates a SELECT looks at the days of a table, and where that can't be told.

Belongs here: pipelines/sql_spans.py, as text and answer. Does not: what is kept because of it (test_made_of.py).
"""

import pytest

from pipelines.sql_catalogue import sql_table
from pipelines.sql_spans import Span, spans_read

PAYMENTS, DAY = "staging.payments", "paid_date"
ACTIVE, BILLED = Span("run.origins", "active_from", "quiet_until"), Span("run.months", "first_day", "last_day")
GIVEN = Span(None, "first", "last")
BETWEEN = "p.paid_date between o.active_from and o.quiet_until"


@pytest.mark.parametrize(
    ("sql", "spans"),
    [
        (f"select 1 from run.origins as o join staging.payments as p on {BETWEEN}", {ACTIVE}),
        (f"select 1 from staging.payments as p join run.origins as o on p.amount > 0 and {BETWEEN}", {ACTIVE}),
        (f"select 1 from staging.payments as p cross join run.origins as o where {BETWEEN} and p.amount > 0", {ACTIVE}),
        (f"select 1 from run.origins as o, staging.payments as p where {BETWEEN}", {ACTIVE}),
        # The join's other side may stay without a payment, but no payment without its span.
        (
            f"select 1 from run.origins as o join staging.payments as p on {BETWEEN} "
            "left join features.subscriptions as s on s.subscription_id = p.subscription_id",
            {ACTIVE},
        ),
        # Every place that reads the table, each in its own span.
        (
            f"with a as (select 1 from run.origins as o join staging.payments as p on {BETWEEN}) "
            "select 1 from a union all select 1 from run.months as m "
            "join staging.payments as q on q.paid_date between m.first_day and m.last_day",
            {ACTIVE, BILLED},
        ),
        # A CTE that hands on both dates of a row of one table, under these names or others.
        (
            "with months as (select m.first_day as begins, m.last_day from run.months as m group by all) "
            "select 1 from staging.payments as p join months as m on p.paid_date between m.begins and m.last_day",
            {BILLED},
        ),
        # Dates that the night gives; alone in its FROM a table's column needs no name before it.
        ("select 1 from staging.payments as p where p.paid_date between $first and $last", {GIVEN}),
        ("select 1 from staging.payments where paid_date between $first and $last and amount > 0", {GIVEN}),
        (
            "select 1 from staging.payments as p join features.churn as c on c.customer_id = p.customer_id "
            "where p.paid_date between $first and $last",
            {GIVEN},
        ),
        (
            f"with a as (select 1 from run.origins as o join staging.payments as p on {BETWEEN}) "
            "select 1 from a union all select 1 from staging.payments where paid_date between $first and $last",
            {ACTIVE, GIVEN},
        ),
    ],
)
def test_a_place_names_its_span(sql: str, spans: set[Span]) -> None:
    assert spans_read(sql, PAYMENTS, DAY) == spans


@pytest.mark.parametrize(
    "sql",
    [
        "select 1 from staging.payments as p",
        # One of two places reads all days.
        f"select 1 from run.origins as o join staging.payments as p on {BETWEEN} cross join staging.payments as q",
        f"select (select count(*) from staging.payments) from run.origins as o join staging.payments as p on {BETWEEN}",
        # Not of each row that comes through.
        f"select 1 from run.origins as o join staging.payments as p on {BETWEEN} or p.kind = 'recharge'",
        f"select 1 from run.origins as o join staging.payments as p on not ({BETWEEN})",
        f"select 1 from staging.payments as p left join run.origins as o on {BETWEEN}",
        f"select 1 from run.origins as o right join staging.payments as p on {BETWEEN}",
        f"select 1 from staging.payments as p full join run.origins as o on {BETWEEN}",
        f"select 1 from staging.payments as p anti join run.origins as o on {BETWEEN}",
        "select 1 from features.activity as a asof join staging.payments as p on a.last_active_date >= p.paid_date "
        f"cross join run.origins as o where {BETWEEN}",
        f"select case when {BETWEEN} then 1 end from run.origins as o cross join staging.payments as p",
        # Another day, another table's day, two tables' dates, no dates of a table.
        f"select 1 from run.origins as o join staging.payments as p on {BETWEEN.replace('paid_date', 'known_at')}",
        "select 1 from run.origins as o cross join staging.payments as p join features.usage_daily as u "
        "on u.paid_date between o.active_from and o.quiet_until",
        "select 1 from run.origins as o cross join run.months as m join staging.payments as p "
        "on p.paid_date between o.active_from and m.last_day",
        "select 1 from staging.payments as p where p.paid_date between $first and $last + interval 1 day",
        "select 1 from staging.payments as p where p.paid_date between $first and date '2024-06-30'",
        "select 1 from staging.payments as p join run.origins as o on p.paid_date between $first and o.quiet_until",
        # Whose column it is without a name before it, where there are two tables.
        "select 1 from staging.payments cross join features.churn where paid_date between $first and $last",
        f"select 1 from run.origins as o join staging.payments as p on {BETWEEN} + 1",
        "select 1 from run.origins as o join staging.payments as p "
        "on p.paid_date between symmetric o.active_from and o.quiet_until",
        # The dates stand further out, or inside a subquery.
        "select 1 from run.origins as o where exists (select 1 from staging.payments as p where "
        f"{BETWEEN})",
        f"select 1 from run.origins as o join (select * from staging.payments) as p on {BETWEEN}",
        # Other names than their own, or fewer rows than the table has.
        f"select 1 from run.origins as o (active_from, quiet_until) join staging.payments as p on {BETWEEN}",
        f"select 1 from run.origins as o join staging.payments as p (paid_date, paid_at) on {BETWEEN}",
        # A CTE whose dates are not those of one row.
        "with o as (select min(active_from) as active_from, max(quiet_until) as quiet_until from run.origins) "
        f"select 1 from o join staging.payments as p on {BETWEEN}",
        "with o (active_from, quiet_until) as (select quiet_until, active_from from run.origins) "
        f"select 1 from o join staging.payments as p on {BETWEEN}",
        "with o as (select a.active_from, b.quiet_until from run.origins as a cross join run.origins as b) "
        f"select 1 from o join staging.payments as p on {BETWEEN}",
        "with o as (select active_from, quiet_until from run.origins union select first_day, last_day from run.months) "
        f"select 1 from o join staging.payments as p on {BETWEEN}",
        "with o as (select quiet_until from run.origins) "
        f"select 1 from o join staging.payments as p on {BETWEEN}",
    ],
)  # fmt: skip
def test_where_it_is_not_certain_all_days_are_read(sql: str) -> None:
    assert spans_read(sql, PAYMENTS, DAY) is None


def test_what_is_no_sql_reads_all_days() -> None:
    assert spans_read("select from from where", PAYMENTS, DAY) is None


def test_the_sql_of_past_month_ends_and_of_closed_months_is_read_so() -> None:
    past = sql_table("features.activity_at_origins").text
    around = {Span("run.churn_origins", "active_from", "quiet_until")}
    assert spans_read(past, PAYMENTS, DAY) == spans_read(past, "features.usage_daily", "usage_date") == around
    monthly = sql_table("features.usage_monthly").text
    assert spans_read(monthly, "features.usage_daily", "usage_date") == {
        Span("run.arpu_months", "first_day", "last_day")
    }
    assert spans_read(sql_table("features.churn").text, PAYMENTS, DAY) is None
