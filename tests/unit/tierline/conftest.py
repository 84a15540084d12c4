"""A published folder with the full row of the contract, small enough to check by eye.

Belongs here: rows and folders for the reader's tests. Does not: how publishing itself is tested.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.publishing import Publication, publish

PUBLISHED_AT = dt.datetime(2026, 3, 2, 1, 0, tzinfo=dt.UTC)
EXPIRES_AT = PUBLISHED_AT + dt.timedelta(hours=30)
DAY = dt.date(2026, 3, 1)

TEXT, SCORE = pa.string(), pa.decimal128(7, 4)
SCHEMA = pa.schema(
    [(name, TEXT) for name in ("service_key", "customer_id", "account_id", "subscription_id", "tier")]
    + [("tier_flag", pa.int16())]
    + [(name, SCORE) for name in ("value_score", "arpu_part", "tenure_part", "credit_part")]
    + [("lifecycle_stage", TEXT), ("churn_risk", pa.decimal128(7, 6)), ("churn_risk_band", TEXT)]
    + [("service_list", TEXT), ("is_vip", pa.bool_())]
    + [(name, TEXT) for name in ("account_manager_id", "brand", "language", "reasons")]
    + [("as_of_date", pa.date32()), ("policy_version", TEXT), ("model_version", TEXT)]
)
TIERS = ("high", "mid", "ordinary")


def row(number: int, key: str) -> dict[str, object]:
    """The expected cells of row `number` but for its key; every third customer has no manager and a negative score."""
    bare = number % 3 == 0
    return {
        "service_key": key,
        "customer_id": f"C{number}",
        "account_id": f"A{number}",
        "subscription_id": f"S{number}",
        "tier": TIERS[number % 3],
        "tier_flag": number % 3 + 1,
        "value_score": Decimal(number).scaleb(-4),
        "arpu_part": Decimal("-12.5000") if bare else Decimal("100.0000"),
        "tenure_part": Decimal("0.0000"),
        "credit_part": Decimal("99.9999"),
        "lifecycle_stage": "stable",
        "churn_risk": Decimal("0.000001"),
        "churn_risk_band": "low",
        "service_list": "none",
        "is_vip": number % 2 == 1,
        "account_manager_id": None if bare else f"客户经理{number}",
        "brand": "全球通",
        "language": None,
        "reasons": "",
        "as_of_date": DAY,
        "policy_version": "p1",
        "model_version": "m1",
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "customer_tiers"


@pytest.fixture
def publish_keys(folder: Path) -> Callable[..., Publication]:
    """publish_keys(keys, run_key="r1", …): rows with these keys, in their order; other arguments as publish() takes."""

    def run(keys: Sequence[str], run_key: str = "r1", **changed: object) -> Publication:
        table = pa.Table.from_pylist([row(number, key) for number, key in enumerate(keys)], SCHEMA)
        arguments: dict[str, object] = {
            "folder": folder,
            "as_of_date": DAY,
            "run_key": run_key,
            "service_key_type": "msisdn",
            "tiers": TIERS,
            "contract_version": "1.0.0",
            "published_at": PUBLISHED_AT,
            "expires_at": EXPIRES_AT,
            "provenance": {"policy": "p1"},
        }
        return publish(table.to_reader(), **(arguments | changed))

    return run


@pytest.fixture
def expected() -> Callable[[int, str], dict[str, object]]:
    return row
