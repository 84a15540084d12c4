"""On which line of a policy's text a rule stands, so that an explanation can point at it.
What the rule says is policy.py's; this file knows only YAML."""

from __future__ import annotations

import yaml


def policy_line(text: bytes, *path: str | int, segment: str | None = None) -> int | None:
    """The line (from 1) of a key or list entry, such as ("value", "arpu", "steps", 2); the nearest line above it that
    is written, where a default applies further down; None where nothing of it is.

    `segment`: looked for in that segment's sections first.
    """
    root = yaml.compose(text.decode("utf-8"), Loader=yaml.SafeLoader)
    if segment is not None:
        for index, rule in enumerate(_entries(_child(root, "segments"))):
            name = _child(rule, "name")
            if name is not None and name.value == segment and _child(_child(rule, "policy"), path[0]) is not None:
                path = ("segments", index, "policy", *path)
                break
    line = None
    node = root
    for part in path:
        node = _child(node, part)
        if node is None:
            break
        line = node.start_mark.line + 1
    return line


def _child(node: yaml.Node | None, part: str | int) -> yaml.Node | None:
    if isinstance(part, int):
        entries = _entries(node)
        return entries[part] if part < len(entries) else None
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == part), None)
    return None


def _entries(node: yaml.Node | None) -> list[yaml.Node]:
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
