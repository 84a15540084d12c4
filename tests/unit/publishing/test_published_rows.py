from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, current_thread, main_thread
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipelines.publishing import Publication, PublishError
from pipelines.publishing.rows import exact_batches

Run = Callable[..., Publication]
Records = Callable[[int], list[dict[str, Any]]]

BATCHES = [1, 2, 3, 4, 100]


@pytest.mark.parametrize("batch_rows", BATCHES)
@pytest.mark.parametrize("kind", ["msisdn", "account_number"])
def test_unsorted_rows_are_refused_by_their_subscriptions(
    run: Run, folder: Path, records: Records, batch_rows: int, kind: str
) -> None:
    rows = records(6)
    rows[2], rows[3] = rows[3], rows[2]
    with pytest.raises(PublishError, match="subscription S2 comes after S3") as caught:
        run(rows, batch_rows=batch_rows, service_key_type=kind)
    told_the_cure_and_no_number(caught.value, "order the query by service_key")
    assert not (folder / "CURRENT.json").exists()
    assert list((folder / "runs").iterdir()) == []


@pytest.mark.parametrize("batch_rows", BATCHES)
def test_two_rows_of_one_key_are_refused_by_their_subscriptions(run: Run, records: Records, batch_rows: int) -> None:
    rows = records(6)
    rows[3]["service_key"] = rows[2]["service_key"]
    with pytest.raises(PublishError, match="subscriptions S2 and S3 have the same service_key") as caught:
        run(rows, batch_rows=batch_rows)
    told_the_cure_and_no_number(caught.value, "keep the one that holds it")


@pytest.mark.parametrize(
    ("changed", "told", "cure"),
    [
        ({"service_key": None}, "subscription S3 has no service_key", "leave out"),
        ({"service_key": "+861300000002 1"}, "service_key of subscription S3 is not E.164", "normalise it"),
        ({"service_key": "+86130000000299999"}, "service_key of subscription S3 is not E.164", "normalise it"),
        ({"tier": "platinum"}, "subscription S3 has tier 'platinum', the policy has gold, silver, bronze", "again"),
        ({"tier": None}, "subscription S3 has tier None", "score it with this policy again"),
    ],
)
def test_a_row_that_no_reader_could_use_is_refused(
    run: Run, records: Records, changed: dict[str, Any], told: str, cure: str
) -> None:
    rows = records(6)
    rows[3].update(changed)
    source = pa.Table.from_pylist(rows).to_reader()  # without the schema that forbids a null key
    with pytest.raises(PublishError) as caught:
        run(source)
    assert told in str(caught.value)
    told_the_cure_and_no_number(caught.value, cure)


def told_the_cure_and_no_number(error: PublishError, cure: str) -> None:
    assert cure in str(error)
    assert "8613" not in str(error)


def test_no_rows_are_refused(run: Run, folder: Path) -> None:
    with pytest.raises(PublishError, match="has no rows: every caller would be unknown"):
        run([])
    assert not (folder / "CURRENT.json").exists()


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"tier": ["x"], "service_key": ["+861"], "subscription_id": ["S"]}, "must have service_key first"),
        ({"service_key": ["+861"], "tier": ["x"]}, "subscription_id must be an Arrow string, it is missing"),
        (
            {"service_key": pa.array(["+861"], pa.large_string()), "subscription_id": ["S"], "tier": ["x"]},
            "service_key must be an Arrow string, it is large_string; cast it",
        ),
        (
            {"service_key": ["+861"], "subscription_id": ["S"], "tier": pa.array(["x"]).dictionary_encode()},
            "tier must be an Arrow string, it is dictionary",
        ),
    ],
)
def test_a_schema_without_key_subscription_and_tier_as_strings_is_refused(
    run: Run, columns: dict[str, Any], told: str
) -> None:
    with pytest.raises(PublishError, match=told):
        run(pa.table(columns).to_reader())


def test_order_is_that_of_utf8_bytes(run: Run) -> None:
    keys = ["", "Z", "a", "é", "客", "\uffff", "\U00010000"]
    rows = [{"service_key": key, "subscription_id": f"S{n}", "tier": "gold"} for n, key in enumerate(keys)]
    assert run(rows_of(rows), service_key_type="account_number", batch_rows=3).manifest.rows == 7


def rows_of(rows: list[dict[str, Any]]) -> Any:
    return pa.Table.from_pylist(rows).to_reader()


def digests(publication: Publication) -> dict[str, str]:
    return {entry.name: entry.sha256 for entry in publication.manifest.files}


def test_the_same_rows_give_the_same_bytes_however_they_arrive(
    run: Run, records: Records, tmp_path: Path, folder: Path
) -> None:
    rows = records(29)
    expected = digests(run(rows, batch_rows=8))
    schema = pa.ipc.open_file(next(folder.glob("runs/1-*/customer_tiers.arrow"))).schema
    table = pa.Table.from_pylist(rows, schema)
    for number, size in enumerate((1, 3, 7, 8, 29)):
        batches = [batch for start in range(0, 29, size) for batch in table.slice(start, size).to_batches()]
        reader = pa.RecordBatchReader.from_batches(schema.with_metadata({"made": str(number)}), batches)
        assert digests(run(reader, folder=tmp_path / str(number), batch_rows=8, night=number)) == expected


def test_what_a_producer_leaves_below_nulls_and_behind_the_last_bit_is_not_published(run: Run, tmp_path: Path) -> None:
    def made(name: str, dirt: int) -> dict[str, str]:
        validity = pa.py_buffer(bytes([0b101 | (0xF8 if dirt else 0)]))
        number = pa.Array.from_buffers(pa.int32(), 3, [validity, pa.py_buffer(np.array([1, dirt, 3], "i4").tobytes())])
        ends = np.array([0, 1, 1 + dirt, 2 + dirt], "i4").tobytes()
        text = pa.Array.from_buffers(
            pa.string(), 3, [validity, pa.py_buffer(ends), pa.py_buffer(b"a" + b"Z" * dirt + b"c")]
        )
        flags = pa.Array.from_buffers(pa.bool_(), 3, [None, pa.py_buffer(bytes([0b101 | (0xF8 if dirt else 0)]))])
        columns = [pa.array(["+861", "+862", "+863"]), pa.array(["a", "b", "c"]), pa.array(["gold"] * 3)]
        names = ["service_key", "subscription_id", "tier", "number", "text", "flag"]
        batch = pa.record_batch([*columns, number, text, flags], names)
        return digests(run(pa.RecordBatchReader.from_batches(batch.schema, [batch]), folder=tmp_path / name))

    assert made("clean", 0) == made("dirty", 7)


def test_rows_are_streamed_never_held_whole() -> None:
    schema = pa.schema([("x", pa.int64())])
    taken = 0

    def endless() -> Iterator[Any]:
        nonlocal taken
        while True:
            taken += 10
            yield pa.record_batch([pa.array(range(10))], schema=schema)

    batches = exact_batches(endless(), schema, 25)
    assert [next(batches).num_rows for _ in range(4)] == [25] * 4
    assert taken == 100


def test_one_batch_is_read_while_another_goes_into_parquet_and_no_more(run: Run, records: Records) -> None:
    reached = [Event() for _ in range(5)]
    meanwhile: list[bool] = []
    table = pa.Table.from_pylist(records(20))

    def batches() -> Iterator[Any]:
        for number, event in enumerate(reached):
            event.set()
            yield table.slice(4 * number, 4).to_batches()[0]

    def look(step: str) -> None:
        if current_thread() is not main_thread() and not meanwhile:
            assert step == "write:customer_tiers.parquet"
            meanwhile.extend([reached[1].wait(20), reached[2].wait(0.2)])

    assert run(pa.RecordBatchReader.from_batches(table.schema, batches()), batch_rows=4, hook=look).manifest.rows == 20
    assert meanwhile == [True, False]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_error_in_the_thread_that_writes_parquet_is_told_and_leaves_nothing(
    run: Run, folder: Path, records: Records, error: BaseException
) -> None:
    run()

    def fail(step: str) -> None:
        if current_thread() is not main_thread():
            raise error

    with pytest.raises(type(error)):
        run(records(40), night=1, batch_rows=4, hook=fail)
    assert len(list((folder / "runs").iterdir())) == 1
    assert run(records(40), night=1, batch_rows=4).version == 2
