"""Compares the header that a file has with the one that its mapping expects.

Belongs here: what is said when they differ. Does not: finding the header in the bytes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches

from pipelines.intake.refusal import IntakeRefusal

_SHOWN = 60


def require_header(found: Sequence[str], expected: Sequence[str], file_name: str) -> None:
    """Raises IntakeRefusal unless names and order are the same, letter by letter."""
    if list(found) == list(expected):
        return
    if _looks_like_data(found, expected):
        # Data may be personal: it is not shown.
        raise IntakeRefusal(
            file_name,
            "header_absent",
            f"the first line looks like data, not like the header {_show(expected)}",
            "Deliver the file with its header line, or declare format.header: false in the source mapping.",
            1,
        )
    raise IntakeRefusal(
        file_name,
        "header_differs",
        f"the header differs: {'; '.join(_differences(found, expected))}. "
        f"Expected {_show(expected)}, found {_show(found)}",
        "Deliver the columns with these names in this order, or change the source mapping.",
        1,
    )


def _looks_like_data(found: Sequence[str], expected: Sequence[str]) -> bool:
    known = {_plain(e) for e in expected}
    if any(_plain(f) in known for f in found):
        return False
    # A header holds names; digits, an empty field or very long text speak for a record.
    return any(not f.strip() or len(f) > _SHOWN or re.search(r"\d", f) for f in found)


def _differences(found: Sequence[str], expected: Sequence[str]) -> list[str]:
    said: list[str] = []
    twice = [name for name, count in Counter(found).items() if count > 1 and name in expected]
    if twice:
        said.append(f"duplicated {_show(twice)}")
    missing = [e for e in expected if e not in found]
    unknown = [f for f in found if f not in expected]
    for name in list(missing):
        same = next((u for u in unknown if _plain(u) == _plain(name)), None)
        near = [same] if same is not None else get_close_matches(name, unknown, n=1, cutoff=0.7)
        if near:
            how = "spaces, case or invisible characters" if same is not None else "renamed"
            said.append(f"{how}: {_show(near)} stands for {_show([name])}")
            missing.remove(name)
            unknown.remove(near[0])
    if missing:
        said.append(f"missing {_show(missing)}")
    if unknown:
        said.append(f"unknown {_show(unknown)}")
    if not said:
        said.append("the columns are reordered")
    return said


def _plain(name: str) -> str:
    return name.strip(" \t\ufeff\u00a0").casefold()


def _show(names: Sequence[str]) -> str:
    shown = [repr(n if len(n) <= _SHOWN else n[:_SHOWN] + "…") for n in names[:_SHOWN]]
    return ", ".join([*shown, "…"] if len(names) > _SHOWN else shown)
