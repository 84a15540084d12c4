"""Every published number against an independent recomputation from the raw files (tests/integration/oracle).

Belongs here: reading what a night published and comparing it, exactly. Does not: how a number comes about.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import UTC, date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from oracle.odd_customers import deliver
from oracle.score import Expected, recompute
from oracle.usage import MEASURES

from pipelines.night import Night as AskedNight
from pipelines.runs import NightResult, run_night
from pipelines.scratch import scratch

SAMPLE = Path(__file__).parents[2] / "sample_data" / "small" / "landing"
AS_OF = date(2024, 6, 30)
SHOWN = 10
PUBLISHED = (
    "customer_id", "account_id", "subscription_id", "tier", "tier_flag", "value_score", "arpu_part", "tenure_part",
    "credit_part", "lifecycle_stage", "churn_risk", "churn_risk_band", "service_list", "is_vip", "account_manager_id",
    "brand", "language", "as_of_date", "tier_since", "tier_cause", "value_tier", "spend_grade", "stage_since",
    "retention_play", "usage_hints",
)  # fmt: skip
SCORED = (
    "tier", "tier_flag", "value_tier", "value_score", "arpu_part", "tenure_part", "credit_part", "tenure_months",
    "credit", "credit_source", "lifecycle_stage", "churn_risk", "churn_risk_band", "score_tier", "tier_since",
    "tier_cause", "rated_score", "spend_grade", "stage_since", "retention_play", "usage_hints",
    "margin_amount", "lifetime_value_amount", "value_at_risk_amount",
)  # fmt: skip
CUSTOMERS = (
    *SCORED, "arpu_amount", "mou_minutes", "service_list", "is_vip", "account_manager_id", "group_id", "region",
    "language", "billed_amount", "prepaid_usage_amount", "prepaid_fee_amount", "billed_months", "usage_months",
    "lines_in_service", "lines_suspended", "lines_ceased", "last_activity_date", "policy_segment", "gender",
    "birth_year", "identity_verified", "previous_operator", "complaints", "list_valid_from", "list_valid_to",
    "vip_valid_from", "vip_valid_to", "override_tier", "override_valid_from", "override_valid_to",
)  # fmt: skip
FEATURES = (
    "policy_segment", "identity_verified", "previous_operator", "complaints", "long_distance_amount", "roaming_amount",
    "voice_seconds", "long_distance_seconds", "roaming_seconds", "data_bytes", "latest_month_voice_seconds",
    "latest_month_data_bytes",
)  # fmt: skip
CHURN = (
    *("voice_seconds", "voice_seconds_before", "voice_seconds_week", "voice_seconds_lowest_week"),
    *("voice_seconds_highest_week", "data_bytes", "data_bytes_before", "data_bytes_week", "data_bytes_lowest_week"),
    *("data_bytes_highest_week", "messages", "messages_before", "charge_amount", "charge_amount_before", "active_days"),
    *("active_days_before", "voice_in_seconds", "long_distance_seconds", "roaming_seconds", "night_seconds"),
    *("hotline_calls", "recharges", "recharges_before", "recharge_amount", "recharge_amount_before"),
    *("last_recharge_date", "contacts", "contacts_before", "on_net_contacts", "on_net_contacts_seen", "contacts_left"),
)
IN_SERVICE_ONLY = ("payment_type", "brand", "overdue_amount", "arrears_stops")
Rows = Mapping[Hashable, Mapping[str, Any]]


@dataclass(frozen=True)
class Night:
    """A home folder after its first night, what that night said, and what it had to publish."""

    home: Path
    result: NightResult
    expected: Expected

    @property
    def manifest(self) -> dict[str, Any]:
        table = self.home / "published" / "customer_tiers"
        current = json.loads((table / "CURRENT.json").read_text(encoding="utf-8"))
        return json.loads((table / current["manifest"]).read_text(encoding="utf-8"))


def first_night(home: Path, landing: Path) -> Night:
    shutil.copytree(landing, home / "landing")
    return Night(home, run_night(home, AS_OF), recompute(landing, AS_OF))


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample's deliveries and those of the odd customers."""
    folder = tmp_path_factory.mktemp("operator") / "landing"
    shutil.copytree(SAMPLE, folder)
    deliver(folder)
    return folder


@pytest.fixture(scope="module")
def night(landing: Path, tmp_path_factory: pytest.TempPathFactory) -> Night:
    return first_night(tmp_path_factory.mktemp("night"), landing)


def differences(expected: Rows, actual: Rows, columns: tuple[str, ...]) -> tuple[Counter[str], list[str]]:
    """How many rows differ by column, and each difference in a line. A missing or additional row is one too."""
    counts: Counter[str] = Counter()
    found = []
    for key in sorted(expected.keys() | actual.keys(), key=str):
        if key not in actual or key not in expected:
            name = "missing row" if key in expected else "additional row"
            counts[name] += 1
            found.append(f"{key}: {name}")
            continue
        for column in columns:
            want, got = expected[key].get(column), actual[key][column]
            if want != got:
                counts[column] += 1
                found.append(f"{key} {column}: expected {want}, published {got}")
    return counts, found


def assert_same(expected: Rows, actual: Rows, columns: tuple[str, ...]) -> None:
    counts, found = differences(expected, actual, columns)
    assert not found, "\n".join([f"{sum(counts.values())} differences: {dict(counts)}", *found[:SHOWN]])


def published_rows(night: Night) -> Rows:
    path = next(f["path"] for f in night.manifest["files"] if f["path"].endswith(".parquet"))
    rows = pq.read_table(night.home / "published" / "customer_tiers" / path).to_pylist()
    assert len({row["service_key"] for row in rows}) == len(rows)
    return {row["service_key"]: row for row in rows}


def analysts_rows(night: Night, table: str, keys: tuple[str, ...]) -> Rows:
    return rows_of(night.home / "published" / "analytics.duckdb", table, keys)


def rows_of(database: Path, table: str, keys: tuple[str, ...]) -> Rows:
    with duckdb.connect(str(database), read_only=True) as connection:
        found = connection.execute(f"SELECT * FROM {table}")
        names = [column[0] for column in found.description]
        rows = [dict(zip(names, values, strict=True)) for values in found.fetchall()]
    by_key = {row[keys[0]] if len(keys) == 1 else tuple(row[k] for k in keys): row for row in rows}
    assert len(by_key) == len(rows)
    return by_key


def usage_rows(night: Night) -> tuple[Rows, Rows]:
    """Expected and published; the last activity is published in UTC without a zone."""
    expected = {
        key: {**row, "last_activity_at": row["last_activity_at"].astimezone(UTC).replace(tzinfo=None)}
        for key, row in night.expected.usage.daily.items()
    }
    return expected, analysts_rows(night, "usage_daily", ("subscription_id", "usage_date"))


def test_the_night_succeeds(night: Night) -> None:
    assert night.result.succeeded, night.result.failures
    assert night.result.created


def test_published_rows(night: Night) -> None:
    assert_same(night.expected.published, published_rows(night), PUBLISHED)


def test_customers(night: Night) -> None:
    assert_same(night.expected.customers, analysts_rows(night, "customers", ("customer_id",)), CUSTOMERS)


def test_customers_in_service(night: Night) -> None:
    actual = analysts_rows(night, "customers", ("customer_id",))
    in_service = {key: row for key, row in night.expected.customers.items() if row["lines_in_service"]}
    assert_same(in_service, {key: actual[key] for key in in_service}, IN_SERVICE_ONLY)


def test_features_that_only_the_judgement_reads(night: Night) -> None:
    actual = rows_of(night.home / "warehouse.duckdb", "features.customer", ("customer_id",))
    assert_same(night.expected.features, actual, FEATURES)
    # A column in which nobody differs from anybody would prove nothing.
    alike = [name for name in FEATURES if len({row[name] for row in actual.values()}) < 2]
    assert alike == ["policy_segment"]


def test_what_a_churn_model_may_look_at(night: Night) -> None:
    actual = rows_of(night.home / "warehouse.duckdb", "features.churn", ("customer_id",))
    assert_same(night.expected.churn, actual, (*CHURN, "is_hub"))
    alike = [name for name in CHURN if len({row[name] for row in actual.values()}) < 2]
    assert not alike


def test_usage_daily(night: Night) -> None:
    expected, actual = usage_rows(night)
    assert_same(expected, actual, MEASURES)


def test_a_scratch_night_gives_the_same_rows(night: Night) -> None:
    """What is tried or explained beside the warehouse is what a night publishes."""
    asked = AskedNight(night.home, AS_OF)
    with scratch(asked) as place:
        place.build(asked, target="scores.subscription")
        rows = place.con.sql("from scores.subscription").to_arrow_table().to_pylist()
        place.build(asked, target="features.churn")
        seen = {row[0]: row for row in place.con.sql("from features.churn").fetchall()}
    assert {row["service_key"]: row for row in rows} == published_rows(night)
    with duckdb.connect(str(night.home / "warehouse.duckdb"), read_only=True) as con:
        assert {row[0]: row for row in con.sql("from features.churn").fetchall()} == seen


def test_second_night_creates_no_version(night: Night) -> None:
    before = night.manifest
    again = run_night(night.home, AS_OF)
    assert again.succeeded, again.failures
    assert not again.created
    assert night.manifest == before


def test_fresh_home_gives_same_files(night: Night, landing: Path, tmp_path: Path) -> None:
    shutil.copytree(landing, tmp_path / "landing")
    result = run_night(tmp_path, AS_OF)
    other = Night(tmp_path, result, night.expected)
    assert result.succeeded, result.failures
    assert [f["sha256"] for f in other.manifest["files"]] == [f["sha256"] for f in night.manifest["files"]]
