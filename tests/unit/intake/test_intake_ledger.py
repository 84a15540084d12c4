"""Repeats, conflicts, copies and refusals over several files and runs.

Belongs here: what depends on what was accepted before. Does not: single fields.
"""

from __future__ import annotations

import sys
from datetime import date, datetime

import pytest
from intake_desk import Desk, cdr_file, cdr_row, extract_file

from data_contracts import contract
from pipelines.intake import ledger
from pipelines.intake.temporary import remove_leftovers, working_folder

NAME = "cdr/cdr_20240630.csv"
LINE = {
    "subscription_id": "s1", "customer_id": "c1", "account_id": "a1", "msisdn": "+8613800000001",
    "payment_type": "prepaid", "activation_date": "2024-01-05", "status": "active",
    "valid_from": "2024-01-05T00:00:00+08:00",
}  # fmt: skip


def snapshot(desk: Desk, day: str, *rows: dict[str, str]) -> None:
    desk.put(f"subscriptions/subscriptions_{day}.csv", extract_file("subscriptions", *rows))


def test_one_key_twice_in_a_file(desk: Desk) -> None:
    same, other = cdr_row(), cdr_row(charge="9")
    desk.put(NAME, cdr_file(cdr_row(charge="bad"), same, other, same, cdr_row(charge="0.1500")))
    (outcome,) = desk.run().accepted
    assert (outcome.accepted, outcome.rejected, outcome.duplicate) == (1, 2, 2)
    assert desk.reasons() == [(2, "charge", "not_a_decimal"), (4, "record_id", "key_conflict")]
    assert desk.ask("SELECT line_number, key FROM intake.duplicates ORDER BY ALL") == [(5, "r1"), (6, "r1")]


def test_one_key_in_two_files(desk: Desk) -> None:
    desk.put(NAME, cdr_file(cdr_row(), cdr_row(record_id="r2")))
    desk.put(
        "cdr/cdr_20240630_2.csv", cdr_file(cdr_row(), cdr_row(record_id="r2", charge="9"), cdr_row(record_id="r3"))
    )
    first, second = desk.run().accepted
    assert first.accepted == 2
    assert (second.accepted, second.rejected, second.duplicate) == (1, 1, 1)
    assert desk.ask("SELECT record_id, charge::VARCHAR FROM staging.cdr ORDER BY ALL") == [
        ("r1", "0.1500"), ("r2", "0.1500"), ("r3", "0.1500"),
    ]  # fmt: skip


def test_a_duplicate_of_a_row_that_was_accepted_is_none_of_the_conflict_within_the_file(desk: Desk) -> None:
    desk.put(NAME, cdr_file(cdr_row()))
    desk.put("cdr/cdr_20240630_2.csv", cdr_file(cdr_row(charge="9"), cdr_row()))
    desk.run()
    assert desk.ask("SELECT line_number, reason FROM intake.rejects") == [(2, "key_conflict")]
    assert desk.ask("SELECT line_number FROM intake.duplicates") == [(3,)]


def on(day: str, **values: str) -> str:
    """A record answered at noon in Shanghai of a day of 2024."""
    return cdr_row(answer_time=f"2024-{day}T12:00:00+08:00", **values)


@pytest.mark.parametrize(
    ("day", "verdict"),
    [
        ("06-15", "accepted"),
        ("06-22", "accepted"),
        ("06-23", "rejected"),
        ("06-29", "rejected"),
        ("06-30", "rejected"),  # the same day, another charge
        ("07-07", "rejected"),
        ("07-08", "accepted"),
        ("12-31", "accepted"),
    ],
)
def test_a_key_may_come_again_only_beyond_the_window(desk: Desk, day: str, verdict: str) -> None:
    desk.put(NAME, cdr_file(on("06-30")))
    desk.put("cdr/cdr_20241231.csv", cdr_file(on(day, charge="9")))
    _, later = desk.run().accepted
    assert {"accepted": later.accepted, "rejected": later.rejected}[verdict] == 1
    assert desk.reasons() == ([(2, "record_id", "key_conflict")] if verdict == "rejected" else [])


def test_the_window_is_a_setting_and_counts_local_days(desk: Desk) -> None:
    desk.put(NAME, cdr_file(cdr_row()))
    # 30 June 16:00 UTC is 1 July in Shanghai.
    desk.put("cdr/cdr_20240701.csv", cdr_file(cdr_row(answer_time="2024-06-30T16:00:00Z")))
    assert [o.accepted for o in desk.run(duplicate_window_days=0).accepted] == [1, 1]
    assert desk.ask("SELECT f.usage_date, f.records FROM intake.file_days f ORDER BY ALL") == [
        (date(2024, 6, 30), 1),
        (date(2024, 7, 1), 1),
    ]


def test_the_window_is_each_record_s_own(desk: Desk) -> None:
    """A file of two far days: what is near one of them is not near the other."""
    desk.put("cdr/cdr_20240601.csv", cdr_file(on("03-01"), on("06-01", record_id="r2")))
    desk.put(
        "cdr/cdr_20240602.csv",
        cdr_file(on("06-02"), on("03-02", record_id="r2"), on("06-01", record_id="r2"), on("03-03", charge="9")),
    )
    _, second = desk.run().accepted
    assert (second.accepted, second.duplicate, second.rejected) == (2, 1, 1)
    assert desk.ask("SELECT line_number FROM intake.duplicates") == [(4,)]
    assert desk.reasons() == [(5, "record_id", "key_conflict")]


def test_within_a_file_the_window_holds_too(desk: Desk) -> None:
    desk.put(NAME, cdr_file(on("03-01"), on("06-01"), on("06-08"), on("03-01"), on("06-09", charge="9")))
    (outcome,) = desk.run().accepted
    assert (outcome.accepted, outcome.duplicate, outcome.rejected) == (2, 1, 2)
    assert desk.reasons() == [(4, "record_id", "key_conflict"), (6, "record_id", "key_conflict")]
    assert desk.ask("SELECT answer_time::DATE FROM staging.cdr ORDER BY 1") == [
        (date(2024, 3, 1),),
        (date(2024, 6, 1),),
    ]


def test_many_far_days_in_one_file(desk: Desk) -> None:
    """Each day makes a range of its own; the key is found again on every one of them."""
    days = [f"{month:02}-{day:02}" for month in range(1, 7) for day in (1, 20)]
    rows = [on(day, record_id=day) for day in days]
    desk.put("cdr/cdr_20240701.csv", cdr_file(*rows))
    desk.put("cdr/cdr_20240702.csv", cdr_file(*rows, on("06-25")))
    _, second = desk.run().accepted
    assert (second.accepted, second.duplicate) == (1, len(days))


def test_unusable_values_that_became_null_are_equal(desk: Desk) -> None:
    desk.put(NAME, cdr_file(cdr_row(called_number="1E9"), cdr_row(called_number="2E9")))
    (outcome,) = desk.run().accepted
    assert (outcome.accepted, outcome.duplicate, outcome.nulled) == (1, 1, 1)


def test_payments_are_compared_whenever_they_came(desk: Desk) -> None:
    paid = {"payment_id": "p", "account_id": "a", "kind": "recharge", "amount": "1", "paid_at": "2024-01-01T00:00:00Z"}
    desk.put("payments/payments_20240131.csv", extract_file("payments", paid))
    desk.put("payments/payments_20240630.csv", extract_file("payments", paid | {"paid_at": "2024-06-01T00:00:00Z"}))
    assert [(o.accepted, o.rejected) for o in desk.run().accepted] == [(1, 0), (0, 1)]


def test_known_at_is_the_file_s_else_the_row_s(desk: Desk) -> None:
    desk.put(NAME, cdr_file(cdr_row()))
    desk.put("cdr/undated.csv", cdr_file(cdr_row(record_id="r2")))
    desk.put("cdr/cdr_20240702.csv", cdr_file(cdr_row(record_id="r3")))
    desk.put("cdr/cdr_20240702.csv.ctl", b"known_at: 2024-07-01T09:30:00+08:00")
    desk.run()
    assert desk.ask("SELECT record_id, known_at FROM staging.cdr ORDER BY ALL") == [
        ("r1", datetime(2024, 6, 29, 16)),
        ("r2", datetime(2024, 6, 30, 4)),
        ("r3", datetime(2024, 7, 1, 1, 30)),
    ]
    assert desk.ask("SELECT known_at FROM intake.files ORDER BY known_at NULLS FIRST")[0] == (None,)


PAID = {"account_id": "a", "kind": "recharge", "amount": "1"}


def paid(payment_id: str, paid_at: str, **values: str) -> dict[str, str]:
    return PAID | {"payment_id": payment_id, "paid_at": paid_at} | values


def dates(desk: Desk) -> list[tuple[date | None, date | None]]:
    return desk.ask("SELECT first_date, last_date FROM intake.files ORDER BY file_name, extract")  # type: ignore[return-value]


def test_the_ledger_notes_between_which_local_days_the_accepted_rows_of_a_file_lie(desk: Desk) -> None:
    first, last = paid("1", "2024-06-01T15:59:59Z"), paid("2", "2024-06-30T16:00:00Z")
    refused = paid("3", "2024-01-01T00:00:00Z", amount="much")
    desk.put("payments/a.csv", extract_file("payments", last, first, refused))
    # What was there before is no row of this file.
    desk.put("payments/b.csv", extract_file("payments", first, paid("4", "2024-06-15T00:00:00Z")))
    desk.put("payments/c.csv", extract_file("payments"))
    desk.put("payments/d.csv", extract_file("payments", refused))
    desk.run()
    middle = date(2024, 6, 15)
    assert dates(desk) == [(date(2024, 6, 1), date(2024, 7, 1)), (middle, middle), (None, None), (None, None)]


def test_a_date_without_a_time_is_its_own_day_and_a_state_has_none(desk: Desk) -> None:
    amounts = {c.name: "0" for c in contract("staging.bills").columns if c.name.endswith("_amount")}
    bill = {"account_id": "a", "bill_type": "invoice", "billing_period": "2024-05", "currency": "CNY", **amounts}
    bill |= {"bill_id": "1", "bill_date": "2024-06-03", "payment_due_date": "2024-06-25", "amount_due": "0"}
    desk.put("bills/bills_20240603.csv", extract_file("bills", bill))
    desk.put(NAME, cdr_file(cdr_row(), cdr_row(record_id="r2", answer_time="2024-06-30T16:00:00Z")))
    snapshot(desk, "20240630", LINE)
    desk.run()
    assert dates(desk) == [
        (date(2024, 6, 3), date(2024, 6, 3)),
        (date(2024, 6, 30), date(2024, 7, 1)),
        (None, None),
    ]


def test_the_dates_of_files_of_an_earlier_release_stay_unknown(desk: Desk) -> None:
    desk.put("payments/a.csv", extract_file("payments", paid("1", "2024-06-01T00:00:00Z")))
    desk.run()
    for column in ("first_date", "last_date"):
        desk.con.execute(f"ALTER TABLE intake.files DROP COLUMN {column}")
    desk.put("payments/b.csv", extract_file("payments", paid("2", "2024-06-02T00:00:00Z")))
    desk.run()
    assert dates(desk) == [(None, None), (date(2024, 6, 2), date(2024, 6, 2))]


def test_a_business_date_is_known_from_its_local_midnight(desk: Desk) -> None:
    bill = {
        "bill_id": "1",
        "account_id": "a",
        "bill_type": "invoice",
        "billing_period": "2024-05",
        "bill_date": "2024-06-01",
    }
    from data_contracts import contract

    bill |= {
        c.name: "1" for c in contract("staging.bills").columns if c.name.endswith("_amount") or c.name == "amount_due"
    }
    desk.put("bills/undated.csv", extract_file("bills", bill | {"currency": "CNY"}))
    desk.run()
    assert desk.ask("SELECT known_at FROM staging.bills") == [(datetime(2024, 5, 31, 16),)]


def test_a_snapshot_without_a_date_is_refused(desk: Desk) -> None:
    desk.put("customers/customers.csv", extract_file("customers", {"customer_id": "c", "customer_type": "group"}))
    desk.put(
        "customers/customers_20241301.csv", extract_file("customers", {"customer_id": "c", "customer_type": "group"})
    )
    report = desk.run()
    assert [r.code for r in report.refused] == ["known_at_missing"] * 2
    assert "control file" in report.refused[0].cure


def test_snapshots_repeat_rows_and_are_compared_within_their_delivery(desk: Desk) -> None:
    snapshot(desk, "20240531", LINE)
    snapshot(desk, "20240630", LINE | {"status": "suspended"}, LINE | {"status": "suspended"})
    snapshot(desk, "20240630_2", LINE, LINE | {"subscription_id": "s2"})
    assert [(o.accepted, o.rejected, o.duplicate) for o in desk.run().accepted] == [(1, 0, 0), (1, 0, 1), (1, 1, 0)]


def test_files_are_read_by_date_then_name(desk: Desk) -> None:
    for name in ("b_20240102.csv", "a_20240103.csv", "z_20240101.csv"):
        desk.put(f"cdr/{name}", cdr_file(cdr_row(record_id=name)))
    assert [o.file_name for o in desk.run().accepted] == [
        "cdr/z_20240101.csv",
        "cdr/b_20240102.csv",
        "cdr/a_20240103.csv",
    ]


def test_the_same_file_again_is_a_copy(desk: Desk) -> None:
    content = cdr_file(cdr_row(), cdr_row(charge="x"))
    desk.put(NAME, content)
    desk.run()
    before = desk.ask("SELECT * FROM intake.files"), desk.ask("SELECT * FROM staging.cdr")
    desk.put("cdr/again_20240630.csv", content)
    report = desk.run()
    assert [(c.file_name, c.same_as) for c in report.copies] == [("cdr/again_20240630.csv", NAME), (NAME, NAME)]
    assert (report.accepted, report.refused) == ((), ())
    assert (desk.ask("SELECT * FROM intake.files"), desk.ask("SELECT * FROM staging.cdr")) == before


def test_an_unchanged_snapshot_or_empty_delivery_of_another_day_is_news(desk: Desk) -> None:
    for day in ("20240531", "20240630"):
        snapshot(desk, day, LINE)
        desk.put(f"payments/payments_{day}.csv", extract_file("payments"))
    report = desk.run()
    assert len(report.accepted) == 4 and not report.copies
    assert len(desk.run().copies) == 4


def test_a_known_name_with_other_content_is_refused_and_the_first_stays(desk: Desk) -> None:
    desk.put(NAME, cdr_file(cdr_row()))
    desk.run()
    desk.put(NAME, cdr_file(cdr_row(record_id="r2")))
    for _ in range(2):
        (refused,) = desk.run().refused
        assert refused.code == "name_taken" and "new name" in refused.cure
        assert desk.ask("SELECT status FROM intake.files ORDER BY ALL") == [("accepted",), ("refused",)]
    assert desk.ask("SELECT record_id FROM staging.cdr") == [("r1",)]


def test_a_refused_file_is_tried_again_and_its_row_replaced(desk: Desk) -> None:
    desk.put(NAME, b"nonsense\n")
    desk.put("cdr/cdr_20240629.csv", b"")
    desk.put("cdr/cdr_20240701.csv", cdr_file(cdr_row()))
    assert len(desk.run().refused) == 2
    assert len(desk.run().refused) == 2
    assert desk.ask("SELECT file_name, status FROM intake.files ORDER BY ALL") == [
        ("cdr/cdr_20240629.csv", "refused"),
        (NAME, "refused"),
        ("cdr/cdr_20240701.csv", "accepted"),
    ]
    desk.put(NAME, cdr_file(cdr_row(record_id="mended")))
    report = desk.run()
    assert [o.file_name for o in report.accepted] == [NAME]
    assert desk.ask("SELECT status FROM intake.files WHERE file_name = ?", NAME) == [("accepted",)]


def test_a_fault_in_the_transaction_leaves_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.put(NAME, cdr_file(cdr_row(), cdr_row(), cdr_row(charge="x")))

    def fails(*args: object, **kwargs: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(ledger, "write_file", fails)
    with pytest.raises(OSError, match="disk full"):
        desk.run()
    for table in ("intake.files", "intake.rejects", "intake.duplicates", "intake.file_days", "staging.cdr"):
        assert desk.ask(f"SELECT count(*) FROM {table}") == [(0,)], table
    monkeypatch.undo()
    assert desk.run().accepted[0].accepted == 1


def test_a_file_that_does_not_balance_is_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.put(NAME, cdr_file(cdr_row(), cdr_row(charge="x")))
    module = sys.modules["pipelines.intake.load"]
    monkeypatch.setattr(module, "_write_rejects", lambda *a, **k: 0)
    assert desk.refusal() == ("does_not_balance", None)
    assert desk.ask("SELECT count(*) FROM staging.cdr") == [(0,)]


def test_a_reader_that_sees_other_rows_than_the_prescan_is_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.put(NAME, cdr_file(cdr_row(), cdr_row(record_id="r2")))
    module = sys.modules["pipelines.intake.load"]
    real = module.typed_select

    def shorter(*args, **kwargs):  # type: ignore[no-untyped-def]
        select = real(*args, **kwargs)
        select.sql += " LIMIT 1"
        return select

    monkeypatch.setattr(module, "typed_select", shorter)
    assert desk.refusal() == ("does_not_balance", None)


def test_tables_are_made_once_and_hold_local_columns(desk: Desk) -> None:
    ledger.create_tables(desk.con)
    ledger.create_tables(desk.con)
    columns = desk.ask(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name = 'staging' AND table_name = 'cdr'"
    )
    assert columns[-4:] == [
        ("usage_date", "DATE"),
        ("usage_hour", "INTEGER"),
        ("known_at", "TIMESTAMP"),
        ("file_id", "BIGINT"),
    ]


def test_columns_that_a_contract_got_later_are_added_to_the_rows_of_before(desk: Desk) -> None:
    person = {"customer_id": "c1", "customer_type": "individual", "gender": "female"}
    desk.put("customers/customers_20240531.csv", extract_file("customers", person))
    desk.run()
    for column in ("identity_verified", "previous_operator"):
        desk.con.execute(f"ALTER TABLE staging.customers DROP COLUMN {column}")
    said = {"identity_verified": "true", "previous_operator": "Unicom"}
    desk.put("customers/customers_20240630.csv", extract_file("customers", person | said))
    (outcome,) = desk.run().accepted
    assert outcome.accepted == 1
    assert desk.ask(
        "SELECT gender, identity_verified, previous_operator, known_at FROM staging.customers ORDER BY known_at"
    ) == [
        ("female", None, None, datetime(2024, 5, 30, 16)),
        ("female", True, "Unicom", datetime(2024, 6, 29, 16)),
    ]


UTC_JAN5 = datetime(2024, 1, 4, 16)
FEB, MAR, APR = "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z", "2024-04-01T00:00:00Z"
CHANGES = [
    ("nothing", [LINE], [LINE], None),
    ("plan only", [LINE], [LINE | {"plan_id": "p"}], None),
    ("new line", [LINE], [LINE, LINE | {"subscription_id": "s2", "valid_from": MAR}], datetime(2024, 3, 1)),
    ("vanished line", [LINE, LINE | {"subscription_id": "s2", "valid_from": MAR}], [LINE], None),
    ("number", [LINE], [LINE | {"msisdn": "+8613800000002"}], UTC_JAN5),
    ("status", [LINE], [LINE | {"status": "suspended"}], UTC_JAN5),
    ("customer", [LINE], [LINE | {"customer_id": "c2"}], UTC_JAN5),
    ("closed", [LINE], [LINE | {"valid_to": APR}], datetime(2024, 4, 1)),
    ("reopened", [LINE | {"valid_to": APR}], [LINE], datetime(2024, 4, 1)),
    ("closed earlier", [LINE | {"valid_to": APR}], [LINE | {"valid_to": MAR}], datetime(2024, 3, 1)),
    (
        "interval gone",
        [LINE | {"valid_to": FEB}, LINE | {"valid_from": FEB}],
        [LINE | {"valid_to": FEB}],
        datetime(2024, 2, 1),
    ),
]


@pytest.mark.parametrize(("what", "before", "after", "changed"), CHANGES, ids=[c[0] for c in CHANGES])
def test_subscription_changes(
    desk: Desk, what: str, before: list[dict[str, str]], after: list[dict[str, str]], changed: datetime | None
) -> None:
    snapshot(desk, "20240531", *before)
    snapshot(desk, "20240630", *after)
    desk.run()
    first, second = desk.ask("SELECT known_at, changed_from FROM intake.subscription_changes ORDER BY known_at")
    assert first == (datetime(2024, 5, 30, 16), UTC_JAN5)
    assert second == (datetime(2024, 6, 29, 16), changed)


def test_an_error_of_the_reader_shows_no_data(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["pipelines.intake.prescan"], "is_regular", lambda *a: True)
    desk.put(NAME, cdr_file(cdr_row(), cdr_row() + ",one,too,many"))
    (refused,) = desk.run().refused
    assert refused.code == "unreadable" and "+86" not in str(refused) and refused.__cause__ is None


def test_strays_that_are_gone_are_forgotten(desk: Desk) -> None:
    stray = desk.put("custmers/a.csv", b"x")
    assert desk.refusal() == ("unknown_folder", None)
    assert desk.refusal() == ("unknown_folder", None)
    stray.unlink()
    desk.run()
    assert desk.ask("SELECT count(*) FROM intake.files") == [(0,)]


def test_leftovers_of_killed_runs_are_removed_and_those_of_running_ones_kept(desk: Desk) -> None:
    folder = desk.settings.temporary_folder
    with working_folder(folder) as used:
        dead = folder / "intake-dead"
        dead.mkdir()
        (dead / ".lock").touch()
        (dead / "plain").write_bytes(b"x")
        remove_leftovers(folder)
        assert list(folder.iterdir()) == [used]
    assert not list(folder.iterdir())
