"""Call detail expires, and nothing that is published shows it: nights after it, CRM news, a rebuild, years of nights.

Belongs here: whole nights. Does not: the ledger's account (tests/unit/intake/test_expiries.py), kills (tests/faults).
"""

import gzip
import json
import re
import shutil
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest
from command_line import tierline
from typer.testing import Result

from pipelines import usage
from pipelines.day_files import verify_days
from pipelines.durable import Disk
from pipelines.engine import engine_of
from pipelines.expiry import Expired, expire_detail, remove_unread
from pipelines.intake import ingest
from pipelines.intake.expiries import detail_from
from pipelines.intake.ledger_copy import Expiry, read_ledger_lines
from pipelines.made_of import order
from pipelines.night import Night
from pipelines.progress import Silent
from pipelines.runs import NightResult, run_night
from pipelines.sql_catalogue import sql_table
from pipelines.warehouse import WarehouseError, build
from sample_data import generate
from tierline import TierTable

AS_OF = date(2024, 6, 30)
DAYS = 62
KEEP = {"keep_cdr_days": 57}
BEFORE = AS_OF - timedelta(days=1)
FIRST = AS_OF - timedelta(days=DAYS - 1)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty customers with 62 days of usage, published on the 29th, with all call detail."""
    home = tmp_path_factory.mktemp("operator") / "home"
    generate(home, customers=40, seed=5, as_of=AS_OF, bill_months=3, cdr_days=DAYS, snapshots=2)
    done(run_night(home, BEFORE))
    return home


@pytest.fixture(scope="module")
def expired(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same home, where four days expired at the end of that night."""
    home = Path(shutil.copytree(whole, tmp_path_factory.mktemp("expired") / "home"))
    assert let_expire(home, BEFORE).days == 4
    return home


@pytest.fixture
def home(expired: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(expired, tmp_path / "home"))


def let_expire(home: Path, as_of: date) -> Expired:
    night = Night(home, as_of, KEEP)
    with night.warehouse.open() as con:
        return expire_detail(con, night)


def done(result: NightResult) -> NightResult:
    assert result.succeeded, "\n".join(f"{f.where}: {f.message}" for f in result.failures)
    return result


def published(home: Path) -> dict[str, str]:
    manifest = TierTable(home / "published" / "customer_tiers").manifest
    assert manifest is not None
    return {Path(file.path).name: file.sha256 for file in manifest.files}


def asked(home: Path, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as con:
        return con.execute(query).fetchall()


def analysts(home: Path, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(home / "published" / "analytics.duckdb"), read_only=True) as con:
        return con.execute(query).fetchall()


def called(home: Path, *command: str) -> Result:
    return tierline(*command, "--home", home)


def test_a_night_lets_old_days_go_after_both_their_files_are_there(expired: Path) -> None:
    gone = [FIRST + timedelta(days=n) for n in range(4)]
    assert asked(expired, "select min(usage_date) from staging.cdr") == [(FIRST + timedelta(days=4),)]
    assert asked(expired, "select usage_date, detail_from from intake.expired_days order by 1") == [
        (day, FIRST + timedelta(days=4)) for day in gone
    ]
    # Contacts of those days are read by no night yet: they were made to be there.
    for folder in ("contact_days", "published/usage_daily"):
        there = {path.parent.name for path in (expired / folder).glob("*/*.parquet")}
        assert {f"usage_date={day}" for day in gone} <= there
    (line,) = [line for line in read_ledger_lines(expired / "ledger.jsonl") if isinstance(line, Expiry)]
    assert [day.usage_date for day in line.days] == gone
    told = called(expired, "reconcile", "--archive", "--contracts", "--json")
    assert told.exit_code == 0, told.output
    days = [total for total in json.loads(told.stdout)["totals"] if total["extract"] == "cdr"]
    records = asked(expired, f"select sum(records) from intake.file_days where usage_date < '{FIRST + timedelta(4)}'")
    assert [(sum(total["expired"] for total in days),)] == records
    assert all(total["received"] == sum(total[n] for n in ("accepted", "rejected", "duplicate")) for total in days)
    assert None not in [total["day"] for total in days]
    assert called(expired, "verify").exit_code == 0


def test_the_next_night_publishes_the_same_with_and_without_detail_and_again_after_a_rebuild(
    whole: Path, home: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(whole, tmp_path / "whole"))
    kept, let_go = run_night(other, AS_OF, {"keep_cdr_days": 10_000}), run_night(home, AS_OF, KEEP)
    done(kept)
    done(let_go)
    assert kept.expired is None
    assert let_go.expired is not None
    assert re.fullmatch(r"\d+ records of 1 day of call detail have expired \(keep_cdr_days 57\); .*", let_go.expired)
    assert published(other) == published(home)
    everything = "from usage_daily order by all"
    assert analysts(other, everything) == analysts(home, everything)
    assert asked(other, "select count(*) from intake.expired_days") == [(0,)]
    assert asked(home, "select count(distinct usage_date) from staging.cdr") == [(KEEP["keep_cdr_days"],)]
    # Written before the fifth day left.
    told = "select sum(expired) from intake_files where extract = 'cdr'"
    left = f"select sum(records) from usage_daily where usage_date < date '{FIRST}' + 4"
    assert analysts(home, told) == analysts(other, left)

    tables = ("staging.cdr", "intake.files", "intake.file_days", "intake.expired_days", "intake.rejects")
    account = {table: asked(home, f"from {table} order by all") for table in tables}
    for file in home.glob("warehouse.duckdb*"):
        file.unlink()
    made = called(home, "rebuild")
    assert made.exit_code == 0, made.output
    assert made.output.count("the same bytes") == 1
    assert {table: asked(home, f"from {table} order by all") for table in tables} == account


def test_nothing_more_goes_for_the_same_night_an_older_one_or_one_with_other_knowledge(home: Path) -> None:
    before = (home / "ledger.jsonl").read_bytes()
    for as_of in (BEFORE, BEFORE - timedelta(days=2)):
        assert let_expire(home, as_of).days == 0
    replayed = Night(home, AS_OF, KEEP, known_at="2024-06-30")
    with replayed.warehouse.open() as con:
        assert expire_detail(con, replayed).days == 0
    assert (home / "ledger.jsonl").read_bytes() == before
    assert let_expire(home, AS_OF).days == 1


def text_of(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text(encoding="utf-8")


def tell_otherwise_who_held_a_number(landing: Path, name: str) -> None:
    """A snapshot in which the first line has had its number since years before."""
    (old,) = landing.glob("subscriptions_20240630*")
    header, first, *rest = text_of(old).splitlines()
    cells = dict(zip(header.split(","), first.split(","), strict=True))
    for column in ("valid_from", "activation_date"):
        cells[column] = "2020-01-01" + cells[column][10:]
    (landing / name).write_text("\n".join([header, ",".join(cells.values()), *rest, ""]), encoding="utf-8")


def deliver_late(landing: Path, name: str, days: list[date]) -> None:
    columns = (
        "record_id,served_msisdn,calling_number,called_number,direction,call_type,answer_time,call_duration,"
        "uplink_bytes,downlink_bytes,roaming,long_distance,charge,cause_for_term"
    )
    rest = "12:00:00+08:00,60,0,0,false,false,9,0"
    rows = [f"L-{day},+8613900000009,,+8613900000001,outgoing,voice,{day}T{rest}" for day in days]
    (landing / name).write_text("\n".join([columns, *rows, ""]), encoding="utf-8")


def test_crm_news_and_late_records_restate_no_expired_day(home: Path) -> None:
    news = AS_OF + timedelta(days=1)
    tell_otherwise_who_held_a_number(home / "landing" / "subscriptions", f"subscriptions_{news:%Y%m%d}.csv")
    deliver_late(home / "landing" / "cdr", f"cdr_{news:%Y%m%d}.csv", [FIRST + timedelta(days=1), BEFORE, news])
    night = Night(home, news, KEEP)
    with night.warehouse.open() as con:
        settings = night.intake_settings
        report = ingest(con, night.landing, mappings={}, as_of_date=news, settings=settings, progress=Silent())
        assert [(o.accepted, o.rejected) for o in report.accepted if o.extract == "cdr"] == [(2, 1)]
        last = con.execute("select reason, line_number from intake.rejects where extract = 'cdr'").fetchall()
        assert last == [("detail_expired", 2)]
        for table in order(usage.DAILY_USAGE.table)[:-1]:
            build(con, sql_table(table), night.parameters)
        rolled_up = engine_of(night).roll_up(con, usage.DAILY_USAGE, lambda _done, _total: None)
        records = sum(n for (n,) in con.execute("select records from features.usage_daily").fetchall())
        assert (records,) in con.execute("select sum(records) from intake.file_days").fetchall()
    # The news is of every day, and restates all but the four.
    assert (rolled_up.days, rolled_up.rolled_up, rolled_up.later_days) == (DAYS + 1, DAYS + 1 - 4, 0)


def test_an_expired_day_whose_file_is_gone_is_named_with_the_cure(home: Path) -> None:
    night = Night(home, AS_OF, KEEP)
    (file,) = (night.contact_days / f"usage_date={FIRST + timedelta(days=3)}").glob("*.parquet")
    file.unlink()
    with night.warehouse.open() as con:
        assert engine_of(night).roll_up(con, usage.DAILY_USAGE, lambda _done, _total: None).days == DAYS
        with pytest.raises(WarehouseError) as told:
            engine_of(night).roll_up(con, usage.CONTACT_DAYS, lambda _done, _total: None, [FIRST + timedelta(days=3)])
    assert str(file) in str(told.value) and "backup" in str(told.value)


def test_an_old_night_whose_own_file_is_gone_says_so(home: Path) -> None:
    """A file of the 28th restates an expired day after the night of the 27th."""
    kept, early = usage.DAILY_USAGE, Night(home, AS_OF - timedelta(days=20))
    with early.warehouse.open() as con:
        given = {"service_numbers": early.settings.service_numbers, "zone": early.zone}
        con.execute("update intake.files set known_at = '2024-06-28' where file_id = (select min(file_id) from "
                    "intake.file_days where usage_date = $day)", {"day": FIRST})  # fmt: skip
        con.execute(
            "insert into intake.file_days select min(file_id), $day, 1 from intake.files where extract = 'cdr' "
            "and known_at < '2024-05-05'", {"day": FIRST},
        )  # fmt: skip
        own, *_ = usage.day_files(con, kept, early.parameters, is_there=lambda _: True, **given)
        last, *_ = usage.day_files(con, kept, early.parameters, is_there=lambda _: False, **given)
        assert (own.day, own.is_later, last.day, last.is_later) == (FIRST, False, FIRST, True)
        assert own.name != last.name
        (recorded,) = con.execute("select usage_daily from intake.expired_days where usage_date = $d",
                                  {"d": FIRST}).fetchall()  # fmt: skip
        assert last.digest == recorded[0]


def test_detail_that_is_known_only_later_waits_for_its_night(home: Path) -> None:
    with Night(home, AS_OF).warehouse.open() as con:
        con.execute("update intake.files set known_at = '2024-08-01' where file_id in (select file_id from "
                    "intake.file_days where usage_date = $day)", {"day": FIRST + timedelta(days=4)})  # fmt: skip
        assert expire_detail(con, Night(home, AS_OF, KEEP)).days == 0
        assert detail_from(con) == FIRST + timedelta(days=4)


def test_days_older_than_what_is_kept_leave_as_files_once_no_version_was_made_from_them(home: Path) -> None:
    """What keep_usage_days does after 800 nights, with a few: the setting itself can't be so low."""
    nights = [Night(home, AS_OF + timedelta(days=n), KEEP) for n in range(2)]
    folders = [(night := nights[0]).usage_days, night.contact_days]
    gone, kept = (f"usage_date={FIRST + timedelta(days=n)}" for n in (1, 2))
    with night.warehouse.open() as con:
        con.execute("update intake.expired_days set usage_from = $day", {"day": FIRST + timedelta(days=2)})
        for kind in usage.DAY_TABLES.values():
            files = engine_of(night).roll_up(con, kind, lambda _done, _total: None).files
            assert [file.day for file in files if file.day < FIRST + timedelta(days=2)] == []
        assert usage.loaded_days(con, AS_OF, night.known_before) == (FIRST + timedelta(days=2), AS_OF)
        # Another file of an expired day: of before a late file.
        other = night.usage_days / kept / "0123456789abcdef.parquet"
        shutil.copy(next((night.usage_days / kept).glob("*.parquet")), other)
        assert expire_detail(con, nights[1]).removed == 0, "the version of the 29th was made from them"
        made = [{"usage_from": f"{FIRST + timedelta(days=2)}", "detail_from": f"{FIRST + timedelta(days=4)}"}]
        assert remove_unread(con, night, [*made, {}], Disk()) == 0
        assert remove_unread(con, night, made, Disk()) == 5
        assert remove_unread(con, night, made, Disk()) == 0
    assert not other.exists()
    for folder in folders:
        assert not (folder / gone).exists() and list((folder / kept).glob("*.parquet"))
        assert verify_days(folder, "")[1:] == (0, ())


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("keep_cdr_days=56", "greater than or equal to 57"),
        ("keep_cdr_days=90", "duplicate_window_days"),
        ("keep_usage_days=529", "looks 530 days back"),
    ],
)
def test_detail_is_kept_for_what_nights_read_and_for_the_window_of_duplicates(
    tmp_path: Path, setting: str, said: str
) -> None:
    (tmp_path / "landing").mkdir()
    told = called(tmp_path, "run", "--as-of", "2024-06-30", "--set", setting, "--set", "duplicate_window_days=91")
    assert told.exit_code == 2
    assert setting.partition("=")[0] in told.output and said in told.output
