"""sql/marts/ that hold a claim against the data: concentration of spend, poor churners, tiers by group of persons."""

from decimal import Decimal
from itertools import product

import polars as pl
import pytest
from sql_desk import SqlDesk

from data_contracts import contract
from pipelines.table_types import table_types
from segmentation.columns import FEATURES
from segmentation.measures import arpu

SPENDERS = [Decimal(n) for n in (1000, 300, 200, 100, 100, 100, 50, 50, 50, "49.9999")]


@pytest.mark.parametrize("name", ["revenue_concentration", "churners_under_line", "fairness_audit"])
def test_columns_and_types_are_the_contracts(name: str) -> None:
    assert table_types(f"marts.{name}") == {c.name: c.physical for c in contract(f"marts.{name}").columns}


def test_the_top_customers_are_rounded_up_and_only_20_per_cent_are_claimed(desk: SqlDesk) -> None:
    rows = "\n".join(f"C{n} | {amount}" for n, amount in enumerate(SPENDERS))
    desk.given("scores.customer", f"customer_id | spend_amount\n{rows}\n unknown |")
    desk.expect(
        "marts.revenue_concentration",
        """
        top_percent | customers | top_customers | spend_amount | top_spend_amount | spend_share | claimed_share
        1           | 10        | 1             | 1999.9999    | 1000             | 0.500000    |
        5           | 10        | 1             | 1999.9999    | 1000             | 0.500000    |
        10          | 10        | 1             | 1999.9999    | 1000             | 0.500000    |
        20          | 10        | 2             | 1999.9999    | 1300             | 0.650000    | 0.8
        50          | 10        | 5             | 1999.9999    | 1700             | 0.850000    |
        """,
    )


def test_refunds_count_as_no_spend_and_shares_are_rounded_half_up(desk: SqlDesk) -> None:
    desk.given("scores.customer", "customer_id | spend_amount\n C1 | 2\n C2 | 1\n C3 | -500")
    desk.expect(
        "marts.revenue_concentration",
        """
        top_percent | top_customers | spend_amount | spend_share
        1           | 1             | 3            | 0.666667
        5           | 1             | 3            | 0.666667
        10          | 1             | 3            | 0.666667
        20          | 1             | 3            | 0.666667
        50          | 2             | 3            | 1
        """,
    )


@pytest.mark.parametrize("spend", [None, "0", "-1"])
def test_without_spend_there_is_no_share(desk: SqlDesk, spend: str | None) -> None:
    if spend is not None:
        desk.given("scores.customer", f"customer_id | spend_amount\n C1 | {spend}")
    found = desk.run("marts.revenue_concentration").project("top_percent, spend_amount, spend_share").fetchall()
    assert sorted(found) == [(n, 0, None) for n in (1, 5, 10, 20, 50)]


# As of 30 June, 30 days back is 31 May. Months: of bills 3, of usage 2.
HISTORY = """
    customer_id | valid_from | valid_to
    left_poor   | 2024-05-01 | 2024-06-10
    left_poor2  | 2024-05-31 | 2024-06-30
    left_rich   | 2024-05-01 | 2024-06-01
    left_none   | 2024-05-01 | 2024-06-10
    stays_poor  | 2024-05-01 |
    stays_rich  | 2024-05-01 | 2024-06-05
    stays_rich  | 2024-06-05 |
    on_the_line | 2024-05-01 |
    back        | 2024-05-01 | 2024-06-05
    back        | 2024-06-07 |
    left_before | 2024-05-01 | 2024-05-31
    new         | 2024-06-01 |
    new_left    | 2024-06-01 | 2024-06-10
"""
AMOUNTS = """
    customer_id | billed_months | billed_amount | usage_months | prepaid_usage_amount | prepaid_fee_amount
    left_poor   | 3             | 149.9999      | 2            | 0                    | 0
    left_poor2  | 3             | 60            | 2            | 50                   | 0
    left_rich   | 3             | 60            | 2            | 60                   | 30
    left_none   | 0             | 0             | 0            | 0                    | 0
    stays_poor  | 0             | 0             | 2            | 99                   | 0
    stays_rich  | 3             | 300           | 0            | 0                    | 0
    on_the_line | 3             | 150           | 2            | 0                    | 0
    back        | 3             | 300           | 0            | 0                    | 0
    new         | 1             | 1             | 0            | 0                    | 0
    new_left    | 1             | 1             | 0            | 0                    | 0
    left_before | 3             | 1             | 0            | 0                    | 0
"""


def test_churners_under_the_line_beside_everybody_who_was_there(desk: SqlDesk) -> None:
    desk.given("marts.tier_history", HISTORY, tier="mid")
    desk.given("features.customer", AMOUNTS, has_postpaid_line="true", has_prepaid_line="false")
    desk.expect(
        "marts.churners_under_line",
        """
        horizon_date | line_amount | customers | customers_under_line | customers_without_arpu | claimed_share
        2024-05-31   | 50          | 7         | 3                    | 1                      | 0.87
        """,
    )
    # Of 7 under the line 3, of 3 churners 2: (2/3) / (3/7) = 1.5556.
    desk.expect(
        "marts.churners_under_line",
        """
        churners | churners_under_line | churners_without_arpu | churners_share | customers_share | lift
        3        | 2                   | 1                     | 0.666667       | 0.428571        | 1.5556
        """,
    )


KINDS = {
    "billed_months": (0, 3),
    "usage_months": (0, 2),
    "billed_amount": (0, 149),
    "prepaid_usage_amount": (0, 99),
    "prepaid_fee_amount": (0, 3),
    "has_postpaid_line": (False, True),
    "has_prepaid_line": (False, True),
}


def test_arpu_of_who_left_is_known_and_rounded_as_that_of_who_stayed(desk: SqlDesk) -> None:
    """Known and under the line just where segmentation/measures.py says so, for each kind of customer and month."""
    cases = [dict(zip(KINDS, values, strict=True)) for values in product(*KINDS.values())]
    frame = pl.DataFrame(cases).with_columns(pl.col(name).cast(FEATURES[name]) for name in KINDS)
    judged = frame.select(arpu()).to_series().to_list()
    rows = [f"C{n} | " + " | ".join(map(str, case.values())) for n, case in enumerate(cases)]
    desk.given("features.customer", "\n".join(["customer_id | " + " | ".join(KINDS), *rows]))
    customers = [f"C{n}" for n in range(len(cases))]
    desk.given("marts.tier_history", "\n".join(["customer_id", *customers]), tier="mid", valid_from="2024-05-01")
    known = [amount for amount in judged if amount is not None]
    found = desk.run("marts.churners_under_line").project("customers, customers_under_line, customers_without_arpu")
    assert found.fetchall() == [(len(known), sum(amount < 50 for amount in known), len(judged) - len(known))]
    assert 0 < sum(amount < 50 for amount in known) < len(known) < len(judged)


def test_a_policy_without_a_line_counts_churners_and_judges_none(desk: SqlDesk) -> None:
    desk.at(desk.parameters["as_of_date"], policy="quantile")
    desk.given("marts.tier_history", HISTORY, tier="mid")
    desk.given("features.customer", AMOUNTS, has_postpaid_line="true", has_prepaid_line="false")
    desk.expect(
        "marts.churners_under_line",
        """
        line_amount | customers | customers_under_line | churners | churners_share | customers_share | lift
                    | 7         |                      | 3        |                |                 |
        """,
    )


def test_a_history_younger_than_the_horizon_says_nothing(desk: SqlDesk) -> None:
    desk.given("marts.tier_history", "customer_id | valid_from\n C1 | 2024-06-01", tier="mid")
    desk.expect(
        "marts.churners_under_line",
        """
        customers | churners | churners_share | customers_share | lift
        0         | 0        |                |                 |
        """,
    )


def people(desk: SqlDesk, *groups: tuple[int, str, str, str, str, str, str]) -> None:
    """Customers: how many, gender, year of birth, region, tier, score and stage."""
    flags = {"high": "1", "mid": "2", "ordinary": "3"}
    features, scores = [], []
    for number, (count, gender, born, region, tier, score, stage) in enumerate(groups):
        for n in range(count):
            features.append(f"G{number}-{n} | {gender} | {born} | {region}")
            scores.append(f"G{number}-{n} | {tier} | {flags[tier]} | {score} | {stage}")
    desk.given("features.customer", "\n".join(["customer_id | gender | birth_year | region", *features]))
    desk.given("scores.customer", "\n".join(["customer_id|tier|tier_flag|value_score|lifecycle_stage", *scores]))


def test_groups_are_compared_with_everybody_tier_by_tier(desk: SqlDesk) -> None:
    people(
        desk,
        (8, "female", "1980", "north", "high", "80", "stable"),
        (4, "female", "1980", "north", "mid", "60.0001", "warning"),
        (2, "male", "1980", "north", "high", "90", "stable"),
        (10, "male", "1980", "north", "ordinary", "10", "growth"),
    )
    # Everybody: 1160.0004 / 24 = 48.33335, rounded half up. Best tier: 10 of 24;
    # of the women 8 of 12 = 1.6 times, of the men 2 of 12 = 0.4 times.
    women, men = "12 | 73.3334 | 0.333333 | 1.6", "12 | 23.3333 | 0 | 0.4"
    desk.expect(
        "marts.fairness_audit",
        f"""
        dimension|group_name|tier|tier_flag|tier_customers|tier_share|customers|mean_value_score|warning_share|best_tier_ratio
        gender | female | high     | 1 | 8  | 0.666667 | {women}
        gender | female | mid      | 2 | 4  | 0.333333 | {women}
        gender | female | ordinary | 3 | 0  | 0        | {women}
        gender | male   | high     | 1 | 2  | 0.166667 | {men}
        gender | male   | mid      | 2 | 0  | 0        | {men}
        gender | male   | ordinary | 3 | 10 | 0.833333 | {men}
        age    | 35-44  | high     | 1 | 10 | 0.416667 | 24 | 48.3334 | 0.166667 | 1
        age    | 35-44  | mid      | 2 | 4  | 0.166667 | 24 | 48.3334 | 0.166667 | 1
        age    | 35-44  | ordinary | 3 | 10 | 0.416667 | 24 | 48.3334 | 0.166667 | 1
        region | north  | high     | 1 | 10 | 0.416667 | 24 | 48.3334 | 0.166667 | 1
        region | north  | mid      | 2 | 4  | 0.166667 | 24 | 48.3334 | 0.166667 | 1
        region | north  | ordinary | 3 | 10 | 0.416667 | 24 | 48.3334 | 0.166667 | 1
        """,
    )


@pytest.mark.parametrize(
    "born, band",
    [
        ("2000", "under 25"), ("1999", "25-34"), ("1990", "25-34"), ("1989", "35-44"), ("1980", "35-44"),
        ("1979", "45-54"), ("1970", "45-54"), ("1969", "55-64"), ("1960", "55-64"), ("1959", "65+"), ("", "unknown"),
    ],
)  # fmt: skip
def test_age_is_that_of_the_as_of_year(desk: SqlDesk, born: str, band: str) -> None:
    people(desk, (10, "", born, "", "high", "80", "stable"))
    found = desk.run("marts.fairness_audit").filter("tier = 'high'").project("dimension, group_name").fetchall()
    assert sorted(found) == [("age", band), ("gender", "unknown"), ("region", "unknown")]


def test_groups_under_10_are_withheld_and_counted_together(desk: SqlDesk) -> None:
    people(
        desk,
        (10, "female", "1980", "north", "mid", "60", "stable"),
        (9, "male", "1970", "south", "mid", "60", "stable"),
        (3, "", "1970", "west", "mid", "60", "stable"),
    )
    found = desk.run("marts.fairness_audit").filter("tier is null or tier = 'mid'")
    shown = found.project("dimension, group_name, customers, tier_share, mean_value_score, best_tier_ratio").fetchall()
    assert sorted(shown) == [
        ("age", "35-44", 10, Decimal(1), Decimal(60), None),
        ("age", "45-54", 12, Decimal(1), Decimal(60), None),
        ("gender", "female", 10, Decimal(1), Decimal(60), None),
        ("gender", "withheld", 12, None, None, None),
        ("region", "north", 10, Decimal(1), Decimal(60), None),
        ("region", "withheld", 12, None, None, None),
    ]
    desk.con.execute("delete from scores.customer")
    desk.expect("marts.fairness_audit", "dimension | group_name | tier")
