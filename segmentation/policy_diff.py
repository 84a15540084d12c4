"""What a policy says, line by line, and what another one says differently.
Reading and judging a policy belongs in policy.py; this file knows no section of it, only how sections are made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from segmentation.policy import Policy
from segmentation.policy_rules import canonical

Kind = Literal["changed", "added", "removed", "grounds"]
_GROUNDS = ("reason", "date")
# By what the items of a list are known again, tried in this order: a tier's name, where a step begins, its points.
# Items that have none of these are known by their content, else by their position.
_IDENTITIES = ("name", "from", "points")


@dataclass(frozen=True)
class Line:
    """One value of a policy: its place (`value.arpu.steps[from 30].points`), the value as text, its grounds if any."""

    key: str
    value: str
    reason: str | None = None
    date: str | None = None


@dataclass(frozen=True)
class Change:
    """One difference. `old` is None where the key was added, `new` where it was removed; reason and date are the new
    policy's. Kind `grounds`: the value stayed and its reason or date changed.
    """

    key: str
    kind: Kind
    old: str | None
    new: str | None
    reason: str | None = None
    date: str | None = None


def policy_lines(policy: Policy) -> tuple[Line, ...]:
    """Every value of the policy in its own order, defaults filled in."""
    return tuple(_lines("", _content(policy), {}))


def policy_diff(old: Policy, new: Policy) -> tuple[Change, ...]:
    """All differences in the order of the new policy, what was removed last in its section.

    Numbers and defaults are compared by meaning: 75 and 75.0, a default written out or left out, are the same. Items
    of a list are known again by their name, where they begin, their points, or else their position.
    """
    return content_diff(_content(old), _content(new))


def content_diff(old: Any, new: Any) -> tuple[Change, ...]:
    """The differences of two policies' contents in canonical form."""
    return tuple(_changes("", old, new, {}))


def _content(policy: Policy) -> Any:
    return canonical(policy.model_dump(by_alias=True))


def _lines(key: str, value: Any, grounds: dict[str, Any], known_by: str | None = None) -> Iterator[Line]:
    if isinstance(value, dict):
        for name, item in _fields(value).items():
            if name != known_by:  # it stands in the key
                yield from _lines(_joined(key, name), item, _grounds(value) or grounds)
    elif _is_items(value):
        for position, item in enumerate(value, start=1):
            identity = _identity(item)
            yield from _lines(_item_key(key, item, identity, position), item, grounds, identity)
    else:
        yield Line(key, _said(value), grounds.get("reason"), grounds.get("date"))


def _changes(key: str, old: Any, new: Any, grounds: dict[str, Any]) -> Iterator[Change]:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _section_changes(key, old, new, grounds)
    elif isinstance(old, list) and isinstance(new, list) and (_is_items(old) or _is_items(new)):
        yield from _item_changes(key, old, new, grounds)
    elif _is_compound(old) or _is_compound(new):
        yield from _only(key, old, "removed", {})
        yield from _only(key, new, "added", grounds)
    elif old != new:
        yield Change(key, "changed", _said(old), _said(new), grounds.get("reason"), grounds.get("date"))


def _section_changes(key: str, old: dict[str, Any], new: dict[str, Any], grounds: dict[str, Any]) -> Iterator[Change]:
    was, said, told = _fields(old), _fields(new), _grounds(new)
    found = [
        change
        for name in (*said, *(name for name in was if name not in said))
        for change in _changes(_joined(key, name), was.get(name), said.get(name), told or grounds)
    ]
    if not found and _grounds(old) != told:
        words = _grounds_said(_grounds(old)), _grounds_said(told)
        found = [Change(key, "grounds", *words, told.get("reason"), told.get("date"))]
    yield from found


def _item_changes(key: str, old: list[Any], new: list[Any], grounds: dict[str, Any]) -> Iterator[Change]:
    pairs = _paired(old, new)
    for position, item in enumerate(new, start=1):
        if position in pairs:
            before, identity = pairs[position]
            yield from _changes(_item_key(key, item, identity, position), before, item, grounds)
        else:
            yield from _only(_item_key(key, item, _identity(item), position), item, "added", grounds)
    again = [before for before, _ in pairs.values()]
    for position, item in enumerate(old, start=1):
        if not any(item is before for before in again):
            yield from _only(_item_key(key, item, _identity(item), position), item, "removed", {})


def _paired(old: list[Any], new: list[Any]) -> dict[int, tuple[Any, str | None]]:
    """Position of a new item -> the old item that it was, and by what it is known."""
    pairs: dict[int, tuple[Any, str | None]] = {}
    left = list(old)
    for identity in _IDENTITIES:
        for position, item in enumerate(new, start=1):
            value = _fields(item).get(identity)
            known = [before for before in left if _fields(before).get(identity) == value]
            if position not in pairs and value is not None and known:
                pairs[position] = known[0], identity
                left = [before for before in left if before is not known[0]]
    nameless = {position: item for position, item in enumerate(new, start=1) if _identity(item) is None}
    for position, item in nameless.items():
        known = [before for before in left if before == item]
        if known:
            pairs[position] = known[0], None
            left = [before for before in left if before is not known[0]]
    others = (position for position in nameless if position not in pairs)
    ones = (before for before in left if _identity(before) is None)
    return pairs | {position: (before, None) for position, before in zip(others, ones, strict=False)}


def _only(key: str, value: Any, kind: Kind, grounds: dict[str, Any]) -> Iterator[Change]:
    known_by = _identity(value) if isinstance(value, dict) else None
    for line in _lines(key, value, grounds, known_by):
        if line.value == _said(None):
            continue
        if kind == "removed":
            yield Change(line.key, kind, line.value, None)
        else:
            yield Change(line.key, kind, None, line.value, line.reason, line.date)


def _fields(value: dict[str, Any]) -> dict[str, Any]:
    """What a section says, without its grounds. A threshold's value stands for the threshold, under the name ''; a
    step that begins at a quantile begins `from` it.
    """
    said = {name: item for name, item in value.items() if name not in _GROUNDS}
    if set(said) == {"value"}:
        return {"": said["value"]}
    if {"from", "quantile"} <= set(said):
        quantile = said.pop("quantile")
        said["from"] = said["from"] if quantile is None else f"quantile {quantile}"
    return said


def _grounds(value: dict[str, Any]) -> dict[str, Any]:
    return {name: value[name] for name in _GROUNDS if value.get(name) is not None}


def _grounds_said(grounds: dict[str, Any]) -> str | None:
    return ", ".join(str(grounds[name]) for name in _GROUNDS if name in grounds) or None


def _is_items(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _is_compound(value: Any) -> bool:
    return isinstance(value, dict) or _is_items(value)


def _identity(item: dict[str, Any]) -> str | None:
    return next((name for name in _IDENTITIES if _fields(item).get(name) is not None), None)


def _item_key(key: str, item: dict[str, Any], identity: str | None, position: int) -> str:
    if identity is None:
        return f"{key}[{position}]"
    value = _fields(item)[identity]
    return f"{key}[{value}]" if identity == "name" else f"{key}[{identity} {value}]"


def _joined(key: str, name: str) -> str:
    return ".".join(part for part in (key, name) if part)


def _said(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_said, value)) + "]"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return str(value)
