"""The model card: what a version was fitted on, how good it was on later data, for whom it is worse, in Markdown.

Belongs here: wording and tables. Does not: figures (segmentation/churn/evaluate.py), drawing (pictures.py).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipelines.training.pictures import gains_picture, reliability_picture
from segmentation.churn.evaluate import Evaluation, Figure
from segmentation.churn.leaks import Leak

CARD = "card.md"
_COLUMNS = ("examples", "left", "AUC", "PR-AUC", "lift of the top tenth", "Brier", "calibration error", "EMPC")


@dataclass(frozen=True)
class Card:
    """What a card tells. `groups`: dimension -> group -> figures, None for a group too small to judge; `audits` alike,
    by what must not be used: gender, age band, region. `candidates`: one row a candidate, with its columns' names.
    """

    version: str
    as_of_date: str
    verdict: str
    policy: str
    horizon: str
    origins: Sequence[str]
    examples: int
    churned: int
    chosen: Mapping[str, str]
    divided: Mapping[str, str]
    candidates: Sequence[Mapping[str, object]]
    features: Sequence[str]
    ignored: Sequence[str]
    leaks: Sequence[Leak]
    accepted: Mapping[str, str]
    everybody: Evaluation
    active: Evaluation | None
    groups: Mapping[str, Mapping[str, Evaluation | None]]
    audits: Mapping[str, Mapping[str, Evaluation | None]]
    currency: str

    def pictures(self) -> dict[str, str]:
        """File name -> SVG."""
        return {
            "reliability.svg": reliability_picture("Predicted and seen", self.everybody.reliability),
            "gains.svg": gains_picture("Churners found by contacting the riskiest first", self.everybody.gains),
        }

    def files(self) -> dict[str, bytes]:
        """The card and its pictures, to lie in one folder."""
        return {CARD: self.markdown().encode()} | {name: svg.encode() for name, svg in self.pictures().items()}

    def inline(self) -> str:
        """The card with its pictures inside, for the web UI."""
        text = self.markdown()
        for name, svg in self.pictures().items():
            text = text.replace(f"({name})", f"(data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})")
        return text

    def markdown(self) -> str:
        """The card; pictures are files beside it."""
        whole = {"everybody": {"all customers": self.everybody, "active customers": self.active}}
        return "\n".join(
            [
                f"# Churn model {self.version}",
                "",
                f"**{self.verdict}**",
                "",
                f"Trained with what was known on {self.as_of_date}, under policy {self.policy}. It gives the "
                f"probability of leaving {self.horizon}.",
                "",
                "## On data that it was not fitted on",
                "",
                *_table("", whole["everybody"]),
                "",
                f"In brackets: 95 % intervals. EMPC: expected maximum profit of a campaign, {self.currency} a customer "
                f"(contacting {self.everybody.empc_share:.1%}), with the policy's costs. Active: with a line in "
                "service that is not suspended and a sign of life in the last 30 days.",
                "",
                "![predicted against seen](reliability.svg)",
                "",
                "![churners found](gains.svg)",
                "",
                *self._by_group(self.groups),
                "## Audit",
                "",
                "These are no features. The figures show whether the model serves groups alike; `-` stands for fewer "
                "than 10 who left, or 10 who stayed.",
                "",
                *self._by_group(self.audits),
                "## How it came about",
                "",
                f"- {self.examples:,} examples, {self.churned:,} of whom left, seen on {len(self.origins)} dates: "
                f"{', '.join(self.origins)}.",
                *(f"- {part}: {divided}." for part, divided in self.divided.items()),
                *(f"- Chosen for {part}: {chosen}." for part, chosen in self.chosen.items()),
                *(f"- Ignored: {message}." for message in self.ignored),
                "",
                *_rows(self.candidates),
                "",
                "## Leak alarm",
                "",
                *(
                    [f"- {leak}. Accepted: {self.accepted[leak.feature]}" for leak in self.leaks]
                    or ["Nothing was too good to be true."]
                ),
                "",
                "## Features",
                "",
                ", ".join(f"`{name}`" for name in self.features),
                "",
            ]
        )

    def _by_group(self, groups: Mapping[str, Mapping[str, Evaluation | None]]) -> list[str]:
        lines = []
        for dimension, found in groups.items():
            lines += [*_table(dimension, found), ""]
        return lines


def _table(dimension: str, groups: Mapping[str, Evaluation | None]) -> list[str]:
    lines = [f"| {dimension} | {' | '.join(_COLUMNS)} |", f"|---|{'---:|' * len(_COLUMNS)}"]
    for name, of in groups.items():
        if of is None:
            lines.append(f"| {name} | {' | '.join('-' for _ in _COLUMNS)} |")
            continue
        cells = [
            *(f"{of.examples:,}", f"{of.churned:,}", _figure(of.auc), _figure(of.pr_auc)),
            *(_figure(of.top_decile_lift, 2), _figure(of.brier, 4), f"{of.ece:.4f}", _figure(of.empc)),
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def _rows(rows: Sequence[Mapping[str, object]]) -> list[str]:
    if not rows:
        return []
    names = list(rows[0])
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    return lines + [f"| {' | '.join(_cell(row[name]) for name in names)} |" for row in rows]


def _cell(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _figure(figure: Figure, digits: int = 3) -> str:
    return f"{figure.value:.{digits}f} ({figure.low:.{digits}f} to {figure.high:.{digits}f})"
