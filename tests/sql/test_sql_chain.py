"""From accepted rows to features.customer through every file between: what the files' own tests can't see.

A company pays for its member C1, whose old line C2 took over in April: March is no month of C2's.
"""

from datetime import date

from sql_desk import SqlDesk

FILES = """
    file_id | source | extract       | known_at         | status
    1       | crm    | customers     | 2024-06-01 00:00 | accepted
    2       | crm    | subscriptions | 2024-06-01 00:00 | accepted
    3       | crm    | service_lists | 2024-06-01 00:00 | accepted
"""
CUSTOMERS = """
    customer_id | customer_type | group_id
    CO          | group         |
    C1          | individual    | CO
    C2          | individual    |
"""
LINES = """
    subscription_id | customer_id | account_id | msisdn | payment_type | valid_from       | valid_to
    S1              | C1          | A1         | +861   | prepaid      | 2023-01-01 00:00 | 2024-04-15 00:00
    S1              | C2          | A2         | +861   | prepaid      | 2024-04-15 00:00 |
    S2              | C1          | A1         | +862   | postpaid     | 2023-01-01 00:00 |
    S3              | CO          | A9         | +863   | postpaid     | 2023-01-01 00:00 |
"""
BILLS = """
    bill_id | account_id | subscription_id | billing_period | payment_due_date | rental_amount | amount_due
    B1      | A1         | S2              | 2024-05        | 2024-06-20       | 50            | 53
    B2      | A9         |                 | 2024-05        | 2024-06-20       | 101           | 106
    B3      | A1         | S1              | 2024-03        |                  | 5             | 0
    B4      | A2         | S1              | 2024-05        |                  | 6             | 0
"""
OTHER_COMPONENTS = (
    "data_amount",
    "voice_amount",
    "long_distance_amount",
    "roaming_amount",
    "messaging_amount",
    "value_added_amount",
    "device_instalment_amount",
    "refund_amount",
    "tax_amount",
)
CALL = {
    "served_msisdn": "+861",
    "direction": "outgoing",
    "call_type": "voice",
    "call_duration": "60",
    "charge": "1.5",
    "known_at": "2024-05-11 00:00",
}


def test_bills_usage_and_payments_reach_the_customer_they_belong_to(desk: SqlDesk) -> None:
    desk.given("intake.files", FILES)
    desk.given("staging.customers", CUSTOMERS, known_at="2024-06-01 00:00", file_id="1")
    line = {"activation_date": "2023-01-01", "status": "active", "known_at": "2024-06-01 00:00", "file_id": "2"}
    desk.given("staging.subscriptions", LINES, **line)
    entry = {"known_at": "2024-06-01 00:00", "file_id": "3"}
    desk.given("staging.service_lists", "customer_id | list | valid_from\n C2 | red | 2024-01-01", **entry)
    bill = {"bill_type": "invoice", "known_at": "2024-06-05 00:00"}
    desk.given("staging.bills", BILLS, **bill, **dict.fromkeys(OTHER_COMPONENTS, "0"))
    payment = {"kind": "payment", "billing_period": "2024-05", "known_at": "2024-06-19 00:00"}
    desk.given("staging.payments", "account_id | paid_at | amount\n A1 | 2024-06-18 00:00 | 53", **payment)
    desk.given("staging.cdr", "record_id | answer_time\n 1 | 2024-05-10 04:00", **CALL)

    desk.build("features.customers_known", "features.subscription_versions", "features.number_holdings")
    desk.build("features.subscriptions", "features.account_owners", "features.subscription_months")
    desk.build("features.bill_shares", "features.account_periods", "features.service_lists")
    desk.build("features.usage_daily", usage_date=date(2024, 5, 10))
    desk.given("features.usage_daily", "usage_date | records\n 2024-03-01 | 1\n 2024-06-30 | 1")
    desk.build("features.usage_monthly", "features.activity", "features.churn_outcomes", "features.churn_bands")

    desk.expect(
        "features.customer",
        """
        customer_id | payment_type | billed_amount | prepaid_fee_amount | prepaid_usage_amount | voice_seconds
        C1          | postpaid     | 100.5         | 5                  | 0                    | 0
        C2          | prepaid      | 0             | 6                  | 1.5                  | 60
        CO          | postpaid     | 50.5          | 0                  | 0                    | 0
        """,
    )
    desk.expect(
        "features.customer",
        """
        customer_id | billed_months | usage_months | bills_due | bills_paid_on_time | overdue_amount | service_list
        C1          | 2             | 3            | 1         | 1                  | 0              |
        C2          | 1             | 2            | 0         | 0                  | 0              | red
        CO          | 2             | 3            | 1         | 0                  | 106            |
        """,
    )
