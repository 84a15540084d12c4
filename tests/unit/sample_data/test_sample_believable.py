"""Whether the made-up operator is believable: proportions, peaks, histories of lines, causes of churn."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from sample_data import generate
from sample_data.arrays import NEVER
from sample_data.changes import suspended_on
from sample_data.horizon import call_weights, make_horizon
from sample_data.usage import expected, make_rates
from sample_data.world import make_world

AS_OF = date(2024, 6, 30)


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("believable")
    generate(folder, customers=3000, seed=7, bill_months=6, cdr_days=120, cdr_per_line_day=0.15)
    return folder / "landing"


def load(landing: Path, extract: str) -> pl.DataFrame:
    found = sorted(f for f in (landing / extract).iterdir() if f.suffix != ".ctl")
    return pl.concat([pl.read_csv(f, infer_schema=False).with_columns(file=pl.lit(f.name)) for f in found])


def newest(landing: Path, extract: str) -> pl.DataFrame:
    return pl.read_csv(landing / extract / f"{extract}_20240630.csv", infer_schema=False)


def test_top_fifth_of_persons_brings_about_half_of_revenue(landing: Path) -> None:
    amount = pl.sum_horizontal(
        *(pl.col(f"{n}_amount").cast(pl.Float64) for n in ("rental", "voice", "long_distance", "roaming", "data")),
        *(pl.col(f"{n}_amount").cast(pl.Float64) for n in ("messaging", "value_added")),
    )
    bills = load(landing, "bills").filter((pl.col("bill_type") == "invoice") & pl.col("payment_due_date").is_not_null())
    persons = newest(landing, "customers").filter(
        (pl.col("customer_type") == "individual") & pl.col("group_id").is_null()
    )
    account = newest(landing, "subscriptions").join(persons.select("customer_id"), on="customer_id")["account_id"]
    topped = load(landing, "payments").filter(pl.col("kind") == "recharge")
    spent = pl.concat(
        [
            bills.select("account_id", spent=amount),
            topped.select("account_id", spent=pl.col("amount").cast(pl.Float64)),
        ]
    ).filter(pl.col("account_id").is_in(account.unique().to_list()))
    each = spent.group_by("account_id").agg(pl.col("spent").sum()).sort("spent", descending=True)["spent"]
    share = each.head(len(each) // 5).sum() / each.sum()
    assert 0.48 <= share <= 0.62


def test_brands_and_payment_types(landing: Path) -> None:
    lines = newest(landing, "subscriptions").filter(pl.col("valid_to").is_null() & (pl.col("status") != "ceased"))
    assert set(lines["brand"]) == {"GoTone", "Easyown", "M-Zone"}
    assert (lines.filter(pl.col("brand") == "GoTone")["payment_type"] == "postpaid").all()
    assert (lines.filter(pl.col("brand") != "GoTone")["payment_type"] == "prepaid").all()
    assert 0.35 <= (lines["payment_type"] == "prepaid").mean() <= 0.65
    mixed = lines.group_by("customer_id").agg(pl.col("payment_type").n_unique()).filter(pl.col("payment_type") == 2)
    assert mixed.height > 20


def test_hotline_peaks_at_month_edges(landing: Path) -> None:
    calls = load(landing, "cdr").filter((pl.col("called_number") == "10086") & (pl.col("direction") == "outgoing"))
    day = calls["answer_time"].str.slice(8, 2).cast(pl.Int32)
    first_days = (day <= 3).sum() / (3 * 4)
    middle = day.is_between(5, 26).sum() / (22 * 4)
    assert 1.6 <= first_days / middle <= 2.5


def test_monday_carries_18_percent_more_than_wednesday() -> None:
    monday = (date(2024, 6, 10) - date(1970, 1, 1)).days
    weights = call_weights(np.asarray([monday, monday + 2]))
    assert weights[0] / weights[1] == pytest.approx(1.18)


def test_hotline_calls_of_the_cdrs_are_the_contacts(landing: Path) -> None:
    contacts = load(landing, "contacts").filter(
        pl.col("channel").is_in(["agent", "ivr"]) & (pl.col("direction") == "incoming")
    )
    known = set(contacts.select(pl.col("contact_address") + pl.col("offered_at")).to_series())
    calls = load(landing, "cdr").filter((pl.col("called_number") == "10086") & (pl.col("direction") == "outgoing"))
    found = calls.select((pl.col("calling_number") + pl.col("answer_time")).is_in(list(known))).to_series()
    # One in a thousand records carries a number that nobody holds.
    assert found.mean() > 0.98


def test_no_number_is_held_twice_and_recycled_ones_rest_90_days(landing: Path) -> None:
    held = (
        newest(landing, "subscriptions")
        .filter(pl.col("msisdn").is_not_null())
        .group_by("msisdn", "subscription_id")
        .agg(pl.col("valid_from").min(), until=pl.col("valid_to").fill_null("9999").max())
        .sort("msisdn", "valid_from")
        .with_columns(following=pl.col("valid_from").shift(-1).over("msisdn"))
        .filter(pl.col("following").is_not_null())
    )
    assert held.height > 20
    for row in held.iter_rows(named=True):
        rest = datetime.fromisoformat(row["following"]) - datetime.fromisoformat(row["until"])
        assert rest.days >= 90, row["subscription_id"]


def test_intervals_of_a_line_follow_each_other(landing: Path) -> None:
    rows = load(landing, "subscriptions").sort("file", "subscription_id", "valid_from")
    following = pl.col("valid_from").shift(-1).over("file", "subscription_id")
    broken = rows.with_columns(following=following).filter(pl.col("valid_to").ne_missing(pl.col("following")))
    assert broken.height == 0
    assert rows.group_by("subscription_id").agg(pl.col("activation_date").n_unique())["activation_date"].max() == 1
    assert rows.filter((pl.col("status") == "ceased") != pl.col("msisdn").is_null()).height == 0


def test_cdrs_of_a_recycled_number_stand_on_both_sides(tmp_path: Path) -> None:
    generate(tmp_path, customers=250, seed=7, bill_months=1, cdr_days=100, cdr_per_line_day=4)
    owners = newest(tmp_path / "landing", "subscriptions").filter(pl.col("msisdn").is_not_null())
    twice = owners.group_by("msisdn").agg(pl.col("subscription_id").n_unique()).filter(pl.col("subscription_id") > 1)
    days = load(tmp_path / "landing", "cdr").filter(pl.col("served_msisdn").is_in(twice["msisdn"].to_list()))
    span = days.group_by("served_msisdn").agg(
        pl.col("answer_time").min().str.slice(0, 10).alias("first"), pl.col("answer_time").max().alias("last")
    )
    assert span.filter((pl.col("first") < "2024-03-30") & (pl.col("last") > "2024-06-26")).height >= 1


def test_the_stories_are_all_there(landing: Path) -> None:
    rows = newest(landing, "subscriptions")
    lines = rows.group_by("subscription_id").agg(
        pl.col("msisdn", "plan_id", "customer_id", "contract_end_date").drop_nulls().n_unique()
    )
    for story in ("msisdn", "plan_id", "customer_id", "contract_end_date"):
        assert lines.filter(pl.col(story) > 1).height >= 3, story
    assert {"arrears", "voluntary"} <= set(rows.filter(pl.col("status") == "suspended")["status_reason"])
    assert {"arrears", "voluntary", "ported_out", "other"} == set(
        rows.filter(pl.col("status") == "ceased")["status_reason"]
    )
    bills = load(landing, "bills")
    assert set(bills["bill_type"]) == {"invoice", "credit", "adjustment"}
    assert bills.filter(pl.col("refund_amount").cast(pl.Float64) > 0).height > 0
    assert bills.filter(pl.col("device_instalment_amount").cast(pl.Float64) > 0).height > 0
    companies = newest(landing, "customers").filter(pl.col("customer_type") == "group")["customer_id"].to_list()
    company_accounts = rows.filter(pl.col("customer_id").is_in(companies))["account_id"].unique().to_list()
    company_bills = bills.filter(pl.col("account_id").is_in(company_accounts))
    assert company_bills.height > 0 and company_bills["subscription_id"].null_count() == company_bills.height
    snapshots = (
        load(landing, "customers")
        .group_by("customer_id")
        .agg(pl.col("file").max(), pl.col("account_manager_id").drop_nulls().n_unique())
    )
    assert snapshots.filter(pl.col("file") < "customers_20240630.csv").height > 5
    assert snapshots.filter(pl.col("account_manager_id") > 1).height > 0
    never_billed = set(rows.filter(pl.col("payment_type") == "postpaid")["account_id"]) - set(bills["account_id"])
    assert never_billed


def test_nearly_all_are_registered_under_their_name_and_some_say_where_they_came_from(landing: Path) -> None:
    people = newest(landing, "customers")
    assert people["identity_verified"].value_counts().sort("count", descending=True)["identity_verified"][0] == "true"
    assert set(people["identity_verified"]) == {"true", "false", None}
    assert 0.95 <= (people["identity_verified"] == "true").sum() / people.height <= 0.985
    came = people.filter(pl.col("previous_operator").is_not_null())
    assert 0.02 <= came.height / people.height <= 0.04
    ported = newest(landing, "subscriptions").filter(pl.col("ported_in_from").is_not_null())
    assert ported.height > 0 and not came["customer_id"].is_in(ported["customer_id"].to_list()).any()


def test_lists_hold_their_odd_cases(landing: Path) -> None:
    lists = newest(landing, "service_lists").with_columns(
        now=(pl.col("valid_from") <= "2024-06-30") & (pl.col("valid_to").fill_null("9999") > "2024-06-30")
    )
    assert lists.filter(pl.col("valid_to") <= "2024-06-30").height > 0
    assert lists.filter(pl.col("valid_from") > "2024-06-30").height > 0
    both = lists.filter("now").group_by("customer_id").agg(pl.col("list").sort()).filter(pl.col("list").list.len() > 1)
    assert any(set(found) >= {"red", "black"} for found in both["list"])
    assert lists.filter(pl.col("list") == "vip")["account_manager_id"].null_count() == 0


def test_churn_has_causes_and_a_peak_at_10_to_14_months() -> None:
    horizon = make_horizon(AS_OF, 18, 1)
    world = make_world(horizon, 30_000, 7)
    start = int(horizon.starts[8])
    here = (world.lives.left >= start) & (world.people.joined < start) & ~world.people.is_group
    tenure = (start - world.people.joined) / 30.4
    gone = world.lives.left < start + 90

    def rate(low: float, high: float) -> float:
        return float(gone[here & (tenure >= low) & (tenure < high)].mean())

    assert rate(10, 14) > 1.4 * rate(4, 10) and rate(10, 14) > 1.8 * rate(15, 36) > rate(60, 999)
    still = world.lives.left == NEVER
    assert 0.02 < world.lives.probability[still].mean() < 0.08
    for cause in ("contract_end", "falling_usage", "complaints", "price", "payment_trouble", "ported_in"):
        assert world.lives.causes[cause][still].any(), cause


def test_truth_covers_customers_still_there(landing: Path) -> None:
    truth = pl.read_csv(landing.parent / "truth.csv", infer_schema=False)
    chances = ["true_churn_probability", "true_churn_probability_after_gap"]
    assert truth.columns == ["customer_id", *chances, "causes"]
    within_90_days, after_gap = (truth[name].cast(pl.Float64) for name in chances)
    assert within_90_days.is_between(0, 1).all()
    assert after_gap.is_between(0, 1).all()
    # A third of the days, for all but those about to be cut off for arrears in the one window and not in the other.
    assert (after_gap <= within_90_days).all()
    assert 0.25 < after_gap.mean() / within_90_days.mean() < 0.45
    assert truth["customer_id"].is_in(newest(landing, "customers")["customer_id"].to_list()).all()
    assert 1500 < truth.height < 3000


def test_nearly_all_cdrs_belong_to_a_line_in_service(landing: Path) -> None:
    held = (
        newest(landing, "subscriptions")
        .filter(pl.col("msisdn").is_not_null())
        .select("msisdn", "status", "valid_from", until=pl.col("valid_to").fill_null("9999"))
    )
    calls = load(landing, "cdr").select("record_id", "answer_time", "called_number", msisdn="served_msisdn")
    calls = calls.join(held, on="msisdn")
    inside = (pl.col("valid_from") <= pl.col("answer_time")) & (pl.col("answer_time") < pl.col("until"))
    owned = calls.filter(inside)
    assert not owned["record_id"].is_duplicated().any()
    # A stopped line reaches the hotline and nothing else.
    assert set(owned.filter(pl.col("called_number").ne_missing("10086"))["status"]) == {"active"}
    lost = 1 - owned.height / load(landing, "cdr").height
    assert 0 < lost < 0.003


def test_silent_and_stopped_lines_have_no_use() -> None:
    horizon = make_horizon(AS_OF, 6, 30)
    world = make_world(horizon, 2000, 7)
    day = horizon.as_of - 3
    use = expected(world, day, make_rates(world.lines, 1.0))
    silent = (world.lives.silent <= day) & (world.lives.ceased == NEVER)
    assert silent.sum() > 20 and world.lines.prepaid[silent].all()
    assert use[silent].sum() == 0
    stopped = suspended_on(world.lines, world.changes, day)
    assert stopped.sum() > 5 and use[stopped].sum() == 0
    assert use.sum() > 1000
