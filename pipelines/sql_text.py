"""How names and values from outside become SQL text: quoted and escaped, in one place.

Belongs here: quoting. Does not: any statement.
"""

from __future__ import annotations

from collections.abc import Iterable


def identifier(name: str) -> str:
    """A quoted identifier. Raises ValueError on NUL, which no quoting can carry."""
    if "\x00" in name:
        raise ValueError("a name with a NUL character can't be an SQL identifier")
    return '"' + name.replace('"', '""') + '"'


def identifiers(names: Iterable[str], prefix: str = "") -> str:
    """Quoted identifiers joined by commas, each behind `prefix` (such as `k.`)."""
    return ", ".join(prefix + identifier(n) for n in names)


def literal(value: str) -> str:
    """A string literal. Raises ValueError on NUL."""
    if "\x00" in value:
        raise ValueError("a value with a NUL character can't be an SQL literal")
    return "'" + value.replace("'", "''") + "'"


def without_globs(path: str) -> str:
    """A path whose `*`, `?` and `[` DuckDB's readers take as characters: they glob even in bound parameters."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in path)
