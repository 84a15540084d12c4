"""A minute's worth of `make soak`: racing publishers killed at random under readers of every kind."""

from pathlib import Path

from soak import KINDS, soak

from tierline import TierTable


def test_nothing_is_torn_missing_or_backwards_beside_publishers_killed_at_random(tmp_path: Path) -> None:
    folder = tmp_path / "customer_tiers"
    state = soak(folder, reads=2_000, each=40, switches=15, kills=8, seed=20260301, show=print)
    assert state.sound, state
    # Otherwise nothing raced.
    assert state.tallies.keys() == KINDS.keys() and all(tally.versions > 1 for tally in state.tallies.values()), state
    assert TierTable(folder).problem is None
