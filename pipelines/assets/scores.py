"""The tables that the judgement of segmentation/ makes.

Belongs here: assets of schema scores made by functions. Does not: the functions.
"""

from collections.abc import Iterator
from functools import partial

import dagster as dg

from pipelines.assets import specs
from pipelines.charts import bar_chart
from pipelines.engine import engine_of
from pipelines.progress import Progress
from pipelines.resources import Home

_MEASURES = "scores.measures"
_RISKS = "scores.churn_risk"
_DRIFT = "scores.churn_drift"
_SCORES = "scores.customer"


def score_assets(partitions: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    """scores.measures (ARPU, MOU, tenure, credit), scores.churn_risk, scores.customer (value, tier, stage, reasons)."""

    @dg.multi_asset(
        name="scores__measures",
        specs=[specs.judged_spec(_MEASURES, "ARPU, minutes of use, tenure and credit of each customer in service.")],
        partitions_def=partitions,
        pool="warehouse",
    )
    def measures(
        context: dg.AssetExecutionContext, home: Home, progress: dg.ResourceParam[Progress]
    ) -> dg.MaterializeResult[None]:
        night = home.night(context.partition_key)
        progress.step(_MEASURES, 0, 1)
        with home.open(night) as con:
            kept = home.unless_made(con, night, _MEASURES, partial(engine_of(night).write_measures, con))
            rows = engine_of(night).count(con, _MEASURES)
        progress.step(_MEASURES, 1, 1)
        return dg.MaterializeResult(metadata={"dagster/row_count": rows, "kept": kept})

    @dg.multi_asset(
        name="scores__churn_risk",
        specs=[
            specs.judged_spec(
                _RISKS,
                "Churn risk of each customer in service, of the champion model or of the customer's band, and what "
                "drives it.",
            ),
            specs.judged_spec(
                _DRIFT, "How far tonight's features and risks lie from those that the model was fitted on."
            ),
        ],
        partitions_def=partitions,
        pool="warehouse",
    )
    def churn_risk(
        context: dg.AssetExecutionContext, home: Home, progress: dg.ResourceParam[Progress]
    ) -> Iterator[dg.MaterializeResult[None]]:
        night = home.night(context.partition_key)
        progress.step(_RISKS, 0, 1)
        model = night.churn_model
        with home.open(night) as con:
            kept = home.unless_made(con, night, _RISKS, partial(engine_of(night).write_churn_risk, con))
            rows = engine_of(night).count(con, _RISKS)
            drift = con.execute("select feature, stability_index from scores.churn_drift order by 2 desc, 1").fetchall()
        progress.step(_RISKS, 1, 1)
        yield dg.MaterializeResult(
            asset_key=specs.key(_RISKS),
            metadata={
                "dagster/row_count": rows,
                "model": model.version,
                "models_refused": len(model.refused),
                "kept": kept,
            },
        )
        yield dg.MaterializeResult(
            asset_key=specs.key(_DRIFT),
            metadata={
                "dagster/row_count": len(drift),
                "highest_stability_index": float(drift[0][1]) if drift else 0.0,
                "highest": dg.MetadataValue.table(
                    [dg.TableRecord({"feature": name, "stability_index": float(index)}) for name, index in drift[:20]],
                    schema=dg.TableSchema([dg.TableColumn("feature"), dg.TableColumn("stability_index", "float")]),
                ),
                "stability_index_of_risk": float(dict(drift).get("churn_risk", 0)),
            },
        )

    @dg.multi_asset(
        name="scores__customer",
        specs=[
            specs.judged_spec(
                _SCORES,
                "Value score and its parts, tier, lifecycle stage, churn risk, lifetime value and reasons of each "
                "customer in service.",
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
            kept = home.unless_made(con, night, _SCORES, partial(engine_of(night).write_scores, con))
            rows = engine_of(night).count(con, _SCORES)
            tiers = dict.fromkeys(night.policy.tier_names, 0)
            tiers |= dict(con.execute("select tier, count(*) from scores.customer group by tier").fetchall())
        progress.step(_SCORES, 1, 1)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": rows,
                "kept": kept,
                "policy": night.policy.label,
                "tiers": bar_chart("Customers by tier", tiers),
                **{f"tier_{name}": count for name, count in tiers.items()},
            }
        )

    return [measures, churn_risk, customer]
