"""docs/reading.md: every Python and SQL block runs, in order, on a published folder, and prints what the page says."""

import ast
import contextlib
import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest

from pipelines.publishing import Publication
from tierline import verified_file

Publish = Callable[..., Publication]

PAGE = (Path(__file__).parents[3] / "docs" / "reading.md").read_text(encoding="utf-8")
KEYS = ["+8613800137999", "+8613800138000", "+8613800138001"]
BLOCK = re.compile(r"^( *)```(python|sql)\n(.*?)^ *```$", re.M | re.S)
RUN_NAME = re.compile(r"runs/(\d+)-[0-9a-f]{16}")


def blocks(language: str) -> list[str]:
    found = [(indent, text) for indent, kind, text in BLOCK.findall(PAGE) if kind == language]
    return ["\n".join(line.removeprefix(indent) for line in text.splitlines()) + "\n" for indent, text in found]


def run_and_compare(block: str, names: dict[str, object]) -> None:
    """Run a block statement by statement; what a print() prints is the comment that follows it."""
    lines = block.splitlines()
    for statement in ast.parse(block).body:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            code = compile(ast.Module([statement], []), "docs/reading.md", "exec")
            exec(code, names)  # noqa: S102 -- our own page
        promised = []
        for line in lines[statement.end_lineno or 0 :]:
            if not line.startswith("# "):
                break
            promised.append(line.removeprefix("# "))
        if printed.getvalue() or promised:
            assert RUN_NAME.sub(r"runs/\1", printed.getvalue().strip()) == RUN_NAME.sub(r"runs/\1", "\n".join(promised))


@pytest.fixture
def published(publish_keys: Publish, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A folder published/customer_tiers in the working directory; publishes another version at each call."""
    monkeypatch.chdir(folder.parent)
    (folder.parent / "published").mkdir()
    (folder.parent / "published" / "customer_tiers").symlink_to(folder)

    def publish(run_key: str) -> None:
        now = datetime.now(UTC)
        publish_keys(KEYS, run_key, published_at=now, expires_at=now + timedelta(hours=30))

    publish("r1")
    return publish


def test_the_python_of_the_page(published: Callable[[str], None], folder: Path) -> None:
    def publish_another_night() -> None:
        published("r2")
        path = next(folder.glob("runs/2-*/customer_tiers.arrow"))
        content = bytearray(path.read_bytes())
        content[100] ^= 1
        path.write_bytes(content)

    names: dict[str, object] = {"publish_another_night": publish_another_night}
    run = blocks("python")
    assert len(run) >= 7
    for block in run:
        run_and_compare(block, names)


def test_the_sql_of_the_page_reads_the_current_version(published: Callable[[str], None], folder: Path) -> None:
    published("r2")
    [script] = blocks("sql")
    with duckdb.connect() as con:
        assert con.execute(script).fetchall() == [("high", 1), ("mid", 1), ("ordinary", 1)]
        assert "runs/2-" in con.execute("SELECT getvariable('parquet')").fetchall()[0][0]


@pytest.mark.parametrize("name", ["manifests/1.json", "runs/1-*/customer_tiers.parquet"])
def test_the_sql_of_the_page_refuses_a_flipped_bit(published: Callable[[str], None], folder: Path, name: str) -> None:
    path = next(folder.glob(name))
    content = bytearray(path.read_bytes())
    content[content.index(b"r1") if name.endswith("json") else len(content) // 2] ^= 1
    path.write_bytes(content)
    [script] = blocks("sql")
    with duckdb.connect() as con, pytest.raises(duckdb.Error):
        con.execute(script).fetchall()


def test_a_version_collected_under_a_query_is_an_error_or_read_to_its_end_as_the_page_says(
    published: Callable[[str], None], folder: Path
) -> None:
    path = verified_file(folder, "customer_tiers.parquet")
    opened = pq.ParquetFile(path)
    lazy = pl.scan_parquet(path)
    path.unlink()  # what collecting does
    assert opened.read(columns=["tier"]).num_rows == len(KEYS)
    with pytest.raises(FileNotFoundError):
        lazy.collect()
    with pytest.raises(duckdb.IOException):
        duckdb.execute("SELECT count(*) FROM read_parquet(?)", [str(path)]).fetchall()


def test_the_retry_of_the_page_takes_the_path_of_the_version_that_came_meanwhile(
    published: Callable[[str], None], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: dict[str, object] = {"duckdb": duckdb}
    [block] = [block for block in blocks("python") if "def current_rows" in block]
    paths: list[Path] = []

    def collected_the_first_time(at: str, name: str) -> Path:
        paths.append(verified_file(at, name))
        if len(paths) == 1:
            published("r2")
            paths[0].unlink()
        return paths[-1]

    names["verified_file"] = collected_the_first_time
    run_and_compare(block, names)
    assert [path.parent.name[:2] for path in paths] == ["1-", "2-"]
