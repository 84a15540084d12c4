"""A night from landing to published: what it changes, what it leaves, and what stops it.

Belongs here: whole runs of the nightly job on real files. Does not: single numbers (test_every_published_number).
"""

import csv
import gzip
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb

from data_contracts import contract
from pipelines.publishing.analytics import MARTS, UNSORTED
from pipelines.runs import NightResult, run_night
from tierline import TierTable

AS_OF = date(2024, 6, 30)
MakeHome = Callable[[str], Path]


def digests(home: Path) -> dict[str, str]:
    return digests_in(home / "published")


def digests_in(published: Path) -> dict[str, str]:
    manifest = TierTable(published / "customer_tiers").manifest
    assert manifest is not None
    return {Path(file.path).name: file.sha256 for file in manifest.files}


def versions(home: Path) -> list[str]:
    return sorted(p.name for p in (home / "published" / "customer_tiers" / "manifests").glob("*.json"))


def rows_of(home: Path, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(home / "published" / "analytics.duckdb"), read_only=True) as con:
        return con.execute(query).fetchall()


def told(result: NightResult) -> str:
    return "\n".join(f"{f.kind} {f.where} {f.message}" for f in result.failures)


def test_a_night_again_changes_nothing(tiny_night: tuple[Path, NightResult], make_finished_home: MakeHome) -> None:
    home, (_, first) = make_finished_home("home"), tiny_night
    assert first.succeeded, told(first)
    assert (first.version, first.created) == (1, True)
    again = run_night(home, AS_OF)
    assert (again.version, again.created, again.run_key) == (1, False, first.run_key)
    assert versions(home) == ["1.json"]


def test_an_earlier_night_neither_sees_later_deliveries_nor_replaces_a_later_table(make_home: MakeHome) -> None:
    """Run of 28 June with everything landed = run of 28 June with only what was delivered by then."""
    everything, by_then = make_home("everything"), make_home("by_then")
    for folder in ("customers", "subscriptions", "service_lists"):
        for home in (everything, by_then):
            # The tiny operator has one snapshot; an earlier one of the same rows makes the earlier night possible.
            file = home / "landing" / folder / f"{folder}_20240630.csv"
            shutil.copy(file, file.with_name(f"{folder}_20240627.csv"))
    for file in (by_then / "landing").rglob("*2024062[9]*"):
        file.unlink()
    for file in (by_then / "landing").rglob("*20240630*"):
        file.unlink()
    night = date(2024, 6, 28)
    assert run_night(everything, night).succeeded
    assert run_night(by_then, night).succeeded
    assert digests(everything) == digests(by_then)
    later = run_night(everything, AS_OF)
    assert later.created, told(later)
    back = run_night(everything, night)
    assert back.succeeded
    assert (back.version, back.created) == (2, False)
    assert TierTable(everything / "published" / "customer_tiers").lookup("+1").as_of_date == AS_OF
    # What the night knew can be seen again, and what it would know now: beside what is published.
    seen_again = run_night(everything, night, known_at="2024-06-28")
    assert seen_again.created and seen_again.published is not None, told(seen_again)
    assert digests_in(seen_again.published) == digests(by_then)
    seen_later = run_night(everything, night, known_at="2024-06-30T23:59:59+08:00")
    assert seen_later.created and seen_later.published is not None, told(seen_later)
    assert seen_later.published.parent == everything / "replays"
    assert digests_in(seen_later.published) != digests(by_then)
    assert versions(everything) == ["1.json", "2.json"]


def damage_truncated(home: Path) -> Path:
    file = home / "landing" / "cdr" / "cdr_20240630.csv.gz"
    file.write_bytes(file.read_bytes()[:-20])
    return file


def damage_header(home: Path) -> Path:
    file = home / "landing" / "customers" / "customers_20240630.csv"
    header, _, rest = file.read_text(encoding="utf-8").partition("\n")
    names = header.split(",")
    file.write_text(",".join([names[1], names[0], *names[2:]]) + "\n" + rest, encoding="utf-8")
    return file


def damage_encoding(home: Path) -> Path:
    file = home / "landing" / "service_lists" / "service_lists_20240630.csv"
    text = file.read_text(encoding="utf-8")
    file.write_bytes((text + "C99999999,red,,重要客户,2024-01-01,\n").encode("gbk"))
    return file


def test_unreadable_files_are_named_together_and_the_mended_ones_are_taken(
    tiny_night: tuple[Path, NightResult], make_home: MakeHome
) -> None:
    home, (sound, undamaged) = make_home("home"), tiny_night
    damaged = [damage(home) for damage in (damage_truncated, damage_header, damage_encoding)]
    result = run_night(home, AS_OF)
    assert [f.kind for f in result.failures] == ["refused"]
    said = told(result)
    assert "cdr_20240630.csv.gz" in said
    assert "customers_20240630.csv" in said
    assert "service_lists_20240630.csv" in said
    assert "utf-8" in said.lower()
    assert not (home / "published" / "customer_tiers" / "CURRENT.json").exists()
    for file in damaged:
        shutil.copy(sound / file.relative_to(home), file)
    mended = run_night(home, AS_OF)
    assert mended.succeeded, told(mended)
    assert undamaged.succeeded
    assert digests(home) == digests(sound)


def add_second_holder(home: Path) -> None:
    """A new line in service under an account of another customer's: fine by number, ambiguous by account."""
    file = home / "landing" / "subscriptions" / "subscriptions_20240630.csv"
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    row = next(r for r in rows if r["status"] == "active" and not r["valid_to"])
    extra = {**row, "subscription_id": "S-second", "msisdn": "+8613999999999"}
    with file.open("a", encoding="utf-8", newline="") as out:
        csv.DictWriter(out, fieldnames=list(row), lineterminator="\n").writerow(extra)


def test_a_failed_check_stops_publication_and_leaves_the_last_table(make_home: MakeHome) -> None:
    home = make_home("home")
    add_second_holder(home)
    assert run_night(home, date(2024, 6, 30)).succeeded
    before = digests(home)
    database = (home / "published" / "analytics.duckdb").stat().st_mtime_ns
    # By account, two lines share a key: routing could not tell them apart.
    result = run_night(home, date(2024, 6, 30), {"service_key_type": "account"})
    assert {f.kind for f in result.failures} == {"check"}
    assert "service_key_twice" in told(result)
    assert digests(home) == before
    assert versions(home) == ["1.json"]
    assert (home / "published" / "analytics.duckdb").stat().st_mtime_ns == database


def test_a_late_file_restates_only_the_days_that_it_touches(make_home: MakeHome) -> None:
    home = make_home("home")
    late = home / "landing" / "cdr" / "cdr_20240627_2.csv.gz"
    aside = home / late.name
    late.rename(aside)
    assert run_night(home, AS_OF).succeeded
    first = day_files(home)
    total = rows_of(home, "select sum(records) from usage_daily")[0][0]
    aside.rename(late)
    result = run_night(home, AS_OF)
    assert result.succeeded, told(result)
    second = day_files(home)
    with gzip.open(late, "rt", encoding="utf-8") as lines:
        records = list(csv.DictReader(lines))
    touched = {r["answer_time"][:10] for r in records}
    assert {day for day in second if len(second[day]) > len(first[day])} == touched
    assert all(first[day] <= second[day] for day in first), "a day's file was rewritten or removed"
    assert rows_of(home, "select sum(records) from usage_daily")[0][0] == total + len(records)


def day_files(home: Path) -> dict[str, set[tuple[str, str]]]:
    """Day -> (name, SHA-256) of its files."""
    found: dict[str, set[tuple[str, str]]] = {}
    for file in (home / "published" / "usage_daily").rglob("*.parquet"):
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        found.setdefault(file.parent.name.removeprefix("usage_date="), set()).add((file.name, digest))
    return found


def test_a_warehouse_held_by_another_process_is_told_with_its_pid(make_home: MakeHome) -> None:
    home = make_home("home")
    script = (
        "import duckdb, sys, time\n"
        f"con = duckdb.connect({str(home / 'warehouse.duckdb')!r})\n"
        "print('held', flush=True)\ntime.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            result = run_night(home, AS_OF, {"lock_wait_seconds": 0.2})
        finally:
            holder.kill()
    assert [f.kind for f in result.failures] == ["busy"]
    assert f"PID {holder.pid}" in told(result)


def test_a_warehouse_that_is_let_go_in_time_is_waited_for(make_home: MakeHome) -> None:
    home = make_home("home")
    script = (
        "import duckdb, time\n"
        f"con = duckdb.connect({str(home / 'warehouse.duckdb')!r})\n"
        "print('held', flush=True)\ntime.sleep(4)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        result = run_night(home, AS_OF, {"lock_wait_seconds": 2})
    assert result.succeeded, told(result)


def test_no_number_reaches_the_run_log_or_the_manifest(make_home: MakeHome) -> None:
    home = make_home("home")
    file = home / "landing" / "cdr" / "cdr_20240630.csv.gz"
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        text = lines.read()
    canary = "+8613755512345"
    header = text.splitlines()[0].split(",")
    row = dict(zip(header, text.splitlines()[1].split(","), strict=True))
    bad = {**row, "record_id": "canary", "served_msisdn": canary, "call_duration": "not a number"}
    (file.parent / (file.name + ".ctl")).unlink()
    with gzip.open(file, "wt", encoding="utf-8") as out:
        out.write(text + ",".join(bad[name] for name in header) + "\n")
    assert run_night(home, AS_OF).succeeded
    digits = canary[1:].encode()
    private = {home / name for name in ("landing", "warehouse.duckdb")}
    looked_at = [path for path in home.rglob("*") if path.is_file() and private.isdisjoint({path, *path.parents})]
    assert {"ledger.jsonl", "1.json", "analytics.duckdb", "runs.db"} <= {path.name for path in looked_at}
    for path in looked_at:
        assert digits not in path.read_bytes() and digits not in path.name.encode(), path
    masked = rows_of(home, "select masked_record from rejects where reason = 'not_an_integer'")
    assert masked
    assert canary[1:] not in str(masked)
    manifest = json.loads((home / "published" / "customer_tiers" / "manifests" / "1.json").read_text())
    assert manifest["tiers"].keys() == {"high", "mid", "ordinary"}


def test_the_analysts_database_is_replaced_under_open_readers(make_finished_home: MakeHome) -> None:
    home = make_finished_home("home")
    database = home / "published" / "analytics.duckdb"
    script = (
        "import duckdb\n"
        f"con = duckdb.connect({str(database)!r}, read_only=True)\n"
        "def day(): return con.execute('select max(as_of_date) from customers').fetchall()[0][0]\n"
        "print(day(), flush=True)\ninput()\nprint(day(), flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as analyst:
        assert analyst.stdout is not None
        assert analyst.stdin is not None
        assert analyst.stdout.readline() == "2024-06-30\n"
        later = run_night(home, date(2024, 7, 1))
        assert later.succeeded, told(later)
        analyst.stdin.write("\n")
        analyst.stdin.flush()
        assert analyst.stdout.readline() == "2024-06-30\n"
    assert rows_of(home, "select max(as_of_date) from customers") == [(date(2024, 7, 1),)]
    assert not list(database.parent.glob(".analytics*"))
    silent = rows_of(
        home, "select table_name, column_name from duckdb_columns() where not internal and comment is null"
    )
    assert not silent
    # By key, all but the widest, so that a reader of one key need not look at every row.
    for name in set(MARTS) - UNSORTED:
        keys = ", ".join(contract(f"marts.{name}").key) or "all"
        stored = rows_of(home, f"from {name}")
        assert stored == rows_of(home, f"from {name} order by {keys}"), name
    # Analysts' DuckDB may be older than ours.
    stored = rows_of(home, "select tags['storage_version'] from duckdb_databases() where database_name = 'analytics'")
    assert stored == [("v1.5.0+",)]
