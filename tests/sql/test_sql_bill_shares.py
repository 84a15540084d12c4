"""sql/features/bill_shares.sql and sql/audits/bill_of_nobody.sql: whose value a bill is in, and bills in nobody's."""

from decimal import Decimal

import pytest
from sql_desk import SqlDesk

COMPONENTS = (
    "rental_amount",
    "voice_amount",
    "long_distance_amount",
    "roaming_amount",
    "data_amount",
    "messaging_amount",
    "value_added_amount",
    "device_instalment_amount",
    "refund_amount",
    "tax_amount",
)
BILL = {
    **dict.fromkeys(COMPONENTS, "0"),
    "account_id": "A1",
    "subscription_id": "S1",
    "bill_type": "invoice",
    "billing_period": "2024-05",
    "known_at": "2024-06-05 00:00",
}
# Each component is another power of two, so that a sum tells which of them are in it.
ALL_COMPONENTS = {**BILL, **{name: str(2**power) for power, name in enumerate(COMPONENTS)}}
WHOLE = {name: value for name, value in BILL.items() if name != "subscription_id"}
MAY = {"billing_period": "2024-05", "account_id": "A1", "payment_type": "postpaid", "in_service": "true"}


def given_lines(desk: SqlDesk, text: str, **same: str) -> None:
    desk.given("features.subscription_months", text, **{**MAY, **same})


def test_a_postpaid_bill_is_its_service_components_without_tax_and_device_minus_refunds(desk: SqlDesk) -> None:
    given_lines(desk, "subscription_id | customer_id\n S1 | C1")
    desk.given("staging.bills", "bill_id\n B1", **ALL_COMPONENTS)
    # 1 + 2 + 4 + 8 + 16 + 32 + 64 - 256
    desk.expect(
        "features.bill_shares",
        """
        bill_id | billing_period | subscription_id | customer_id | payment_type | amount
        B1      | 2024-05        | S1              | C1          | postpaid     | -129
        """,
    )


def test_credits_count_negative_and_adjustments_as_signed(desk: SqlDesk) -> None:
    given_lines(desk, "subscription_id | customer_id\n S1 | C1")
    desk.given(
        "staging.bills",
        """
        bill_id | bill_type  | rental_amount | data_amount | refund_amount
        B1      | invoice    | 50            | 10.5        | 0
        B2      | credit     | 20            | 0.5         | 0
        B3      | adjustment | -7            | 0           | 0
        B4      | adjustment | 3             | 0           | 0
        B5      | invoice    | 10            | 0           | 30
        B6      | credit     | 10            | 0           | 3
        B7      | adjustment | 10            | 0           | 3
        """,
        **BILL,
    )
    # A refund is taken off whatever the bill's type.
    desk.expect(
        "features.bill_shares",
        "bill_id | amount\n B1 | 60.5\n B2 | -20.5\n B3 | -7\n B4 | 3\n B5 | -20\n B6 | -13\n B7 | 7",
    )


def test_of_a_prepaid_line_only_rental_and_value_added_fees_minus_refunds_count(desk: SqlDesk) -> None:
    given_lines(desk, "subscription_id | customer_id\n S1 | C1", payment_type="prepaid")
    desk.given("staging.bills", "bill_id\n B1", **ALL_COMPONENTS)
    desk.given("staging.bills", "bill_id\n B2", **{**ALL_COMPONENTS, "bill_type": "credit", "refund_amount": "0"})
    # 1 + 64 - 256, and the credit of the same fees without a refund.
    desk.expect("features.bill_shares", "bill_id | payment_type | amount\n B1 | prepaid | -191\n B2 | prepaid | -65")


def test_long_distance_and_roaming_are_shown_apart_for_postpaid_lines_and_the_fee_for_all(desk: SqlDesk) -> None:
    given_lines(
        desk,
        "subscription_id | customer_id | payment_type\n S1 | C1 | postpaid\n S2 | C2 | prepaid\n S3 | C3 | postpaid",
    )
    amounts = {
        "rental_amount": "20",
        "long_distance_amount": "10.5",
        "roaming_amount": "3",
        "data_amount": "100",
        "refund_amount": "7",
    }
    desk.given(
        "staging.bills",
        """
        bill_id | bill_type  | subscription_id
        B1      | invoice    | S1
        B2      | credit     | S1
        B3      | adjustment | S1
        B4      | invoice    | S2
        """,
        **{**BILL, **amounts},
    )
    # A refund is of the bill, not of one of its components.
    desk.expect(
        "features.bill_shares",
        """
        bill_id | long_distance_amount | roaming_amount | rental_amount
        B1      | 10.5                 | 3              | 20
        B2      | -10.5                | -3             | -20
        B3      | 10.5                 | 3              | 20
        B4      | 0                    | 0              | 20
        """,
    )


def test_long_distance_and_roaming_of_an_accounts_bill_are_shared_like_it(desk: SqlDesk) -> None:
    given_lines(desk, "subscription_id | customer_id\n S1 | C1\n S2 | C2\n S3 | C2")
    given_lines(desk, "subscription_id | account_id | payment_type\n S4 | A4 | prepaid", customer_id="C4")
    whole = {
        **WHOLE,
        "rental_amount": "1",
        "voice_amount": "89",
        "long_distance_amount": "10",
        "roaming_amount": "0.0002",
    }
    desk.given("staging.bills", "bill_id | bill_type | account_id\n B1 | credit | A1\n B2 | invoice | A4", **whole)
    desk.expect(
        "features.bill_shares",
        """
        bill_id | subscription_id | customer_id | amount   | long_distance_amount | roaming_amount | rental_amount
        B1      | S1              | C1          | -33.3334 | -3.3334              | -0.0001        | -0.3334
        B1      | S2              | C2          | -33.3334 | -3.3333              | -0.0001        | -0.3333
        B1      | S3              | C2          | -33.3334 | -3.3333              | 0              | -0.3333
        B2      |                 |             | 100.0002 | 10                   | 0.0002         | 1
        """,
    )


def test_a_bill_in_two_windows_is_shared_once(desk: SqlDesk) -> None:
    desk.segments(long=((), ("prepaid",), 6), base=((), (), 1))
    given_lines(desk, "subscription_id | billing_period\n S1 | 2023-12\n S1 | 2024-05", customer_id="C1")
    desk.given(
        "staging.bills",
        "bill_id | billing_period\n B1 | 2024-05\n B2 | 2023-12\n B3 | 2023-11",
        **{**BILL, "rental_amount": "5"},
    )
    desk.expect("features.bill_shares", "bill_id | customer_id | amount\n B1 | C1 | 5\n B2 | C1 | 5")


def test_only_bills_of_the_window_known_by_the_as_of_date_count(desk: SqlDesk) -> None:
    given_lines(desk, "subscription_id | customer_id\n S1 | C1")
    desk.given(
        "staging.bills",
        """
        bill_id | billing_period | rental_amount | known_at
        in time | 2024-05        | 1             | 2024-06-30 15:59:59
        late    | 2024-05        | 2             | 2024-06-30 16:00
        old     | 2024-02        | 4             | 2024-03-05 00:00
        open    | 2024-06        | 8             | 2024-06-28 00:00
        """,
        **BILL,
    )
    desk.expect("features.bill_shares", "bill_id | customer_id | amount\n in time | C1 | 1")


def test_a_bill_belongs_to_who_held_the_line_at_the_end_of_its_month(desk: SqlDesk) -> None:
    given_lines(
        desk,
        """
        subscription_id | billing_period | customer_id | payment_type | in_service
        S1              | 2024-03        | old         | postpaid     | true
        S1              | 2024-04        | new         | prepaid      | true
        S1              | 2024-05        | new         | postpaid     | false
        """,
    )
    desk.given(
        "staging.bills",
        """
        bill_id | billing_period | rental_amount | voice_amount
        B3      | 2024-03        | 10            | 1
        B4      | 2024-04        | 20            | 2
        B5      | 2024-05        | 40            | 4
        """,
        **BILL,
    )
    # The final bill of a ceased line still belongs to who held it.
    desk.expect(
        "features.bill_shares", "bill_id | customer_id | amount\n B3 | old | 11\n B4 | new | 20\n B5 | new | 44"
    )


@pytest.mark.parametrize(
    "amount, shares",
    [
        pytest.param("90", ["30", "30", "30"], id="even"),
        pytest.param("100", ["33.3334", "33.3333", "33.3333"], id="one unit over"),
        pytest.param("0.0005", ["0.0002", "0.0002", "0.0001"], id="two units over"),
        pytest.param("0.0001", ["0.0001", "0", "0"], id="fewer units than lines"),
        pytest.param("-100", ["-33.3334", "-33.3333", "-33.3333"], id="negative"),
        pytest.param("-0.0005", ["-0.0002", "-0.0002", "-0.0001"], id="negative, two units over"),
        pytest.param("-0.0001", ["-0.0001", "0", "0"], id="negative, fewer units than lines"),
        pytest.param("0", ["0", "0", "0"], id="nothing"),
        pytest.param("1000000000", ["333333333.3334", "333333333.3333", "333333333.3333"], id="the largest"),
    ],
)
def test_an_accounts_bill_is_shared_to_the_unit_the_remainder_to_the_first_lines(
    desk: SqlDesk, amount: str, shares: list[str]
) -> None:
    given_lines(desk, "subscription_id | customer_id\n S2 | C2\n S3 | C2\n S1 | C1")
    desk.given("staging.bills", f"bill_id | bill_type | rental_amount\n B1 | adjustment | {amount}", **WHOLE)
    first, second, third = shares
    desk.expect(
        "features.bill_shares",
        f"""
        bill_id | subscription_id | customer_id | payment_type | amount
        B1      | S1              | C1          | postpaid     | {first}
        B1      | S2              | C2          | postpaid     | {second}
        B1      | S3              | C2          | postpaid     | {third}
        """,
    )


def test_shares_of_any_number_of_lines_add_up_to_the_bill(desk: SqlDesk) -> None:
    given_lines(desk, "subscription_id | customer_id\n" + "\n".join(f"S{n} | C{n}" for n in range(7)))
    amounts = ["0.0013", "1", "99.9999", "-12.3457", "-0.0006", "123456.7891"]
    bills = "\n".join(f"B{n} | {amount}" for n, amount in enumerate(amounts))
    desk.given("staging.bills", f"bill_id | voice_amount\n{bills}", **WHOLE)
    desk.build("features.bill_shares")
    found = desk.con.execute(
        "select sum(amount), max(amount) - min(amount) from features.bill_shares group by bill_id order by bill_id"
    ).fetchall()
    assert [total for total, _ in found] == [Decimal(amount) for amount in amounts]
    assert max(spread for _, spread in found) == Decimal("0.0001")


def test_a_credit_of_the_account_is_shared_negative(desk: SqlDesk) -> None:
    given_lines(desk, "subscription_id | customer_id\n S1 | C1\n S2 | C2")
    desk.given("staging.bills", "bill_id | bill_type | rental_amount\n B1 | credit | 10.0001", **WHOLE)
    desk.expect("features.bill_shares", "subscription_id | amount\n S1 | -5.0001\n S2 | -5")


def test_only_postpaid_lines_in_service_at_the_end_of_the_month_on_the_account_share(desk: SqlDesk) -> None:
    given_lines(
        desk,
        """
        subscription_id | billing_period | account_id | customer_id | payment_type | in_service
        S1              | 2024-05        | A1         | C1          | postpaid     | true
        S2              | 2024-05        | A1         | C2          | prepaid      | true
        S3              | 2024-05        | A1         | C3          | postpaid     | false
        S4              | 2024-05        | A2         | C4          | postpaid     | true
        S5              | 2024-04        | A1         | C5          | postpaid     | true
        """,
    )
    desk.given(
        "staging.bills",
        """
        bill_id | billing_period | rental_amount
        B4      | 2024-04        | 7
        B5      | 2024-05        | 9
        """,
        **WHOLE,
    )
    desk.expect("features.bill_shares", "bill_id | subscription_id | amount\n B4 | S5 | 7\n B5 | S1 | 9")


def test_a_companys_bill_is_shared_with_its_members_lines_wherever_they_are(desk: SqlDesk) -> None:
    desk.given(
        "features.customers_known",
        """
        customer_id | customer_type | group_id
        CO          | group         |
        M1          | individual    | CO
        M2          | individual    | CO
        M3          | individual    | CO
        X           | individual    | OTHER
        """,
    )
    desk.given(
        "features.account_owners",
        """
        account_id | customer_id | customer_type
        A1         | CO          | group
        A2         | M2          | individual
        A3         | X           | individual
        """,
    )
    given_lines(
        desk,
        """
        subscription_id | account_id | customer_id | payment_type | in_service
        S1              | A1         | CO          | postpaid     | true
        S2              | A1         | M1          | postpaid     | true
        S3              | A2         | M2          | postpaid     | true
        S4              | A2         | M2          | prepaid      | true
        S5              | A2         | M3          | postpaid     | false
        S6              | A3         | X           | postpaid     | true
        """,
    )
    desk.given("staging.bills", "bill_id | account_id | rental_amount\n B1 | A1 | 30\n B2 | A2 | 5", **WHOLE)
    # M1's line is on the company's account and a member's too, and has one share. A2 is not paid by the company.
    desk.expect(
        "features.bill_shares",
        """
        bill_id | subscription_id | customer_id | amount
        B1      | S1              | CO          | 10
        B1      | S2              | M1          | 10
        B1      | S3              | M2          | 10
        B2      | S3              | M2          | 5
        """,
    )


def test_a_person_who_pays_an_account_shares_nothing_with_a_group(desk: SqlDesk) -> None:
    desk.given("features.customers_known", "customer_id | customer_type | group_id\n C2 | individual | C1")
    desk.given("features.account_owners", "account_id | customer_id | customer_type\n A1 | C1 | individual")
    given_lines(desk, "subscription_id | account_id | customer_id\n S1 | A1 | C1\n S2 | A2 | C2")
    desk.given("staging.bills", "bill_id | rental_amount\n B1 | 30", **WHOLE)
    desk.expect("features.bill_shares", "bill_id | subscription_id | amount\n B1 | S1 | 30")


def test_bills_that_no_line_answers_for_are_in_nobodys_value_and_listed(desk: SqlDesk) -> None:
    given_lines(
        desk,
        """
        subscription_id | account_id | customer_id | payment_type
        S1              | A1         | C1          | postpaid
        S2              | A2         | C2          | prepaid
        """,
    )
    desk.given(
        "staging.bills",
        """
        bill_id       | account_id | subscription_id | rental_amount
        of a line     | A1         | S1              | 1
        of an account | A1         |                 | 2
        unknown line  | A1         | S9              | 4.5
        no account    | A9         |                 | -8
        only prepaid  | A2         |                 | 16
        """,
        **BILL,
    )
    desk.expect(
        "features.bill_shares",
        """
        bill_id       | subscription_id | customer_id | amount
        of a line     | S1              | C1          | 1
        of an account | S1              | C1          | 2
        unknown line  | S9              |             | 4.5
        no account    |                 |             | -8
        only prepaid  |                 |             | 16
        """,
    )
    desk.build("features.bill_shares")
    desk.expect(
        "audits.bill_of_nobody",
        """
        bill_id      | billing_period | amount
        unknown line | 2024-05        | 4.5
        no account   | 2024-05        | -8
        only prepaid | 2024-05        | 16
        """,
    )


def test_bills_that_lines_answer_for_pass(desk: SqlDesk) -> None:
    desk.given("features.bill_shares", "bill_id | customer_id | amount\n B1 | C1 | 1")
    desk.expect("audits.bill_of_nobody", "bill_id")
