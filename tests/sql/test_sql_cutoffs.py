"""sql/scores/cutoffs.sql: the smallest value at or below which at least a share of the customers lies."""

import pytest
from sql_desk import SqlDesk, read_rows

TABLE = "scores.cutoffs"


def given_measures(desk: SqlDesk, text: str, segment: str = "base") -> None:
    """Measures of customers who are all in one segment."""
    desk.given("scores.measures", text)
    _, rows = read_rows(text)
    for row in rows:
        desk.given("features.customer", f"customer_id\n {row[0]}", policy_segment=segment)


def given_arpu(desk: SqlDesk, values: list[str]) -> None:
    rows = "\n".join(f"C{n} | {value} | 12 | 60" for n, value in enumerate(values))
    given_measures(desk, f"customer_id | arpu_amount | tenure_months | credit\n{rows}")


@pytest.mark.parametrize(
    "values, quantile, threshold",
    [
        pytest.param(["50", "10", "40", "20", "30"], "0.2", "10", id="exactly a fifth of five"),
        pytest.param(["50", "10", "40", "20", "30"], "0.200001", "20", id="just above a fifth"),
        pytest.param(["50", "10", "40", "20", "30"], "0.8", "40", id="exactly four fifths"),
        pytest.param(["50", "10", "40", "20", "30"], "0.95", "50", id="more than four fifths"),
        pytest.param(["10", "20", "30"], "0.5", "20", id="half of three"),
        pytest.param(["10", "20", "30", "40"], "0.5", "20", id="half of four: a value, not a mean of two"),
        pytest.param(["10", "10", "10", "40"], "0.5", "10", id="ties"),
        pytest.param(["10", "40", "40", "40"], "0.5", "40", id="ties above"),
        pytest.param(["7.1234"], "0.000001", "7.1234", id="one customer, lowest"),
        pytest.param(["7.1234"], "0.999999", "7.1234", id="one customer, highest"),
        pytest.param(["-5", "0", "5"], "0.3", "-5", id="negative"),
    ],
)
def test_a_cutoff_is_a_value_of_the_population(desk: SqlDesk, values: list[str], quantile: str, threshold: str) -> None:
    desk.given("run.quantiles", f"segment | measure | quantile\n base | arpu | {quantile}")
    given_arpu(desk, values)
    desk.expect(TABLE, f"measure | quantile | threshold\n arpu | {quantile} | {threshold}")


def test_customers_without_a_known_arpu_are_not_in_its_population(desk: SqlDesk) -> None:
    desk.given("run.quantiles", "measure | quantile\n arpu | 0.5\n tenure | 0.5", segment="base")
    given_measures(
        desk,
        """
        customer_id | arpu_amount | tenure_months | credit
        C1          |             | 0             | 60
        C2          |             | 0             | 60
        C3          |             | 5             | 60
        C4          | 10          | 30            | 60
        C5          | 20          | 40            | 60
        """,
    )
    desk.expect(TABLE, "measure | threshold\n arpu | 10\n tenure | 5")


def test_each_measure_is_cut_in_its_own_population(desk: SqlDesk) -> None:
    desk.given(
        "run.quantiles",
        """
        measure | quantile
        arpu    | 0.5
        tenure  | 0.5
        tenure  | 0.9
        credit  | 0.5
        """,
        segment="base",
    )
    given_measures(
        desk,
        """
        customer_id | arpu_amount | tenure_months | credit
        C1          | 100.5       | 3             | 99.1234
        C2          | 20          | 1             | 60
        C3          | 30          | 2             | 70
        """,
    )
    desk.expect(
        TABLE,
        """
        measure | quantile | threshold
        arpu    | 0.5      | 30
        tenure  | 0.5      | 2
        tenure  | 0.9      | 3
        credit  | 0.5      | 70
        """,
    )


def test_a_policy_of_absolute_steps_asks_for_none_and_the_quantile_policy_for_five(desk: SqlDesk) -> None:
    given_arpu(desk, [str(value) for value in range(1, 101)])
    desk.expect(TABLE, "measure | quantile | threshold")
    desk.at(desk.parameters["as_of_date"], policy="quantile")
    desk.expect(
        TABLE,
        """
        measure | quantile | threshold
        arpu    | 0.2      | 20
        arpu    | 0.4      | 40
        arpu    | 0.6      | 60
        arpu    | 0.8      | 80
        arpu    | 0.95     | 95
        """,
    )


@pytest.mark.parametrize(
    "measures",
    [
        pytest.param("", id="nobody is scored"),
        pytest.param("C1 | | 0 | 60\n C2 | | 3 | 70", id="nobody has a closed month"),
    ],
)
def test_a_quantile_nobody_has_a_measure_for_has_a_row_without_a_threshold(desk: SqlDesk, measures: str) -> None:
    desk.at(desk.parameters["as_of_date"], policy="quantile")
    given_measures(desk, f"customer_id | arpu_amount | tenure_months | credit\n{measures}")
    desk.expect(
        TABLE,
        """
        measure | quantile | threshold
        arpu    | 0.2      |
        arpu    | 0.4      |
        arpu    | 0.6      |
        arpu    | 0.8      |
        arpu    | 0.95     |
        """,
    )


def test_a_measure_without_values_takes_nothing_from_another(desk: SqlDesk) -> None:
    desk.given("run.quantiles", "measure | quantile\n arpu | 0.5\n credit | 0.5", segment="base")
    given_measures(desk, "customer_id | arpu_amount | tenure_months | credit\n C1 | | 0 | 60")
    desk.expect(TABLE, "measure | threshold\n arpu | \n credit | 60")


def test_each_segment_is_cut_in_its_own_population(desk: SqlDesk) -> None:
    desk.given(
        "run.quantiles", "segment | measure | quantile\n base | arpu | 0.5\n young | arpu | 0.5\n young | mou | 0.5"
    )
    given_measures(desk, "customer_id | arpu_amount | mou_minutes\n C1 | 100 | 1\n C2 | 200 | 2\n C3 | 300 | 3")
    given_measures(desk, "customer_id | arpu_amount | mou_minutes\n Y1 | 10 | 40\n Y2 | 20 | 50", segment="young")
    desk.expect(
        TABLE,
        """
        segment | measure | threshold
        base    | arpu    | 200
        young   | arpu    | 10
        young   | mou     | 40
        """,
    )
