"""Scoring a large base with memory and explanations, beside bare thresholds in SQL over the same features.

Belongs here: seconds and peak memory of measures, churn risks by a fitted model, cut-offs, scores and the night's
changes. Does not: how features are made (night.py).

    python -m benchmarks.scoring --customers 1000000

The baseline is what an analyst would write in an afternoon: one DuckDB statement with the default policy's thresholds
for ARPU, tenure and an operator's credit score, and a tier; no memory, no stage, no reasons, no exactness.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import polars as pl

from pipelines import scoring
from pipelines.column_types import duckdb_type
from pipelines.run_calendar import run_tables
from pipelines.run_context import RUN_COLUMNS
from pipelines.sql_catalogue import sql_table
from pipelines.training.registry import Choice, ModelManifest, add_version, model_for, promote
from pipelines.warehouse import SCHEMAS, build, write_run_tables
from segmentation.churn.drift import Drift
from segmentation.churn.features import CHURN_FEATURES, CHURN_INPUTS, churn_features
from segmentation.churn.fit import FitOptions, TrainingSet, fit
from segmentation.churn.model_file import write_model
from segmentation.columns import BANDS, FEATURES, Dtype
from segmentation.policy import preset, read_policy

NIGHTS = (date(2024, 6, 10), date(2024, 7, 10))

# One made-up value a column: uniform in a believable range, drawn from the customer's number.
_MADE = {
    "customer_id": "'C' || i",
    "policy_segment": "'base'",
    "brand": "['GoTone', 'Easyown', 'M-Zone'][1 + {u} % 3]",
    "identity_verified": "{u} % 40 > 0",
    "previous_operator": "case when {u} % 30 = 0 then 'Unicom' end",
    "account_manager_id": "case when {u} % 50 = 0 then 'AM' || {u} % 100 end",
    "operator_credit_score": "case when {u} % 3 = 0 then {u} % 101 end",
    "lines_in_service": "1",
    "lines_active": "case when {u} % 50 = 0 then 0 else 1 end",
    "first_activation_date": "date '2015-01-01' + ({u} % 3400)",
    "contract_end_date": "case when {u} % 4 = 0 then date '2024-06-01' + ({u} % 700) end",
    "ported_in_from": "case when {u} % 20 = 0 then 'Unicom' end",
    "billed_months": "3",
    "bills_in_window": "3",
    "usage_months": "3",
    "has_prepaid_line": "{u} % 4 = 0",
    "has_postpaid_line": "{u} % 4 > 0",
    "last_activity_date": "date '2024-07-10' - ({u} % 20)",
    "usage_observed_days": "90",
    "bills_due": "12",
    "bills_paid_on_time": "{u} % 13",
    "days_past_due": "{u} % 60",
    "pays_own_account": "{u} % 30 > 0",
    "arrears_stops": "case when {u} % 40 = 0 then 2 else 0 end",
    "complaints": "case when {u} % 60 = 0 then 3 else 0 end",
    "service_list": "case when {u} % 200 = 0 then 'red' when {u} % 300 = 0 then 'black' end",
    "is_vip": "{u} % 150 = 0",
    "vip_account_manager_id": "null",
    "override_tier": "case when {u} % 2000 = 0 then 'high' end",
    "band_exposed": "800",
    "band_churned": "{u} % 60",
    "base_exposed": "10000",
    "base_churned": "300",
    "customer_type": "'individual'",
    "is_member": "{u} % 20 = 0",
    "is_ported_in": "{u} % 20 = 0",
    "has_switched": "{u} % 30 = 0",
    "is_hub": "{u} % 900 = 0",
    "lines_suspended": "case when {u} % 50 = 0 then 1 else 0 end",
    "lines_ceased": "{u} % 3",
    "contract_ended_date": "case when {u} % 4 = 0 then date '2024-06-01' - ({u} % 700) end",
    "last_recharge_date": "date '2024-07-10' - ({u} % 60)",
    "usage_days": "28",
    "usage_days_before": "28",
    "active_days": "{u} % 29",
    "active_days_before": "{u} % 29",
}
_BARE = """
create table bare as
select customer_id, score, case when score >= 75 then 'high' when score >= 50 then 'mid' else 'ordinary' end as tier
from (
    select customer_id,
        0.5 * case when arpu >= 200 then 100 when arpu >= 120 then 80 when arpu >= 80 then 60 when arpu >= 50 then 40
            when arpu >= 30 then 20 else 0 end
        + 0.3 * case when tenure >= 60 then 100 when tenure >= 36 then 80 when tenure >= 24 then 60
            when tenure >= 12 then 40 when tenure >= 6 then 20 else 0 end
        + 0.2 * case when credit >= 90 then 100 when credit >= 80 then 75 when credit >= 60 then 50
            when credit >= 40 then 25 else 0 end as score
    from (
        select customer_id,
            (billed_amount + prepaid_usage_amount + prepaid_fee_amount) / 3 as arpu,
            date_diff('month', first_activation_date, date '2024-07-10') as tenure,
            coalesce(operator_credit_score, 60) as credit
        from features.customer
    )
)
"""


def make_features(con: duckdb.DuckDBPyConnection, customers: int, shift: int) -> None:
    """`features.customer` of so many customers; another `shift` is another month of the same people."""
    columns = _made_columns({**FEATURES, **BANDS}, shift)
    con.execute(f"create or replace table features.customer as select {columns} from range({customers}) as t(i)")
    # Parts do not exceed the whole.
    con.execute(
        "update features.customer "
        "set latest_month_amount = billed_amount * 0.3333, amount_due_total = billed_amount * 4"
    )
    columns = _made_columns(CHURN_INPUTS, shift)
    con.execute(f"create or replace table features.churn as select {columns} from range({customers}) as t(i)")
    con.execute(
        "create or replace table features.churn_bands as select * from "
        "(values ('postpaid:36+', 800::bigint, 24::bigint), ('prepaid:0-3', 500, 40)) t(churn_band, exposed, churned)"
    )


def _made_columns(schema: Mapping[str, Dtype], shift: int) -> str:
    columns = []
    for number, (name, dtype) in enumerate(schema.items()):
        moving = name.endswith(("_amount", "_seconds", "_bytes", "_total")) or name == "bills_paid_on_time"
        drawn = f"(hash(i * 64 + {number} + {shift if moving else 0} * 7919) % 1000003)::integer"
        made = _MADE.get(name, "({u} % 30000) * 0.01" if str(dtype).startswith("Decimal") else "{u} % 100000")
        expression = made.replace("{u}", drawn)
        columns.append(f'cast({expression} as {duckdb_type(dtype)}) as "{name}"')
    return ", ".join(columns)


def keep_model(con: duckdb.DuckDBPyConnection, home: Path) -> None:
    """Fits a model to made-up leavers among 20,000 of the customers and keeps it as the home's champion."""
    sums = con.sql("select * from features.churn order by customer_id limit 20000").pl()
    features = churn_features(sums.select(*CHURN_INPUTS).cast(dict(CHURN_INPUTS)), NIGHTS[0])
    chance = np.random.default_rng(1).random(features.height)
    left = chance < 0.05 + 0.1 * (features["complaints"].to_numpy() > 1) + 0.1 * features["is_ported_in"].to_numpy()
    kinds = features["payment_type"].to_list()
    model = fit(TrainingSet(features.select(*CHURN_FEATURES), left, kinds=kinds), FitOptions()).model
    content = write_model(model)
    reference = Drift.reference(
        features.select(*CHURN_FEATURES, model.predict(features)["churn_risk"]), pl.Series([1] * features.height)
    )
    manifest = ModelManifest(
        version="churn-made-up",
        as_of_date=str(NIGHTS[0]),
        key="made up",
        sha256=hashlib.sha256(content).hexdigest(),
        chosen={},
        examples=features.height,
        churned=int(left.sum()),
        figures={},
        champion=True,
        verdict="",
        accepted_leaks={},
        reference=reference.content(),
    )
    add_version(home, content, manifest, {})
    promote(home, manifest)


def night(con: duckdb.DuckDBPyConnection, as_of: date, before: date | None, model: Choice) -> dict[str, float]:
    """Everything between the features and the publication; seconds by step."""
    policy = read_policy(preset("default"))
    write_run_tables(con, run_tables(as_of, ZoneInfo("Asia/Shanghai"), policy, (), None, night_before=before))
    given = {"as_of_date": as_of, "last_month_end": as_of.replace(day=1)}
    seconds = {}
    steps = {
        "features.tier_state": lambda: build(con, sql_table("features.tier_state"), given),
        "scores.measures": lambda: scoring.write_measures(con, policy, as_of),
        "scores.churn_risk": lambda: scoring.write_churn_risk(con, policy, as_of, model),
        "scores.cutoffs": lambda: build(con, sql_table("scores.cutoffs"), given),
        "scores.customer": lambda: scoring.write_scores(con, policy, as_of),
        "scores.tier_changes": lambda: build(con, sql_table("scores.tier_changes"), given),
    }
    for name, step in steps.items():
        started = time.perf_counter()
        step()
        seconds[name] = time.perf_counter() - started
    return seconds


def measured(mode: str, path: Path) -> None:
    """One mode in a process of its own; prints seconds by step and the peak memory in MiB."""
    with duckdb.connect(str(path), config={"memory_limit": "3GB", "threads": 2}) as con:
        if mode == "bare":
            con.execute("drop table if exists bare")
            started = time.perf_counter()
            con.execute(_BARE)
            seconds = {"thresholds": time.perf_counter() - started}
        else:
            seconds = night(con, NIGHTS[1], NIGHTS[0], model_for(path.parent, NIGHTS[1]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_mib": peak}))


def prepare(path: Path, customers: int) -> None:
    """Two months of features, and the memory that the first left."""
    with duckdb.connect(str(path), config={"memory_limit": "3GB", "threads": 2}) as con:
        for schema in SCHEMAS:
            con.execute(f"create schema {schema}")
        make_features(con, customers, 0)
        columns = ", ".join(f'"{name}" {kind}' for name, kind in RUN_COLUMNS["tier_changes"].items())
        con.execute(f"create table run.tier_changes ({columns})")
        con.execute("create view run.tier_memory as from run.tier_changes")
        keep_model(con, path.parent)
        night(con, NIGHTS[0], None, model_for(path.parent, NIGHTS[0]))
        con.execute("insert into run.tier_changes by name select * from scores.tier_changes")
        make_features(con, customers, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mode", choices=("night", "bare"), help=argparse.SUPPRESS)
    parser.add_argument("--database", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.mode is not None:
        measured(given.mode, given.database)
        return
    with tempfile.TemporaryDirectory(prefix="tierline-scoring-") as name:
        path = Path(name) / "scoring.duckdb"
        prepare(path, given.customers)
        for number in range(given.rounds):
            found = {}
            for mode in ("bare", "night"):
                command = [sys.executable, "-m", "benchmarks.scoring", "--mode", mode, "--database", str(path)]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode:
                    sys.exit(done.stderr[-2000:])
                found[mode] = json.loads(done.stdout)
            total = {mode: sum(found[mode]["seconds"].values()) for mode in found}
            steps = ", ".join(f"{step} {seconds:.1f}" for step, seconds in found["night"]["seconds"].items())
            print(
                f"round {number + 1}, {given.customers:,} customers: {total['night']:.1f} s ({steps}), "
                f"{found['night']['peak_mib']:,.0f} MiB; bare thresholds {total['bare']:.2f} s, "
                f"{found['bare']['peak_mib']:,.0f} MiB; ratio {total['night'] / total['bare']:.1f}"
            )
        with duckdb.connect(str(path)) as con:
            changed, moved = con.execute(
                "select count(*), count(*) filter (tier_since = valid_from) from scores.tier_changes"
            ).fetchall()[0]
            print(f"{changed:,} customers whose memory changed, {moved:,} of them in another tier")


if __name__ == "__main__":
    main()
