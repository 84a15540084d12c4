"""Whatever happens to a valid file: it is refused, or it balances and every accepted value was written so.

Belongs here: properties over random damage. Does not: particular cases.
"""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

import duckdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from intake_desk import CDR, Desk

from pipelines.intake import IntakeSettings

FREE = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=8)
ROW = st.fixed_dictionaries(
    {"record_id": FREE, "cause_for_term": FREE, "call_duration": st.integers(0, 8640000).map(str)}
)
DAMAGE = st.lists(
    st.tuples(
        st.sampled_from(["insert", "delete", "replace", "cut", "repeat"]),
        st.integers(0, 10_000),
        st.sampled_from(
            [b'"', b",", b"\n", b"\r", b"\r\n", b"\x00", b"\x1f", b"\xff", b" ", b"5", "中".encode(), b'""']
        ),
    ),
    max_size=6,
)


def damaged(content: bytes, steps: list[tuple[str, int, bytes]]) -> bytes:
    for kind, at, piece in steps:
        place = at % (len(content) + 1)
        match kind:
            case "insert":
                content = content[:place] + piece + content[place:]
            case "delete":
                content = content[:place] + content[place + 1 :]
            case "replace":
                content = content[:place] + piece + content[place + 1 :]
            case "cut":
                content = content[: max(place, 1)]
            case _:
                content = content[:place] + content[max(place - 200, 0) :]
    return content


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=st.lists(ROW, max_size=12, unique_by=lambda r: r["record_id"]),
    steps=DAMAGE,
    packed=st.booleans(),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_refused_or_balanced_and_byte_equal(
    rows: list[dict[str, str]], steps: list[tuple[str, int, bytes]], packed: bool, quoting: int
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=quoting)  # type: ignore[arg-type]
    writer.writerow(CDR)
    writer.writerows((CDR | row).values() for row in rows)
    content = damaged(text.getvalue().encode(), steps)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "landing").mkdir()
        con = duckdb.connect()
        con.execute("SET TimeZone = 'UTC'")
        desk = Desk(con, home / "landing", IntakeSettings("Asia/Shanghai", "CNY", home / "tmp"))
        desk.put("cdr/cdr_20240630.csv" + ".gz" * packed, content)
        report = desk.run()
        assert len(report.accepted) + len(report.refused) == 1
        accepted = desk.ask("SELECT record_id, cause_for_term, call_duration FROM staging.cdr ORDER BY rowid")
        con.close()
    if not steps:
        assert not report.refused
        expected = [(r["record_id"], r["cause_for_term"], int(r["call_duration"])) for r in rows]
        assert accepted == expected
    if report.accepted:
        # Another reader, line by line: what was accepted must stand so on a line that it reads without complaint.
        assert report.accepted[0].records == content.count(b"\n") + (not content.endswith(b"\n"))
        seen = set()
        for line in content.removeprefix(b"\xef\xbb\xbf").decode().split("\n")[1:]:
            try:
                fields = next(csv.reader([line.removesuffix("\r")], strict=True), [])
            except csv.Error:
                continue
            if len(fields) == len(CDR):
                seen.add((fields[0], fields[-1] or None, fields[7]))
        for record_id, cause, duration in accepted:
            assert any(s[0] == record_id and s[1] == cause and int(s[2]) == duration for s in seen if s[2].isdigit())
