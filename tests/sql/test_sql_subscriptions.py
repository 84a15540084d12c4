"""sql/features/subscriptions.sql: the state of a line at the end of the as-of date."""

import pytest
from sql_desk import SqlDesk

VERSIONS = "features.subscription_versions"
LINE = {
    "subscription_id": "S1",
    "customer_id": "C1",
    "account_id": "A1",
    "payment_type": "postpaid",
    "activation_date": "2020-01-01",
    "valid_from": "2023-01-01 00:00",
}


@pytest.mark.parametrize(
    "status, activation_date, valid_to, in_service",
    [
        pytest.param("active", "2020-01-01", "", True, id="active"),
        pytest.param("suspended", "2020-01-01", "", True, id="suspended"),
        pytest.param("ceased", "2020-01-01", "", False, id="ceased"),
        pytest.param("active", "2024-06-30", "", True, id="activated today"),
        pytest.param("active", "2024-07-01", "", False, id="activated tomorrow"),
        pytest.param("active", "2020-01-01", "2024-06-30 15:59:59", False, id="ended during the day"),
        pytest.param("active", "2020-01-01", "2024-06-30 16:00", True, id="ends with the day"),
        pytest.param("active", "2020-01-01", "2024-07-10 00:00", True, id="ends later"),
    ],
)
def test_in_service_is_active_or_suspended_at_the_end_of_the_day(
    desk: SqlDesk, status: str, activation_date: str, valid_to: str, in_service: bool
) -> None:
    line = LINE | {"activation_date": activation_date}
    desk.given(VERSIONS, f"status | valid_to\n {status} | {valid_to}", **line)
    desk.expect("features.subscriptions", f"subscription_id | status | in_service\n S1 | {status} | {in_service}")


def test_the_last_interval_tells_the_state(desk: SqlDesk) -> None:
    desk.given(
        VERSIONS,
        """
        subscription_id | customer_id | account_id | payment_type | status | valid_from       | valid_to
        S1              | C1          | A1         | prepaid      | active | 2024-01-01 00:00 | 2024-03-01 00:00
        S1              | C2          | A2         | postpaid     | active | 2024-03-01 00:00 |
        S2              | C1          | A1         | prepaid      | active | 2024-01-01 00:00 | 2024-03-01 00:00
        S2              | C1          | A1         | prepaid      | ceased | 2024-03-01 00:00 |
        """,
        **LINE,
    )
    desk.expect(
        "features.subscriptions",
        """
        subscription_id | customer_id | account_id | payment_type | status | in_service
        S1              | C2          | A2         | postpaid     | active | true
        S2              | C1          | A1         | prepaid      | ceased | false
        """,
    )


def test_a_planned_interval_is_not_yet_the_state(desk: SqlDesk) -> None:
    desk.given(
        VERSIONS,
        """
        plan_id  | status | valid_from          | valid_to
        now      | active | 2024-01-01 00:00    | 2024-06-30 16:00
        tomorrow | ceased | 2024-06-30 16:00    |
        """,
        **{name: value for name, value in LINE.items() if name != "valid_from"},
    )
    desk.expect("features.subscriptions", "plan_id | status | in_service\n now | active | true")


def test_a_customer_gone_from_the_crm_has_no_line_in_service(desk: SqlDesk) -> None:
    desk.given(
        "intake.files",
        """
        file_id | source | extract       | known_at
        1       | crm    | customers     | 2024-06-01 00:00
        2       | crm    | customers     | 2024-06-15 00:00
        3       | crm    | subscriptions | 2024-06-20 00:00
        """,
        status="accepted",
    )
    desk.given(
        "staging.customers",
        """
        customer_id | known_at         | file_id
        gone        | 2024-06-01 00:00 | 1
        stays       | 2024-06-15 00:00 | 2
        """,
    )
    desk.given(
        "staging.subscriptions",
        """
        subscription_id | customer_id
        S1              | gone
        S2              | stays
        S3              | unknown
        """,
        **LINE | {"status": "active", "known_at": "2024-06-20 00:00", "file_id": "3"},
    )
    desk.build("features.customers_known", VERSIONS)
    desk.expect("features.subscriptions", "subscription_id | in_service\n S1 | false\n S2 | true\n S3 | true")


def test_stops_for_arrears_begun_in_the_last_12_months_count(desk: SqlDesk) -> None:
    # 12 months up to 2024-06-30 begin on 2023-07-01, that is 2023-06-30 16:00 UTC.
    desk.given(
        VERSIONS,
        """
        subscription_id | status    | status_reason | valid_from
        before          | active    |               | 2023-01-01 00:00
        before          | suspended | arrears       | 2023-06-30 15:59:59
        first day       | active    |               | 2023-01-01 00:00
        first day       | suspended | arrears       | 2023-06-30 16:00
        two             | suspended | arrears       | 2023-08-01 00:00
        two             | active    |               | 2023-09-01 00:00
        two             | suspended | arrears       | 2024-06-30 15:59:59
        asked for       | active    |               | 2023-01-01 00:00
        asked for       | suspended | voluntary     | 2024-01-01 00:00
        no reason       | suspended |               | 2024-01-01 00:00
        ceased          | active    |               | 2023-01-01 00:00
        ceased          | suspended | arrears       | 2024-01-01 00:00
        ceased          | ceased    | arrears       | 2024-02-01 00:00
        """,
        **LINE,
    )
    desk.expect(
        "features.subscriptions",
        """
        subscription_id | arrears_stops
        before          | 0
        first day       | 1
        two             | 2
        asked for       | 0
        no reason       | 0
        ceased          | 1
        """,
    )


def test_a_change_of_plan_while_stopped_is_no_second_stop(desk: SqlDesk) -> None:
    desk.given(
        VERSIONS,
        """
        subscription_id | plan_id | status    | status_reason | valid_from
        S1              | old     | active    |               | 2023-01-01 00:00
        S1              | old     | suspended | arrears       | 2024-01-01 00:00
        S1              | new     | suspended | arrears       | 2024-02-01 00:00
        begun earlier   | old     | suspended | arrears       | 2023-06-01 00:00
        begun earlier   | new     | suspended | arrears       | 2024-02-01 00:00
        """,
        **LINE,
    )
    desk.expect("features.subscriptions", "subscription_id | arrears_stops\n S1 | 1\n begun earlier | 0")


def test_arrears_after_a_voluntary_suspension_are_a_stop_and_the_other_way_round_is_none(desk: SqlDesk) -> None:
    desk.given(
        VERSIONS,
        """
        subscription_id  | status    | status_reason | valid_from
        asked, arrears   | active    |               | 2023-08-01 00:00
        asked, arrears   | suspended | voluntary     | 2024-01-01 00:00
        asked, arrears   | suspended | arrears       | 2024-02-01 00:00
        unknown, arrears | suspended |               | 2024-01-01 00:00
        unknown, arrears | suspended | arrears       | 2024-02-01 00:00
        arrears, asked   | suspended | arrears       | 2024-01-01 00:00
        arrears, asked   | suspended | voluntary     | 2024-02-01 00:00
        stopped again    | suspended | arrears       | 2024-01-01 00:00
        stopped again    | suspended | voluntary     | 2024-02-01 00:00
        stopped again    | suspended | arrears       | 2024-03-01 00:00
        begun earlier    | suspended | voluntary     | 2023-06-01 00:00
        begun earlier    | suspended | arrears       | 2023-06-30 15:59:59
        """,
        **LINE,
    )
    desk.expect(
        "features.subscriptions",
        """
        subscription_id  | arrears_stops
        asked, arrears   | 1
        unknown, arrears | 1
        arrears, asked   | 1
        stopped again    | 2
        begun earlier    | 0
        """,
    )


def test_a_new_owner_of_a_line_does_not_inherit_its_stops(desk: SqlDesk) -> None:
    desk.given(
        VERSIONS,
        """
        subscription_id | customer_id | status    | status_reason | valid_from
        paid up         | old         | active    |               | 2023-08-01 00:00
        paid up         | old         | suspended | arrears       | 2024-01-01 00:00
        paid up         | new         | active    |               | 2024-02-01 00:00
        taken stopped   | old         | suspended | arrears       | 2024-01-01 00:00
        taken stopped   | new         | suspended | arrears       | 2024-02-01 00:00
        own stop        | old         | suspended | arrears       | 2024-01-01 00:00
        own stop        | new         | active    |               | 2024-02-01 00:00
        own stop        | new         | suspended | arrears       | 2024-03-01 00:00
        """,
        **LINE,
    )
    # Tenure is the line's: the activation date goes with it.
    desk.expect(
        "features.subscriptions",
        """
        subscription_id | customer_id | activation_date | arrears_stops
        paid up         | new         | 2020-01-01      | 0
        taken stopped   | new         | 2020-01-01      | 0
        own stop        | new         | 2020-01-01      | 1
        """,
    )


def test_what_holds_of_the_line_is_carried(desk: SqlDesk) -> None:
    row = """
        subscription_id | msisdn | brand  | plan_id | activation_date | contract_end_date | ported_in_from
        S1              | +861   | GoTone | P1      | 2021-05-04      | 2025-01-01        | Unicom
    """
    desk.given(VERSIONS, row, **LINE | {"status": "active"})
    desk.expect("features.subscriptions", row)
