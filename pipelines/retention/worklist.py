"""Making a campaign's worklist from what the last night published.

Belongs here: gathering the candidates, keeping who was chosen, counting the funnel. Does not: who is chosen
(segmentation/worklist.py), how the list is handed out (handout.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import polars as pl

from pipelines.policy_source import CURRENT, named_policy
from pipelines.retention.campaigns import (
    FOLDER,
    MEMBERS,
    Campaign,
    CampaignError,
    add_campaign,
    adding,
    campaign_of,
    campaigns,
    checked_name,
    members_query,
)
from pipelines.run_context import local_midnight
from pipelines.settings import load
from pipelines.sql_text import literal, without_globs
from segmentation.policy import Policy, read_policy
from segmentation.worklist import CANDIDATES, CONTROL, LISTED, standing
from tierline.manifest import Manifest, ManifestError
from tierline.verify import current_manifest

# What the list says of a customer besides what decides.
_TOLD = (
    *("lifetime_value_amount", "account_manager_id", "language", "retention_play", "policy_version", "model_version"),
    "churn_drivers",  # empty where the analysts' customers lack it
)


@dataclass(frozen=True)
class Worklist:
    """A campaign's list: how many customers stand where, by tier; the members (columns MEMBERS) in the list's order.

    made_before: the campaign was there already, made from this same night; `funnel` is empty then.
    """

    campaign: str
    list_date: date
    outcome_date: date
    policy: str
    tiers: tuple[str, ...]
    funnel: dict[str, Counter[str]]
    members: pl.DataFrame
    made_before: bool


def make_worklist(home: Path, name: str, size: int | None = None, *, dry_run: bool = False) -> Worklist:
    """Chooses a campaign's customers from the published night and keeps them; with dry_run nothing is written.

    The policy is the one that made the published version. A campaign that is there already is told again if it was made
    from this very night. Raises CampaignError where its name is taken or nothing fitting is published; SettingsError,
    PolicyError, OSError.
    """
    folder = home / "published" / FOLDER
    checked_name(name)
    manifest = _published(home)
    settings = load(home)
    policy = read_policy(*named_policy(CURRENT, home, settings.policy, manifest))
    if dry_run:
        return _made_before(folder, name, manifest, policy) or _chosen(home, name, size, manifest, policy)
    with adding(folder):
        there = _made_before(folder, name, manifest, policy)
        if there is not None:
            return there
        made = _chosen(home, name, size, manifest, policy)
        if made.members.is_empty():
            raise CampaignError(
                f"campaign {name}: nobody is eligible, so nothing was made. `tierline worklist make --dry-run` says "
                "why, and the policy's section retention decides it"
            )
        add_campaign(made.members, folder, name)
        return made


def _published(home: Path) -> Manifest:
    try:
        return current_manifest(home / "published" / "customer_tiers")
    except (ManifestError, OSError) as error:
        raise CampaignError(f"nothing is published in {home}: run a night first ({error})") from error


def _made_before(folder: Path, name: str, manifest: Manifest, policy: Policy) -> Worklist | None:
    there = campaign_of(folder, name)
    if there is None:
        return None
    if there.run_key != manifest.run_key:
        raise CampaignError(
            f"campaign {name} was made on {there.list_date} already, and its list stays as it is. A name is used once: "
            "choose another"
        )
    members = kept_members(there)
    outcome = members["outcome_date"][0]
    label = members["policy_version"][0]
    return Worklist(name, there.list_date, outcome, label, policy.tier_names, {}, members, made_before=True)


def kept_members(campaign: Campaign) -> pl.DataFrame:
    """The members (columns MEMBERS) of a campaign in its list's order."""
    with duckdb.connect() as con:
        members: pl.DataFrame = con.sql(f"{members_query([campaign.path])} order by tier_flag, position").pl()
        return members


def _chosen(home: Path, name: str, size: int | None, manifest: Manifest, policy: Policy) -> Worklist:
    rules = policy.retention
    size = int(rules.size.value) if size is None else size
    outcome = manifest.as_of_date + timedelta(days=int(rules.outcome_days.value))
    with _reading(home, manifest) as con:
        candidates = _candidates(con, home / "published" / FOLDER, manifest.as_of_date)
        judged = standing(candidates, policy, name, size, manifest.as_of_date)
        chosen = judged.filter(pl.col("position").is_not_null())
        keys = con.sql(_KEYS).pl()
    silent = timedelta(days=int(policy.churn.prepaid_inactive_days.value) - 1)
    zone = ZoneInfo(load(home).time_zone)
    members = (
        chosen.join(keys, on="customer_id", how="left", maintain_order="left")
        .with_columns(
            campaign=pl.lit(name),
            is_control=pl.col("standing") == CONTROL,
            list_date=pl.lit(manifest.as_of_date),
            outcome_date=pl.lit(outcome),
            outcome_at=pl.lit(local_midnight(outcome + timedelta(days=1), zone)),
            active_from=pl.lit(outcome - silent),
            run_key=pl.lit(manifest.run_key),
        )
        .select(*MEMBERS)
        .sort("tier_flag", "position")
    )
    funnel: dict[str, Counter[str]] = {tier: Counter() for tier in policy.tier_names}
    for tier, place, count in judged.group_by("tier", "standing").len().iter_rows():
        funnel.setdefault(tier, Counter())[place] = count
    return Worklist(
        name, manifest.as_of_date, outcome, policy.label, policy.tier_names, funnel, members, made_before=False
    )


@contextmanager
def _reading(home: Path, manifest: Manifest) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the analysts' tables as `night.*` and the published lines as `lines`."""
    database = home / "published" / "analytics.duckdb"
    if not database.is_file():
        raise CampaignError(f"{database} is not there: run a night first")
    table = home / "published" / "customer_tiers"
    lines = next(table / file.path for file in manifest.files if file.path.endswith(".parquet"))
    with duckdb.connect() as con:
        con.execute(f"attach {literal(str(database))} as night (read_only)")
        con.execute(f"create view lines as from read_parquet({literal(without_globs(str(lines)))})")
        days = {day for (day,) in con.execute("select distinct as_of_date from night.customers").fetchall()}
        if days != {manifest.as_of_date}:
            raise CampaignError(
                f"{database} is of {', '.join(map(str, sorted(days))) or 'no day'}, the published table of "
                f"{manifest.as_of_date}: let the night that is at work end, or run that one again, then make the list"
            )
        yield con


# Whom to ask for: the line that is active, the oldest of several.
_KEYS = """
    select l.customer_id, l.service_key
    from lines as l
    join night.subscriptions as s on s.subscription_id = l.subscription_id
    qualify row_number() over (
        partition by l.customer_id
        order by case when s.status = 'active' then 0 else 1 end, s.activation_date, l.service_key
    ) = 1
"""


def _candidates(con: duckdb.DuckDBPyConnection, campaign_folder: Path, as_of_date: date) -> pl.DataFrame:
    """Customers in service with CANDIDATES and what the list tells of them."""
    there = {column for column, *_ in con.execute("describe night.customers").fetchall()}
    missing = sorted({"contact_consent", "value_at_risk_amount", "last_contacted_date"} - there)
    if missing:
        raise CampaignError(
            f"the analysts' database was made by another release and lacks {', '.join(missing)}: run a night, then "
            "make the list"
        )
    told = ", ".join(f"c.{name}" if name in there else f"null::varchar as {name}" for name in _TOLD)
    earlier = members_query([campaign.path for campaign in campaigns(campaign_folder)])
    found = con.sql(
        f"""
        with earlier as ({earlier}),
        known as (
            select
                customer_id,
                max(list_date) filter (not is_control and list_date <= $as_of_date) as last_listed_date,
                bool_or(outcome_date > $as_of_date) as in_open_campaign
            from earlier
            group by customer_id
        )
        select
            c.customer_id, c.tier, c.tier_flag, c.lifecycle_stage, c.churn_risk, c.churn_risk_band,
            c.value_at_risk_amount, (c.lines_in_service - c.lines_suspended)::integer as lines_active,
            c.contact_consent, c.service_list, c.is_vip,
            greatest(c.last_contacted_date, k.last_listed_date) as last_contacted_date,
            coalesce(k.in_open_campaign, false) as in_open_campaign,
            case when c.payment_type = 'prepaid' then 'prepaid' else 'postpaid' end as payment_type,
            {told}
        from night.customers as c
        left join known as k on k.customer_id = c.customer_id
        where c.tier is not null
        order by c.customer_id
        """,
        params={"as_of_date": as_of_date},
    )
    rows: pl.DataFrame = found.pl()
    return rows.with_columns(pl.col(name).cast(dtype) for name, dtype in CANDIDATES.items())


def listed(worklist: Worklist) -> pl.DataFrame:
    """Who is to be called: the members without the control group."""
    return worklist.members.filter(~pl.col("is_control"))


def counts(worklist: Worklist) -> Counter[str]:
    """How many are listed and in the control group."""
    control = int(worklist.members["is_control"].sum())
    return Counter({LISTED: worklist.members.height - control, CONTROL: control})
