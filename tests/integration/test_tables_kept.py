"""Tables that would come out the same are kept from one night to the next; whatever decides one makes it anew.

Belongs here: whole nights, and which tables they made. Does not: what is in them.
"""

import gzip
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import duckdb

from pipelines.instance import open_instance
from pipelines.intake import ingest
from pipelines.made_of import made_of, made_tables
from pipelines.night import Night
from pipelines.progress import Silent
from pipelines.run_calendar import calendar
from pipelines.runs import run_night
from pipelines.scratch import scratch
from pipelines.usage import DAY_TABLES
from sample_data import generate

AS_OF = date(2024, 6, 30)
# Who left after past month ends: a day's usage is long after them.
OF_THE_PAST = {"features.activity_at_origins", "features.churn_outcomes", "features.churn_bands"}
MakeHome = Callable[[str], Path]
OF_CLOSED_MONTHS = {"features.usage_monthly"}
# What the CRM said, and nothing else.
OF_THE_CRM = {"features.customers_known", "features.subscription_versions", "features.number_holdings"}


def made(home: Path, as_of: date, **options: object) -> set[str]:
    """Runs a night; the tables that it made, the day tables aside."""
    result = run_night(home, as_of, options)
    assert result.succeeded, result.failures
    found = set()
    with open_instance(home) as instance:
        for table in set(made_tables()) - set(DAY_TABLES):
            event = instance.get_latest_materialization_event(dg.AssetKey(table.split(".")))
            assert event is not None and event.asset_materialization is not None and event.run_id == result.run_id
            if not event.asset_materialization.metadata["kept"].value:
                found.add(table)
    return found


def hold_back(home: Path, *names: str) -> None:
    for name in names:
        for file in (home / "landing").glob(f"*/{name}*"):
            shutil.move(file, home / file.name)


def bring(home: Path, extract: str, name: str) -> None:
    for file in home.glob(f"{name}*"):
        shutil.move(file, home / "landing" / extract / file.name)


def test_a_night_makes_what_its_news_decide(make_home: MakeHome) -> None:
    home = make_home("home")
    hold_back(home, "cdr_20240630", "payments_20240630")
    everything = set(made_tables()) - set(DAY_TABLES)
    assert made(home, AS_OF) == everything
    assert made(home, AS_OF) == set(), "nothing new, the same night"

    recharge(home, "2024-06-30")
    after_payments = made(home, AS_OF)
    assert "features.account_periods" in after_payments and "scores.customer" in after_payments
    assert not after_payments & {*OF_THE_CRM, *OF_THE_PAST, "features.bill_shares", "features.call_graph"}

    bring(home, "cdr", "cdr_20240630")
    after_usage = made(home, AS_OF)
    assert {"features.call_graph", "features.churn", "scores.customer"} <= after_usage
    assert not after_usage & {
        *OF_THE_CRM,
        *OF_THE_PAST,
        *OF_CLOSED_MONTHS,
        "features.bill_shares",
        "features.account_periods",
    }

    next_night = made(home, AS_OF + timedelta(days=1))
    assert {"features.subscriptions", "features.customer", "scores.customer"} <= next_night
    assert not next_night & {*OF_THE_CRM, *OF_THE_PAST, *OF_CLOSED_MONTHS}

    shutil.copy(
        home / "landing" / "subscriptions" / "subscriptions_20240630.csv",
        home / "landing" / "subscriptions" / "subscriptions_20240701.csv",
    )
    assert {"features.subscription_versions", "features.number_holdings"} <= made(home, AS_OF + timedelta(days=1))


def test_another_policy_makes_the_judgement_anew_and_the_features_only_where_it_asks_for_other_windows(
    make_finished_home: MakeHome,
) -> None:
    home = make_finished_home("home")
    after = made(home, AS_OF, policy="quantile")
    assert {"scores.measures", "scores.customer"} <= after
    assert not after & {*OF_THE_CRM, "features.complaints"}


def test_a_table_that_a_run_did_not_finish_is_made_again(make_finished_home: MakeHome) -> None:
    home = make_finished_home("home")
    with duckdb.connect(str(home / "warehouse.duckdb")) as con:
        con.execute(
            "create or replace table features.number_holdings as select * from features.number_holdings limit 1"
        )
    assert made(home, AS_OF) == {"features.number_holdings"}


def test_the_past_is_made_anew_by_late_files_of_its_days_alone(tmp_path: Path) -> None:
    # As of 30 June the last month end whose label is known is 30 April: it looks from 8 April to 6 June.
    home = tmp_path / "home"
    generate(home, customers=12, seed=7, as_of=AS_OF, bill_months=1, cdr_days=90, snapshots=1)
    hold_back(home, "cdr_20240515", "cdr_20240630", "payments_20240630")
    before = digests(home)
    rows_before = rows(home, OF_THE_PAST | OF_CLOSED_MONTHS)
    bring(home, "cdr", "cdr_20240630")
    recharge(home, "2024-06-30")
    after_new_days = digests(home)
    changed = {table for table in before if before[table] != after_new_days[table]}
    assert changed >= {"features.usage_daily", "features.activity", "features.churn", "features.account_periods"}
    assert not changed & (OF_THE_PAST | OF_CLOSED_MONTHS)
    assert rows(home, OF_THE_PAST | OF_CLOSED_MONTHS) == rows_before
    assert all(rows_before.values())

    recharge(home, "2024-05-15")
    after_a_payment = digests(home)
    changed = {table for table in before if after_new_days[table] != after_a_payment[table]}
    assert changed >= OF_THE_PAST and not changed & OF_CLOSED_MONTHS
    bring(home, "cdr", "cdr_20240515")
    after_a_day = digests(home)
    changed = {table for table in before if after_a_payment[table] != after_a_day[table]}
    assert changed >= OF_THE_PAST | OF_CLOSED_MONTHS


def recharge(home: Path, day: str) -> None:
    """Lands a recharge of that day, of a line that has one in the file held back; known since the end of June."""
    with gzip.open(home / "payments_20240630.csv.gz", "rt") as lines:
        header, *payments = lines
    fields = next(line for line in payments if ",recharge," in line).split(",")
    fields[0], fields[5] = f"late-{day}", f"{day}T12:00:00+08:00"
    (home / "landing" / "payments" / f"payments_20240630_{day}.csv").write_text(header + ",".join(fields))


def rows(home: Path, tables: set[str]) -> dict[str, list[tuple[object, ...]]]:
    """What those tables of the night hold, made from nothing out of what is taken."""
    with scratch(Night(home, AS_OF)) as made_anew:
        for table in tables:
            made_anew.build(Night(home, AS_OF), target=table)
        return {table: made_anew.con.execute(f"select * from {table} order by all").fetchall() for table in tables}


def digests(home: Path) -> dict[str, str]:
    """What each table of the night would be made of, once all that has landed is taken."""
    night = Night(home, AS_OF)
    with night.warehouse.open() as con:
        settings = night.intake_settings
        ingest(con, night.landing, mappings={}, as_of_date=AS_OF, settings=settings, progress=Silent())
        return made_of(con, night, calendar(con, night))
