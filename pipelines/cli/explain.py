"""explain: one customer's tier for a person, from the extract rows and the policy's lines to the tier.

Belongs here: the command and its page on the terminal. Does not: finding anything out (pipelines/explanation).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from pipelines.cli import options as opt
from pipelines.cli.console import Exit, StepBar, fail, out, plain_table, told_errors

if TYPE_CHECKING:  # what needs DuckDB and Polars is imported by the command itself
    from pipelines.explanation import Explanation

_UNITS = {"tenure": "months", "credit": "of 100", "mou": "minutes"}
_NUMBERS = ("amount", "amount due", "overdue amount", "days past due", "points", "× weight", "= part", "line")
_NAMES = {"arpu": "ARPU", "spend": "spend", "tenure": "tenure", "credit": "credit", "mou": "minutes of use"}


def explain(
    customer_id: Annotated[str, typer.Argument(metavar="CUSTOMER_ID", help="The customer, as the extracts name it.")],
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="DAY", help="The night. Default: the published version's.")
    ] = None,
    home: opt.HomeOption = opt.DEFAULT,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for scripts.")] = False,
    set_: opt.SetOption = None,
) -> None:
    """Explain one customer's tier: the extract rows, the policy's lines, and how the score adds up.

    Every number is added up again on the way; where one differs from what was scored, it
    says so and leaves with 1. A night other than the last is built again beside the
    warehouse, under the policy and history of then. Leaves with 5 for nobody known.

    [bold]Examples[/]

        tierline explain C10000023

        tierline explain C10000023 --as-of 2024-05-31
    """
    from pipelines.explanation import UnknownCustomerError
    from pipelines.explanation import explain as explained

    day = opt.day(as_of, "--as-of") if as_of is not None else None
    with told_errors():
        try:
            with StepBar("explain") as bar:
                given = opt.settings_options(None, set_)
                found = explained(home, customer_id, day, given, lambda n, all_: bar.step("tables", n, all_))
        except UnknownCustomerError as error:
            fail(Exit.NOT_FOUND, str(error))
    if as_json:
        typer.echo(json.dumps(_content(found), default=str, ensure_ascii=False))
    else:
        _show(found)
    if not (found.adds_up and found.spend_adds_up):
        fail(Exit.FAILED, "the numbers do not add up to what was scored: keep the home folder and report it")


def _content(found: Explanation) -> dict[str, Any]:
    parts = [
        {
            "measure": part.measure,
            "value": part.value,
            "rule": part.rule,
            "points": float(part.points),
            "weight": part.weight,
            "part": part.part,
            "policy_line": part.line,
        }
        for part in found.parts
    ]
    return {
        **found.row,
        "version": found.published,
        "policy_text": found.text.origin,
        "parts": parts,
        "adds_up": found.adds_up and found.spend_adds_up,
        "evidence": dict(found.evidence.rows),
    }


def _show(found: Explanation) -> None:
    row = found.row
    version = f"version {found.published}" if found.published is not None else "not published"
    out.print(
        f"[bold]{escape(row['customer_id'])}[/] is [bold]{row['tier']}[/] (flag {row['tier_flag']}) since "
        f"{row['tier_since']}, as of {row['as_of_date']}: {_cause(row['tier_cause'])}.",
        soft_wrap=True,
    )
    out.print(f"{version}, policy {escape(row['policy_version'])} ({escape(found.text.origin)})\n", soft_wrap=True)
    _print("The score", _score_table(found))
    for number, step in enumerate(_ladder(found), start=1):
        out.print(f"  {number}. {escape(step)}", soft_wrap=True)
    out.print()
    _lines("Why", _meanings(row["reasons"]))
    _lines("What alone would bring the next tier", _lifts(row["lifted_by"]))
    _lines("Changed since the end of last month", row["changes"].split(";") if row["changes"] else [])
    _lines("For the hotline", _hotline(found))
    _extracts(found)


def _score_table(found: Explanation) -> Table:
    table = _table("measure", "value", "policy says", "points", "× weight", "= part", "line")
    for part in found.parts:
        value = "not known" if part.value is None else f"{part.value} {_UNITS.get(part.measure, '')}".rstrip()
        weight = "" if part.weight is None else f"{part.weight.normalize():f}"
        line = "default" if part.line is None else str(part.line)
        table.add_row(_NAMES[part.measure], value, part.rule, _number(part.points), weight, str(part.part), line)
    mark = "[green]adds up[/]" if found.adds_up else "[bold red]does not add up[/]"
    table.add_row("[bold]score[/]", "", mark, "", "", f"[bold]{found.row['value_score']}[/]", "")
    return table


def _ladder(found: Explanation) -> Iterator[str]:
    """From the score to the tier, a sentence a step that does something."""
    row, policy = found.row, found.policy
    reached = next(tier for tier in policy.tiers if row["value_score"] >= tier.min_score)
    yield f"{reached.name} begins at {reached.min_score.normalize():f}: the score alone reaches it"
    if row["score_tier"] != reached.name:
        why = "not eligible" if "not_eligible" in row["reasons"] else "a limit for arrears"
        yield f"{why}: {row['score_tier']}"
    if row["value_tier"] != row["score_tier"]:
        held = f"; {_until_lost(found)}" if row["score_tier"] != row["value_tier"] else ""
        until = f"; rated until {row['rated_until']}" if row["rated_until"] else ""
        stay = f"; kept until {row['stay_until']} after the promotion" if row["stay_until"] else ""
        yield f"held by the policy's moves: {row['value_tier']}{held}{until}{stay}"
    if row["tier"] != row["value_tier"]:
        yield f"{row['tier_ground'].replace('_', ' ')}: {row['tier']}"
    stage = f"lifecycle stage {row['lifecycle_stage']} since {row['stage_since']}: {_stage_cause(row['stage_cause'])}"
    waiting = f"; {row['next_stage']} if it settles, since {row['next_stage_since']}" if row["next_stage"] else ""
    yield stage + waiting
    yield f"churn risk {row['churn_risk']} ({row['churn_risk_band']}){_risk_from(row)}"
    if row["lifetime_value_amount"] is not None:
        within, at_risk = policy.lifetime.horizon_months.value, row["value_at_risk_amount"]
        yield f"lifetime value {row['lifetime_value_amount']} within {within} months, of which {at_risk} is at risk"


def _risk_from(row: Mapping[str, Any]) -> str:
    from segmentation.churn.band_rate import MODEL_VERSION as BAND_RATE
    from segmentation.churn.features import DRIVERS

    if row["model_version"] == BAND_RATE:
        return ", a rate of the band, not of the person"
    drivers = [DRIVERS.get(code, code) for code in row["churn_drivers"].split(";") if code]
    return f" by {row['model_version']}" + (f": {'; '.join(drivers)}" if drivers else "")


def _until_lost(found: Explanation) -> str:
    """How far the tier held is from being lost."""
    row, policy, rules = found.row, found.policy, found.policy.moves.demotion
    held = next(tier for tier in policy.tiers if tier.name == row["value_tier"])
    below = (held.min_score - rules.margin.value).normalize()
    months = f"{row['below_months']} of {rules.months} closed months below so far"
    return f"lost at a score below {below:f} ({held.min_score.normalize():f} less the margin): {months}"


def _hotline(found: Explanation) -> Iterator[str]:
    row = found.row
    if row["retention_play"]:
        yield f"play: {row['retention_play']}"
    for hint in found.policy.hints:
        if hint.name in row["usage_hints"].split(";"):
            yield f"mention: {hint.plan} ({hint.name})"
    if row["account_manager_id"]:
        yield f"account manager: {row['account_manager_id']}"


def _extracts(found: Explanation) -> None:
    evidence, features = found.evidence, found.features
    _rows(
        "Lines",
        evidence["lines"],
        ("subscription_id", "brand", "payment_type", "status", "activation_date", "file_name"),
    )
    if evidence["bills"]:
        total = evidence.total("bills")
        _rows(
            f"Bills of the window: {total} over {features['billed_months']} closed months",
            evidence["bills"],
            ("billing_period", "bill_id", "bill_type", "amount", "file_name"),
        )
    if evidence["usage"]:
        title = f"Prepaid usage of the window: {evidence.total('usage')} over {features['usage_months']} closed months"
        _rows(title, evidence["usage"], ("billing_period", "subscription_id", "amount"))
    due = features["bills_due"]
    _rows(
        f"Payment behaviour: {features['bills_paid_on_time']} of {due} on time, {features['days_past_due']} days late, "
        f"{features['overdue_amount']} overdue, {features['arrears_stops']} stops",
        evidence["payments"],
        ("billing_period", "payment_due_date", "amount_due", "settled_date", "days_past_due", "overdue_amount"),
    )
    _rows("Lists", evidence["lists"], ("list", "reason", "valid_from", "valid_to", "file_name"))
    _rows("Overrides", evidence["overrides"], ("tier", "reason", "approved_by", "valid_from", "valid_to", "file_name"))
    _rows("History", evidence["history"], ("valid_from", "tier", "tier_cause", "lifecycle_stage"))


def _rows(title: str, rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> None:
    if not rows:
        return
    table = _table(*columns)
    for row in rows:
        table.add_row(*("" if row[name] is None else escape(_short(str(row[name]))) for name in columns))
    _print(title, table)


def _short(text: str) -> str:
    return text.rpartition("/")[2]


def _lines(title: str, lines: Iterator[str] | Sequence[str]) -> None:
    found = list(lines)
    if found:
        out.print(f"[bold]{title}[/]")
        for line in found:
            out.print(f"  {escape(line)}", soft_wrap=True)
        out.print()


def _meanings(reasons: str) -> list[str]:
    from segmentation.explain import meaning

    return [f"{code}: {meaning(code)}" for code in reasons.split(";") if code]


def _lifts(codes: str) -> list[str]:
    from segmentation.outlook import LIFTS

    return [f"{code}: {LIFTS[code.replace('<', '=').partition('=')[0]]}" for code in codes.split(";") if code]


def _cause(code: str) -> str:
    from segmentation.moves import CAUSES

    return CAUSES[code]


def _stage_cause(code: str) -> str:
    from segmentation.explain import REASONS
    from segmentation.lifecycle import STAGE_CAUSES

    said = STAGE_CAUSES.get(code) or REASONS[code]
    return said.partition(": ")[2] or said


def _number(points: Fraction) -> str:
    return f"{Decimal(points.numerator) / Decimal(points.denominator):.4f}".rstrip("0").rstrip(".")


def _table(*columns: str) -> Table:
    named = [name.replace("_", " ") for name in columns]
    return plain_table(*named, right=_NUMBERS)


def _print(title: str, table: Table) -> None:
    out.print(f"[bold]{escape(title)}[/]", soft_wrap=True)
    out.print(table, "")
