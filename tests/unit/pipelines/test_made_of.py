"""What a table is made of: which of the accepted files its digest holds.

Belongs here: pipelines/made_of.py over a ledger written by hand. Does not: whole nights
(tests/integration/test_tables_kept.py), how SQL names its days (test_sql_spans.py).
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest

from pipelines.intake import create_tables
from pipelines.made_of import made_of
from pipelines.night import Night
from pipelines.run_calendar import calendar
from pipelines.scratch import scratch

AS_OF = date(2024, 6, 30)
# The last month end whose label is known on that night looks up to 6 June, the first of twelve from 9 May on.
FIRST, LAST = date(2023, 5, 9), date(2024, 6, 6)
OF_THE_PAST = {"features.activity_at_origins", "features.churn_outcomes", "features.churn_bands"}
OF_ALL_PAYMENTS = {"features.account_periods", "features.churn"}
OF_FULL_WEEKS = {"features.contact_pairs", "features.contact_counts"}


class Ledger:
    """A ledger that `takes` files, and the tables whose digest that changes."""

    def __init__(self, con: duckdb.DuckDBPyConnection, home: Path) -> None:
        self.con, self.night = con, Night(home, AS_OF)
        create_tables(con)
        self.digests = self._digests()

    def _digests(self) -> dict[str, str]:
        return made_of(self.con, self.night, calendar(self.con, self.night))

    def takes(self, extract: str, first: date | None, last: date | None, **values: object) -> set[str]:
        number = self.con.execute("select count(*) from intake.files").fetchall()[0][0] + 1
        row = {
            "file_id": number, "source": extract, "extract": extract, "file_name": f"{extract}/{number}.csv",
            "sha256": f"{number:064x}", "mapping_fingerprint": "m", "status": "accepted", "first_date": first,
            "last_date": last, "known_until": datetime(2024, 6, 1),
            **dict.fromkeys(
                ("records", "header", "trailer", "blank", "accepted", "rejected", "duplicate", "nulled"), 1
            ),
        } | values  # fmt: skip
        self.con.execute(
            f"insert into intake.files ({', '.join(row)}) values ({', '.join('?' * len(row))})", list(row.values())
        )
        return self.changed()

    def changed(self) -> set[str]:
        before, self.digests = self.digests, self._digests()
        return {table for table, digest in self.digests.items() if digest != before[table]}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as con:
        yield Ledger(con, tmp_path)


def spans(ledger: Ledger) -> list[tuple[date, date]]:
    (origins,) = [table for table in calendar(ledger.con, ledger.night) if table.name == "churn_origins"]
    first, last = (list(origins.columns).index(name) for name in ("active_from", "quiet_until"))
    return [(row[first], row[last]) for row in origins.rows]


def test_the_spans_are_those_of_the_cases_below(ledger: Ledger) -> None:
    found = spans(ledger)
    assert (min(found)[0], max(found)[1]) == (FIRST, LAST)
    assert all(before[1] >= after[0] for before, after in pairwise(found)), "one after another"


@pytest.mark.parametrize(
    ("first", "last", "is_read"),
    [
        (LAST, LAST, True),
        (LAST + timedelta(days=1), LAST + timedelta(days=1), False),
        (LAST + timedelta(days=1), AS_OF, False),
        (FIRST, FIRST, True),
        (FIRST - timedelta(days=30), FIRST - timedelta(days=1), False),
        (FIRST - timedelta(days=30), AS_OF, True),  # all of them lie in it
        (date(2024, 5, 15), date(2024, 5, 15), True),
        (None, None, True),  # taken by an earlier release, or without a row
    ],
)
def test_past_month_ends_are_made_of_the_payments_of_their_days(
    ledger: Ledger, first: date | None, last: date | None, is_read: bool
) -> None:
    changed = ledger.takes("payments", first, last)
    assert changed >= OF_ALL_PAYMENTS
    assert changed & OF_THE_PAST == (OF_THE_PAST if is_read else set())


@pytest.mark.parametrize(("day", "is_read"), [(date(2024, 4, 1), False), (date(2024, 4, 2), True), (AS_OF, True)])
def test_activity_is_made_of_the_payments_of_the_last_90_days(ledger: Ledger, day: date, is_read: bool) -> None:
    assert ("features.activity" in ledger.takes("payments", day, day)) == is_read


@pytest.mark.parametrize(
    ("day", "is_read"),
    [
        pytest.param(date(2024, 7, 1), False, id="a week that is not full"),
        pytest.param(AS_OF, True, id="last day of the last full week"),
        pytest.param(date(2024, 5, 6), True, id="first day of eight weeks"),
        pytest.param(date(2024, 5, 5), False, id="the day before"),
    ],
)
def test_contacts_are_made_of_the_days_of_full_weeks(ledger: Ledger, day: date, is_read: bool) -> None:
    ledger.night = Night(ledger.night.home, date(2024, 7, 6))
    ledger.changed()
    ledger.takes("cdr", day, day, known_until=datetime(2024, 7, 6))
    (number,) = ledger.con.execute("select max(file_id) from intake.files").fetchall()[0]
    ledger.con.execute("insert into intake.file_days values (?, ?, 1)", [number, day])
    changed = ledger.changed()
    assert changed & OF_FULL_WEEKS == (OF_FULL_WEEKS if is_read else set())
    assert "features.usage_daily" in changed


def test_only_what_is_known_of_them_counts(ledger: Ledger) -> None:
    late = ledger.night.known_before
    assert not ledger.takes("payments", LAST, LAST, known_at=late)
    # Known row by row, and not whole: the instant itself decides, for those who look at these days.
    assert ledger.takes("payments", LAST, LAST, known_until=late) >= OF_THE_PAST
    assert not ledger.takes("payments", AS_OF, AS_OF, known_until=late) & OF_THE_PAST
    ledger.night = Night(ledger.night.home, AS_OF, known_at="2024-07-01")
    assert ledger.changed() >= OF_THE_PAST | OF_ALL_PAYMENTS


def test_a_file_that_is_gone_or_other_makes_them_anew(ledger: Ledger) -> None:
    ledger.takes("payments", LAST, LAST)
    ledger.con.execute("update intake.files set sha256 = 'other'")
    assert ledger.changed() >= OF_THE_PAST
    ledger.con.execute("update intake.files set last_date = '2024-06-30'")
    assert not ledger.changed() & OF_THE_PAST
    ledger.con.execute("delete from intake.files")
    assert ledger.changed() >= OF_THE_PAST


def test_the_crm_is_heard_whatever_its_days(ledger: Ledger) -> None:
    assert ledger.takes("subscriptions", None, None, known_at=datetime(2024, 6, 29)) >= OF_THE_PAST


def test_a_scratch_night_reads_the_ledger_of_an_earlier_release(tmp_path: Path) -> None:
    night = Night(tmp_path, AS_OF)
    with night.warehouse.open() as con:
        of_today = Ledger(con, tmp_path).digests
        for column in ("first_date", "last_date", "known_until"):
            con.execute(f"alter table intake.files drop column {column}")
    with scratch(night) as place:
        assert place.digest(night, "features.churn") == of_today["features.churn"]
