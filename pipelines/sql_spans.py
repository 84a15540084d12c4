"""Between which dates a SQL file looks at a table that grows by the day, so that days outside can't matter to it.

Belongs here: finding `p.paid_date between o.active_from and o.quiet_until`, or between two parameters, in parsed SQL.
Does not: the dates (run.*, the night), what is kept because of them (made_of.py).

A condition counts where no row comes through without it: in WHERE or an inner join's ON, joined by nothing but AND.
Whatever else SQL can say of dates, and whatever is not understood, means that all days are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from pipelines.sql_catalogue import DIALECT


@dataclass(frozen=True)
class Span:
    """The days from a row's column `first` to its column `last`, both included; without a table, the days from one of
    the night's parameters to another.
    """

    table: str | None
    first: str
    last: str


@cache
def spans_read(sql: str, table: str, day: str) -> frozenset[Span] | None:
    """The spans of days, by the column `day`, of which a SELECT reads `table`; None: it may read any day.

    A place that reads the table without a span is enough for None.
    """
    query = _parsed(sql)
    if query is None:
        return None
    places = [_span(place, day, query) for place in query.find_all(exp.Table) if _name(place) == table]
    found = frozenset(span for span in places if span is not None)
    return found if places and None not in places else None


@cache
def _parsed(sql: str) -> exp.Expr | None:
    try:
        return sqlglot.parse_one(sql, dialect=DIALECT)
    except SqlglotError:
        return None


def _span(place: exp.Table, day: str, query: exp.Expr) -> Span | None:
    """The span of days that comes through of a table in a FROM or JOIN."""
    select = place.parent_select
    if select is None or not _is_plain(place) or not any(source is place for source in _sources(select)):
        return None
    if any(join.method for join in _joins(select)):  # ASOF and POSITIONAL: which row is met depends on the others
        return None
    for condition in _conditions(select):
        dates = _dates(condition, place.alias_or_name, day, is_alone=len(_sources(select)) == 1 and not _joins(select))
        if dates is not None:
            of, first, last = dates
            if of is None:
                return Span(None, first, last)
            named = [source for source in _sources(select) if source.alias_or_name == of]
            return _of_a_table(named[0], first, last, query) if len(named) == 1 else None
    return None


def _dates(condition: exp.Expr, alias: str, day: str, *, is_alone: bool) -> tuple[str | None, str, str] | None:
    """Of `alias.day between of.first and of.last`: of, first, last; of is None for `between $first and $last`."""
    if not isinstance(condition, exp.Between) or condition.args.get("symmetric"):
        return None
    this, low, high = condition.this, condition.args["low"], condition.args["high"]
    if not isinstance(this, exp.Column) or this.name != day or this.table not in ({alias, ""} if is_alone else {alias}):
        return None
    if isinstance(low, exp.Placeholder) and isinstance(high, exp.Placeholder) and low.name and high.name:
        return None, low.name, high.name
    if not isinstance(low, exp.Column) or not isinstance(high, exp.Column) or low.table != high.table:
        return None
    return low.table, low.name, high.name


def _of_a_table(source: exp.Table, first: str, last: str, query: exp.Expr) -> Span | None:
    """The span in the words of the table that the dates come from: that one, or the only one of a CTE."""
    if not _is_plain(source):
        return None
    if source.db:
        return Span(_name(source), first, last)
    ctes = [cte for cte in query.find_all(exp.CTE) if cte.alias_or_name == source.name]
    if len(ctes) != 1 or ctes[0].args["alias"].columns or not isinstance(ctes[0].this, exp.Select):
        return None
    select = ctes[0].this
    inner = _sources(select)
    # Columns that are handed on as they are stay those of one row, whatever is grouped or left out.
    handed_on = {column.alias_or_name: column.unalias() for column in select.expressions}
    dates = [column for column in (handed_on.get(first), handed_on.get(last)) if isinstance(column, exp.Column)]
    is_alone = len(inner) == 1 and bool(inner[0].db) and not _joins(select) and not select.args.get("laterals")
    if not is_alone or len(dates) != 2 or any(column.table not in ("", inner[0].alias_or_name) for column in dates):
        return None
    return _of_a_table(inner[0], dates[0].name, dates[1].name, query)


def _conditions(select: exp.Select) -> Iterator[exp.Expr]:
    """What holds of every row of a SELECT before it is grouped."""
    where = select.args.get("where")
    inner = [join for join in _joins(select) if not join.side and not join.method and join.kind in ("", "INNER")]
    for condition in (where and where.this, *(join.args.get("on") for join in inner)):
        if condition is not None:
            yield from condition.flatten() if isinstance(condition, exp.And) else (condition,)


def _sources(select: exp.Select) -> list[exp.Table]:
    """The tables, ours or CTEs, that stand by themselves in FROM and JOIN."""
    placed = [select.args.get("from_"), *_joins(select)]
    return [part.this for part in placed if part is not None and isinstance(part.this, exp.Table)]


def _joins(select: exp.Select) -> list[exp.Join]:
    return select.args.get("joins") or []


def _is_plain(table: exp.Table) -> bool:
    """A name and perhaps an alias, nothing that renames columns or works on the rows."""
    alias = table.args.get("alias")
    said = {name for name, value in table.args.items() if value}
    return said <= {"this", "db", "alias"} and not (alias is not None and alias.args.get("columns"))


def _name(table: exp.Table) -> str:
    return f"{table.db}.{table.name}"
