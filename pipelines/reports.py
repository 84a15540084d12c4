"""Reports for people who work in Excel: questions to the analysts' database, each answer a sheet of a workbook.

Belongs here: which questions, in SQL. Does not: how a workbook looks (workbook.py), the command (cli/workbooks.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from pipelines.retention.results import with_uplift
from pipelines.workbook import Kind, Sheet, sheet_of, write_workbook


class ReportError(RuntimeError):
    """A report that can't be made; the message says what is missing and the cure."""


def _as_it_is(sheet: Sheet) -> Sheet:
    return sheet


@dataclass(frozen=True)
class Answer:
    """One sheet: a SELECT over the analysts' tables. Columns of `table` bring their notes; `notes` are for the others.

    `kinds` name the kind of a column where DuckDB's type does not tell it. `then` adds what SQL can't compute.
    """

    title: str
    sql: str
    notes: Mapping[str, str] = field(default_factory=dict)
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    table: str = "customers"
    then: Callable[[Sheet], Sheet] = _as_it_is


_SCORED = "customers where tier is not null"
_POINTS: Mapping[str, Kind] = {"churn_risk": "share"}
_ABOUT = Answer(
    "about",
    f"select distinct as_of_date, policy_version, model_version from {_SCORED} order by all",
)
_LATEST = "month in (select month from tier_stability order by month desc limit 12)"
REPORTS: Mapping[str, tuple[Answer, ...]] = {
    "tiers": (
        Answer(
            "tiers",
            f"""select tier, count(*) as customers, count(*) / sum(count(*)) over () as share_of_customers,
                    coalesce(sum(arpu_amount), 0) as spend_a_month,
                    coalesce(sum(arpu_amount) / nullif(sum(sum(arpu_amount)) over (), 0), 0) as share_of_spend,
                    avg(churn_risk) as average_risk, sum(churn_risk) as expected_leavers,
                    count(*) filter (is_vip) as vip, count(*) filter (service_list = 'red') as red,
                    count(*) filter (service_list = 'black') as black, count(override_tier) as overridden
                from {_SCORED} group by tier, tier_flag order by tier_flag""",
            notes={
                "customers": "Customers with a line in service.",
                "spend_a_month": "Sum of arpu_amount: a proxy of revenue, without tax. Customers whose ARPU is unknown "
                "count as nothing.",
                "average_risk": "Average of churn_risk.",
                "expected_leavers": "Sum of churn_risk: so many may leave within the policy's horizon.",
                "overridden": "Customers for whom an operator's decision holds.",
            },
            kinds={
                "share_of_customers": "share",
                "share_of_spend": "share",
                "average_risk": "share",
                "expected_leavers": "amount",
            },
        ),
        Answer(
            "customers",
            f"""select customer_id, tier, value_tier, value_score, arpu_amount, tenure_months, credit, lifecycle_stage,
                    churn_risk, churn_risk_band, brand, payment_type, region, service_list, is_vip, account_manager_id,
                    override_tier, reasons
                from {_SCORED} order by tier_flag, value_score desc, customer_id""",
            kinds=_POINTS,
        ),
        _ABOUT,
    ),
    "lists": (
        Answer(
            "VIP",
            """select customer_id, account_manager_id, vip_valid_from, vip_valid_to, tier, arpu_amount, lifecycle_stage,
                    churn_risk, region, language
                from customers where is_vip order by account_manager_id, customer_id""",
            kinds=_POINTS,
        ),
        Answer(
            "red and black",
            """select customer_id, service_list, list_valid_from, list_valid_to, tier, value_tier, account_manager_id,
                    arpu_amount, churn_risk
                from customers where service_list in ('red', 'black') order by service_list, customer_id""",
            kinds=_POINTS,
        ),
        Answer(
            "overrides",
            """select customer_id, override_tier, override_valid_from, override_valid_to, tier, value_tier, arpu_amount
                from customers where override_tier is not null order by customer_id""",
        ),
        _ABOUT,
    ),
    "migration": (
        Answer(
            "migration",
            f"""select month, coalesce(tier_before, '(new)') as tier_before,
                    coalesce(tier_after, '(gone)') as tier_after, customers,
                    customers / sum(customers) over (partition by month, tier_before) as share_of_tier_before,
                    first_rated, promoted, demoted, rerated, adopted, own_reason
                from tier_migration where {_LATEST}
                order by month desc, tier_flag_before nulls last, tier_flag_after nulls last""",
            notes={
                "tier_before": "Tier at the end of the month before; (new): not there.",
                "tier_after": "Tier at the end of the month; (gone): without a line in service.",
                "share_of_tier_before": "Of the customers who had the tier before; of the new ones in their rows.",
            },
            kinds={"share_of_tier_before": "share"},
            table="tier_migration",
        ),
        Answer(
            "stability",
            f"""select month, customers, kept, kept_share, moved_up, moved_down, customers_at_end, moved_again,
                    mean_nights_since_change
                from tier_stability where {_LATEST} order by month desc""",
            kinds={"kept_share": "share"},
            table="tier_stability",
        ),
        _ABOUT,
    ),
    "campaigns": (
        Answer(
            "campaigns",
            """select campaign, coalesce(tier, '(all)') as tier, list_date, outcome_date, listed, contacted, reached,
                    accepted, control, control_contacted, listed_judged, listed_retained, control_judged,
                    control_retained, value_at_risk_amount, lifetime_value_amount
                from campaign_uplift order by list_date desc, campaign, tier_flag""",
            notes={"tier": "Tier on the day of the list; (all): all tiers together."},
            table="campaign_uplift",
            then=with_uplift,
        ),
        _ABOUT,
    ),
}


def write_report(analytics: Path, name: str, path: Path) -> None:
    """Writes the report of that name from the analysts' database, opened read-only, to an .xlsx file.

    Raises ReportError where the database is missing or older than the report, OSError on the disk; KeyError for a name
    that is none of REPORTS.
    """
    answers = REPORTS[name]
    if not analytics.is_file():
        raise ReportError(f"{analytics} is not there: nothing is published yet, run a night first")
    with ExitStack() as stack:
        con = stack.enter_context(duckdb.connect(str(analytics), read_only=True))
        told = "select column_name, comment from duckdb_columns() where table_name = ? and comment is not null"
        try:
            # A cursor each: the rows are fetched as they are written.
            sheets = [
                a.then(
                    sheet_of(
                        a.title,
                        stack.enter_context(con.cursor()).execute(a.sql),
                        {**dict(con.execute(told, [a.table]).fetchall()), **a.notes},
                        a.kinds,
                    )
                )
                for a in answers
            ]
        except (duckdb.BinderException, duckdb.CatalogException) as error:
            raise ReportError(
                f"{analytics} was made by another release and lacks what the report needs: run a night, then ask again"
            ) from error
        write_workbook(path, sheets)
