"""A policy tried before it is adopted: what the simulation says is so, and trying changes nothing.

Belongs here: scratch nights, `tierline simulate` and `tierline policy` on a home with a finished night. Does not: who
moves and why (tests/unit/segmentation).
"""

import csv
import hashlib
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pytest
from command_line import tierline

from pipelines.intake import ingest
from pipelines.night import Night
from pipelines.progress import Silent
from pipelines.publishing.tier_table import publish_tier_table
from pipelines.scratch import Scratch, scratch
from pipelines.turns import TurnBusyError, take_turn
from segmentation.policy import preset
from tierline import current_manifest

AS_OF = date(2024, 6, 30)
Rows = list[tuple[object, ...]]


@pytest.fixture(scope="module")
def home(tiny_landing: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a published night, made without the checks of a run. Nothing in this module may change it."""
    folder = tmp_path_factory.mktemp("simulate") / "home"
    shutil.copytree(tiny_landing, folder / "landing")
    let_some_leave(folder / "landing" / "subscriptions" / "subscriptions_20240630.csv")
    night = Night(folder, AS_OF)
    with night.warehouse.open() as con:
        taken = ingest(
            con, night.landing, mappings={}, as_of_date=AS_OF, settings=night.intake_settings, progress=Silent()
        )
        assert not taken.refused
        for table in ("scores.subscription", "scores.tier_changes"):
            Scratch(con, night.published, lambda: None).build(night, target=table)
        publish_tier_table(con, night, datetime.now(UTC))
    return folder


def let_some_leave(file: Path) -> None:
    """Every seventh line that was there before the last month ceases in it."""
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    for row in [r for r in rows if not r["valid_to"] and r["valid_from"] < "2024-05-01"][::7]:
        row["valid_to"] = "2024-06-15T12:00:00+08:00"
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="module")
def new_policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four tiers, a longer ARPU window, another list rule: everything that can move a customer."""
    text = preset("default").decode()
    for old, new in (
        ("name: default", "name: stricter"),
        ("window_months: {value: 3", "window_months: {value: 2"),
        ("{name: high, min_score: 75", "{name: top, min_score: 92}\n  - {name: high, min_score: 72"),
        ("{from: 80, points: 60", "{from: 95, points: 60"),
        ("red: {at_least: high", "red: {at_least: top"),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    file = tmp_path_factory.mktemp("policy") / "stricter.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def contents(home: Path) -> dict[str, str]:
    """Every file of a home but its temporary ones, with its SHA-256."""
    return {
        str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(home.rglob("*"))
        if path.is_file() and path.relative_to(home).parts[0] != "tmp"
    }


def published(home: Path) -> Path:
    folder = home / "published" / "customer_tiers"
    return folder / current_manifest(folder).files[0].path


def published_tiers(home: Path) -> dict[str, str]:
    """Each scored customer's tier, as published."""
    with duckdb.connect() as con:
        rows = con.execute(
            "select distinct customer_id, tier from read_parquet($file)", {"file": str(published(home))}
        ).fetchall()
    return dict(rows)


def tiers_under(home: Path, policy: Path) -> dict[str, str]:
    """Each scored customer's tier under a policy, on a scratch night of its own."""
    night = Night(home, AS_OF, {"policy": str(policy)})
    with scratch(night) as place:
        place.build(night)
        return dict(place.con.execute("select customer_id, tier from scores.customer").fetchall())


def scratch_rows(con: duckdb.DuckDBPyConnection) -> Rows:
    """What a scratch night came to: its scores, and the days of usage that it saw."""
    days = con.execute("select distinct usage_date from features.usage_daily order by all").fetchall()
    return [*con.execute("from scores.customer order by all").fetchall(), *days]


def test_nights_built_one_after_the_other_are_what_each_is_alone(home: Path, new_policy: Path, tmp_path: Path) -> None:
    """Tables that come out the same are kept: none may be kept that would not."""
    first = Night(home, AS_OF)
    lower = tmp_path / "lower.yaml"
    lower.write_bytes(preset("default").replace(b"min_score: 50", b"min_score: 45"))
    nights = [
        Night(home, AS_OF, {"policy": str(new_policy)}),
        Night(home, date(2024, 5, 31), known_at="2024-06-30"),
        Night(home, AS_OF, {"policy": "quantile"}),
        Night(home, AS_OF, {"service_numbers": "777"}),
        first,
        Night(home, AS_OF, {"policy": str(lower)}),
    ]
    alone = []
    for night in nights:
        with scratch(night) as place:
            place.build(night)
            alone.append(scratch_rows(place.con))
    # The hotline's own number changes no score.
    assert len({str(rows) for rows in alone}) == len(nights) - 1, "nights do not differ, so that nothing is tried"
    with scratch(first) as place:
        for night, rows in zip(nights, alone, strict=True):
            place.build(night)
            assert scratch_rows(place.con) == rows


class Page(HTMLParser):
    """Tables of a page by their section, as rows of words; and everything that would be loaded from elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[list[str]]]] = {}
        self.loaded: list[str] = []
        self.words: list[str] = []
        self._section, self._cell = "", False
        self.feed(text)
        self.loaded += re.findall(r"url\([^)]*\)|@import|https?:", text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._section = given.get("id") or self._section if tag == "section" else self._section
        if tag in {"script", "link", "img", "iframe", "object", "embed", "base", "form"} or "src" in given:
            self.loaded.append(tag)
        if "href" in given or "xlink:href" in given:
            self.loaded.append(str(given))
        if tag == "table":
            self.tables.setdefault(self._section, []).append([])
        if tag == "tr":
            self.tables[self._section][-1].append([])
        if tag in {"td", "th"}:
            self._cell = True
            self.tables[self._section][-1][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._cell = self._cell and tag not in {"td", "th"}

    def handle_data(self, data: str) -> None:
        self.words.append(data.strip())
        if self._cell:
            self.tables[self._section][-1][-1][-1] += data


def number(words: str) -> int:
    return 0 if words == "·" else int(words.replace(",", "").replace("−", "-").replace("+", ""))


def test_what_the_simulation_says_is_so_and_trying_changes_nothing(
    home: Path, new_policy: Path, tmp_path: Path
) -> None:
    before = contents(home)
    report = tmp_path / "report.html"
    said = tierline("simulate", "--policy", new_policy, "--home", home, "--html", report)
    assert said.exit_code == 0, said.output
    assert contents(home) == before
    assert list((home / "tmp" / "scratch").iterdir()) == []

    was, will = published_tiers(home), tiers_under(home, new_policy)
    assert was.keys() == will.keys()
    moved = Counter((was[customer], will[customer]) for customer in was)
    order = ("top", "high", "mid", "ordinary")
    up = sum(n for (old, new), n in moved.items() if order.index(new) < order.index(old))
    down = sum(n for (old, new), n in moved.items() if order.index(new) > order.index(old))
    assert up and down, "nobody moves, so that nothing is tried"

    page = Page(report.read_text(encoding="utf-8"))
    assert page.loaded == []
    share = f"{100 * (up + down) / len(was):.1f} %"
    answer = f"{up + down:,} of {len(was):,} customers ({share}) would move, {up:,} up, {down:,} down."
    assert answer in page.words
    assert answer in said.output
    sizes, (matrix,), (causes,) = (page.tables[name] for name in ("tiers", "moves", "causes"))
    assert [(row[0], number(row[3])) for row in sizes[0][1:]] == [
        (tier, sum(n for (_, new), n in moved.items() if new == tier)) for tier in order
    ]
    shown = {
        (row[0], tier): number(cell) for row in matrix[1:] for tier, cell in zip(matrix[0][1:], row[1:], strict=True)
    }
    assert {pair: n for pair, n in shown.items() if n} == moved
    assert (sum(number(row[2]) for row in causes[1:]), sum(number(row[3]) for row in causes[1:])) == (up, down)
    check_spend_and_leavers(home, page, was, will)
    keys = {row[0] for row in page.tables["changes"][0][1:]}
    assert {"name", "arpu.window_months", "tiers[top].min_score", "lists.red.at_least"} <= keys
    text = report.read_text(encoding="utf-8")
    with duckdb.connect() as con:
        rows = con.execute(
            "select service_key, customer_id, account_id, subscription_id from read_parquet($file)",
            {"file": str(published(home))},
        ).fetchall()
    assert not [identifier for row in rows for identifier in row if identifier in text]


def check_spend_and_leavers(home: Path, page: Page, was: dict[str, str], will: dict[str, str]) -> None:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as con:
        found = con.execute("select customer_id, coalesce(arpu_amount, 0), churn_risk from scores.customer").fetchall()
        # A month before, by the lines themselves: in service then, and not in service any more.
        lines = (
            "select customer_id from staging.subscriptions where status <> 'ceased' and valid_from <= $day::timestamp "
        )
        lines += "and coalesce(valid_to > $day::timestamp, true)"
        then = set(con.execute(lines, {"day": "2024-05-31 16:00:00"}).fetchall())
    for section, place, form in (("spend", 1, "{:,.0f}"), ("leavers", 2, "{:,.1f}")):
        for tier, *shown in page.tables[section][0][1:]:
            for side, words in ((was, shown[0]), (will, shown[2])):
                total = sum(row[place] for row in found if side[row[0]] == tier)
                assert words == ("none such" if tier not in set(side.values()) else form.format(total)), (section, tier)
    seen = page.tables["leavers"][1]
    assert seen[0][0] == "tier on 2024-05-31"
    scored = [(number(row[4]), number(row[5])) for row in seen[1:]]
    assert sum(n for n, _ in scored) == len(then)
    left = {customer for (customer,) in then} - set(was)
    assert left, "nobody leaves, so that nothing is tried"
    assert sum(n for _, n in scored) == len(left)


def test_usage_days_that_are_missing_are_made_aside(home: Path) -> None:
    before = contents(home)
    night = Night(home, AS_OF, {"service_numbers": "777"})
    with scratch(night) as place:
        place.build(night)
        made = place.con.execute("select path from run.usage_files").fetchall()
        assert made and all(str(place.folder) in path for (path,) in made)
    assert contents(home) == before


def test_a_run_at_work_comes_first(home: Path) -> None:
    asked = ("simulate", "--policy", "quantile", "--home", home, "--set", "lock_wait_seconds=0.1", "--no-churners")
    with take_turn(home, "the-night", wait_seconds=0, takeover_seconds=60):
        busy = tierline(*asked)
    assert busy.exit_code == 4, busy.output
    assert "run the-night" in busy.output
    script = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.readline()"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(home / "warehouse.duckdb")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        held = tierline(*asked)
        holder.kill()
    assert held.exit_code == 4, held.output
    assert f"PID {holder.pid}" in held.output


def test_a_run_that_begins_meanwhile_is_given_way_to(home: Path) -> None:
    night = Night(home, AS_OF)
    with scratch(night) as place:
        place.build(night)
        with take_turn(home, "the-night", wait_seconds=0, takeover_seconds=60), pytest.raises(TurnBusyError):
            place.build(Night(home, AS_OF, {"policy": "quantile"}))
    assert list((home / "tmp" / "scratch").iterdir()) == []
    with take_turn(home, "mine", wait_seconds=0, takeover_seconds=60), scratch(night, give_way=False) as place:
        place.build(night)


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("--policy", "gold"), 2, "neither a preset"),
        (("--policy", "quantile", "--as-of", "30.6.2024"), 2, "write it as 2024-06-30"),
        (("--policy", "quantile", "--as-of", "2001-01-31", "--no-churners"), 2, "nobody is known to be in service"),
        (("--policy", "quantile", "--html", "no/such/folder/x.html"), 2, "no folder"),
    ],
)
def test_wrong_use_is_told_with_its_cure(home: Path, args: tuple[str, ...], code: int, words: str) -> None:
    result = tierline("simulate", *args, "--home", home)
    assert result.exit_code == code, result.output
    assert words in result.output


def test_without_a_version_or_a_warehouse_it_says_what_is_missing(tmp_path: Path) -> None:
    nothing = tierline("simulate", "--policy", "quantile", "--home", tmp_path)
    assert nothing.exit_code == 5
    assert "--as-of" in nothing.output
    unknown = tierline("simulate", "--policy", "quantile", "--as-of", "2024-06-30", "--home", tmp_path)
    assert unknown.exit_code == 2
    assert "is --home right?" in unknown.output
    assert list(tmp_path.iterdir()) == []


def test_a_night_that_the_history_lost_is_told(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home, tmp_path / "home")
    shutil.rmtree(tmp_path / "home" / "published" / "tier_history")
    lost = tierline("simulate", "--policy", "quantile", "--no-churners", "--home", tmp_path / "home")
    assert lost.exit_code == 1, lost.output
    assert "is missing" in lost.output and "Copy it back" in lost.output


def test_policies_are_shown_checked_and_compared(home: Path, new_policy: Path, tmp_path: Path) -> None:
    assert tierline("policy", "show", "default", "--home", home).output.encode() == preset("default")
    listed = tierline("policy", "show", "--home", home)
    assert "the policy of version 1" in listed.output and "quantile@1" in listed.output
    compared = tierline("policy", "diff", "current", new_policy, "--home", home)
    assert compared.exit_code == 0, compared.output
    assert "~ arpu.window_months: 3 → 2" in compared.output
    assert "+ tiers[top].min_score: 92" in compared.output
    assert "no difference" in tierline("policy", "diff", "default", "current", "--home", home).output
    checked = tierline("policy", "check", new_policy, "--home", home)
    assert checked.exit_code == 0 and "can be used" in checked.output
    assert re.search(r"tiers\[top\]\.min_score +92", checked.output)
    broken = tmp_path / "broken.yaml"
    broken.write_text(new_policy.read_text().replace("steps:", "stesp:").replace("closing_day", "closing_dya"))
    refused = tierline("policy", "check", broken, "--home", home)
    assert refused.exit_code == 2
    assert "did you mean 'steps'" in refused.output and "did you mean 'closing_day'" in refused.output


def test_the_current_policy_is_the_one_that_published(home: Path, tmp_path: Path, monkeypatch: Callable) -> None:
    """Whatever the settings say meanwhile; where its text was lost, theirs."""
    copy = tmp_path / "copy"
    shutil.copytree(home / "published", copy / "published")
    shutil.copytree(home / "policies", copy / "policies")
    (copy / "tierline.yaml").write_text("policy: quantile\n")
    assert tierline("policy", "show", "current", "--home", copy).output.encode() == preset("default")
    for kept in (copy / "policies").iterdir():
        kept.unlink()
    assert tierline("policy", "show", "current", "--home", copy).output.encode() == preset("quantile")
