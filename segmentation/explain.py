"""Why a customer's row says what it says: reason codes, their meaning, and the expression that joins them.
What would lift the customer and what changed belongs in outlook.py. A code never carries an identifier of a person."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import polars as pl

from segmentation.lifecycle import growth_causes, warning_causes
from segmentation.measures import arpu_partial, has_prepaid_spend
from segmentation.policy import Policy
from segmentation.tiers import eligible
from segmentation.value import Steps, points_code

REASONS: Mapping[str, str] = {
    "arpu_points": "points (after =) that ARPU earned",
    "no_closed_month": "ARPU is unknown: no closed month of bills or usage yet; the policy's no_history_points count",
    "arpu_partial": "a part of the spend has no closed month loaded and counts as nothing",
    "never_billed": "postpaid, on the network for closed months, and no bill in the window: ARPU of that part is 0",
    "zero_bill": "bills in the window add up to 0",
    "negative_arpu": "refunds exceed charges in the window; lowest points",
    "prepaid_arpu": "ARPU holds prepaid consumption (usage and fees, not recharges)",
    "spend_points": "points (after =) that the window's spend earned",
    "tenure_points": "points (after =) that tenure earned",
    "credit_points": "points (after =) that credit earned",
    "mou_points": "points (after =) that minutes of use earned",
    "credit_operator": "credit is the operator's own score",
    "credit_payments": "credit is computed from payment behaviour",
    "credit_neutral": "no bill was due: credit is the policy's neutral score",
    "credit_other_pays": "somebody else pays the account: credit is the policy's neutral score",
    "not_eligible": "not rated: tenure or identification does not fulfil the policy's eligibility",
    "arrears_limit": "stops for arrears limit the next rating",
    "tier_held": "the score alone would give a worse tier; it is held by the policy's margin, months, stay or validity",
    "tier_waits": "the score alone would give a better tier; the policy promotes when the rating ends",
    "provisional": "a high spender who came from a competitor: raised while new",
    "red_list": "on the red list",
    "black_list": "on the black list",
    "vip": "on the VIP list",
    "override": "an operator decided the tier of this customer",
    "raised_by_list": "a list made the tier better than the value tier",
    "lowered_by_list": "a list made the tier worse than the value tier",
    "warn_suspended": "stage warning: no line is active, all are suspended",
    "warn_inactive": "stage warning: no activity for the policy's number of days",
    "warn_overdue": "stage warning: the overdue amount exceeds the policy's multiple of the mean amount due",
    "warn_arrears": "stage warning: so many stops for arrears in 12 months",
    "warn_complaints": "stage warning: so many complaints in 90 days",
    "warn_spend_falls": "stage warning: the latest closed month's spend is well below the window's mean",
    "warn_usage_falls": "stage warning: calls and data of the latest month are well below the window's mean",
    "warn_churn": "stage warning: churn risk in the top band",
    "warn_contract": "stage warning: a contract ends within the policy's number of days",
    "spend_grows": "the latest closed month's spend is well above the window's mean",
    "usage_grows": "the latest month's calls or data are well above the window's mean",
    "no_churn_history": "nobody's churn has been observed yet: the risk rests on the policy's prior_rate",
    "several_lines": "more than one line in service, valued together",
    "other_pays": "somebody else pays for this customer: a company, a parent",
    "ported_in": "came with a number from another operator",
    "switched": "says to have left another operator for us, with a new number",
}


def reasons(policy: Policy, steps: Steps, as_of_date: dt.date) -> pl.Expr:
    """The codes that apply, joined by ';' in the order of REASONS. Needs the scored columns beside the features.

    Warning causes are all listed, not only the first, since each calls for another action.
    """
    flags = {**_facts(policy), **warning_causes(policy, as_of_date)}
    parts = []
    for code in REASONS:
        measure = code.removesuffix("_points")
        if measure in policy.value.dimensions:
            parts.append(points_code(policy, steps, measure))
        elif code in flags:
            parts.append(pl.when(flags[code]).then(pl.lit(code)))
    return pl.concat_str(parts, separator=";", ignore_nulls=True)


def _facts(policy: Policy) -> dict[str, pl.Expr]:
    arpu, source = pl.col("arpu_amount"), pl.col("credit_source")
    by_list = pl.col("tier_ground").is_in(["red_list", "black_list", "vip"])
    nothing_billed = pl.col("has_postpaid_line") & (pl.col("billed_months") > 0) & (pl.col("billed_amount") == 0)
    return {
        "no_closed_month": arpu.is_null(),
        "arpu_partial": arpu.is_not_null() & arpu_partial(),
        "never_billed": nothing_billed & (pl.col("bills_in_window") == 0),
        "zero_bill": nothing_billed & (pl.col("bills_in_window") > 0),
        "negative_arpu": arpu < 0,
        "prepaid_arpu": arpu.is_not_null() & has_prepaid_spend(),
        **{f"credit_{name}": source == name for name in ("operator", "payments", "neutral", "other_pays")},
        "not_eligible": ~eligible(policy),
        "arrears_limit": pl.any_horizontal(
            pl.lit(value=False), *(pl.col("arrears_stops") >= limit.arrears_stops for limit in policy.limits)
        ),
        "tier_held": pl.col("value_flag") < pl.col("score_flag"),
        "tier_waits": pl.col("value_flag") > pl.col("score_flag"),
        "provisional": pl.col("provisional_until").is_not_null(),
        "red_list": pl.col("service_list") == "red",
        "black_list": pl.col("service_list") == "black",
        "vip": pl.col("is_vip"),
        "override": pl.col("tier_ground") == "override",
        "raised_by_list": by_list & (pl.col("tier_flag") < pl.col("value_flag")),
        "lowered_by_list": by_list & (pl.col("tier_flag") > pl.col("value_flag")),
        **growth_causes(policy),
        "no_churn_history": pl.col("base_exposed") == 0,
        "several_lines": pl.col("lines_in_service") > 1,
        "other_pays": ~pl.col("pays_own_account"),
        "ported_in": pl.col("ported_in_from").is_not_null(),
        "switched": pl.col("previous_operator").is_not_null(),
    }


def meaning(reason: str) -> str:
    """What a code from a `reasons` column means, its points included or not. Raises KeyError for an unknown code."""
    return REASONS[reason.split("=", 1)[0]]


def reason_table_markdown() -> str:
    """The table of codes as Markdown, for generated documentation."""
    rows = [f"| `{code}{'=N' if code.endswith('_points') else ''}` | {text} |" for code, text in REASONS.items()]
    return "\n".join(["| code | meaning |", "|---|---|", *rows]) + "\n"
