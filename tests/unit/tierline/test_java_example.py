"""docs/examples/TierLookup.java, which knows the manifest's rules alone, beside TierTable on the same folder."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.publishing import Publication
from tierline import TierTable

Publish = Callable[..., Publication]

SOURCE = Path(__file__).parents[3] / "docs" / "examples" / "TierLookup.java"
NUMBERS = sorted(["+12", "+861", "+8613", "+86138", *(f"+86138001380{n:02d}" for n in range(16)), "+999999999999999"])
TEXTS = sorted(["0", "00", "10086", "A-1", "a", "é", "客户", "\U00010000", "z"], key=str.encode)
UNKNOWN = ["+11", "+8613800138", "+9", "8613", "anonymous", "00x", "￿"]
BATCH_ROWS = 7  # so that the few rows make three batches, the last one short

pytestmark = pytest.mark.skipif(shutil.which("javac") is None, reason="no JDK here: the example is not tested")


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The example compiled once; `java TierLookup.java` compiles it at every start."""
    classes = tmp_path_factory.mktemp("classes")
    subprocess.run(
        ["javac", "--release", "17", "-Xlint:all,-serial", "-Werror", "-d", str(classes), str(SOURCE)], check=True
    )
    return ["-cp", str(classes), "TierLookup"]


def java(
    program: list[str], folder: Path, *arguments: str, callers: list[str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["java", "-XX:TieredStopAtLevel=1", *program, str(folder), *arguments],
        input="\n".join(callers or []),
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | {"LC_ALL": "C.UTF-8"},
        check=False,
    )


def as_json(table: TierTable, key: str, fields: tuple[str, ...]) -> dict[str, object]:
    answer = table.lookup(key, fields or None)
    return {
        "found": answer.found,
        "version": answer.version,
        "as_of_date": str(answer.as_of_date),
        "freshness": answer.freshness,
        "row": {n: v if v is None or isinstance(v, str | int) else str(v) for n, v in answer.row.items()},
    }


@pytest.mark.parametrize("table_of", [("msisdn", NUMBERS), ("account_number", TEXTS)])
@pytest.mark.parametrize("fields", [(), ("is_vip", "tier", "service_key")])
def test_it_says_what_tiertable_says(
    compiled: list[str], publish_keys: Publish, folder: Path, table_of: tuple[str, list[str]], fields: tuple[str, ...]
) -> None:
    kind, keys = table_of
    now = datetime.now(UTC)
    publish_keys(
        keys, service_key_type=kind, batch_rows=BATCH_ROWS, published_at=now, expires_at=now + timedelta(hours=30)
    )
    callers = [*keys, *UNKNOWN]
    done = java(compiled, folder, "-", *fields, callers=callers)
    assert done.returncode == 0, done.stderr
    with TierTable(folder) as table:
        expected = [as_json(table, key, fields) for key in callers]
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert said == expected
    assert [list(one["row"]) for one in said] == [list(one["row"]) for one in expected]  # type: ignore[call-overload]


def test_one_caller_a_stale_table_and_a_field_that_is_not_there(
    compiled: list[str], publish_keys: Publish, folder: Path
) -> None:
    publish_keys(NUMBERS, published_at=datetime(2020, 1, 1, tzinfo=UTC), expires_at=datetime(2020, 1, 2, tzinfo=UTC))
    said = json.loads(java([str(SOURCE)], folder, NUMBERS[0], "tier").stdout)
    assert (said["freshness"], said["row"]) == ("stale", {"tier": "high"})
    wrong = java(compiled, folder, NUMBERS[0], "teir")
    assert (wrong.returncode, wrong.stdout) == (2, "") and "no field teir" in wrong.stderr


@pytest.mark.parametrize("name", ["CURRENT.json", "manifests/1.json", "customer_tiers.arrow", "customer_tiers.keys"])
def test_one_flipped_bit_is_refused(compiled: list[str], publish_keys: Publish, folder: Path, name: str) -> None:
    publish_keys(NUMBERS)
    path = folder / name if name.endswith(".json") else next(folder.glob(f"runs/1-*/{name}"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    done = java(compiled, folder, NUMBERS[0], "tier")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("refused: ")
