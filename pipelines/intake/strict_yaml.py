"""YAML from operators: every scalar stays text, no key twice, unknown keys named with their nearest known one.

Belongs here: reading of such files into strict models. Does not: the models.
"""

from __future__ import annotations

from collections.abc import Hashable
from difflib import get_close_matches
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator


class Strict(BaseModel):
    """A frozen model that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _known_keys_only(cls, data: Any) -> Any:
        if isinstance(data, dict):
            known = [f.alias or name for name, f in cls.model_fields.items()]
            for key in data:
                if key not in known:
                    near = get_close_matches(str(key), known, n=1)
                    hint = f"; did you mean {near[0]!r}?" if near else ""
                    raise ValueError(f"unknown key {key!r}{hint} Known: {', '.join(known)}")
        return data


class _TextLoader(yaml.BaseLoader):
    """Takes every scalar as text, so that `No` stays No and `0123` stays 0123."""


def _mapping(loader: _TextLoader, node: yaml.MappingNode) -> dict[Hashable, Any]:
    result: dict[Hashable, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in result:
            raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", key_node.start_mark)
        result[key] = loader.construct_object(value_node, deep=True)
    return result


_TextLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def load_text(text: str) -> Any:
    """The document with all scalars as text. Raises yaml.YAMLError."""
    return yaml.load(text, Loader=_TextLoader)  # noqa: S506  (a BaseLoader: makes no objects)


def explain(error: ValidationError) -> str:
    """All complaints of a model in one line, each with its place; values are left out, they may be personal."""
    return "; ".join(
        f"at {'.'.join(map(str, e['loc'])) or 'top'}: {e['msg'].removeprefix('Value error, ')}" for e in error.errors()
    )
