"""A night killed twice and started again ends in the bytes of a night that nobody disturbed, for no other eyes."""

from pathlib import Path

from kill_runs import complete, kill_after, make_home

from tierline import TierTable


def test_a_night_killed_twice_and_started_again_publishes_the_same_bytes(tmp_path: Path) -> None:
    undisturbed, disturbed = make_home(tmp_path / "undisturbed"), make_home(tmp_path / "disturbed")
    kill_after(disturbed, "intake", seconds=0.1)
    kill_after(disturbed, "scores.customer", seconds=0.3)
    assert not (disturbed / "published" / "customer_tiers" / "CURRENT.json").exists()
    assert complete(disturbed) == complete(undisturbed)
    assert TierTable(disturbed / "published" / "customer_tiers").status == "fresh"
    for home in (undisturbed, disturbed):
        delivered = {home / "landing", home / "truth.csv"}
        written = [path for path in home.rglob("*") if delivered.isdisjoint({path, *path.parents})]
        assert len(written) > 30
        assert not [path for path in written if path.stat().st_mode & 0o007], "open to everybody"
