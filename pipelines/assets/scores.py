"""The two tables that the judgement of segmentation/ makes.

Belongs here: assets of schema scores made by functions. Does not: the functions.
"""

import dagster as dg

from pipelines import scoring
from pipelines.assets import specs
from pipelines.charts import bar_chart
from pipelines.column_types import duckdb_type
from pipelines.progress import Progress
from pipelines.resources import Home
from segmentation.columns import MEASURES, SCORES

_MEASURES = "scores.measures"
_SCORES = "scores.customer"


def score_assets(partitions: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    """scores.measures (ARPU, MOU, tenure, credit) and scores.customer (value, tier, stage, risk, reasons)."""

    @dg.multi_asset(
        name="scores__measures",
        specs=[
            specs.function_spec(
                _MEASURES,
                ["features.customer"],
                "ARPU, minutes of use, tenure and credit of each customer in service.",
                {name: duckdb_type(dtype) for name, dtype in MEASURES.items()},
            )
        ],
        partitions_def=partitions,
        pool="warehouse",
    )
    def measures(
        context: dg.AssetExecutionContext, home: Home, progress: dg.ResourceParam[Progress]
    ) -> dg.MaterializeResult[None]:
        night = home.night(context.partition_key)
        progress.step(_MEASURES, 0, 1)
        with home.open(night) as con:
            rows = scoring.write_measures(con, night.policy, night.as_of_date)
        progress.step(_MEASURES, 1, 1)
        return dg.MaterializeResult(metadata={"dagster/row_count": rows})

    @dg.multi_asset(
        name="scores__customer",
        specs=[
            specs.function_spec(
                _SCORES,
                ["features.customer", "features.tier_state", "features.churn_bands", _MEASURES, "scores.cutoffs"],
                "Value score and its parts, tier, lifecycle stage, churn risk, lifetime value and reasons of each "
                "customer in service.",
                {name: duckdb_type(dtype) for name, dtype in SCORES.items()},
            )
        ],
        partitions_def=partitions,
        pool="warehouse",
    )
    def customer(
        context: dg.AssetExecutionContext, home: Home, progress: dg.ResourceParam[Progress]
    ) -> dg.MaterializeResult[None]:
        night = home.night(context.partition_key)
        progress.step(_SCORES, 0, 1)
        with home.open(night) as con:
            rows = scoring.write_scores(con, night.policy, night.as_of_date)
            tiers = dict.fromkeys(night.policy.tier_names, 0)
            tiers |= dict(con.execute("select tier, count(*) from scores.customer group by tier").fetchall())
        progress.step(_SCORES, 1, 1)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": rows,
                "policy": night.policy.label,
                "tiers": bar_chart("Customers by tier", tiers),
                **{f"tier_{name}": count for name, count in tiers.items()},
            }
        )

    return [measures, customer]
