"""Accepted rows that lie in Parquet beside the warehouse: which folders, and one view over them and its own rows.

Belongs here: intake.elsewhere, and the view that takes the place of a staging table once rows of it are elsewhere. Does
not: making the folders (pipelines/spark).

Whoever reads staging.<extract> finds all accepted rows, wherever they lie. The rows that are in the warehouse itself
are then in staging.<extract>_here. Folders beside the warehouse are remembered relative to it: a home may be moved.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Collection, Iterable
from pathlib import Path

import duckdb

from pipelines.contracts.tables import staging_columns
from pipelines.durable import Disk
from pipelines.intake.mapping import SCHEMA
from pipelines.sql_text import identifier, identifiers, literal, without_globs
from pipelines.warehouse import WarehouseError

_HERE = "_here"


def create_elsewhere(con: duckdb.DuckDBPyConnection) -> None:
    """Makes the list of folders where it is missing, and the views anew: a contract may have got a column.

    Raises WarehouseError where a folder is gone.
    """
    con.execute(
        "CREATE TABLE IF NOT EXISTS intake.elsewhere "
        "(extract VARCHAR NOT NULL, file_id BIGINT NOT NULL, folder VARCHAR NOT NULL)"
    )
    for (extract,) in con.execute("SELECT DISTINCT extract FROM intake.elsewhere").fetchall():
        _show(con, extract)


def own_table(con: duckdb.DuckDBPyConnection, extract: str) -> str:
    """The table of an extract's rows that are in the warehouse itself, quoted and with its schema."""
    here = con.execute(
        "SELECT table_name FROM duckdb_tables() "
        "WHERE database_name = current_database() AND schema_name = $schema AND table_name = $name",
        {"schema": SCHEMA, "name": extract + _HERE},
    ).fetchall()
    return f"{SCHEMA}.{identifier(own_name(extract, [name for (name,) in here]))}"


def own_name(extract: str, tables: Collection[str]) -> str:
    """The name of that table, given those of the tables of staging."""
    return extract + _HERE if extract + _HERE in tables else extract


def folders(con: duckdb.DuckDBPyConnection, extract: str) -> dict[int, Path]:
    """The folder of Parquet of each file whose accepted rows lie elsewhere, by file_id."""
    found = con.execute(
        "SELECT file_id, folder FROM intake.elsewhere WHERE extract = $extract ORDER BY file_id", {"extract": extract}
    ).fetchall()
    return {file_id: _home(con) / folder for file_id, folder in found}


def note(con: duckdb.DuckDBPyConnection, extract: str, file_id: int, folder: Path) -> None:
    """The accepted rows of a file are the Parquet files of a folder. For the transaction in which the file is taken."""
    table = own_table(con, extract)
    if table == f"{SCHEMA}.{identifier(extract)}":
        con.execute(f"ALTER TABLE {table} RENAME TO {identifier(extract + _HERE)}")
    con.execute("INSERT INTO intake.elsewhere VALUES (?, ?, ?)", [extract, file_id, _told(con, folder)])
    _show(con, extract)


def _home(con: duckdb.DuckDBPyConnection) -> Path:
    """The folder of the warehouse's file."""
    found = con.execute("SELECT path FROM duckdb_databases() WHERE database_name = current_database()").fetchall()
    return Path(found[0][0] or ".").resolve().parent


def _told(con: duckdb.DuckDBPyConnection, folder: Path) -> str:
    home = _home(con)
    return str(folder.relative_to(home) if folder.is_relative_to(home) else folder)


def drop(con: duckdb.DuckDBPyConnection, extract: str, condition: str, given: dict[str, object]) -> int:
    """Takes the accepted rows of `condition` out of staging, wherever they lie; returns how many. For a transaction.

    What stays of a folder is written into another one; `sweep` removes the folder after the commit.
    """
    gone = con.execute(f"DELETE FROM {own_table(con, extract)} WHERE {condition}", given).fetchall()[0][0]
    changed = False
    for file_id, folder in folders(con, extract).items():
        source = f"(SELECT * REPLACE (CAST({file_id:d} AS BIGINT) AS file_id) FROM {_parquet(folder)})"
        leaving, staying = con.execute(
            f"SELECT count(*) FILTER ({condition}), count(*) FILTER (NOT ({condition})) FROM {source}", given
        ).fetchall()[0]
        if not leaving:
            continue
        gone, changed, name = gone + leaving, True, {"file_id": file_id, "extract": extract}
        if staying:
            target = folder.with_name(f"{folder.name.partition('-')[0]}-{secrets.token_hex(8)}")
            target.mkdir(mode=0o750)
            kept = con.sql(f"SELECT * FROM {source} WHERE NOT ({condition})", params=given)
            kept.write_parquet(str(target / "rows.parquet"), compression="zstd")
            Disk(foreign=True).adopt(target / "rows.parquet", target / "rows-0.parquet", "taken")
            con.execute(
                "UPDATE intake.elsewhere SET folder = $folder WHERE extract = $extract AND file_id = $file_id",
                {**name, "folder": _told(con, target)},
            )
        else:
            con.execute("DELETE FROM intake.elsewhere WHERE extract = $extract AND file_id = $file_id", name)
    if changed:
        _show(con, extract)
    return int(gone)


def parents(con: duckdb.DuckDBPyConnection, extract: str) -> set[Path]:
    """The folders in which the folders of an extract's rows lie."""
    return {folder.parent for folder in folders(con, extract).values()}


def sweep(con: duckdb.DuckDBPyConnection, extract: str, within: Iterable[Path]) -> None:
    """Removes the folders that nobody names: of killed runs, and of rows that were dropped."""
    named = set(folders(con, extract).values())
    for parent in within:
        for left in parent.iterdir():
            if left not in named:
                shutil.rmtree(left, ignore_errors=True)


def _parquet(folder: Path) -> str:
    return f"read_parquet({literal(f'{without_globs(str(folder))}/*.parquet')}, hive_partitioning = false)"


def _show(con: duckdb.DuckDBPyConnection, extract: str) -> None:
    parts = [f"SELECT * FROM {own_table(con, extract)}"]
    for file_id, folder in folders(con, extract).items():
        if not folder.is_dir():
            raise WarehouseError(
                f"staging.{extract}: the accepted rows of file_id {file_id} are gone, they were in {folder}. Bring the "
                "folder back, or make the warehouse anew from landing/ with `tierline rebuild`"
            )
        # The constant tells DuckDB without a look into them which files hold the rows of a file_id.
        parts.append(f"SELECT * REPLACE (CAST({file_id:d} AS BIGINT) AS file_id) FROM {_parquet(folder)}")
    con.execute(
        f"CREATE OR REPLACE VIEW {SCHEMA}.{identifier(extract)} AS "
        f"SELECT {identifiers(staging_columns(extract))} FROM ({' UNION ALL BY NAME '.join(parts)})"
    )
