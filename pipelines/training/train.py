"""One training: from past nights to a version that is champion, or lost to it, or was stopped as a leak.

Belongs here: the order of steps and what decides. Does not: fitting and figures (segmentation/churn), files
(registry.py), examples (training_set.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from pipelines.durable import Hook, ignore_step
from pipelines.night import Night
from pipelines.run_key import training_key
from pipelines.scratch import scratch
from pipelines.training.card import Card
from pipelines.training.groups import AUDITS, GROUPS, described, figures_by_group
from pipelines.training.registry import ModelManifest, add_version, manifests, model_for, promote, training_lock
from pipelines.training.training_set import build_training_set
from segmentation.churn.band_rate import churn_risk
from segmentation.churn.drift import Drift
from segmentation.churn.evaluate import evaluate, relative_gain
from segmentation.churn.examples import KIND
from segmentation.churn.features import CHURN_FEATURES
from segmentation.churn.fit import FitOptions, Fitted, TooLittleHistoryError, TrainingSet, fit
from segmentation.churn.leaks import MODEL, Leak, feature_leaks, model_leaks, not_accepted
from segmentation.churn.model_file import write_model
from segmentation.churn.slices import held_out_dates
from segmentation.columns import ColumnsError
from segmentation.policy_stages import Churn
from segmentation.policy_text import PolicyError

Outcome = Literal["champion", "lost", "same", "too_little_history"]
Report = Callable[[str, int, int], None]
STEPS = ("training set", "customers apart", "leak alarm", "fit", "figures")
_BAND = "tenure_band"


class LeakError(RuntimeError):
    """Something knows the outcome too well; the message names each such feature, and the cure."""


@dataclass(frozen=True)
class Training:
    """What a training came to, in words as `verdict`. `manifest` and `card` are those of the version it made, or, with
    outcome `same`, of the one that was there; both None without enough history.
    """

    outcome: Outcome
    verdict: str
    manifest: ModelManifest | None = None
    card: Card | None = None


def train(night: Night, report: Report, *, give_way: bool = True, hook: Hook = ignore_step) -> Training:
    """Fits a challenger on what was known on the night's date, judges it, and makes it champion where it wins.

    Reads the warehouse beside running nights; `give_way` as of `scratch`. `report` hears of steps, done and to do.
    Raises LeakError where something is too good to be true and nobody accepted it, WarehouseError, TurnBusyError where
    a night begins before the examples are gathered, PublishLockError while another training is at work, SettingsError,
    OSError.
    """
    with training_lock(night.home, night.settings.lock_wait_seconds):
        return _train(night, report, give_way=give_way, hook=hook)


def _train(night: Night, report: Report, *, give_way: bool, hook: Hook) -> Training:
    rules = night.policy.churn.model
    _require_features(rules.accepted)
    with scratch(night, give_way=give_way) as read:
        key = training_key(read.con, night)
        if known := next((m for m in manifests(night.home) if m.key == key), None):
            return Training("same", f"nothing has changed since {known.version}: {known.verdict}", known)
        rows = build_training_set(read, night, lambda done, total: report(STEPS[0], done, total), hook=hook)
        people = described(read, night, held_out_dates(rows.origins), lambda done, n: report(STEPS[1], done, n))
    examples = rows.frame
    if examples.is_empty():
        return Training("too_little_history", "no past date has both its customers and their outcome loaded")
    churned = examples["churned"].to_numpy().astype(np.bool_)
    features = examples.select(*CHURN_FEATURES)
    bands = _tenure_bands(examples["tenure_months"], night.policy.churn.tenure_bands_months)
    report(STEPS[2], 0, 1)
    leaks = feature_leaks(features, churned, rules.leak_limits)
    _stop_at(leaks, rules.accepted)
    report(STEPS[2], 1, 1)
    report(STEPS[3], 0, 1)
    try:
        fitted = fit(_training_set(examples, features, churned), _options(night))
    except TooLittleHistoryError as error:
        return Training("too_little_history", str(error))
    report(STEPS[3], 1, 1)
    held = examples.with_columns(bands)[fitted.held_out.rows].join(
        people, on=["origin_date", "customer_id"], how="left", maintain_order="left"
    )
    risk, left = fitted.held_out.risk, churned[fitted.held_out.rows]
    report(STEPS[4], 0, 1)
    customers = held["customer_id"].rank("dense").cast(pl.Int64).to_numpy()
    everybody = evaluate(risk, left, rules.costs.costs, groups=customers)
    if everybody is None:
        return Training("too_little_history", f"only {int(left.sum())} of the {len(left)} examples held out left")
    leaks += model_leaks(everybody.auc.value, rules.leak_limits)
    _stop_at(leaks, rules.accepted)
    wins, verdict, gain = _against_champion(night, examples.with_columns(bands), fitted)
    active = held["is_active"].fill_null(value=False).to_numpy()
    card = Card(
        version=f"churn-{night.as_of_date}-{key[:8]}",
        as_of_date=night.as_of_date.isoformat(),
        verdict=verdict,
        policy=night.policy.label,
        horizon=_horizon(night),
        origins=[str(day) for day in examples["origin_date"].unique().sort()],
        examples=examples.height,
        churned=int(churned.sum()),
        chosen=fitted.chosen,
        divided=fitted.divided,
        candidates=fitted.candidates.to_dicts(),
        features=fitted.model.features,
        ignored=fitted.ignored,
        leaks=leaks,
        accepted=rules.accepted,
        everybody=everybody,
        active=evaluate(risk[active], left[active], rules.costs.costs, groups=customers[active]),
        groups=figures_by_group(held, GROUPS, risk, left, rules.costs.costs),
        audits=figures_by_group(held, AUDITS, risk, left, rules.costs.costs),
        currency=night.settings.currency,
    )
    report(STEPS[4], 1, 1)
    manifest = _keep(night, key, card, fitted, examples, wins=wins, gain=gain, hook=hook)
    return Training("champion" if wins else "lost", verdict, manifest, card)


def _training_set(examples: pl.DataFrame, features: pl.DataFrame, churned: npt.NDArray[np.bool_]) -> TrainingSet:
    customers = examples["customer_id"].rank("dense").cast(pl.Int64).to_numpy()
    days = examples["origin_date"].to_numpy().astype("datetime64[D]")
    return TrainingSet(features, churned, days, customers, features[KIND].to_list())


def _options(night: Night) -> FitOptions:
    churn = night.policy.churn
    label_days = int(churn.gap_days.value) + int(churn.horizon_days.value)
    return FitOptions(label_days=label_days, min_events=int(churn.model.min_events.value))


def _against_champion(night: Night, examples: pl.DataFrame, fitted: Fitted) -> tuple[bool, str, float]:
    """Whether the challenger wins, in words too, and by how much its log loss is lower on the examples held out, which
    are later than what either was fitted on. Without a champion its opponent is the rate of the customer's band.
    """
    held = examples[fitted.held_out.rows]
    left = held["churned"].to_numpy().astype(np.bool_)
    choice = model_for(night.home, night.as_of_date)
    opponent, theirs = "the rates of bands", _band_risk(night.policy.churn, examples, fitted)
    if choice.loaded is not None:
        opponent = choice.loaded.manifest.version
        try:
            by_champion = choice.loaded.model.predict(held)["churn_risk"].cast(pl.Float64).to_numpy()
        except ColumnsError as error:
            opponent, by_champion = f"the rates of bands ({opponent} can't be asked: {error})", theirs
        theirs = np.where(np.isnan(by_champion), theirs, by_champion)
    gain = relative_gain(fitted.held_out.risk, theirs, left)
    margin = float(night.policy.churn.model.challenger_margin.value)
    wins = gain >= margin
    verdict = (
        f"{'Champion' if wins else 'Not champion'}: its log loss on {len(left):,} examples held out is "
        f"{abs(gain):.2%} {'below' if gain >= 0 else 'above'} that of {opponent} ({margin:.2%} below is asked)"
    )
    if choice.refused:
        verdict += f". Not asked, because unusable: {', '.join(choice.refused)}"
    return wins, verdict, gain


def _band_risk(churn: Churn, examples: pl.DataFrame, fitted: Fitted) -> npt.NDArray[np.float64]:
    """What the rates of bands, counted on the examples whose outcome was known before, say of those held out."""
    held = examples[fitted.held_out.rows]
    days = int(churn.gap_days.value) + int(churn.horizon_days.value)
    first = held["origin_date"].min()
    before = examples.filter(pl.col("origin_date").dt.offset_by(f"{days}d") <= first)
    band = [KIND, _BAND]
    counted = before.group_by(band).agg(band_exposed=pl.len().cast(pl.Int64), band_churned=_leavers())
    return (
        held.join(counted, on=[KIND, _BAND], how="left", maintain_order="left")
        .with_columns(
            pl.col("band_exposed").fill_null(0),
            pl.col("band_churned").fill_null(0),
            base_exposed=pl.lit(before.height, dtype=pl.Int64),
            base_churned=pl.lit(before["churned"].sum(), dtype=pl.Int64),
        )
        .select(churn_risk(churn).cast(pl.Float64))
        .to_series()
        .to_numpy()
    )


def _leavers() -> pl.Expr:
    return pl.col("churned").sum().cast(pl.Int64)


def _tenure_bands(tenure: pl.Series, edges: tuple[int, ...]) -> pl.Series:
    names = [f"{low}-{high}" for low, high in pairwise(edges)] + [f"{edges[-1]}+"]
    position = np.searchsorted(np.asarray(edges), tenure.cast(pl.Float64).fill_null(0).to_numpy(), side="right") - 1
    return pl.Series(_BAND, [names[max(at, 0)] for at in position], dtype=pl.String)


def _horizon(night: Night) -> str:
    churn = night.policy.churn
    gap, days = int(churn.gap_days.value), int(churn.horizon_days.value)
    return f"in the {days} days after a gap of {gap}" if gap else f"within {days} days"


def _keep(
    night: Night, key: str, card: Card, fitted: Fitted, examples: pl.DataFrame, *, wins: bool, gain: float, hook: Hook
) -> ModelManifest:
    content = write_model(fitted.model)
    everybody = card.everybody
    named = ("auc", "pr_auc", "top_decile_lift", "brier", "log_loss", "empc")
    manifest = ModelManifest(
        version=card.version,
        as_of_date=card.as_of_date,
        key=key,
        sha256=hashlib.sha256(content).hexdigest(),
        chosen=fitted.chosen,
        examples=card.examples,
        churned=card.churned,
        figures={**{name: getattr(everybody, name).value for name in named}, "ece": everybody.ece, "gain": gain},
        champion=wins,
        verdict=card.verdict,
        accepted_leaks={leak.feature: card.accepted[leak.feature] for leak in card.leaks},
        reference=_reference(examples, fitted).content(),
    )
    add_version(night.home, content, manifest, card.files(), hook)
    if wins:
        promote(night.home, manifest, hook)
    return manifest


def _reference(examples: pl.DataFrame, fitted: Fitted) -> Drift:
    """Features and risks of the latest dates that examples are of: what a night is compared with."""
    dates = held_out_dates(examples["origin_date"].unique().to_list())
    latest = examples.filter(pl.col("origin_date").is_in(dates))
    columns = latest.select(*CHURN_FEATURES, fitted.model.predict(latest)["churn_risk"])
    return Drift.reference(columns, latest["origin_date"])


def _require_features(accepted: Mapping[str, str]) -> None:
    for name in accepted:
        if name not in (*CHURN_FEATURES, MODEL):
            near = get_close_matches(name, [*CHURN_FEATURES, MODEL], n=1)
            meant = f"did you mean {near[0]}?" if near else "the card of a model lists them"
            raise PolicyError(f"churn.model.accepted_leaks: no feature is called {name}: {meant}")


def _stop_at(leaks: list[Leak], accepted: dict[str, str]) -> None:
    if stopped := not_accepted(leaks, accepted):
        raise LeakError(
            "training stopped, nothing was kept:\n"
            + "\n".join(f"- {leak}" for leak in stopped)
            + "\nLook where the feature comes from. If it was known beforehand after all, write it with your reason "
            "into the policy: churn.model.accepted_leaks: [{feature: NAME, reason: …, date: …}]"
        )
