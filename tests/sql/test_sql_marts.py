"""sql/marts/*.sql: what analysts open."""

import pytest
from sql_desk import SqlDesk

from data_contracts import contract
from pipelines.table_types import table_types


@pytest.mark.parametrize("table", ["marts.customers", "marts.subscriptions", "marts.intake_files", "marts.rejects"])
def test_columns_and_types_are_the_contracts(table: str) -> None:
    assert table_types(table) == {column.name: column.physical for column in contract(table).columns}


def test_customers_have_their_features_and_their_score_or_none(desk: SqlDesk) -> None:
    desk.given(
        "features.customer",
        """
        customer_id | customer_type | brand  | payment_type | lines_in_service | lines_ceased | billed_amount
        C1          | individual    | GoTone | mixed        | 2                | 0            | 300.5
        ceased      | group         |        | prepaid      | 0                | 1            | 0
        """,
    )
    desk.given(
        "scores.customer",
        """
        customer_id | tier | tier_flag | value_tier | value_score | arpu_amount | tenure_months | service_list
        C1          | high | 1         | mid        | 60          | 100.1667    | 40            | red
        """,
    )
    desk.expect(
        "marts.customers",
        """
        customer_id | customer_type | brand  | payment_type | lines_in_service | lines_ceased | billed_amount
        C1          | individual    | GoTone | mixed        | 2                | 0            | 300.5
        ceased      | group         |        | prepaid      | 0                | 1            | 0
        """,
    )
    desk.expect(
        "marts.customers",
        """
        customer_id | as_of_date | tier | tier_flag | value_tier | value_score | arpu_amount | service_list
        C1          | 2024-06-30 | high | 1         | mid        | 60          | 100.1667    | red
        ceased      | 2024-06-30 |      |           |            |             |             |
        """,
    )


def test_customers_have_what_audits_by_group_need_ceased_ones_too(desk: SqlDesk) -> None:
    features = """
        customer_id | gender | birth_year | identity_verified | previous_operator | policy_segment | complaints
        C1          | female | 1980       | true              | Unicom            | students       | 2
        ceased      |        |            |                   |                   | base           | 0
    """
    desk.given("features.customer", features, customer_type="individual")
    desk.expect("marts.customers", features)


def test_customers_carry_how_long_lists_and_decisions_hold(desk: SqlDesk) -> None:
    desk.given("features.customer", "customer_id\n C1\n C2")
    desk.given(
        "features.service_lists",
        """
        customer_id | service_list | list_valid_from | list_valid_to | vip_valid_from | vip_valid_to
        C1          | red          | 2024-01-01      |               | 2024-02-01     | 2024-12-31
        """,
    )
    desk.given(
        "features.tier_overrides",
        "customer_id | override_tier | valid_from | valid_to\n C2 | high | 2024-03-01 | 2024-09-01",
    )
    desk.expect(
        "marts.customers",
        """
        customer_id | list_valid_from | list_valid_to | vip_valid_from | vip_valid_to | override_tier
        C1          | 2024-01-01      |               | 2024-02-01     | 2024-12-31   |
        C2          |                 |               |                |              | high
        """,
    )
    desk.expect(
        "marts.customers",
        "customer_id | override_valid_from | override_valid_to\n C1 | | \n C2 | 2024-03-01 | 2024-09-01",
    )


def test_lines_are_shown_with_who_holds_them_ceased_ones_too_and_without_their_number(desk: SqlDesk) -> None:
    state = """
        subscription_id | customer_id | account_id | brand  | plan_id | payment_type | status | in_service
        S1              | C1          | A1         | GoTone | P1      | postpaid     | active | true
        S2              | C1          | A2         |        |         | prepaid      | ceased | false
    """
    origin = """
        activation_date | contract_end_date | ported_in_from
        2020-01-01      | 2025-01-01        | Unicom
        2021-01-01      |                   |
    """
    rows = zip(state.strip().splitlines(), origin.strip().splitlines(), strict=True)
    desk.given("features.subscriptions", "\n".join(f"{a} | {b}" for a, b in rows), msisdn="+861")
    desk.expect("marts.subscriptions", state)
    desk.expect("marts.subscriptions", origin)
    desk.expect("marts.subscriptions", "subscription_id | as_of_date\n S1 | 2024-06-30\n S2 | 2024-06-30")
    assert "msisdn" not in table_types("marts.subscriptions")


def test_the_ledger_is_shown_as_it_is_refused_files_too(desk: SqlDesk) -> None:
    ledger = """
        file_id | source | extract | file_name     | records | accepted | rejected | status   | reason  | nulled
        1       | crm    | bills   | bills/b_1.csv | 3       | 2        | 1        | accepted |         | 2
        2       | crm    | bills   | bills/b_2.csv | 3       | 0        | 0        | refused  | control | 0
    """
    desk.given("intake.files", ledger)
    desk.expect("marts.intake_files", ledger)


def test_the_ledger_says_what_has_expired_of_a_file(desk: SqlDesk) -> None:
    desk.given("intake.files", "file_id | extract | accepted\n 1 | cdr | 9\n 2 | cdr | 3")
    desk.given("intake.file_days", """
        file_id | usage_date | records
        1       | 2024-03-01 | 4
        1       | 2024-03-02 | 3
        1       | 2024-03-03 | 2
        2       | 2024-03-03 | 3
    """)  # fmt: skip
    desk.given("intake.expired_days", "usage_date | detail_from\n 2024-03-01 | 2024-03-02\n 2024-03-02 | 2024-03-03")
    desk.expect("marts.intake_files", "file_id | accepted | expired\n 1 | 9 | 7\n 2 | 3 | 0")


@pytest.mark.parametrize(
    "raw, masked",
    [
        pytest.param("R1,+8613800138000,60", "R*,+*************,**", id="a number"),
        pytest.param("R1,7,123,1234", "R*,*,***,****", id="a run of any length"),
        pytest.param("2024-06-30,13800138000x139", "****-**-**,***********x***", id="every run of digits"),
        pytest.param("138-0013-8000,138 001 380 00", "***-****-****,*** *** *** **", id="a number in groups"),
        pytest.param("R1,１３８００１３８０００,８６", "R*,***********,**", id="full-width digits"),
        pytest.param("13８００138", "********", id="half and full width mixed"),
        pytest.param("٠١٢٣,०१२३,๐๑,Ⅷ,²", "****,****,**,*,*", id="digits of any script"),
        pytest.param("C1,li.wei@mail.example.cn,x", "C*,***@***,x", id="an address"),
        pytest.param("C1,li＠mail.cn,x", "C*,***@***,x", id="an address with a full-width sign"),
        pytest.param("a@b", "***@***", id="the shortest address"),
        pytest.param("a@b.cn;Li <c@d.cn>|e＠f.cn g@h.cn,x", "***@***;***@***|***@***,x", id="every field with one"),
        pytest.param("C1,li﹫mail.cn,x", "C*,***@***,x", id="an address with a small sign"),
        pytest.param('C1,"li wei"@mail.cn,x', "C*,***@***,x", id="a quoted name in an address"),
        pytest.param("C1;li @ mail.cn;x", "C*;***@***;x", id="blanks around the sign"),
        pytest.param("C1|li@\u3000mail.cn|x", "C*|***@***|x", id="a wide blank"),
        pytest.param("C1,李@例.cn,李伟", "C*,***@***,李伟", id="an address of any script"),
        pytest.param("@mail.cn,li@,@", "***@***,***@***,***@***", id="half an address"),
        pytest.param("C1\tli@mail.cn\tx", "***@***", id="a tab is no end of a field"),
        pytest.param("13800138000@sms.example.cn", "***@***", id="a number in an address"),
        pytest.param('"C1","li@mail.cn","+8613800138000"', '"C*",***@***,"+*************"', id="quoted"),
        pytest.param("李伟,north,x-y", "李伟,north,x-y", id="nothing to mask"),
        pytest.param("", "", id="an empty line"),
    ],
)
def test_every_digit_and_every_field_with_a_mail_address_of_a_refused_record_is_masked(
    desk: SqlDesk, raw: str, masked: str
) -> None:
    # Not as text between bars: a record may hold bars itself.
    desk.given("intake.rejects", "file_id | line_number\n 1 | 2")
    desk.con.execute("update intake.rejects set raw = ?", [raw])
    assert desk.run("marts.rejects").project("masked_record").fetchall() == [(masked,)]


def test_a_refused_record_is_found_by_file_and_line(desk: SqlDesk) -> None:
    row = """
        file_id | extract | file_name     | line_number | column_name | reason      | detail
        1       | bills   | bills/b_1.csv | 17          | amount_due  | not_decimal | "x" is not an amount
    """
    desk.given("intake.rejects", row, raw="B1,x")
    desk.expect("marts.rejects", row)
    desk.expect("marts.rejects", "masked_record\n B*,x")
    assert "raw" not in table_types("marts.rejects")
