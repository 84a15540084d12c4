"""A made-up tier table of any size, with the contract's columns, published as a night publishes.

Belongs here: rows for benchmarks of the reader. Does not: believable customers (sample_data), measuring.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import contract
from pipelines.contracts.tables import arrow_schema
from pipelines.publishing import Publication, publish
from pipelines.publishing.tier_table import CONTRACT
from tierline.manifest import BATCH_ROWS

TIERS = ("high", "mid", "ordinary")
SEED = 20240630
AS_OF = dt.date(2024, 6, 30)
REASONS = ("", "arpu_high;tenure_long", "arpu_low;credit_good", "tenure_short", "no_closed_bill;credit_unknown")


def numbers(rows: int, seed: int) -> np.ndarray:
    """The digits of `rows` different Chinese mobile numbers, ascending, with gaps where unknown numbers lie."""
    gaps = np.random.default_rng(seed).integers(2, max(3, 9_000_000_000 // rows), rows)
    return 8_613_000_000_000 + np.cumsum(gaps // 2 * 2)  # even, so that every odd number is unknown


def publish_made_rows(folder: Path, rows: int, *, run_key: str = "bench", seed: int = SEED) -> Publication:
    """Publish `rows` made-up rows; another run_key makes another version with the same numbers."""
    now = dt.datetime.now(dt.UTC)
    source = contract(CONTRACT)
    schema = arrow_schema(source)
    return publish(
        pa.RecordBatchReader.from_batches(schema, _batches(numbers(rows, seed), schema, run_key)),
        folder=folder,
        as_of_date=AS_OF,
        run_key=run_key,
        service_key_type="msisdn",
        tiers=TIERS,
        contract_version=source.version,
        published_at=now,
        expires_at=now + dt.timedelta(hours=30),
        provenance={"policy": "bench@1"},
    )


def _batches(digits: np.ndarray, schema: Any, run_key: str) -> Iterator[Any]:
    for start in range(0, len(digits), BATCH_ROWS):
        part = digits[start : start + BATCH_ROWS]
        columns = _columns(part, np.arange(start, start + len(part)), np.random.default_rng(start), run_key)
        yield pa.RecordBatch.from_arrays([columns[f.name].cast(f.type) for f in schema], schema=schema)


def _columns(digits: np.ndarray, row: np.ndarray, chance: np.random.Generator, run_key: str) -> dict[str, Any]:
    rows = len(digits)

    def one_of(*values: str | None) -> Any:
        return pa.array(values, pa.string()).take(pa.array(chance.integers(0, len(values), rows)))

    def named(prefix: str, values: np.ndarray) -> Any:
        return pc.binary_join_element_wise(prefix, pa.array(values).cast(pa.string()), "")

    def decimal(below: int, scale: int) -> Any:
        # The unscaled integer is a decimal's low half; the high half of a small positive one is zero.
        halves = np.zeros((rows, 2), np.int64)
        halves[:, 0] = chance.integers(0, below, rows)
        return pa.Array.from_buffers(pa.decimal128(7, scale), rows, [None, pa.py_buffer(halves)])

    def day() -> Any:
        return pa.array(19_000 + chance.integers(0, 900, rows).astype(np.int32)).cast(pa.date32())

    tier = chance.integers(0, len(TIERS), rows)
    managed = pa.array(chance.integers(0, 3, rows) > 0)
    managers = named("AM", chance.integers(10_000, 12_000, rows))
    return {
        "service_key": named("+", digits),
        "customer_id": named("C", 10_000_000 + row),
        "account_id": named("A", 20_000_000 + row),
        "subscription_id": named("S", 30_000_000 + row),
        "tier": pa.array(TIERS).take(pa.array(tier)),
        "tier_flag": pa.array(tier + 1),
        "tier_since": day(),
        "tier_cause": one_of("first_rating", "promoted", "demoted"),
        "value_tier": pa.array(TIERS).take(pa.array(tier)),
        "value_score": decimal(1_000_000, 4),
        "arpu_part": decimal(600_000, 4),
        "spend_part": decimal(1, 4),
        "tenure_part": decimal(200_000, 4),
        "credit_part": decimal(200_000, 4),
        "mou_part": decimal(1, 4),
        "spend_grade": one_of("high", "mid", "ordinary", None),
        "provisional_until": pa.nulls(rows, pa.date32()),
        "lifecycle_stage": one_of("identification", "growth", "stable", "warning"),
        "stage_since": day(),
        "stage_cause": one_of("stage_new", "stage_young", "stage_settled", "warn_contract"),
        "churn_risk": decimal(1_000_000, 6),
        "churn_risk_band": one_of("low", "medium", "high"),
        "churn_drivers": one_of("", "silent;uses_less", "contract", "payment;plan;tenure"),
        "service_list": one_of("none", "none", "none", "red", "black"),
        "is_vip": pa.array(chance.integers(0, 20, rows) == 0),
        "account_manager_id": pc.if_else(managed, managers, pa.scalar(None, pa.string())),
        "brand": one_of("全球通", "动感地带", "神州行"),
        "language": one_of("zh", "en", None),
        "retention_play": one_of("manager-call", "better-tariff", None),
        "usage_hints": one_of("", "", "", "roaming-bundle"),
        "reasons": one_of(*REASONS),
        "lifted_by": one_of("", "arpu=120", "arpu=80;tenure=36"),
        "changes": one_of("", "", "", "arpu_points=40>60"),
        "as_of_date": pa.array([AS_OF] * rows),
        "policy_version": pa.array(["bench@1"] * rows),
        "model_version": pa.array([run_key] * rows),
    }
