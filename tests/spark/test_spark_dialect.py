"""What the carried SQL means on Spark where the dialects differ, and that what must fail does fail.

Belongs here: single differences. Does not: the files of sql/ (test_spark_night.py; `make test-spark-cases`).
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from conftest import ON_SPARK

from pipelines.settings import Settings
from pipelines.spark.dialect import carried, carried_as_is, spark_type
from pipelines.spark.session import session

PARAMETERS = {
    "day": date(2024, 2, 29),
    "moment": datetime(2024, 2, 29, 23, 59, 59, 999999),
    "text": "it's a \\ back\\nslash ' or 1=1 --",
    "amount": Decimal("12345678901234.5678"),
    "whole": 2**40,
    "flag": True,
}


def on_both(query: str, given: dict[str, Any] | None = None) -> tuple[list[Any], list[Any]]:
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        here = con.sql(query, params={k: v for k, v in (given or {}).items() if f"${k}" in query})
        kinds = {name: str(kind) for name, kind in zip(here.columns, here.types, strict=True)}
        there = session(Settings(**ON_SPARK)).sql(carried(query, given or {}, kinds)).toArrow()
        con.register("there", there)
        found = con.sql("select * from there")
        assert [str(kind) for kind in found.types] == list(kinds.values())
        return here.fetchall(), found.fetchall()


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_arrives_as_it_was(name: str) -> None:
    here, there = on_both(f"select ${name} as v", PARAMETERS)
    assert there == here == [(PARAMETERS[name],)]


@pytest.mark.parametrize(
    "query",
    [
        "select v from (values ('a'), ('B'), ('é'), (''), (null)) as t (v) order by v nulls last",
        "select 7 // 2 as a, -7 // 2 as b, -7 % 3 as c",
        "with a as not materialized (select 1 as v) select x.v from a as x join a as y on y.v = x.v",
        "select sum(v)::bigint as s from (values (9223372036854775807::bigint), (-1::bigint)) as t (v)",
        "select (sum(v) * 3)::decimal(18, 4) as s from (values (12345678.1234::decimal(18, 4)), (0.0001)) as t (v)",
        "select date '2024-03-31' - date '2024-02-29' as d, date '2024-03-31' - interval 1 day as e",
        "select count(distinct v) filter (where v > 1) as n from (values (1), (2), (2), (null)) as t (v)",
        "select coalesce(null = 1, true) as a, null is distinct from 1 as b",
        "select max(v) as m from (values (timestamp '2024-03-31 02:30:00')) as t (v)",
        "select row_number() over (order by v desc nulls last) as p, v from (values (1), (null)) as t (v) order by p",
        "select 'a' || null::varchar as v, concat_ws('|', 'a', null, 'b') as w",
        "select round(2.5::decimal(4, 2), 0)::integer as a, round(-0.5::decimal(4, 2), 0)::integer as b",
    ],
)
def test_an_expression_means_the_same(query: str) -> None:
    here, there = on_both(query)
    assert there == here


@pytest.mark.parametrize(
    "query",
    [
        "select cast('x' as integer) as v",
        "select sum(v) as v from (values (9223372036854775807::bigint), (1::bigint)) as t (v)",
        "select cast(100000 as smallint) as v",
        "select cast('2024-02-30' as date) as v",
        "select cast(99999.5::decimal(18, 4) as decimal(6, 4)) as v",
    ],
)
def test_what_does_not_fit_fails_and_is_no_null(query: str) -> None:
    from pyspark.errors import PySparkException

    with pytest.raises(PySparkException):
        session(Settings(**ON_SPARK)).sql(carried_as_is(query, {})).collect()


def test_duckdbs_widest_integer_is_a_decimal() -> None:
    assert spark_type("HUGEINT") == "DECIMAL(38, 0)"
    assert spark_type("TIMESTAMP") == "TIMESTAMP_NTZ"


def test_a_parameter_of_no_known_type_is_refused() -> None:
    with pytest.raises(TypeError, match="float"):
        carried_as_is("select $x as v", {"x": 0.5})
