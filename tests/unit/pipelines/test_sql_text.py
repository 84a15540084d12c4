"""Names and values as SQL text.

Belongs here: quoting, tried on DuckDB itself. Does not: statements.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from pipelines.sql_text import identifier, literal, without_globs

EVIL = ["plain", "a'b", 'a"b', "''", '""', "a;b--", "a\\b", "名", " ", "$1", "?", "{x}"]


@pytest.mark.parametrize("text", EVIL)
def test_identifiers_and_literals_come_back_as_they_were(text: str) -> None:
    con = duckdb.connect()
    result = con.execute(f"SELECT {literal(text)} AS {identifier(text)}")
    assert [d[0] for d in result.description or []] == [text]
    assert result.fetchall() == [(text,)]
    con.close()


@pytest.mark.parametrize("quote", [identifier, literal])
def test_nul_is_refused(quote) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="NUL"):
        quote("a\x00b")


def test_a_path_with_globs_is_one_path(tmp_path: Path) -> None:
    # Without the escape DuckDB reads the other file, in silence.
    for folder, value in (("t[m]p*?", "right"), ("tmp-x", "wrong")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.csv").write_text(f"{value}\n")
    path = without_globs(str(tmp_path / "t[m]p*?" / "x.csv"))
    con = duckdb.connect()
    sql = "SELECT * FROM read_csv(?, auto_detect=false, header=false, columns={'a': 'VARCHAR'})"
    assert con.execute(sql, [path]).fetchall() == [("right",)]
    con.close()
