"""What a source mapping may say, what it makes of a file, and how its faults are named.

Belongs here: transforms and mapping files. Does not: the shipped presets (integration).
"""

from __future__ import annotations

import hashlib
from datetime import date, datetime

import pytest
from intake_desk import Desk

from pipelines.intake import MappingError, load_mappings, parse_mapping

CALLS = """
source: calls
version: 1.0.0
header: [id, a, b, way, at, secs, note]
ignored: [note]
extracts:
  cdr:
    columns:
      record_id: {from: id}
      served_msisdn: {from: a, prefix: "+44", when_length: 10}
      calling_number: {column_by: {column: way, codes: {In: b, Out: a}}, prefix: "+44", when_length: 10}
      direction: {from: way, codes: {In: incoming, Out: outgoing}}
      call_type: {constant: voice}
      answer_time: {from: at, zone: Europe/London}
      call_duration: {from: secs}
      uplink_bytes: {constant: 0}
      downlink_bytes: {constant: 0}
      roaming: {constant: false}
      long_distance: {constant: false}
      charge: {constant: 0}
"""
GOOD = "1,7610039694,7434677419,In,2024-06-30 12:00:00,5,x"


def run(
    desk: Desk, mapping: str, *lines: str, header: str = "id,a,b,way,at,secs,note", name: str = "calls/a.csv"
) -> None:
    parsed = parse_mapping(mapping, "calls.yaml")
    desk.mappings[parsed.source] = parsed
    desk.put(name, "".join(line + "\n" for line in (header, *lines)).encode())
    report = desk.run()
    assert not report.refused, report.refused


def test_prefix_column_by_codes_and_constants(desk: Desk) -> None:
    run(
        desk,
        CALLS,
        GOOD,
        "2,7610039694,10086,Out,2024-01-30 12:00:00,5,x",
        "3,7610039694,44,In,2024-01-30T12:00:00,5,x",
    )
    assert desk.ask(
        "SELECT record_id, served_msisdn, calling_number, called_number, direction, answer_time "
        "FROM staging.cdr ORDER BY ALL"
    ) == [
        ("1", "+447610039694", "+447434677419", None, "incoming", datetime(2024, 6, 30, 11)),
        ("2", "+447610039694", "+447610039694", None, "outgoing", datetime(2024, 1, 30, 12)),
        ("3", "+447610039694", "44", None, "incoming", datetime(2024, 1, 30, 12)),
    ]


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        ("2024-03-31 01:30:00", "ambiguous_local_time"),
        ("2024-10-27 01:30:00", "ambiguous_local_time"),
        ("2024-10-27 01:00:00", "ambiguous_local_time"),
        ("2024-03-31 00:59:59", None),
        ("2024-03-31 02:00:00", None),
        ("2024-10-27 00:59:59", None),
        ("2024-10-27 02:00:00", None),
        ("2024-06-30 12:00:00+01:00", "not_a_timestamp"),
        ("2024-06-31 12:00:00", "not_a_timestamp"),
    ],
)
def test_local_times_at_a_change_of_clocks(desk: Desk, at: str, reason: str | None) -> None:
    run(desk, CALLS, GOOD.replace("2024-06-30 12:00:00", at))
    assert [r for _, _, r in desk.reasons()] == ([reason] if reason else [])


def test_a_local_time_in_a_form_of_its_own(desk: Desk) -> None:
    mapping = CALLS.replace("{from: at, zone", '{from: at, date_format: "%d.%m.%Y %H:%M", zone')
    run(
        desk, mapping, GOOD.replace("2024-06-30 12:00:00", "30.06.2024 12:00"), GOOD.replace("2024-06-30", "30-06-2024")
    )
    assert desk.ask("SELECT answer_time FROM staging.cdr") == [(datetime(2024, 6, 30, 11),)]
    assert desk.reasons() == [(3, "answer_time", "not_a_timestamp")]


def test_a_form_with_zone(desk: Desk) -> None:
    mapping = CALLS.replace("{from: at, zone: Europe/London}", '{from: at, date_format: "%a %b %d %H:%M:%S %z %Y"}')
    at = "Wed Sep 15 19:17:44 +0100 2010"
    run(desk, mapping, GOOD.replace("2024-06-30 12:00:00", at), GOOD.replace("2024-06-30 12:00:00", at + " x"))
    assert desk.ask("SELECT answer_time FROM staging.cdr") == [(datetime(2010, 9, 15, 18, 17, 44),)]
    assert desk.reasons() == [(3, "answer_time", "not_a_timestamp")]


@pytest.mark.parametrize(("otherwise", "kept"), [("refuse", None), ("null", (None,)), ("keep", ("odd",))])
def test_codes_otherwise(desk: Desk, otherwise: str, kept: tuple[str | None] | None) -> None:
    mapping = CALLS + f"      cause_for_term: {{from: secs, codes: {{'5': five}}, otherwise: {otherwise}}}\n"
    mapping = mapping.replace("call_duration: {from: secs}", "call_duration: {constant: 1}")
    run(desk, mapping, GOOD.replace(",5,", ",odd,"), GOOD.replace("1,", "2,", 1).replace(",5,", ",,"))
    found = desk.ask("SELECT cause_for_term FROM staging.cdr WHERE record_id = '1'")
    assert found == ([kept] if kept else [])
    assert desk.reasons() == ([] if kept else [(2, "secs", "unknown_code")])
    assert desk.ask("SELECT cause_for_term FROM staging.cdr WHERE record_id = '2'") == [(None,)]


def test_an_unknown_code_of_column_by_rejects(desk: Desk) -> None:
    mapping = CALLS.replace(
        "direction: {from: way, codes: {In: incoming, Out: outgoing}}", "direction: {constant: incoming}"
    )
    run(desk, mapping, GOOD.replace(",In,", ",Via,"), GOOD.replace(",In,", ",,"))
    assert desk.reasons() == [(2, "way", "unknown_code"), (3, "way", "unknown_code")]


def test_the_digest_of_a_row_is_sha256_of_its_fields(desk: Desk) -> None:
    run(
        desk,
        CALLS.replace("{from: id}", '{digest_of_row: true, prefix: "x-"}').replace("[note]", "[note, id]"),
        GOOD,
        GOOD.replace(",In", ",In").replace("1,", ",", 1),
    )
    expected = [
        "x-" + hashlib.sha256("\x1f".join(f).encode()).hexdigest()[:32]
        for f in (GOOD.split(","), ["", *GOOD.split(",")[1:]])
    ]
    assert desk.ask("SELECT record_id FROM staging.cdr") == [(e,) for e in expected]


MONTHS = """
source: people
version: 1.0.0
header: [id, months]
known_at: as_of
extracts:
  subscriptions:
    columns:
      subscription_id: {from: id}
      customer_id: {from: id}
      account_id: {from: id}
      payment_type: {constant: postpaid}
      activation_date: {months_before_as_of: months}
      contract_end_date: {months_before_as_of: -1, as: month_end}
      status_date: {months_before_as_of: 1, as: month_start}
      plan_id: {months_before_as_of: months, as: month}
      status: {constant: active}
      valid_from: {months_before_as_of: months}
"""


def test_months_before_as_of(desk: Desk) -> None:
    desk.as_of = date(2024, 3, 31)
    rows = ("a,0", "b,1", "c,13", "d,x", "e,", "f,1.5", "g,99999")
    run(desk, MONTHS, *rows, header="id,months", name="people/a.csv")
    assert desk.ask(
        "SELECT subscription_id, activation_date, contract_end_date, status_date, plan_id, valid_from "
        "FROM staging.subscriptions"
    ) == [
        ("a", date(2024, 3, 31), date(2024, 4, 30), date(2024, 2, 1), "2024-03", datetime(2024, 3, 30, 16)),
        ("b", date(2024, 2, 29), date(2024, 4, 30), date(2024, 2, 1), "2024-02", datetime(2024, 2, 28, 16)),
        ("c", date(2023, 2, 28), date(2024, 4, 30), date(2024, 2, 1), "2023-02", datetime(2023, 2, 27, 16)),
    ]
    assert desk.reasons() == [
        (5, "months", "not_an_integer"), (6, "activation_date", "required_missing"),
        (7, "months", "not_an_integer"), (8, "months", "not_an_integer"),
    ]  # fmt: skip
    assert desk.ask("SELECT DISTINCT known_at FROM staging.subscriptions") == [(datetime(2024, 3, 30, 16),)]


def test_starts_and_ends_of_months_from_any_day(desk: Desk) -> None:
    desk.as_of = date(2024, 3, 15)
    run(desk, MONTHS, "a,1", header="id,months", name="people/a.csv")
    assert desk.ask("SELECT activation_date, contract_end_date, status_date FROM staging.subscriptions") == [
        (date(2024, 2, 15), date(2024, 4, 30), date(2024, 2, 1))
    ]


SPLIT = (
    CALLS
    + """
  customers:
    known_at: {date: 2024-01-01}
    require: {b: the person is unknown}
    columns:
      customer_id: {digest_of_row: [a]}
      customer_type: {constant: individual}
"""
)


def test_a_file_split_into_two_extracts_balances_in_each(desk: Desk) -> None:
    bad = GOOD.replace("1,", "2,", 1).replace(",5,", ",x,")
    run(desk, SPLIT, GOOD, bad, "cut", GOOD.replace("7434677419", " "))
    assert desk.ask(
        "SELECT extract, records, accepted, rejected, duplicate, known_at FROM intake.files ORDER BY ALL"
    ) == [
        ("cdr", 5, 1, 3, 0, None),
        ("customers", 5, 1, 2, 1, datetime(2023, 12, 31, 16)),
    ]
    assert desk.ask("SELECT line_number, column_name, reason, detail FROM intake.rejects "
        "WHERE extract = 'customers' ORDER BY 1")[1] == (
        5, "b", "required_by_mapping", "b is blank: the person is unknown."
    )  # fmt: skip


def test_a_refusal_in_one_extract_keeps_nothing_of_the_others(desk: Desk) -> None:
    mapping = SPLIT.replace("known_at: {date: 2024-01-01}", r"known_at: {file_name: '(?P<date>\d{8})'}")
    desk.mappings["calls"] = parse_mapping(mapping, "calls.yaml")
    desk.put("calls/undated.csv", f"id,a,b,way,at,secs,note\n{GOOD}\n".encode())
    assert desk.refusal() == ("known_at_missing", None)
    assert desk.ask("SELECT count(*) FROM staging.cdr") == [(0,)]
    assert desk.ask("SELECT extract, status FROM intake.files ORDER BY ALL") == [
        ("cdr", "refused"),
        ("customers", "refused"),
    ]


def test_another_delimiter_trailer_and_no_quotes(desk: Desk) -> None:
    mapping = CALLS.replace("ignored", "format: {delimiter: '|', quote: none, trailer_prefix: TRL}\nignored", 1)
    mapping += "      cause_for_term: {from: note}\n"
    mapping = mapping.replace("ignored: [note]\n", "")
    lines = [
        GOOD.replace(",", "|").replace("|x", '|5" pipe, long'),
        GOOD.replace(",", "|").replace("1|", "TRL2|", 1),
        "TRL|2",
        "",
    ]
    run(desk, mapping, *lines, header="id|a|b|way|at|secs|note")
    assert desk.ask("SELECT records, header, trailer, blank, accepted FROM intake.files") == [(5, 1, 1, 1, 2)]
    assert desk.ask("SELECT record_id, cause_for_term FROM staging.cdr") == [("1", '5" pipe, long'), ("TRL2", "x")]
    desk.put("calls/cut.csv", ("id|a|b|way|at|secs|note\n" + lines[0] + "\n").encode())
    assert desk.refusal() == ("trailer_missing", 2)


def test_a_file_without_header_line(desk: Desk) -> None:
    run(
        desk,
        CALLS.replace("ignored", "format: {header: false, delimiter: tab}\nignored", 1),
        header=GOOD.replace(",", "\t"),
    )
    assert desk.ask("SELECT records, header, accepted FROM intake.files") == [(1, 0, 1)]


def test_known_at_from_a_name_with_time(desk: Desk) -> None:
    mapping = CALLS.replace("ignored", r"known_at: {file_name: '(?P<date>\d{8})-(?P<time>\d{6})'}" + "\nignored", 1)
    run(desk, mapping, GOOD, name="calls/x-20240701-013000.csv")
    assert desk.ask("SELECT known_at FROM staging.cdr") == [(datetime(2024, 6, 30, 17, 30),)]


FAULTS = [
    (("charge: {constant: 0}", "chrage: {constant: 0}"), "did you mean 'charge'"),
    (("charge: {constant: 0}", "charge: {konstant: 0}"), "did you mean 'constant'"),
    (("ignored: [note]", "ignore: [note]"), "did you mean 'ignored'"),
    (("ignored: [note]", ""), "columns that nothing uses: note"),
    (("ignored: [note]", "ignored: [note, secs]"), "both used and ignored: secs"),
    (("ignored: [note]", "ignored: [notes]"), "did you mean 'note'"),
    (("{from: secs}", "{from: sec}"), "did you mean 'secs'"),
    (("      charge: {constant: 0}\n", ""), "required columns charge"),
    (("{constant: voice}", "{constant: speech}"), "not among the codes voice, sms, data"),
    (("In: incoming", "In: coming"), "not among the codes"),
    (("{from: at, zone: Europe/London}", "{from: at, zone: Europe/Londn}"), "did you mean 'Europe/London'"),
    (("{from: at, zone: Europe/London}", "{from: at, date_format: '%Y'}"), "needs %z in date_format or a zone"),
    (("{from: at, zone: Europe/London}", "{from: at, date_format: '%Y %z', zone: UTC}"), "not both"),
    (("{from: at, zone: Europe/London}", "{from: at, date_format: '%Y %Q', zone: UTC}"), "strptime's directives"),
    (("{from: at, zone: Europe/London}", "{from: at, date_format: 'YYYY', zone: UTC}"), "strptime's directives"),
    (("{from: secs}", "{from: secs, zone: UTC}"), "zone is for timestamps"),
    (("{from: secs}", "{from: secs, date_format: '%Y'}"), "date_format makes a date"),
    (("{from: secs}", "{from: secs, constant: 1}"), "exactly one of"),
    (("{from: secs}", "{prefix: x}"), "exactly one of"),
    (("{from: secs}", "{from: secs, when_length: 3}"), "needs a prefix"),
    (("{from: secs}", "{from: secs, otherwise: keep}"), "needs codes"),
    (("{from: secs}", "{constant: 5, prefix: 1}"), "can't stand beside constant"),
    (("{from: secs}", "{months_before_as_of: secs}"), "makes a date"),
    (("  cdr:", "  cdrs:"), "did you mean 'cdr'"),
    (("ignored", "format: {delimiter: ab}\nignored"), "delimiter must be one"),
    (("ignored", "format: {encoding: utf8}\nignored"), "encoding"),
    (("ignored", "known_at: {file_name: '('}\nignored"), "no regular expression"),
    (("ignored", "known_at: {file_name: 'x'}\nignored"), "(?P<date>"),
    (("secs, note]", "secs, secs, note]"), "names a column twice"),
    (("source: calls", "source: calls\nsource: more"), "stands twice"),
    (("source: calls", "source: [calls"), "no readable YAML"),
]


@pytest.mark.parametrize(("change", "said"), FAULTS, ids=[f[1] for f in FAULTS])
def test_a_fault_in_a_mapping_is_named(change: tuple[str, str], said: str) -> None:
    assert change[0] in CALLS
    with pytest.raises(MappingError, match=r"^calls\.yaml") as caught:
        parse_mapping(CALLS.replace(*change, 1), "calls.yaml")
    assert said in str(caught.value)


def test_a_snapshot_must_say_when_it_was_known() -> None:
    with pytest.raises(MappingError, match="is a snapshot and needs known_at"):
        parse_mapping(MONTHS.replace("known_at: as_of", ""), "people.yaml")


def test_fingerprints_follow_content_not_layout() -> None:
    one = parse_mapping(CALLS, "a").fingerprint
    assert parse_mapping(CALLS.replace("ignored: [note]", "ignored:\n- note  # why"), "b").fingerprint == one
    assert parse_mapping(CALLS.replace("Europe/London", "Europe/Paris"), "c").fingerprint != one
    assert len(one) == 64


def test_yes_and_no_stay_text(desk: Desk) -> None:
    mapping = CALLS.replace("roaming: {constant: false}", "roaming: {from: note, codes: {Yes: true, No: false}}")
    run(
        desk,
        mapping.replace("ignored: [note]\n", ""),
        GOOD.replace(",x", ",Yes"),
        GOOD.replace("1,", "2,", 1).replace(",x", ",No"),
    )
    assert desk.ask("SELECT roaming FROM staging.cdr") == [(True,), (False,)]


def test_names_in_a_mapping_never_reach_sql_as_text(desk: Desk) -> None:
    evil = "x'\"; DROP TABLE staging.cdr; --"
    quoted = "'" + evil.replace("'", "''") + "'"
    mapping = CALLS.replace("secs, note]", f"secs, {quoted}]").replace("ignored: [note]\n", "")
    mapping += f"      cause_for_term: {{from: {quoted}, codes: {{{quoted}: {quoted}}}, otherwise: keep}}\n"
    header = 'id,a,b,way,at,secs,"' + evil.replace('"', '""') + '"'
    run(desk, mapping, GOOD.replace(",x", ',"' + evil.replace('"', '""') + '"'), header=header)
    assert desk.ask("SELECT cause_for_term FROM staging.cdr") == [(evil,)]


def test_two_mappings_of_one_source_are_an_error(tmp_path) -> None:  # type: ignore[no-untyped-def]
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(CALLS)
    with pytest.raises(MappingError, match="has a mapping already"):
        load_mappings(tmp_path)
