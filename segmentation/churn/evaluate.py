"""How good a churn model was on examples that nothing was fitted on: figures with their intervals.
Fitting belongs in fit.py, what is written about the figures in card.py."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
TOP_SHARE = 0.1
BINS = 10
RESAMPLES = 200
MIN_EACH = 10
"""Fewer churners, or fewer who stayed, than these say nothing of a group."""
_CERTAIN = 1e-6
_THRESHOLDS = 2000


@dataclass(frozen=True)
class Costs:
    """What retention costs and brings, in the operator's currency; `accept_alpha`, `accept_beta`: Beta distribution of
    the share of would-be churners who accept the offer and stay.

    Defaults: Verbraken, Verbeke and Baesens, IEEE TKDE 25(5), 2013.
    """

    customer_value: float = 200.0
    offer: float = 10.0
    contact: float = 1.0
    accept_alpha: float = 6.0
    accept_beta: float = 14.0


@dataclass(frozen=True)
class Figure:
    """A figure and its 95 % interval, from resampling the examples."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Bin:
    """A tenth of the examples by risk, lowest first: how many, their mean risk, the share of them that churned."""

    examples: int
    mean_risk: float
    churned_share: float


@dataclass(frozen=True)
class Evaluation:
    """Discrimination, calibration and profit of risks on examples with known outcome.

    auc: area under the ROC curve. pr_auc: average precision. top_decile_lift: churn rate among the tenth with the
    highest risk / everybody's. brier: mean squared error. log_loss: natural logarithm. ece: mean over `reliability` of
    |mean risk - churned share|, weighted by examples. empc: expected maximum profit a customer, in the currency of
    Costs; empc_share: the share of customers to contact for it.
    """

    examples: int
    churned: int
    auc: Figure
    pr_auc: Figure
    top_decile_lift: Figure
    brier: Figure
    log_loss: Figure
    ece: float
    empc: Figure
    empc_share: float
    reliability: tuple[Bin, ...]
    gains: tuple[tuple[float, float], ...]
    """(share contacted by falling risk, share of churners among them), at every twentieth."""


def evaluate(
    risk: Floats,
    churned: npt.NDArray[np.bool_],
    costs: Costs,
    *,
    groups: npt.NDArray[np.int64] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Evaluation | None:
    """Figures of `risk` (0-1, one an example) against `churned`; None with fewer than MIN_EACH of either outcome.

    Intervals are percentiles of a Poisson bootstrap over the examples, or over `groups` (a customer seen on several
    dates is drawn whole): the same seed gives the same interval. Where one risk is shared by many, each figure is the
    expectation over their orders.
    """
    risk = np.asarray(risk, dtype=np.float64)
    left = np.asarray(churned, dtype=bool)
    if min(int(left.sum()), int((~left).sum())) < MIN_EACH:
        return None
    levels = _Levels.of(risk, left)
    ones = np.ones(len(risk))
    whole = levels.figures(ones, costs)
    rng = np.random.default_rng(seed)
    member = np.arange(len(risk)) if groups is None else np.unique(groups, return_inverse=True)[1]
    count = int(member.max()) + 1
    drawn = np.array([levels.figures(rng.poisson(1.0, count)[member].astype(float), costs) for _ in range(resamples)])
    low, high = np.nanpercentile(drawn, [2.5, 97.5], axis=0) if resamples else (whole, whole)
    auc, pr_auc, lift, brier, log_loss, empc = (
        Figure(float(v), float(a), float(b)) for v, a, b in zip(whole, low, high, strict=True)
    )
    reliability = reliability_bins(risk, left)
    pos, neg = levels.sums(ones)
    return Evaluation(
        examples=len(risk),
        churned=int(left.sum()),
        auc=auc,
        pr_auc=pr_auc,
        top_decile_lift=lift,
        brier=brier,
        log_loss=log_loss,
        ece=expected_calibration_error(reliability),
        empc=empc,
        empc_share=expected_profit(pos, neg, costs)[1],
        reliability=reliability,
        gains=tuple((i / 20, _churners_in_top(pos, neg, i / 20)) for i in range(21)),
    )


def reliability_bins(risk: Floats, churned: npt.NDArray[np.bool_], bins: int = BINS) -> tuple[Bin, ...]:
    """The examples cut by rising risk into `bins` of (nearly) one size; examples with one risk may fall into two."""
    order = np.argsort(risk, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return tuple(Bin(len(part), float(risk[part].mean()), float(churned[part].mean())) for part in parts)


def expected_calibration_error(bins: tuple[Bin, ...]) -> float:
    """Mean distance between risk and rate over the bins, weighted by their examples."""
    total = sum(b.examples for b in bins)
    return float(sum(b.examples * abs(b.mean_risk - b.churned_share) for b in bins) / total)


def relative_gain(challenger: Floats, champion: Floats, churned: npt.NDArray[np.bool_]) -> float:
    """By which share the challenger's log loss lies below the champion's on the same examples; negative: above.

    Log loss is a proper score: ranking and calibration both count, and no figure can be bought with the other.
    """
    theirs = float(_log_losses(champion, churned).mean())
    return (theirs - float(_log_losses(challenger, churned).mean())) / theirs


def expected_profit(churners: Floats, others: Floats, costs: Costs) -> tuple[float, float]:
    """EMPC and the share of customers to contact for it, from counts by falling risk.

    `churners`, `others`: how many of each have the highest risk, the next one, and so on. Verbraken et al. 2013,
    equations 14-17: profit of contacting down to a threshold, maximised for each acceptance rate, averaged over its
    Beta distribution. Only thresholds on the convex hull of the ROC curve are ever the best. Of more than 2,000
    thresholds so many are tried, evenly spread.
    """
    # Every policy names Costs; only an evaluation needs scipy, which takes a while to import.
    from scipy.special import betainc  # noqa: PLC0415

    if len(churners) > _THRESHOLDS:
        starts = np.linspace(0, len(churners), _THRESHOLDS, endpoint=False).astype(np.intp)
        churners, others = np.add.reduceat(churners, starts), np.add.reduceat(others, starts)
    total = churners.sum() + others.sum()
    prior_left, prior_stayed = churners.sum() / total, others.sum() / total
    left, stayed = _hull(_rising_shares(churners), _rising_shares(others))
    offer, contact = costs.offer / costs.customer_value, costs.contact / costs.customer_value
    gained = prior_left * (1 - offer) * np.diff(left)
    paid = prior_left * contact * np.diff(left) + prior_stayed * (offer + contact) * np.diff(stayed)
    with np.errstate(divide="ignore", invalid="ignore"):
        turning = np.where(gained > 0, paid / gained, np.inf)
    bounds = np.concatenate([[0.0], np.minimum(np.maximum.accumulate(turning), 1.0), [1.0]])
    a, b = costs.accept_alpha, costs.accept_beta
    weight = np.diff(betainc(a, b, bounds))
    mean = a / (a + b) * np.diff(betainc(a + 1, b, bounds))
    won = costs.customer_value * prior_left * (1 - offer) * left
    spent = costs.customer_value * (prior_left * contact * left + prior_stayed * (offer + contact) * stayed)
    share = float(((prior_left * left + prior_stayed * stayed) * weight).sum())
    return float((won * mean - spent * weight).sum()), share


@dataclass(frozen=True)
class _Levels:
    """The examples grouped by equal risk, the highest first, so that a resample needs no sorting."""

    level: npt.NDArray[np.intp]
    count: int
    left: npt.NDArray[np.bool_]
    squared: Floats
    losses: Floats

    @classmethod
    def of(cls, risk: Floats, left: npt.NDArray[np.bool_]) -> _Levels:
        values, level = np.unique(-risk, return_inverse=True)
        return cls(level, len(values), left, (risk - left) ** 2, _log_losses(risk, left))

    def sums(self, weights: Floats) -> tuple[Floats, Floats]:
        """Weight of churners and of others in each group."""
        churners = np.bincount(self.level, weights=weights * self.left, minlength=self.count)
        everybody = np.bincount(self.level, weights=weights, minlength=self.count)
        return np.asarray(churners, dtype=np.float64), np.asarray(everybody - churners, dtype=np.float64)

    def figures(self, weights: Floats, costs: Costs) -> Floats:
        pos, neg = self.sums(weights)
        if pos.sum() <= 0 or neg.sum() <= 0:
            return np.full(6, np.nan)
        above = np.cumsum(pos) - pos
        auc = float((neg * (above + pos / 2)).sum() / (pos.sum() * neg.sum()))
        seen = np.cumsum(pos + neg)
        precision = np.divide(np.cumsum(pos), seen, out=np.zeros_like(seen), where=seen > 0)
        pr_auc = float((precision * pos).sum() / pos.sum())
        total = weights.sum()
        return np.array(
            [
                auc,
                pr_auc,
                _churners_in_top(pos, neg, TOP_SHARE) / TOP_SHARE,
                float((weights * self.squared).sum() / total),
                float((weights * self.losses).sum() / total),
                expected_profit(pos, neg, costs)[0],
            ]
        )


def _churners_in_top(pos: Floats, neg: Floats, share: float) -> float:
    size = np.concatenate([[0.0], np.cumsum(pos + neg)])
    found = np.concatenate([[0.0], np.cumsum(pos)])
    return float(np.interp(share * size[-1], size, found) / found[-1])


def _log_losses(risk: Floats, left: npt.NDArray[np.bool_]) -> Floats:
    # A published risk of exactly 0 or 1 is rounded: it stands for at most half a millionth.
    certain = np.clip(risk, _CERTAIN, 1 - _CERTAIN)
    return np.asarray(-np.where(left, np.log(certain), np.log1p(-certain)))


def _rising_shares(counts: Floats) -> Floats:
    return np.asarray(np.concatenate([[0.0], np.cumsum(counts) / counts.sum()]), dtype=np.float64)


def _hull(left: Floats, stayed: Floats) -> tuple[Floats, Floats]:
    """Corners of the upper convex hull of the ROC curve (x: those who stayed, y: churners)."""
    kept: list[int] = []
    for i in range(len(left)):
        while len(kept) > 1:
            a, b = kept[-2], kept[-1]
            turn = (stayed[b] - stayed[a]) * (left[i] - left[a]) - (left[b] - left[a]) * (stayed[i] - stayed[a])
            if turn < 0:
                break
            kept.pop()
        kept.append(i)
    corners = np.array(kept, dtype=np.intp)
    return left[corners], stayed[corners]
