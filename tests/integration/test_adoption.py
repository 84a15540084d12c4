"""Adopting a policy: what it moves beyond its cap stops the publication until somebody says why it is right."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb

from pipelines.runs import run_night
from segmentation.policy import preset
from tierline import current_manifest

FIRST, SECOND, THIRD = date(2024, 6, 30), date(2024, 7, 1), date(2024, 7, 2)
SMALL = {"gate_min_records": 10}  # the tiny operator has sixty customers


def ours(folder: Path, version: str, high: int) -> dict[str, object]:
    text = preset("default").decode().replace('version: "1"', f'version: "{version}"')
    file = folder / f"ours-{version}.yaml"
    text = text.replace("adoption: {value: 0.2,", "adoption: {value: 0.05,")
    file.write_text(text.replace("name: high, min_score: 75", f"name: high, min_score: {high}"))
    return SMALL | {"policy": str(file)}


def served(home: Path) -> tuple[int, int]:
    manifest = current_manifest(home / "published" / "customer_tiers")
    return manifest.version, manifest.tiers["high"]


def causes(home: Path) -> dict[str, int]:
    files = str(home / "published" / "tier_history" / "*" / "*.parquet")
    with duckdb.connect() as con:
        return dict(
            con.execute(
                "select tier_cause, count(*) from read_parquet($files) where tier_since = valid_from group by all",
                {"files": files},
            ).fetchall()
        )


def test_a_policy_that_moves_too_many_is_published_only_with_a_reason(
    make_finished_home: Callable[[str], Path],
) -> None:
    home = make_finished_home("home")
    before = served(home)
    generous = ours(home, "2", 51)
    again = run_night(home, FIRST, generous)  # the first night, which has no night before it
    assert ["moves_over_cap" in failure.where for failure in again.failures] == [True]
    refused = run_night(home, SECOND, generous)
    (failure,) = refused.failures
    assert "moves_over_cap" in failure.where
    assert "First: occasion adoption, moved" in failure.message
    assert served(home) == before
    assert set(causes(home)) == {"first_rating"}  # a night that was stopped is no part of the history

    accepted = run_night(home, SECOND, generous, accept="the board wants more managers' customers")
    assert accepted.succeeded
    provenance = current_manifest(home / "published" / "customer_tiers").provenance
    assert provenance["accepted"] == "the board wants more managers' customers"
    assert provenance["accepted_gates"] == "moves_over_cap"
    assert served(home)[1] > before[1]
    moved = causes(home)
    assert moved["adopted"] > 3

    # Back to the old thresholds: nobody is demoted in a night, the policy holds them.
    stricter = run_night(home, THIRD, ours(home, "3", 75))
    assert stricter.succeeded, stricter.failures
    assert served(home) == (3, served(home)[1])
    assert causes(home) == moved
