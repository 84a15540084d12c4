"""SQL is kept to what sqlglot carries to Spark with the same meaning; known traps are refused by name.

Belongs here: lint of sql/. Does not: results (tests/sql).
"""

from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from pipelines.sql_catalogue import parse_sql, sql_tables

TABLES = [t for schema in ("features", "scores", "marts", "audits") for t in sql_tables(schema)]
# Function -> why it may not be used outside a macro written in both dialects.
REFUSED = {
    "QUANTILECONT": "interpolates differently",
    "PERCENTILECONT": "interpolates differently",
    "TIMEZONE": "converts the other way round",
    "REGEXPFULLMATCH": "has no counterpart",
    "ANYVALUE": "gives another row each time",
    "ARGMAX": "breaks ties at random",
    "ARGMIN": "breaks ties at random",
    "ARRAYAGG": "orders at random",
    "CURRENTDATE": "the as-of date is a parameter",
    "CURRENTTIMESTAMP": "the as-of date is a parameter",
    "NOW": "the as-of date is a parameter",
    "RAND": "differs at each run",
}
ids = {"ids": [t.table for t in TABLES]}


def faults(text: str) -> list[str]:
    query = sqlglot.parse_one(text, dialect="duckdb")
    found = []
    for node in query.find_all(exp.Func):
        name = (node.name if isinstance(node, exp.Anonymous) else type(node).__name__).upper().replace("_", "")
        if name in REFUSED:
            found.append(f"{name}: {REFUSED[name]}")
    for node in query.find_all(exp.DateDiff):
        if str(node.args.get("unit") or "day").upper().strip("'") != "DAY":
            found.append("DATEDIFF in months: 31 Jan to 28 Feb is 1 in DuckDB and 0 in Spark")
    for node in query.find_all(exp.Div):
        found.append(f"division {node.sql()}: DECIMAL division changes type; use // on integers")
    for node in query.find_all(exp.Cast):
        if node.to.is_type("double", "float"):
            found.append("DOUBLE: sums of it differ from run to run")
    if any(node.is_star for node in query.selects):
        found.append("select * as the result: name the columns")
    return found


@pytest.mark.parametrize("table", TABLES, **ids)
def test_no_known_trap(table) -> None:
    assert not faults(table.text)


@pytest.mark.parametrize("table", TABLES, **ids)
def test_it_can_be_written_for_spark(table) -> None:
    spark = sqlglot.transpile(table.text, read="duckdb", write="spark", unsupported_level=sqlglot.ErrorLevel.RAISE)
    assert len(spark) == 1
    sqlglot.parse_one(spark[0], dialect="spark")


@pytest.mark.parametrize(
    "text",
    [
        "select quantile_cont(x, 0.5) as m from t",
        "select date_diff('month', a, b) as m from t",
        "select a / b as m from t",
        "select any_value(x) as m from t",
        "select arg_max(x, y) as m from t",
        "select timezone('UTC', x) as m from t",
        "select cast(x as double) as m from t",
        "select now() as m",
        "select * from t",
    ],
)
def test_the_lint_finds_each_trap(text: str) -> None:
    assert faults(text)


def test_a_file_without_a_header_is_refused() -> None:
    with pytest.raises(ValueError, match="grain"):
        parse_sql("select 1 as x -- one\n", "features", "x")


def test_a_file_with_two_statements_is_refused() -> None:
    text = "-- grain: one row\n-- owner: me\n-- Means nothing.\nselect 1 as x; select 2 as x\n"
    with pytest.raises(ValueError, match="one SELECT"):
        parse_sql(text, "features", "x")


def test_sql_lines_are_short_enough_to_read() -> None:
    folder = Path(__file__).parents[2] / "sql"
    long = [
        f"{file.relative_to(folder)}:{number}"
        for file in sorted(folder.rglob("*.sql"))
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
        if len(line) > 140
    ]
    assert not long
