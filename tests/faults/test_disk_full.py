"""A full disk, at whatever stage: the published table stays, and the next run with space makes what it would have made.

Belongs here: what must be true at each level of free space. Does not: the disk itself, all levels (disk_full.py).
"""

import json

import pytest
from disk_full import KB, can_mount, is_well, seen_inside
from home_scenarios import Expiration

pytestmark = pytest.mark.skipif(not can_mount(), reason="no tmpfs can be mounted here: unshare -rm is not allowed")
# By measurement: the commit of a file in intake finds no room. Other stages are in disk_full.py, at length.
NIGHT_LEVELS = (1_500_000,)


def test_a_publication_with_any_space_is_whole_or_not_there() -> None:
    seen = seen_inside("--publications", "--step", str(4 * KB), "--most", str(52 * KB))
    failed = [level for level in seen if level["said"]]
    assert len(failed) > 5
    assert len(failed) < len(seen)
    for level in seen:
        assert level["said"] == "" or "No space left on device" in level["said"], level
        assert level["served"] == (["first"] if level["said"] else ["second"]), level
        # The one that is not as before failed behind the commit: the next publisher finishes it.
        assert (level["then"], level["left"], level["runs"], level["manifests"]) == (["second"], [], 2, 2), level
    assert sum(level["as_before"] for level in failed) >= len(failed) - 1


def test_nights_on_a_full_disk() -> None:
    seen = seen_inside("--free", *map(str, NIGHT_LEVELS))
    assert [level["free"] for level in seen] == list(NIGHT_LEVELS)
    for level in seen:
        assert level["code"] == 1, level["said"]
        assert is_well(level), json.dumps(level, indent=1)


def test_an_expiry_on_a_full_disk_is_told_and_done_by_the_next_night() -> None:
    seen = seen_inside("--expiries")
    assert len(seen) == 1 + len(Expiration.steps)
    assert "No space left on device" in seen[0]["said"]
    # A commit or a line may still fit into the last page that its file has.
    assert {"No space left on device" in level["said"] for level in seen if level["said"]} == {True}
