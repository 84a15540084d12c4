"""Training on a home of its own, and nights that score with what came of it.

Belongs here: train, champion, nights, leaks, damaged models. Does not: fitting (tests/unit/segmentation/churn),
examples (test_training_set.py).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest

from pipelines.night import Night
from pipelines.progress import Silent
from pipelines.rebuild import rebuild
from pipelines.runs import run_night, run_training
from pipelines.training import train as training
from pipelines.training.registry import FOLDER, MANIFEST, MODEL, champions, manifests, model_for, verify_models
from pipelines.training.training_set import TrainingRows, build_training_set
from sample_data import generate
from segmentation.churn.candidates import Shape
from segmentation.churn.fit import FitOptions
from segmentation.policy import preset
from tierline.verify import current_manifest

AS_OF = date(2024, 6, 30)
SHAPES = (Shape("few", {"max_leaf_nodes": 6, "learning_rate": 0.2}, (10, 20)),)


def policy_text() -> bytes:
    text = preset("default").decode()
    for old, new in (("min_events: {value: 200", "min_events: {value: 20"), ("{value: 0.005,", "{value: 0,")):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text.encode()


@pytest.fixture(scope="module")
def quick() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            training,
            "_options",
            lambda night: FitOptions(label_days=37, min_events=20, shapes=SHAPES, choice_rows=3000),
        )
        yield patch


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, quick: pytest.MonkeyPatch) -> Path:
    """A home with a night under the rates of bands, and a champion trained after it."""
    home = tmp_path_factory.mktemp("churn") / "home"
    # Each month costs two origins whatever its size: few months, and enough customers that enough of them leave.
    generate(home, customers=2400, seed=5, as_of=AS_OF, bill_months=7, cdr_days=0, snapshots=7)
    (home / "policy.yaml").write_bytes(policy_text())
    (home / "tierline.yaml").write_text("policy: policy.yaml\n", encoding="utf-8")
    result = run_night(home, AS_OF)
    assert result.succeeded, result.failures
    done = run_training(home, AS_OF)
    assert done.outcome == "champion", done
    return home


@pytest.fixture
def home(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "home"))


def published(home: Path) -> pl.DataFrame:
    with duckdb.connect(str(home / "published" / "analytics.duckdb"), read_only=True) as con:
        return con.sql(
            "select customer_id, payment_type, churn_risk, churn_drivers, model_version from customers "
            "where tier is not null order by customer_id"
        ).pl()


def test_a_night_scores_with_the_champion_and_says_so(home: Path) -> None:
    before, banded = current_manifest(home / "published" / "customer_tiers"), published(home)
    assert banded["model_version"].unique().to_list() == ["band-rate-1"]
    assert banded["churn_drivers"].unique().to_list() == [""]
    result = run_night(home, AS_OF)
    assert result.succeeded, result.failures
    (manifest,) = manifests(home)
    now, rows = current_manifest(home / "published" / "customer_tiers"), published(home)
    # Without usage nobody knows which prepaid customers left: they keep the rates of bands.
    scored_by = rows.with_columns(prepaid=pl.col("payment_type") == "prepaid").group_by("prepaid")
    versions = dict(scored_by.agg(pl.col("model_version").unique()).iter_rows())
    assert versions == {True: ["band-rate-1"], False: [manifest.version]}
    modelled = rows.filter(pl.col("model_version") == manifest.version)
    assert modelled["churn_risk"].n_unique() > 5 * banded["churn_risk"].n_unique()
    assert modelled.filter(pl.col("churn_risk") > 0.05)["churn_drivers"].str.len_chars().min() > 0
    assert now.version == before.version + 1 and now.run_key != before.run_key
    assert now.provenance["model"] == manifest.version
    assert manifest.sha256 in now.provenance["model_key"]
    # The first version was published under the rates of bands: each is made again with what it had.
    remade = rebuild(home, {}, Silent(), every_version=True)
    assert [(version.version, version.differing) for version in remade.versions] == [(1, ()), (2, ())]


def test_the_card_lies_beside_the_model_with_its_pictures(trained: Path) -> None:
    (manifest,) = manifests(trained)
    folder = trained / FOLDER / manifest.version
    card = (folder / "card.md").read_text(encoding="utf-8")
    for said in (
        "# Churn model",
        "Champion: its log loss",
        "| gender |",
        "| tier |",
        "| all customers |",
        "Leak alarm",
    ):
        assert said in card
    for picture in ("reliability.svg", "gains.svg"):
        assert f"({picture})" in card
        assert (folder / picture).read_text(encoding="utf-8").startswith("<svg")


def test_the_same_training_again_makes_nothing(home: Path, quick: pytest.MonkeyPatch) -> None:
    done = run_training(home, AS_OF)
    assert (done.outcome, done.version) == ("same", manifests(home)[0].version)
    assert len(champions(home)) == 1


def test_a_challenger_that_wins_by_too_little_is_kept_beside_the_champion(home: Path) -> None:
    champion = manifests(home)[0].version
    text = policy_text()
    (home / "policy.yaml").write_bytes(
        text.replace(b"challenger_margin: {value: 0,", b"challenger_margin: {value: 0.9,")
    )
    done = run_training(home, AS_OF)
    assert done.outcome == "lost" and done.verdict is not None
    assert f"that of {champion} (90.00% below is asked)" in done.verdict
    assert {manifest.version for manifest in manifests(home)} == {champion, done.version}
    assert [c.version for c in champions(home)] == [champion]
    assert model_for(home, AS_OF).version == champion


def test_an_acceptance_of_no_feature_is_refused_with_the_nearest_name(home: Path) -> None:
    accepted = b'accepted_leaks: [{feature: tenure_month, reason: "known"}]'
    (home / "policy.yaml").write_bytes(policy_text().replace(b"accepted_leaks: []", accepted))
    (failure,) = run_training(home, AS_OF).failures
    assert "no feature is called tenure_month: did you mean tenure_months?" in failure.message


def test_a_night_before_the_training_keeps_the_rates_of_bands(trained: Path) -> None:
    assert model_for(trained, date(2024, 6, 29)).loaded is None
    assert model_for(trained, AS_OF).loaded is not None
    assert Night(trained, date(2024, 6, 29)).churn_model.version == "band-rate-1"


def _flip(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def test_the_night_goes_on_without_a_tampered_model_and_says_so(home: Path) -> None:
    (manifest,) = manifests(home)
    path = home / FOLDER / manifest.version / MODEL
    path.write_bytes(_flip(path.read_bytes()))
    result = run_night(home, AS_OF)
    assert result.succeeded, result.failures
    assert published(home)["model_version"].unique().to_list() == ["band-rate-1"]
    (warning,) = [said for said in result.warnings if "Churn models that should have scored" in said]
    assert manifest.version in warning
    compared, _, (damage,) = verify_models(home)
    assert (compared, damage.path) == (1, manifest.version)


def test_a_tampered_manifest_is_not_believed(home: Path) -> None:
    path = home / FOLDER / manifests(home)[0].version / MANIFEST
    path.write_bytes(path.read_bytes().replace(b'"champion": true', b'"champion": false'))
    assert "not what was written" in str(model_for(home, AS_OF).refused)


def test_the_last_good_champion_takes_the_place_of_a_damaged_one(home: Path) -> None:
    (manifest,) = manifests(home)
    first, second = home / FOLDER / manifest.version, home / FOLDER / "churn-second"
    shutil.copytree(first, second)
    told = json.loads((second / MANIFEST).read_text(encoding="utf-8")) | {"version": "churn-second"}
    (second / MANIFEST).write_text(json.dumps(told), encoding="utf-8")
    training.promote(home, replace(manifest, version="churn-second"))
    assert model_for(home, AS_OF).version == "churn-second"
    (second / MODEL).write_bytes(b"\x80\x04N.")  # a pickle
    choice = model_for(home, AS_OF)
    assert choice.version == manifest.version
    assert list(choice.refused) == ["churn-second"]
    shutil.rmtree(second)
    assert model_for(home, AS_OF).version == manifest.version


Plant = Callable[[pl.DataFrame], pl.Expr]
_LEFT = pl.col("churned")


def _score(_rows: pl.DataFrame) -> pl.Expr:
    noise = pl.Series(np.random.default_rng(1).normal(0, 10, _rows.height))
    return (pl.when(_LEFT).then(75.0).otherwise(45.0) + noise).alias("paid_on_time_share")


def _tenure_when_they_left(_rows: pl.DataFrame) -> pl.Expr:
    # Filled from today's subscriptions: of those who left it stands still at the day on which they did.
    extra = (pl.lit(AS_OF) - pl.col("origin_date")).dt.total_days() / 30.4
    return pl.when(_LEFT).then(pl.col("tenure_months") / 12).otherwise(pl.col("tenure_months") + extra + 12)


def _bill_that_came_later(_rows: pl.DataFrame) -> pl.Expr:
    # The bill of the month after: whoever left has none.
    return pl.when(~_LEFT).then("arpu_amount")


@pytest.mark.parametrize(
    ("feature", "plant"),
    [
        pytest.param("paid_on_time_share", _score, id="a score column"),
        pytest.param("tenure_months", _tenure_when_they_left, id="tenure when they left"),
        pytest.param("arpu_amount", _bill_that_came_later, id="a bill that arrived later"),
    ],
)
def test_a_planted_leak_stops_training_and_is_named(
    home: Path, monkeypatch: pytest.MonkeyPatch, feature: str, plant: Plant
) -> None:
    def planted(*given: object, **options: object) -> TrainingRows:
        rows = build_training_set(*given, **options)  # type: ignore[arg-type]
        return replace(rows, frame=rows.frame.with_columns(plant(rows.frame).cast(pl.Float64).alias(feature)))

    monkeypatch.setattr(training, "build_training_set", planted)
    shutil.rmtree(home / FOLDER / manifests(home)[0].version)
    done = run_training(home, AS_OF)
    (failure,) = done.failures
    assert done.outcome is None
    assert f"- {feature} " in failure.message and "accepted_leaks" in failure.message
    assert manifests(home) == ()
