"""The run key: a digest of everything that decides what a night publishes. Same key, same table.

Belongs here: what goes into the key. Does not: what is done with it (publishing skips a key that is published already).
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

import duckdb

from pipelines.night import Night

# Packages whose text decides a result. The CLI, docs and tests do not.
_DECIDING = ("data_contracts", "segmentation", "sql", "pipelines")
RESULT_SETTINGS = ("time_zone", "currency", "service_numbers", "service_key_type")


def run_key(con: duckdb.DuckDBPyConnection, night: Night) -> str:
    """SHA-256 over the as-of date, the instant of knowledge, the digests of accepted inputs known before it, the night
    that this one goes on from, policy, training, code and settings.
    """
    return _digest(
        _decides(con, night)
        | {
            "follows": night.nights_before[-1].digest if night.nights_before else None,
            "training": night.churn_model.key,
        }
    )


def training_key(con: duckdb.DuckDBPyConnection, night: Night) -> str:
    """SHA-256 over everything that decides what a training on the night's date comes to."""
    return _digest(_decides(con, night) | {"follows": [n.digest for n in night.nights_before], "training": "fit"})


def _decides(con: duckdb.DuckDBPyConnection, night: Night) -> dict[str, Any]:
    inputs = con.execute(
        "select extract, sha256, mapping_fingerprint, as_of_date from intake.files "
        "where status = 'accepted' and (known_at is null or known_at < $known_before) order by all",
        {"known_before": night.known_before},
    ).fetchall()
    return {
        "as_of_date": night.as_of_date,
        "known_before": night.known_before,
        "inputs": inputs,
        "policy": night.policy.fingerprint,
        "code": code_digest(),
        "settings": {name: getattr(night.settings, name) for name in RESULT_SETTINGS},
    }


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


@cache
def code_digest() -> str:
    """SHA-256 over the source text of the packages that decide a result, so that changed code never passes for the
    same run.
    """
    digest = hashlib.sha256()
    for package in _DECIDING:
        for name, content in sorted(_texts(resources.files(package), package)):
            digest.update(f"{name}\0{len(content)}\0".encode())
            digest.update(content)
    return digest.hexdigest()


def _texts(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found = []
    for item in folder.iterdir():
        name = f"{prefix}/{item.name}"
        if item.is_dir() and item.name not in ("__pycache__", "cli"):
            found += _texts(item, name)
        elif item.name.endswith((".py", ".sql", ".yaml")):
            found.append((name, item.read_bytes()))
    return found
