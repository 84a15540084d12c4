"""A small table to publish: only the three columns that publishing knows, and one of each kind it merely carries.

Belongs here: rows and arguments for the publisher's tests. Does not: the reader's own tests.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipelines.publishing import Publication, publish, rollback

SCHEMA = pa.schema(
    [
        pa.field("service_key", pa.string(), nullable=False),
        ("subscription_id", pa.string()),
        ("tier", pa.string()),
        ("value_score", pa.decimal128(7, 4)),
        ("is_vip", pa.bool_()),
        ("account_manager_id", pa.string()),
        ("as_of_date", pa.date32()),
    ]
)
DAY = dt.date(2026, 3, 1)


def record(number: int) -> dict[str, object]:
    return {
        "service_key": f"+8613{number:08d}",
        "subscription_id": f"S{number}",
        "tier": ("gold", "silver")[number % 2],
        "value_score": Decimal(number).scaleb(-2),
        "is_vip": number % 3 == 0,
        "account_manager_id": None if number % 5 else f"M{number}",
        "as_of_date": DAY,
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "published" / "customer_tiers"


@pytest.fixture
def records() -> Callable[[int], list[dict[str, Any]]]:
    """records(n): n rows in key order, tiers gold and silver in turn."""
    return lambda count: [record(number) for number in range(count)]


@pytest.fixture
def run(folder: Path) -> Callable[..., Publication]:
    """run(rows, night, …) publishes rows as the run of a night (day 0, 1, …); other arguments as publish() takes.

    Rows are dictionaries, a RecordBatchReader, or left out for ten ordinary ones.
    """

    def publish_rows(rows: Sequence[dict[str, Any]] | Any = None, night: int = 0, **changed: Any) -> Publication:
        rows = [record(number) for number in range(10)] if rows is None else rows
        reader = pa.Table.from_pylist(rows, SCHEMA).to_reader() if isinstance(rows, list) else rows
        published_at = dt.datetime(2026, 3, 2, 1, 0, tzinfo=dt.UTC) + dt.timedelta(days=night)
        arguments: dict[str, Any] = {
            "folder": folder,
            "as_of_date": DAY + dt.timedelta(days=night),
            "run_key": f"night {night}",
            "service_key_type": "msisdn",
            "tiers": ("gold", "silver", "bronze"),
            "contract_version": "1.0.0",
            "published_at": published_at,
            "expires_at": published_at + dt.timedelta(hours=30),
            "provenance": {"policy": "p1"},
        }
        return publish(reader, **(arguments | changed))

    return publish_rows


@pytest.fixture
def back(folder: Path) -> Callable[..., Publication]:
    """back(to, night, …) rolls back on the morning after a night, three hours after its publication."""

    def roll_back(to: int | None = None, night: int = 0, **changed: Any) -> Publication:
        published_at = dt.datetime(2026, 3, 2, 4, 0, tzinfo=dt.UTC) + dt.timedelta(days=night)
        arguments: dict[str, Any] = {
            "to_version": to,
            "published_at": published_at,
            "expires_at": published_at + dt.timedelta(hours=30),
            "reason": "tiers of one brand were wrong",
        }
        return rollback(folder, **(arguments | changed))

    return roll_back
