"""Record numbers of a switch start again: taken and published after the window of duplicates, stopped within it.

Belongs here: whole nights. Does not: what intake says of each repeated key (tests/unit/intake), how a contract's key is
counted (tests/unit/pipelines/test_contract_keys.py).
"""

import csv
import gzip
from collections.abc import Callable
from datetime import date
from pathlib import Path

from pipelines.night import Night
from pipelines.runs import run_night

BEFORE, AS_OF = date(2024, 6, 29), date(2024, 6, 30)
WINDOW = {"duplicate_window_days": 3}
MakeHome = Callable[[str], Path]


def cdr(home: Path, day: int) -> Path:
    return home / "landing" / "cdr" / f"cdr_202406{day}.csv.gz"


def records(file: Path) -> list[list[str]]:
    with gzip.open(file, "rt", newline="") as text:
        return list(csv.reader(text))


def put(file: Path, rows: list[list[str]]) -> None:
    with gzip.open(file, "wt", newline="") as text:
        csv.writer(text, lineterminator="\n").writerows(rows)


def test_numbers_that_start_again_after_the_window_are_accepted_and_a_repeat_within_it_stops_the_night(
    make_home: MakeHome,
) -> None:
    home = make_home("home")
    for folder in ("customers", "subscriptions", "service_lists"):
        snapshot = home / "landing" / folder / f"{folder}_20240630.csv"
        snapshot.with_name(f"{folder}_20240629.csv").write_bytes(snapshot.read_bytes())
    header, *last = records(cdr(home, 30))
    for file in cdr(home, 30).parent.glob("cdr_20240630*"):
        file.unlink()
    first = run_night(home, BEFORE, WINDOW)
    assert first.succeeded, first.failures

    # Four days later, one more than the window.
    used = [row[0] for row in records(cdr(home, 26))[1:]]
    again = [[number, *row[1:]] for number, row in zip(used, last, strict=False)]
    put(cdr(home, 30), [header, *again])
    second = run_night(home, AS_OF, WINDOW)
    assert second.succeeded and second.created, second.failures
    with Night(home, AS_OF).warehouse.open() as con:
        taken = con.execute(
            "select accepted, rejected, duplicate from intake.files where file_name = 'cdr/cdr_20240630.csv.gz'"
        ).fetchall()
        assert taken == [(len(again), 0, 0)] and len(again) > 50
        # By hand, past intake: a record of the 30th under a number of the 27th.
        (near,) = con.execute("select min(record_id) from staging.cdr where usage_date = '2024-06-27'").fetchall()[0]
        con.execute(
            "insert into staging.cdr select * replace (? as record_id) from staging.cdr "
            "where usage_date = '2024-06-30' order by record_id limit 1",
            [near],
        )

    stopped = run_night(home, AS_OF, WINDOW)
    # Both are of one step of checks: all of them are told, not the first alone.
    found = {f.where: f for f in stopped.failures}
    assert {f.kind for f in stopped.failures} == {"check"}
    assert set(found) == {"staging/cdr: keeps_contract_cdr", "staging/tier_overrides: ledger_does_not_balance"}
    message = found["staging/cdr: keeps_contract_cdr"].message
    assert message == (
        f'("record_id") is unique within duplicate_window_days: broken by 1 of {len(again) + 1} rows, '
        "first on 2024-06-30"
    )
    assert near not in message
