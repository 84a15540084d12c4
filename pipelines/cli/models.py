"""train and models: the churn model from the command line.

Belongs here: the commands and what they print. Does not: training (pipelines/training).
"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from pipelines.cli import options as opt
from pipelines.cli.console import Exit, StepBar, fail, out, plain_table, told_errors

_SHOWN = (("auc", "AUC", 3), ("top_decile_lift", "lift", 2), ("ece", "ECE", 4))


def train(
    as_of: Annotated[
        str, typer.Option("--as-of", metavar="DAY", help="Train on what was known at the end of this day.")
    ],
    home: opt.HomeOption = opt.DEFAULT,
    policy: opt.PolicyOption = None,
    set_: opt.SetOption = None,
) -> None:
    """Fit a churn model on past nights; it scores coming nights where it wins.

    Examples are customers as past nights saw them, with who left after the gap.
    What the model is judged on is later than what it was fitted on. Training
    reads beside the nights; where one begins meanwhile, it steps aside.

    [bold]Examples[/]

        tierline train --as-of 2024-06-30

        tierline train --as-of 2024-06-30 --home /srv/tierline --policy my_policy.yaml
    """
    day = opt.day(as_of, "--as-of")
    with told_errors():
        from pipelines.runs import run_training
        from pipelines.training.card import CARD
        from pipelines.training.registry import FOLDER
        from pipelines.training.train import STEPS

        with StepBar(f"training {day}", len(STEPS)) as bar:
            result = run_training(home, day, opt.settings_options(policy, set_), bar)
        for failure in result.failures:
            fail(Exit.BUSY if failure.kind == "busy" else Exit.FAILED, failure.message)
        colour = {"champion": "green", "lost": "yellow"}.get(result.outcome or "", "cyan")
        out.print(f"[{colour}]{escape(result.verdict or '')}[/]", soft_wrap=True)
        if result.outcome == "too_little_history":
            out.print("Nights go on with the rate of each customer's band.")
        if result.version is not None:
            out.print(f"Its card: {escape(str(home / FOLDER / result.version / CARD))}", soft_wrap=True)
            out.print("All models: tierline models")


def models(home: opt.HomeOption = opt.DEFAULT) -> None:
    """List the churn models, how good each was on later data, and the champion.

    [bold]Examples[/]

        tierline models

        tierline models --home /srv/tierline
    """
    with told_errors():
        from datetime import date

        from pipelines.training.card import CARD
        from pipelines.training.registry import FOLDER, champions, manifests, model_for

        kept = manifests(home)
        if not kept:
            out.print("No churn model yet: risk is the rate of each customer's band. `tierline train` fits one.")
            return
        choice = model_for(home, date.max)
        since = {champion.version for champion in champions(home)}
        table = plain_table("version", "", *(title for _, title, _ in _SHOWN), "rows", "left", gap=1)
        for manifest in kept:
            state = "was" if manifest.version in since else ""
            if manifest.version == choice.version:
                state = "[green]champion[/]"
            if manifest.version in choice.refused:
                state = "[red]unusable[/]"
            figures = [f"{manifest.figures.get(name, float('nan')):.{digits}f}" for name, _, digits in _SHOWN]
            table.add_row(manifest.version, state, *figures, f"{manifest.examples:,}", f"{manifest.churned:,}")
        out.print(table)
        for version, fault in choice.refused.items():
            out.print(f"[red]{escape(version)} can't be used:[/] {escape(fault)}", soft_wrap=True)
        out.print(f"Cards: {escape(str(home / FOLDER))}/VERSION/{CARD}", soft_wrap=True)
