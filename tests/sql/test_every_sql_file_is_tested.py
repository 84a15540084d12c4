"""Every SQL file has a test that feeds it rows and expects rows, and every test names a SQL file that is there."""

from __future__ import annotations

import ast
from pathlib import Path

from pipelines.sql_catalogue import FOLDERS, sql_tables

HERE = Path(__file__).parent


def expected_tables(module: Path) -> set[str]:
    """`schema.name` of each SQL file whose rows a module compares: first argument of a call of `expect`."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "expect":
            table = node.args[0]
            name = constants.get(table.id) if isinstance(table, ast.Name) else getattr(table, "value", None)
            assert isinstance(name, str), f"{module.name}:{node.lineno}: name the SQL file as text"
            found.add(name)
    return found


def test_every_sql_file_is_tested() -> None:
    there = {table.table for folder in FOLDERS for table in sql_tables(folder)}
    tested = {name for module in HERE.glob("test_sql_*.py") for name in expected_tables(module)}
    assert sorted(there - tested) == [], "SQL files without a test: add rows and expected rows to tests/sql"
    assert sorted(tested - there) == [], "tests of SQL files that are not there"


def test_every_folder_of_sql_is_looked_at() -> None:
    root = HERE.parents[1] / "sql"
    folders = {file.parent.name for file in root.glob("*/*.sql")}
    assert folders == set(FOLDERS), "a folder of sql/ that the catalogue does not know, or an empty one"
