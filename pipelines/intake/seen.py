"""What the archive's files looked like when they were last read whole, so that a night does not read all of them again.

Belongs here: intake.seen, and whether a file still is what was accepted. Does not: what follows from it (taking.py).

Size, time of modification, time of change and inode are kept. The time of change is the system's own: no copy or
touch sets it, so that other content under an old name and an old date is still read. `reconcile --archive` reads all.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from pipelines.intake.spool import sha256_of

Look = tuple[int, int, int, int]


def create_seen(con: duckdb.DuckDBPyConnection) -> None:
    """Makes the table where it is missing."""
    con.execute(
        """CREATE TABLE IF NOT EXISTS intake.seen (
               file_name VARCHAR NOT NULL, sha256 VARCHAR NOT NULL,
               bytes BIGINT NOT NULL, modified_ns BIGINT NOT NULL, changed_ns BIGINT NOT NULL, inode UBIGINT NOT NULL
           )"""
    )


def look_of(path: Path) -> Look:
    """Size, modified (ns), changed (ns), inode."""
    state = path.stat()
    return state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino


def remember(con: duckdb.DuckDBPyConnection, file_name: str, sha256: str, look: Look) -> None:
    """The file had this digest when it looked so; what was known of it before is forgotten."""
    con.execute("DELETE FROM intake.seen WHERE file_name = ?", [file_name])
    con.execute("INSERT INTO intake.seen VALUES (?, ?, ?, ?, ?, ?)", [file_name, sha256, *look])


def accepted_looks(con: duckdb.DuckDBPyConnection) -> dict[str, Look]:
    """How each accepted file looked when it was read last, by its name: one that still looks so is what it was."""
    rows = con.execute(
        """SELECT DISTINCT s.file_name, s.bytes, s.modified_ns, s.changed_ns, s.inode
           FROM intake.seen AS s JOIN intake.files AS f ON f.file_name = s.file_name AND f.sha256 = s.sha256
           WHERE f.status = 'accepted'"""
    ).fetchall()
    return {name: tuple(look) for name, *look in rows}


def known_digest(con: duckdb.DuckDBPyConnection, file_name: str, look: Look) -> str | None:
    """The digest of a file that looks as it did when it was read; None if it has to be read."""
    rows = con.execute(
        """SELECT sha256 FROM intake.seen
           WHERE file_name = ? AND bytes = ? AND modified_ns = ? AND changed_ns = ? AND inode = ?""",
        [file_name, *look],
    ).fetchall()
    return str(rows[0][0]) if rows else None


def is_still(con: duckdb.DuckDBPyConnection, path: Path, file_name: str, sha256: str, *, keep: bool) -> bool:
    """Whether the file has the content of that digest. It is read only if it looks otherwise than when it was read
    last; with `keep` its look is remembered then.
    """
    look = look_of(path)
    if known_digest(con, file_name, look) == sha256:
        return True
    if sha256_of(path) != sha256:
        return False
    if keep and look_of(path) == look:
        remember(con, file_name, sha256, look)
    return True
