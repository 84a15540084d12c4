"""Reads a policy's YAML text into plain values, and words what is wrong with it.
What a policy may contain is policy.py's; this file knows no section of it."""

from __future__ import annotations

from collections.abc import Hashable
from decimal import Decimal, InvalidOperation
from typing import Any

import yaml
from pydantic import ValidationError


class PolicyError(ValueError):
    """A policy that cannot be used; the message lists every fault with its key, the reason and the cure."""


class _Loader(yaml.SafeLoader):
    """YAML 1.1 as PyYAML reads it, with exact decimals for floats and duplicate keys refused."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            text = str(getattr(key, "value", key))
            if text in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key '{text}' is written twice; keep one of them", key.start_mark
                )
            seen.add(text)
        return super().construct_mapping(node, deep)


def _exact(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Decimal:
    # 0.35 as a binary float is not 0.35, and weights must sum to 1 exactly.
    text = str(loader.construct_scalar(node))
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise yaml.constructor.ConstructorError(
            None, None, f"'{text}' is not a plain decimal number; write it like 0.35", node.start_mark
        )
    return number


_Loader.add_constructor("tag:yaml.org,2002:float", _exact)


def read_yaml(text: bytes, source: str) -> dict[str, Any]:
    """Parse YAML `text`; `source` names it in errors.

    Raises PolicyError when the text is not UTF-8, not YAML, or not a mapping of keys.
    """
    try:
        # _Loader is a SafeLoader: it builds plain values only, never objects.
        content = yaml.load(text.decode("utf-8"), Loader=_Loader)  # noqa: S506
    except UnicodeDecodeError as error:
        raise PolicyError(f"policy {source}: not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except (yaml.YAMLError, ValueError) as error:
        raise PolicyError(f"policy {source}: {_yaml_fault(error)}") from error
    if not isinstance(content, dict):
        raise PolicyError(f"policy {source}: expected keys such as name, version, owner; found no mapping")
    return content


def _yaml_fault(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return f"line {mark.line + 1}: {problem}" if mark is not None else problem


def policy_error(error: ValidationError, source: str) -> PolicyError:
    """One PolicyError that lists all faults that pydantic collected, each with the key's place in the YAML."""
    lines = []
    for fault in error.errors(include_url=False):
        place = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in fault["loc"]).lstrip(".")
        lines.append(f"  {place or '(whole policy)'}: {_wording(fault)}")
    return PolicyError(f"policy {source} cannot be used:\n" + "\n".join(lines))


def _wording(fault: Any) -> str:
    message = str(fault["msg"]).removeprefix("Value error, ")
    if fault["type"] == "missing":
        return "this key is missing; add it"
    if fault["type"] == "string_type":
        return f"expected text; found {fault['input']!r}; put it in quotes"
    if fault["type"] == "value_error":
        return message
    return f"{message[0].lower()}{message[1:]}; found {fault['input']!r}"
