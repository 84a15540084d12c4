"""The training set is what past nights knew, with what became of each customer; nothing that came later is in it.

Belongs here: training_set.py on a home that has nights. Does not: single features (tests/sql, tests/unit/segmentation).
"""

import csv
import gzip
import shutil
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from pipelines import usage
from pipelines.day_files import verify_days
from pipelines.intake import ingest
from pipelines.night import Night
from pipelines.progress import Silent
from pipelines.scratch import scratch
from pipelines.training.training_set import TrainingRows, build_training_set, features_file, training_origins
from sample_data import generate
from segmentation.churn.features import CHURN_FEATURES, churn_features

AS_OF = date(2024, 6, 30)
LAST = datetime(2024, 6, 29, 16)  # the last delivery of subscriptions, naive UTC
ORIGIN = date(2024, 5, 15)
NIGHTS = (date(2024, 4, 30), ORIGIN, AS_OF)


def take(night: Night) -> None:
    with night.warehouse.open() as con:
        settings = night.intake_settings
        taken = ingest(con, night.landing, mappings={}, as_of_date=AS_OF, settings=settings, progress=Silent())
        assert not taken.refused


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with eleven weeks of usage, every extract taken, and the day files of some nights. Tests that change it
    take a copy.
    """
    home = tmp_path_factory.mktemp("training") / "home"
    generate(home, customers=300, seed=11, as_of=AS_OF, bill_months=4, cdr_days=76, snapshots=3)
    gather(home / "landing" / "cdr")
    take(Night(home, AS_OF))
    for day in NIGHTS:
        keep_days(Night(home, day))
    return home


def gather(folder: Path) -> None:
    """Makes one delivery of call detail records a night of them all: a file takes longer to take than its rows."""
    deliveries: dict[date, list[str]] = {night: [] for night in NIGHTS}
    header = ""
    for file in sorted(folder.glob("cdr_*")):
        if file.name.endswith(".gz"):
            header, *lines = gzip.decompress(file.read_bytes()).decode().splitlines()
            known = date.fromisoformat(file.name[4:12])
            deliveries[min(night for night in NIGHTS if known <= night)] += lines
        file.unlink()
    for night, lines in deliveries.items():
        (folder / f"cdr_{night:%Y%m%d}.csv").write_text("\n".join([header, *lines, ""]), encoding="utf-8")


def keep_days(night: Night) -> None:
    """The day files that a night leaves, so that scratch nights have only to read them."""
    with scratch(night) as place:
        place.build(night, target="features.number_holdings")
        for kept in usage.DAY_TABLES.values():
            usage.roll_up(place.con, kept, night, progress=lambda _done, _total: None)


@pytest.fixture(scope="module")
def rows(made: Path) -> TrainingRows:
    return training_set(made)


def training_set(home: Path, **options: int) -> TrainingRows:
    night = Night(home, AS_OF)
    with scratch(night) as place:
        return build_training_set(place, night, **options)


def sums_of(home: Path, origin: date) -> pl.DataFrame:
    """`features.churn` as the night of that date has it."""
    night = Night(home, origin)
    with scratch(night) as place:
        place.build(night, target="features.churn")
        return place.con.sql("select * from features.churn order by customer_id").pl()


def test_origins_are_those_that_somebody_was_known_at_and_whose_label_has_passed(rows: TrainingRows) -> None:
    # Customers are first delivered on 30 April; the label of 31 May is known on 7 July.
    assert rows.origins == (date(2024, 4, 30), ORIGIN)
    assert (rows.share, rows.kept + rows.made) == (1, 2)
    assert rows.frame["origin_date"].unique().sort().to_list() == list(rows.origins)


def test_examples_are_features_and_what_became_of_each_customer(rows: TrainingRows) -> None:
    assert rows.frame.columns == ["origin_date", "customer_id", *CHURN_FEATURES, "churned"]
    assert rows.frame.null_count().select("origin_date", "customer_id", "payment_type", "churned").row(0) == (
        0,
        0,
        0,
        0,
    )
    assert rows.frame.select("origin_date", "customer_id").is_unique().all()
    assert rows.frame.equals(rows.frame.sort("origin_date", "customer_id"))
    for payment_type in ("postpaid", "prepaid"):
        found = rows.frame.filter(pl.col("payment_type") == payment_type)["churned"]
        assert 0 < found.mean() < 0.5, payment_type


def test_a_row_of_an_origin_is_what_its_night_had(made: Path, rows: TrainingRows) -> None:
    sums = sums_of(made, ORIGIN)
    night = churn_features(sums, ORIGIN)
    examples = rows.frame.filter(pl.col("origin_date") == ORIGIN)
    expected = night.join(examples.select("customer_id"), on="customer_id", how="semi")
    assert expected.equals(examples.select(night.columns), null_equal=True)
    assert len(expected) > 100
    # And so is the kept file, byte for byte beside one that is made again.
    asked = Night(made, AS_OF)
    with scratch(asked) as place:
        file, is_new = features_file(place, asked, ORIGIN)
        kept = file.read_bytes()
        assert not is_new
        file.unlink()
        again, is_new = features_file(place, asked, ORIGIN)
    assert (again, is_new) == (file, True)
    assert again.read_bytes() == kept
    assert verify_days(asked.training_features, "delete it")[2] == ()


def test_outcomes_are_the_nights_own_at_the_origins_of_both(made: Path, rows: TrainingRows) -> None:
    night = Night(made, AS_OF)
    with scratch(night) as place:
        place.build(night, target="features.churn_outcomes")
        outcomes = place.con.sql("select origin_date, customer_id, churned from features.churn_outcomes").pl()
    both = rows.frame.join(outcomes, on=["origin_date", "customer_id"], suffix="_night")
    assert both["origin_date"].unique().to_list() == [date(2024, 4, 30)]
    assert len(both) > 100
    assert (both["churned"] == both["churned_night"]).all()


def test_the_next_training_reads_what_the_last_one_made(made: Path, rows: TrainingRows) -> None:
    again = training_set(made)
    assert (again.kept, again.made) == (2, 0)
    assert again.frame.equals(rows.frame, null_equal=True)


def test_a_bill_delivered_late_is_not_in_the_rows_of_origins_before(made: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(made, home)
    before = {origin: sums_of(home, origin) for origin in (ORIGIN, AS_OF)}
    month = home / "landing" / "bills" / "bills_20240505.csv.gz"
    with gzip.open(month, "rt", encoding="utf-8", newline="") as lines:
        bill = next(row for row in csv.DictReader(lines) if row["subscription_id"] and row["payment_due_date"])
    bill |= {"bill_id": "LATE-1", "rental_amount": "777.0000"}
    # Known three days after the origin.
    late = home / "landing" / "bills" / "bills_20240518_9.csv"
    with late.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, fieldnames=list(bill), lineterminator="\n")
        writer.writeheader()
        writer.writerow(bill)
    take(Night(home, AS_OF))
    assert sums_of(home, ORIGIN).equals(before[ORIGIN], null_equal=True)
    later = sums_of(home, AS_OF)
    moved = later.filter(pl.col("billed_amount") != before[AS_OF]["billed_amount"])
    assert len(moved) == 1
    # Kept files of origins before it stay in use.
    again = training_set(home)
    assert (again.kept, again.made) == (2, 0)


def test_a_file_that_was_known_before_the_origin_and_came_late_makes_its_file_anew(made: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(made, home)
    old = home / "landing" / "cdr" / "cdr_20240510_9.csv"
    with (home / "landing" / "cdr" / "cdr_20240515.csv").open(encoding="utf-8", newline="") as lines:
        record = next(row for row in csv.DictReader(lines) if row["call_type"] == "voice")
    with old.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, fieldnames=list(record), lineterminator="\n")
        writer.writeheader()
        writer.writerow(record | {"record_id": "LATE-1"})
    take(Night(home, AS_OF))
    again = training_set(home)
    assert (again.kept, again.made) == (1, 1)


def test_too_many_examples_are_a_share_of_the_customers_with_all_their_origins(made: Path, rows: TrainingRows) -> None:
    fewer = training_set(made, max_examples=200)
    assert 0.1 < fewer.share < 0.9
    assert 120 < len(fewer.frame) < 280
    whole = rows.frame.join(fewer.frame.select("customer_id").unique(), on="customer_id", how="semi")
    assert whole.sort("origin_date", "customer_id").equals(fewer.frame, null_equal=True)


def test_without_a_label_that_is_known_there_are_no_examples(made: Path) -> None:
    night = Night(made, date(2024, 6, 5))
    with scratch(night) as place:
        found = build_training_set(place, night)
    assert (len(found.frame), found.origins) == (0, ())
    assert found.frame.columns == ["origin_date", "customer_id", *CHURN_FEATURES, "churned"]


def test_what_is_left_of_a_killed_training_is_removed(made: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(made, home)
    left = Night(home, AS_OF).training_features / ".0123456789abcdef.tmp"
    left.parent.mkdir(parents=True, exist_ok=True)
    left.write_bytes(b"half a file")
    training_set(home)
    assert not left.exists()


def test_origins_are_month_ends_and_fifteenths_of_the_history() -> None:
    policy, zone = Night(Path(), AS_OF, {"policy": "default"}).policy, Night(Path(), AS_OF).zone
    origins = training_origins(AS_OF, policy, zone, (datetime(2010, 1, 1), LAST))
    assert len(origins) == 24
    assert (origins[0], origins[1], origins[-1]) == (date(2023, 5, 31), date(2023, 6, 15), ORIGIN)
    # Delivered at noon there on the 30th: known at the end of that day, and not at the end of the day before.
    assert training_origins(AS_OF, policy, zone, (datetime(2024, 4, 30, 4), LAST))[0] == date(2024, 4, 30)
    assert training_origins(AS_OF, policy, zone, (datetime(2024, 4, 30, 16), LAST))[0] == ORIGIN
    # Nothing was delivered after 10 June: a label that ends later would take everybody for staying.
    assert max(training_origins(AS_OF, policy, zone, (datetime(2010, 1, 1), datetime(2024, 6, 10)))) == date(
        2024, 4, 30
    )
    assert training_origins(AS_OF, policy, zone, None) == ()
