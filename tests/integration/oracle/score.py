"""Every published row and every row of the analysts' tables, recomputed from a landing folder.

Belongs here: points, parts, tiers, lists, lifecycle, the rows that are compared. Does not: reading what was published.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import yaml

from oracle import billing, churn, churn_features, lifetime
from oracle.contacts import complaints
from oracle.credit import Credit, credit
from oracle.days import closed_window, month_of
from oracle.identity import Identity, Interval
from oracle.read import Row, read_landing
from oracle.usage import Usage, use

DEFAULT_POLICY = Path(__file__).parents[3] / "segmentation" / "policies" / "default.yaml"
ACTIVITY_DAYS = 90
CRM = ("group_id", "region", "language", "gender", "birth_year", "identity_verified", "previous_operator")


@dataclass(frozen=True)
class Expected:
    """What must be published: rows by service key, customers by identifier, usage by line and day; and the features
    of customers that only the judgement or a model of churn reads.
    """

    published: dict[str, Row]
    customers: dict[str, Row]
    usage: Usage
    features: dict[str, Row]
    churn: dict[str, Row]


def plain(value: Any) -> Any:
    """A policy without the grounds of its numbers; numbers with decimals are exact."""
    if isinstance(value, dict):
        grounds = "value" in value and not isinstance(value["value"], dict)
        return plain(value["value"]) if grounds else {k: plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return Decimal(str(value)) if isinstance(value, float) else value


def points(value: Any, steps: list[dict[str, Any]]) -> int:
    return max((step["points"] for step in steps if value >= step["from"]), default=0)


def lists_valid(tables: dict[str, list[Row]], day: date) -> dict[str, dict[str, Row]]:
    """Customer to his valid entries by list, of the latest delivery."""
    latest = max((row["known_at"] for row in tables["service_lists"]), default=None)
    result: dict[str, dict[str, Row]] = {}
    for row in tables["service_lists"]:
        if (
            row["known_at"] == latest
            and row["valid_from"] <= day
            and (row["valid_to"] is None or day < row["valid_to"])
        ):
            result.setdefault(row["customer_id"], {})[row["list"]] = row
    return result


def override_valid(tables: dict[str, list[Row]], day: date) -> dict[str, Row]:
    """Customer to the decision that holds, of the latest delivery; the one that began last."""
    latest = max((row["known_at"] for row in tables["tier_overrides"]), default=None)
    result: dict[str, Row] = {}
    for row in sorted(tables["tier_overrides"], key=lambda r: r["valid_from"]):
        ended = row["valid_to"] is not None and row["valid_to"] <= day
        if row["known_at"] == latest and row["valid_from"] <= day and not ended:
            result[row["customer_id"]] = row
    return result


def tier_served(
    value_tier: str, entries: dict[str, Row], *, provisional: bool, override: str | None, policy: dict[str, Any]
) -> str:
    """Provisional first; lists from the least to the most important, so that the one named first has the last word
    among them; an operator's decision above all."""
    names = [tier["name"] for tier in policy["tiers"]]
    if override in names:
        return override
    level = names.index(value_tier)
    if provisional:
        level = min(level, names.index(policy["provisional"]["tier"]))
    for name in reversed(policy["lists"]["precedence"]):
        if name in entries:
            rule = policy["lists"][name]
            if rule.get("at_least"):
                level = min(level, names.index(rule["at_least"]))
            if rule.get("at_most"):
                level = max(level, names.index(rule["at_most"]))
    return names[level]


def warned(
    lines: list[Interval],
    day: date,
    *,
    usage: Usage,
    paying: Credit,
    last_active: date | None,
    band: str,
    spent: billing.Spend,
    complained: int,
    policy: dict[str, Any],
) -> bool:
    rules = policy["lifecycle"]["warning"]
    several = max(spent.billed_months, spent.usage_months) >= 2
    mean_spend = spent.arpu_amount
    fell = several and mean_spend is not None and mean_spend > 0
    uses = [(spent.latest_month_voice_seconds, spent.voice_seconds), (spent.latest_month_data_bytes, spent.data_bytes)]
    went_quiet = spent.usage_months >= 2 and any(whole for _, whole in uses)
    quiet = (day - (last_active or min(i.row["activation_date"] for i in lines))).days
    recent = sum(day - timedelta(days=ACTIVITY_DAYS) < loaded <= day for loaded in usage.loaded_days)
    contracts = [i.row["contract_end_date"] for i in lines if i.row["contract_end_date"]]
    ends = [end for end in contracts if end >= day]
    mean = Fraction(paying.due_total) / paying.bills_due if paying.bills_due else None
    return (
        all(interval.row["status"] != "active" for interval in lines)
        or (recent >= rules["inactive_days"] and quiet >= rules["inactive_days"])
        or (mean is not None and paying.overdue_amount > Fraction(rules["overdue_ratio"]) * mean)
        or paying.arrears_stops >= rules["arrears_stops"]
        or complained >= rules["complaints"]["count"]
        or (fell and spent.latest_month <= Fraction(rules["spend_ratio"]) * Fraction(mean_spend or 0))
        or (
            went_quiet
            and all(
                latest is not None
                and Fraction(latest) <= Fraction(rules["usage_ratio"]) * Fraction(whole, spent.usage_months)
                for latest, whole in uses
            )
        )
        or band == policy["churn"]["bands"][0]["name"]
        or any((end - day).days <= rules["contract_ends_within_days"] for end in ends)
    )


def stage(is_warned: bool, tenure: int, spent: billing.Spend, policy: dict[str, Any]) -> str:
    rules = policy["lifecycle"]
    if is_warned:
        return "warning"
    if tenure < rules["identification"]["tenure_below_months"]:
        return "identification"
    months = max(spent.billed_months, spent.usage_months)
    ratio = Fraction(rules["growth"]["spend_ratio"])
    mean = spent.arpu_amount
    more = months >= 2 and mean is not None and mean > 0 and spent.latest_month >= ratio * Fraction(mean)
    return "growth" if tenure < rules["growth"]["tenure_below_months"] or more else "stable"


def hinted(spent: billing.Spend, hint: dict[str, Any]) -> bool:
    months = spent.billed_months if hint["measure"].endswith("_amount") else spent.usage_months
    return months > 0 and Fraction(getattr(spent, hint["measure"])) / months >= hint["from"]


def lines_out_of_service(identity: Identity, day: date) -> dict[str, int]:
    found: dict[str, int] = {}
    for line in identity.lines:
        interval = identity.held(line, day)
        if interval is not None and line not in identity.in_service(day):
            found[interval.customer] = found.get(interval.customer, 0) + 1
    return found


def recompute(landing: Path, day: date, policy_file: Path = DEFAULT_POLICY) -> Expected:
    policy = plain(yaml.safe_load(policy_file.read_text(encoding="utf-8")))
    tables = read_landing(landing, day)
    identity = Identity(tables, day)
    usage = use(identity, tables)
    payers = identity.payers()
    window = closed_window(day, policy["arpu"]["window_months"], policy["arpu"]["closing_day"])
    spent = billing.spend(identity, usage, payers, tables["bills"], lambda _customer: window)
    complained = complaints(identity, tables["contacts"], day)
    paying = credit(identity, payers, tables, policy["credit"])
    seen = churn.history(identity, usage, policy["churn"])
    lists, overrides = lists_valid(tables, day), override_valid(tables, day)
    lines = churn.by_customer(identity, day)
    out_of_service = lines_out_of_service(identity, day)

    def customer_row(customer: str) -> Row:
        crm, own = identity.customers.get(customer, {}), spent[customer]
        entries, his = lists.get(customer, {}), lines.get(customer, [])
        counts = next((n for n in policy["lists"]["precedence"] if n in entries and n != "vip"), "none")
        listed, vip, decided = entries.get(counts, {}), entries.get("vip", {}), overrides.get(customer, {})
        recent = {d for d in usage.active_days.get(customer, set()) if day - timedelta(days=ACTIVITY_DAYS) < d <= day}
        row: Row = {
            **{name: crm.get(name) for name in CRM}, "policy_segment": "base", "complaints": complained[customer],
            "list_valid_from": listed.get("valid_from"), "list_valid_to": listed.get("valid_to"),
            "vip_valid_from": vip.get("valid_from"), "vip_valid_to": vip.get("valid_to"),
            "override_tier": decided.get("tier"),
            "override_valid_from": decided.get("valid_from"), "override_valid_to": decided.get("valid_to"),
            "billed_amount": own.billed_amount,
            "prepaid_usage_amount": own.prepaid_usage_amount, "prepaid_fee_amount": own.prepaid_fee_amount,
            "billed_months": own.billed_months, "usage_months": own.usage_months, "lines_in_service": len(his),
            "lines_suspended": sum(i.row["status"] == "suspended" for i in his),
            "lines_ceased": out_of_service.get(customer, 0), "last_activity_date": max(recent, default=None),
        }  # fmt: skip
        if not his:
            return row
        return {
            **row, "arpu_amount": own.arpu_amount, "mou_minutes": own.mou_minutes,
            "service_list": counts,
            "is_vip": "vip" in entries,
            "account_manager_id": entries.get("vip", {}).get("account_manager_id") or crm.get("account_manager_id"),
            **scored(customer, his, entries, row["last_activity_date"]),
        }  # fmt: skip

    def scored(customer: str, his: list[Interval], entries: dict[str, Row], last_active: date | None) -> Row:
        paid, own = paying[customer], spent[customer]
        tenure = churn.tenure_months(his, day)
        value = policy["value"]
        unknown = policy["arpu"]["no_history_points"]
        got = {
            "arpu": unknown if own.arpu is None else points(own.arpu_amount, value["arpu"]["steps"]),
            "tenure": points(tenure, value["tenure"]["steps"]),
            "credit": points(paid.credit, value["credit"]["steps"]),
        }
        parts = {f"{name}_part": value[name]["weight"] * got[name] for name in got}
        total = sum(parts.values(), Decimal(0))
        value_tier = next(tier["name"] for tier in policy["tiers"] if total >= tier["min_score"])
        came = identity.customers.get(customer, {}).get("previous_operator") or any(
            i.row["ported_in_from"] for i in his
        )
        rules = policy["provisional"]
        new = tenure < rules["tenure_below_months"]
        provisional = bool(came and new and own.arpu is not None and own.arpu_amount >= rules["min_arpu"])
        tier = tier_served(
            value_tier,
            entries,
            provisional=provisional,
            override=overrides.get(customer, {}).get("tier"),
            policy=policy,
        )
        churn_band = churn.band_of(his, day, policy["churn"]["tenure_bands_months"])
        risk = churn.risk(churn_band, seen, policy["churn"])
        band = churn.risk_band(risk, policy["churn"]["bands"])
        is_warned = warned(
            his,
            day,
            usage=usage,
            paying=paid,
            last_active=last_active,
            band=band,
            spent=own,
            complained=complained[customer],
            policy=policy,
        )
        lifecycle_stage = stage(is_warned, tenure, own, policy)
        brand = min(his, key=lambda i: (i.row["activation_date"], i.line)).row["brand"]
        return {
            **lifetime.worth(own.arpu_amount, risk, churn_band, tenure, seen=seen, policy=policy),
            **parts, "value_score": total, "value_tier": value_tier, "tier": tier, "tenure_months": tenure,
            "tier_flag": [t["name"] for t in policy["tiers"]].index(tier) + 1, "credit": paid.credit,
            "credit_source": paid.source, "overdue_amount": paid.overdue_amount, "arrears_stops": paid.arrears_stops,
            "churn_risk": risk, "churn_risk_band": band, "lifecycle_stage": lifecycle_stage,
            "payment_type": churn.payment_type(his), "brand": brand, "score_tier": value_tier,
            "tier_since": day, "tier_cause": "first_rating", "stage_since": day, "rated_score": total,
            "spend_grade": None if own.arpu is None else next(
                (g["name"] for g in policy["spend_grade"] if own.arpu_amount >= g["from"]),
                policy["spend_grade"][-1]["name"],
            ),
            "retention_play": next(
                (p["play"] for p in policy["plays"]
                 if tier in p.get("tiers", [tier]) and lifecycle_stage in p.get("stages", [lifecycle_stage])),
                None,
            ),
            "usage_hints": ";".join(h["name"] for h in policy["hints"] if hinted(own, h)),
        }  # fmt: skip

    customers = {customer: customer_row(customer) for customer in spent}
    published = {}
    for line, interval in sorted(identity.in_service(day).items(), key=lambda item: item[1].start):
        if interval.row["msisdn"]:
            published[interval.row["msisdn"]] = {
                **customers[interval.customer], "customer_id": interval.customer, "account_id": interval.account,
                "subscription_id": line, "brand": interval.row["brand"], "as_of_date": day,
            }  # fmt: skip
    assert month_of(day) not in window
    features = {customer: {**customers[customer], **vars(own)} for customer, own in spent.items()}
    seen_of = churn_features.recompute(identity, usage, tables, day)
    return Expected(published, customers, usage, features, seen_of)
