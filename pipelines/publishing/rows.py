"""The rows on their way into a version: cut to exact batches, checked, counted.

Belongs here: what every published row must satisfy. Does not: writing, and any column but key, subscription and tier.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.publishing.errors import PublishError
from tierline.keys import MAX_DIGITS, MIN_DIGITS, encode_column
from tierline.manifest import MSISDN
from tierline.opened import KEY_COLUMN, TIER_COLUMN

SUBSCRIPTION_COLUMN = "subscription_id"


def checked_schema(schema: Any) -> Any:
    """The schema to write: the reader's, without metadata, which would carry bytes that are not of the rows.

    Raises PublishError when the service key is not the first column, or key, subscription or tier are not strings.
    """
    names = list(schema.names)
    if not names or names[0] != KEY_COLUMN or len(set(names)) != len(names):
        raise PublishError(f"published.customer_tiers must have {KEY_COLUMN} first and no name twice, it has {names}")
    for name in (KEY_COLUMN, SUBSCRIPTION_COLUMN, TIER_COLUMN):
        if name not in names or not pa.types.is_string(schema.field(name).type):
            found = schema.field(name).type if name in names else "missing"
            raise PublishError(f"published.customer_tiers: {name} must be an Arrow string, it is {found}; cast it")
    return pa.schema([pa.field(field.name, field.type, field.nullable) for field in schema])


def exact_batches(reader: Any, schema: Any, rows: int) -> Iterator[Any]:
    """Re-cut a stream into record batches of exactly `rows` rows (the last one shorter), holding one at a time.

    Each is a fresh copy: what a producer leaves below nulls and behind the last bit must not reach the published bytes.
    """
    pending: list[Any] = []
    count = 0
    for batch in reader:
        start = 0
        while start < batch.num_rows:
            piece = batch.slice(start, rows - count)
            pending.append(piece)
            start += piece.num_rows
            count += piece.num_rows
            if count == rows:
                yield _fresh(pending, schema)
                pending, count = [], 0
    if pending:
        yield _fresh(pending, schema)


def _fresh(pieces: list[Any], schema: Any) -> Any:
    # To join copies what the rows hold, and nothing beside it; what lies below nulls is left behind by take() alone.
    joined = pa.concat_batches(pieces)
    everyone = pa.array(np.arange(joined.num_rows))
    columns = [column.take(everyone) if column.null_count else column for column in joined.columns]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


class RowCheck:
    """Checks batches in the order they are written: keys strictly increasing (UTF-8 bytes), tiers known."""

    def __init__(self, tiers: Sequence[str], service_key_type: str) -> None:
        self.service_key_type = service_key_type
        self._last_key: str | None = None
        self._last_subscription = ""
        self.rows = 0
        self.tiers = dict.fromkeys(tiers, 0)

    def take(self, batch: Any) -> npt.NDArray[np.int64] | None:
        """Check and count one batch; returns its int64 keys when service keys are MSISDNs, else None.

        Raises PublishError naming subscriptions, never the service key.
        """
        keys, subscriptions = batch.column(KEY_COLUMN), batch.column(SUBSCRIPTION_COLUMN)
        if keys.null_count:
            raise PublishError(
                f"published.customer_tiers: subscription {_first(subscriptions, pc.is_null(keys))} has no service_key; "
                f"leave out rows without one"
            )
        self._check_order(keys, subscriptions)
        self._count(batch.column(TIER_COLUMN), subscriptions)
        self.rows += batch.num_rows
        return self._encode(keys, subscriptions) if self.service_key_type == MSISDN else None

    def _check_order(self, keys: Any, subscriptions: Any) -> None:
        if self._last_key is not None:
            self._check_pair(self._last_key, self._last_subscription, keys[0].as_py(), subscriptions[0].as_py())
        unordered = pc.less_equal(keys.slice(1), keys.slice(0, len(keys) - 1))
        at = pc.index(unordered, pa.scalar(value=True)).as_py()
        if at >= 0:
            self._check_pair(
                keys[at].as_py(), subscriptions[at].as_py(), keys[at + 1].as_py(), subscriptions[at + 1].as_py()
            )
        self._last_key, self._last_subscription = keys[-1].as_py(), subscriptions[-1].as_py()

    @staticmethod
    def _check_pair(key: str, subscription: str, next_key: str, next_subscription: str) -> None:
        if key == next_key:
            raise PublishError(
                f"published.customer_tiers: subscriptions {subscription} and {next_subscription} have the same "
                f"service_key; keep the one that holds it on the as-of date"
            )
        if key.encode() > next_key.encode():
            raise PublishError(
                f"published.customer_tiers: subscription {next_subscription} comes after {subscription}, its "
                f"service_key sorts before it; order the query by service_key, bytewise (no collation)"
            )

    def _count(self, tiers: Any, subscriptions: Any) -> None:
        for item in pc.value_counts(tiers).to_pylist():
            tier = item["values"]
            if tier not in self.tiers:
                of_tier = pc.is_null(tiers) if tier is None else pc.equal(tiers, tier)
                raise PublishError(
                    f"published.customer_tiers: subscription {_first(subscriptions, of_tier)} has tier {tier!r}, the "
                    f"policy has {', '.join(self.tiers)}; score it with this policy again"
                )
            self.tiers[tier] += item["counts"]

    @staticmethod
    def _encode(keys: Any, subscriptions: Any) -> npt.NDArray[np.int64]:
        _, offsets, data = keys.buffers()
        encoded = encode_column(np.frombuffer(offsets, np.int32, len(keys) + 1), np.frombuffer(data or b"", np.uint8))
        if not encoded.all():
            bad = pa.array(encoded == 0)
            raise PublishError(
                f"published.customer_tiers: the service_key of subscription {_first(subscriptions, bad)} is not E.164 "
                f"(+ and {MIN_DIGITS} to {MAX_DIGITS} digits, no separators); normalise it, or leave the row out"
            )
        return encoded


def _first(subscriptions: Any, chosen: Any) -> str:
    return str(subscriptions.filter(chosen)[0].as_py())
