"""A generated operator from its extracts to published risks, held against the probabilities that it was generated with.

Belongs here: how near risks come to the truth. Does not: public data (churn_public.py), seconds (churn_training.py).

    python -m benchmarks.churn_truth --customers 20000

The operator is run as any other: landing, a night, `tierline train`, the night again. truth.csv has each customer's
chance to end all use in the 30 days after a gap of 7. A postpaid customer's label is that. A prepaid customer has left
on the last of 30 silent days: within the horizon do so all whose silence began in the 23 days before the night, for
certain, and those whose silence begins in the 7 days after it, with the chance of as many days. Whoever was silent for
longer has left before the horizon and is not counted.

Lift: mean true probability of the tenth with the highest risk, over everybody's; that of the truth itself is the most
that anybody could reach, also by what no extract shows (a customer's sensitivity to prices). The baseline, in the same
run, is the rate of the customer's band.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from pipelines.runs import run_night, run_training
from pipelines.sql_text import literal
from sample_data import generate
from sample_data.life import GAP_DAYS, LABEL_DAYS

AS_OF = date(2024, 6, 30)
Floats = npt.NDArray[np.float64]


def top_lift(score: Floats, truth: Floats) -> float:
    """Mean truth of the tenth with the highest score over everybody's."""
    top = np.argsort(-score, kind="stable")[: len(score) // 10]
    return float(truth[top].mean() / truth.mean())


def calibration_error(score: Floats, truth: Floats) -> float:
    """Mean distance of score and truth over the tenths by score."""
    parts = np.array_split(np.argsort(score, kind="stable"), 10)
    return float(sum(len(p) * abs(score[p].mean() - truth[p].mean()) for p in parts) / len(score))


def risks(home: Path) -> pl.DataFrame:
    """Published risk and true probability of the scored customers who had not left by the end of the gap; a company's
    own row is nobody's risk.
    """
    truth = f"read_csv({literal(str(home / 'truth.csv'))})"
    with duckdb.connect(str(home / "published" / "analytics.duckdb"), read_only=True) as con:
        return con.sql(
            f"""select c.customer_id, c.payment_type, c.churn_risk::double as risk, c.model_version,
                case
                    when t.customer_id is null then 1
                    when c.payment_type = 'prepaid'
                        then 1 - power(1 - t.true_churn_probability_after_gap, {GAP_DAYS} / {LABEL_DAYS})
                    else t.true_churn_probability_after_gap
                end::double as truth,
                t.customer_id is not null as there
            from customers as c left join {truth} as t using (customer_id)
            where c.tier is not null and c.customer_type = 'individual'
                and (c.payment_type <> 'prepaid'
                    or coalesce(date_diff('day', c.last_activity_date, c.as_of_date) < {LABEL_DAYS - GAP_DAYS}, false))
            order by c.customer_id"""
        ).pl()


def figures(name: str, rows: pl.DataFrame, banded: pl.DataFrame) -> dict[str, object]:
    """One line of the table, printed and returned."""
    risk, truth = rows["risk"].to_numpy(), rows["truth"].to_numpy()
    band = (
        rows.select("customer_id").join(banded, on="customer_id", how="left", maintain_order="left")["risk"].to_numpy()
    )
    best = top_lift(truth, truth)
    found = {
        "customers": rows.height,
        "mean_truth": float(truth.mean()),
        "mean_risk": float(risk.mean()),
        "lift": top_lift(risk, truth),
        "lift_of_bands": top_lift(band, truth),
        "lift_of_truth": best,
        "share_of_best": top_lift(risk, truth) / best,
        "calibration_error": calibration_error(risk, truth),
        "calibration_error_of_bands": calibration_error(band, truth),
    }
    print(
        f"{name:28} {rows.height:>7,}  true {truth.mean():.4f}  risk {risk.mean():.4f}  lift {found['lift']:.2f} "
        f"(truth {best:.2f}, bands {found['lift_of_bands']:.2f}): {found['share_of_best']:.0%}  "
        f"calibration error {found['calibration_error']:.4f} (bands {found['calibration_error_of_bands']:.4f})"
    )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--cdr-days", type=int, default=300)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tierline-truth-") as name:
        home = Path(name)
        generate(
            home,
            customers=given.customers,
            seed=given.seed,
            as_of=AS_OF,
            bill_months=18,
            cdr_days=given.cdr_days,
            cdr_per_line_day=1.5,
            snapshots=15,
        )
        first = run_night(home, AS_OF)
        if not first.succeeded:
            sys.exit(str(first.failures))
        banded = risks(home)
        started = time.perf_counter()
        training = run_training(home, AS_OF)
        print(f"{training.verdict} ({time.perf_counter() - started:.0f} s)")
        second = run_night(home, AS_OF)
        if training.outcome != "champion" or not second.succeeded:
            sys.exit(f"{training.failures} {second.failures}")
        rows = risks(home)
    found = {"all scored": figures("all scored", rows, banded)}
    for kind in ("postpaid", "prepaid"):
        own = rows.filter(pl.col("payment_type") == kind)
        found[kind] = figures(kind, own, banded)
        if kind == "prepaid":
            found["prepaid, still there"] = figures("prepaid, still there", own.filter("there"), banded)
    found["all still there"] = figures("all still there", rows.filter("there"), banded)
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
