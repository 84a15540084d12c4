"""sql/features/outbound_contacts.sql: when the operator last contacted a customer."""

from sql_desk import SqlDesk

TABLE = "features.outbound_contacts"


def test_the_last_outgoing_contact_is_of_who_held_the_number_then(desk: SqlDesk) -> None:
    desk.given(
        "features.subscription_versions",
        """
        subscription_id | customer_id | msisdn | valid_from       | valid_to
        S1              | old         | +861   | 2020-01-01 00:00 | 2024-05-15 04:00
        S1              | new         | +861   | 2024-05-15 04:00 |
        S2              | other       | +862   | 2020-01-01 00:00 |
        """,
        status="active",
        activation_date="2020-01-01",
    )
    desk.build("features.number_holdings")
    desk.given(
        "staging.contacts",
        """
        contact_id | contact_address | direction | offered_at       | known_at
        T1         | +861            | outgoing  | 2024-05-15 03:59 | 2024-06-30 00:00
        T2         | +861            | outgoing  | 2024-06-01 00:00 | 2024-06-30 00:00
        T3         | +861            | outgoing  | 2024-05-20 00:00 | 2024-06-30 00:00
        T4         | +861            | incoming  | 2024-06-20 00:00 | 2024-06-30 00:00
        T5         | +861            | outgoing  | 2024-06-20 00:00 | 2024-07-01 00:00
        T6         | +862            | outgoing  | 2024-03-01 00:00 | 2024-06-30 00:00
        """,
    )
    # T4: the customer called; T5 was not known yet; T6 is older than 90 days.
    desk.expect(TABLE, "customer_id | last_contacted_date\n old | 2024-05-15\n new | 2024-06-01")


def test_where_accounts_are_looked_up_it_is_of_who_pays(desk: SqlDesk) -> None:
    desk.at(desk.parameters["as_of_date"], key="account")
    desk.given("features.account_owners", "account_id | customer_id\n A1 | C1")
    contact = {"direction": "outgoing", "known_at": "2024-06-01 00:00", "offered_at": "2024-06-01 00:00"}
    desk.given("staging.contacts", "contact_id | contact_address\n T1 | A1\n T2 | A2", **contact)
    desk.expect(TABLE, "customer_id | last_contacted_date\n C1 | 2024-06-01")
