"""The shipped source mappings, on a few rows of the form that the real files have.

Belongs here: presets end to end. Does not: single transforms (unit), the real files themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from importlib import resources
from pathlib import Path

import duckdb
import pytest

from pipelines.intake import IntakeReport, IntakeSettings, ingest, load_mappings

WED = datetime(2010, 9, 15, 18, 17, 44)
NODOBO = """user,other,direction,duration,timestamp,antenna_id,cost
7610039694,7434677419,Incoming,211,Wed Sep 15 19:17:44 +0100 2010,2,33
7641036117,1666472054,Outgoing,31,Mon Feb 11 07:18:23 +0000 1980,10,12
7610039694,452,Outgoing,31,Fri Dec 03 00:15:45 +0000 2010,10,12
7610039694,1.42E+13,Missed,0,Fri Dec 03 01:15:45 +0000 2010,10,12
"""
IBM = """customerID,gender,SeniorCitizen,Partner,Dependents,tenure,PhoneService,MultipleLines,InternetService,\
OnlineSecurity,OnlineBackup,DeviceProtection,TechSupport,StreamingTV,StreamingMovies,Contract,PaperlessBilling,\
PaymentMethod,MonthlyCharges,TotalCharges,Churn
7590-VHVEG,Female,0,Yes,No,1,No,No phone service,DSL,No,Yes,No,No,No,No,Month-to-month,Yes,\
Electronic check,29.85,29.85,No
4472-LVYGI,Male,0,Yes,Yes,0,No,No phone service,DSL,Yes,No,Yes,Yes,Yes,No,Two year,Yes,\
Credit card (automatic),52.55, ,No
"""


class Silent:
    def step(self, name: str, done: int, total: int) -> None: ...


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    yield con
    con.close()


def take(
    con: duckdb.DuckDBPyConnection, home: Path, name: str, text: str, *, zone: str, currency: str, as_of: date
) -> IntakeReport:
    path = home / "landing" / name
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with resources.as_file(resources.files("pipelines.intake") / "sources") as folder:
        mappings = load_mappings(folder)
    report = ingest(
        con,
        home / "landing",
        mappings=mappings,
        as_of_date=as_of,
        settings=IntakeSettings(zone, currency, home / "tmp"),
        progress=Silent(),
    )
    assert not report.refused
    return report


def test_nodobo(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    report = take(
        con, tmp_path, "nodobo_calls/calls.csv", NODOBO, zone="Europe/London", currency="GBP", as_of=date(2011, 1, 31)
    )
    assert [(o.extract, o.accepted, o.rejected, o.duplicate, o.nulled) for o in report.accepted] == [
        ("cdr", 3, 1, 0, 1),
        ("customers", 2, 0, 2, 0),
        ("subscriptions", 2, 0, 2, 0),
    ]
    assert con.execute(
        "SELECT served_msisdn, calling_number, called_number, direction, usage_date, cause_for_term, known_at "
        "FROM staging.cdr"
    ).fetchall() == [
        (
            "+447610039694",
            "+447434677419",
            "+447610039694",
            "incoming",
            date(2010, 9, 15),
            "normal",
            datetime(2010, 9, 15, 18, 17, 44),
        ),
        (
            "+447610039694",
            "+447610039694",
            "452",
            "outgoing",
            date(2010, 12, 3),
            "normal",
            datetime(2010, 12, 3, 0, 15, 45),
        ),
        (
            "+447610039694",
            None,
            "+447610039694",
            "incoming",
            date(2010, 12, 3),
            "missed",
            datetime(2010, 12, 3, 1, 15, 45),
        ),
    ]
    assert con.execute("SELECT column_name, reason, line_number FROM intake.rejects").fetchall() == [
        ("answer_time", "below_minimum", 3)
    ]
    identifiers = con.execute(
        "SELECT subscription_id || customer_id || account_id FROM staging.subscriptions"
    ).fetchall()
    assert not any("76" in i and "7610039694" in i for (i,) in identifiers)


def test_ibm(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    report = take(
        con, tmp_path, "ibm_telco/churn.csv", IBM, zone="America/Los_Angeles", currency="USD", as_of=date(2024, 3, 31)
    )
    assert [(o.extract, o.accepted, o.rejected) for o in report.accepted] == [
        ("customers", 2, 0),
        ("subscriptions", 2, 0),
        ("bills", 1, 1),
    ]
    assert con.execute("SELECT customer_id, gender FROM staging.customers").fetchall() == [
        ("7590-VHVEG", "female"),
        ("4472-LVYGI", "male"),
    ]
    assert con.execute("SELECT activation_date, contract_end_date, msisdn FROM staging.subscriptions").fetchall() == [
        (date(2024, 2, 29), None, None),
        (date(2024, 3, 31), None, None),
    ]
    assert con.execute(
        "SELECT billing_period, bill_date, payment_due_date, rental_amount, amount_due, currency FROM staging.bills"
    ).fetchall() == [("2024-02", date(2024, 3, 1), date(2024, 4, 1), Decimal("29.8500"), Decimal("29.8500"), "USD")]
    assert con.execute("SELECT line_number, column_name, detail FROM intake.rejects").fetchall() == [
        (3, "TotalCharges", "TotalCharges is blank: no closed bill yet.")
    ]
