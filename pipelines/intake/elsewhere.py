"""Accepted rows that lie in Parquet beside the warehouse: which folders, and one view over them and its own rows.

Belongs here: intake.elsewhere, and the view that takes the place of a staging table once rows of it are elsewhere. Does
not: making the folders (pipelines/spark).

Whoever reads staging.<extract> finds all accepted rows, wherever they lie. The rows that are in the warehouse itself
are then in staging.<extract>_here. Folders beside the warehouse are remembered relative to it: a home may be moved.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from pipelines.contracts.tables import staging_columns
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
    return f"{SCHEMA}.{identifier(own_name(con, extract))}"


def own_name(con: duckdb.DuckDBPyConnection, extract: str) -> str:
    """The name of that table."""
    here = con.execute(
        "SELECT 1 FROM duckdb_tables() "
        "WHERE database_name = current_database() AND schema_name = $schema AND table_name = $name",
        {"schema": SCHEMA, "name": extract + _HERE},
    ).fetchall()
    return extract + _HERE if here else extract


def folders(con: duckdb.DuckDBPyConnection, extract: str) -> dict[int, Path]:
    """The folder of Parquet of each file whose accepted rows lie elsewhere, by file_id."""
    found = con.execute(
        "SELECT file_id, folder FROM intake.elsewhere WHERE extract = $extract ORDER BY file_id", {"extract": extract}
    ).fetchall()
    return {file_id: _home(con) / folder for file_id, folder in found}


def note(con: duckdb.DuckDBPyConnection, extract: str, file_id: int, folder: Path) -> None:
    """The accepted rows of a file are the Parquet files of a folder. For the transaction in which the file is taken."""
    if own_name(con, extract) == extract:
        con.execute(f"ALTER TABLE {own_table(con, extract)} RENAME TO {identifier(extract + _HERE)}")
    con.execute("INSERT INTO intake.elsewhere VALUES (?, ?, ?)", [extract, file_id, _told(con, folder)])
    _show(con, extract)


def _home(con: duckdb.DuckDBPyConnection) -> Path:
    """The folder of the warehouse's file."""
    found = con.execute("SELECT path FROM duckdb_databases() WHERE database_name = current_database()").fetchall()
    return Path(found[0][0] or ".").resolve().parent


def _told(con: duckdb.DuckDBPyConnection, folder: Path) -> str:
    home = _home(con)
    return str(folder.relative_to(home) if folder.is_relative_to(home) else folder)


def _show(con: duckdb.DuckDBPyConnection, extract: str) -> None:
    parts = [f"SELECT * FROM {own_table(con, extract)}"]
    for file_id, folder in folders(con, extract).items():
        if not folder.is_dir():
            raise WarehouseError(
                f"staging.{extract}: the accepted rows of file_id {file_id} are gone, they were in {folder}. Bring the "
                "folder back, or make the warehouse anew from landing/ with `tierline rebuild`"
            )
        # The constant tells DuckDB without a look into them which files hold the rows of a file_id.
        files = literal(f"{without_globs(str(folder))}/*.parquet")
        parts.append(
            f"SELECT * REPLACE (CAST({file_id:d} AS BIGINT) AS file_id) "
            f"FROM read_parquet({files}, hive_partitioning = false)"
        )
    con.execute(
        f"CREATE OR REPLACE VIEW {SCHEMA}.{identifier(extract)} AS "
        f"SELECT {identifiers(staging_columns(extract))} FROM ({' UNION ALL BY NAME '.join(parts)})"
    )
