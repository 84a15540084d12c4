"""The churn model as an asset of its own job.

Belongs here: the asset and what the web UI shows of it. Does not: training (pipelines/training).
"""

from typing import TYPE_CHECKING, Any

import dagster as dg

from pipelines.assets import specs
from pipelines.progress import Progress
from pipelines.resources import Home
from pipelines.training.training_set import FEATURES, OUTCOMES

if TYPE_CHECKING:
    from pipelines.training.train import Training

_MODEL = "models.churn"


def model_assets(partitions: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    """models.churn: a challenger fitted on past nights, champion where it wins."""
    spec = specs.function_spec(
        _MODEL,
        [FEATURES, OUTCOMES],
        "The fitted churn model, with its card. It scores the nights from its as-of date on, while it is champion.",
        {},
    ).replace_attributes(kinds={"python", "scikitlearn"})

    @dg.multi_asset(name="models__churn", specs=[spec], partitions_def=partitions)
    def churn_model(
        context: dg.AssetExecutionContext, home_to_read: Home, progress: dg.ResourceParam[Progress]
    ) -> dg.MaterializeResult[None]:
        # scikit-learn takes seconds to import, and nights without a model never need it.
        from pipelines.training.train import LeakError, train  # noqa: PLC0415

        night = home_to_read.night(context.partition_key)
        try:
            training = train(night, progress.step)
        except LeakError as error:
            raise dg.Failure(description=str(error), allow_retries=False) from error
        return dg.MaterializeResult(metadata=_shown(training))

    return [churn_model]


def _shown(training: "Training") -> dict[str, Any]:
    shown: dict[str, Any] = {"outcome": training.outcome, "verdict": training.verdict}
    if training.manifest is not None:
        figures = {name: float(value) for name, value in training.manifest.figures.items()}
        shown |= {"version": training.manifest.version, **figures}
    if training.card is not None:
        shown["card"] = dg.MetadataValue.md(training.card.inline())
    return shown
