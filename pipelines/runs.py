"""Runs a night, or a training, as a Dagster job in this process, without a daemon, and tells what came of it.

Belongs here: executing the nightly job and reading its result. Does not: printing (pipelines/cli), the work itself
(assets).
"""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal

import dagster as dg

from pipelines.checks import KEPT
from pipelines.definitions import build_definitions
from pipelines.engine import require_engine
from pipelines.instance import REPLAY, Check, bad_rows, open_instance, warned_before
from pipelines.intake.rejected import RejectedFile
from pipelines.jobs import NIGHTLY, TRAINING
from pipelines.made_of import made_tables
from pipelines.night import Night
from pipelines.partitions import FIRST_DAY, nightly_partitions
from pipelines.progress import Progress, Silent
from pipelines.settings import SettingsError
from pipelines.sql_catalogue import sql_tables
from pipelines.usage import DAILY_USAGE

Trouble = Literal["refused", "busy", "check", "failed"]


@dataclass(frozen=True)
class Failure:
    """One thing that went wrong: what kind, where (asset or check), and the message for a person."""

    kind: Trouble
    where: str
    message: str


@dataclass(frozen=True)
class NewlyRejected:
    """What a night rejected of the files that it took: records, files that have some, and the files with most."""

    records: int = 0
    files: int = 0
    most: tuple[RejectedFile, ...] = ()


@dataclass(frozen=True)
class NightResult:
    """What a night came to. `version` is current in `published` afterwards, `created` whether this run made it;
    `expired` says what call detail it let go, None if none; `rejected` is told of a failed night too.
    """

    as_of_date: date
    run_id: str
    failures: tuple[Failure, ...]
    warnings: tuple[str, ...]
    version: int | None = None
    created: bool = False
    reason: str | None = None
    run_key: str | None = None
    published: Path | None = None
    expired: str | None = None
    rejected: NewlyRejected = field(default_factory=NewlyRejected)

    @property
    def succeeded(self) -> bool:
        """Whether the night ended well."""
        return not self.failures


def run_night(
    home: Path,
    as_of_date: date,
    options: dict[str, Any] | None = None,
    progress: Progress | None = None,
    *,
    known_at: str | None = None,
    accept: str | None = None,
    follows: str | None = None,
    model: str | None = None,
) -> NightResult:
    """Runs the nightly job of one as-of date. The run shows in the web UI of the home folder.

    `known_at` (a day or a time with its zone) sees the night with other knowledge and publishes it beside; `accept` is
    the reason to pass gates that are shut; `follows` the night of the tier history to go on from, and `model` the churn
    model that scores, as in Night.

    Raises SettingsError, PolicyError or MappingError before anything runs; everything that fails inside the run is in
    the result's failures.
    """
    night = Night(home, as_of_date, options or {}, known_at, accept, follows, model=model)
    result = _execute(NIGHTLY, night, progress)
    checks = [check for event in result.get_asset_check_evaluations() for check in [event] if not check.passed]
    blocking = [c for c in checks if c.severity == dg.AssetCheckSeverity.ERROR]
    failures = _failures(result)
    # A failed blocking check also shows as a failed step; the check says it better.
    failures = [f for f in failures if f.kind != "check"]
    failures += [
        Failure("check", f"{c.asset_key.to_user_string()}: {c.check_name}", c.description or "") for c in blocking
    ]
    warned = _warnings(night, [c for c in checks if c.severity == dg.AssetCheckSeverity.WARN])
    published, intake = _metadata(result, "published.customer_tiers"), _metadata(result, "intake.files")
    marked = intake.get("returned_workbooks") or []
    warned = (
        *(f"rows were rejected, and are marked for their sender, cell by cell: {path}" for path in marked),
        *warned,
    )
    usage = _metadata(result, DAILY_USAGE.table)
    if later := usage.get("days_with_later_knowledge"):
        warned = (
            f"{later} days of usage may hold what this night did not know yet: their call detail has expired, and the "
            "files of then are gone",
            *warned,
        )
    if recovered := intake.get("lost_and_taken_again"):
        warned = (
            f"the warehouse had lost {recovered} files that the ledger copy has, and took them again from landing/: is "
            "the disk sound?",
            *warned,
        )
    return NightResult(
        as_of_date=as_of_date,
        run_id=result.run_id,
        failures=tuple(failures),
        warnings=warned,
        version=published.get("version"),
        created=bool(published.get("created")),
        reason=published.get("reason"),
        run_key=published.get("run_key"),
        published=night.published,
        expired=_expired(night, _metadata(result, "intake.expiry")),
        rejected=_rejected(_metadata(result, "intake.rejects") or _metadata_of_failure(result, "intake")),
    )


def _warnings(night: Night, checks: list[dg.AssetCheckEvaluation]) -> tuple[str, ...]:
    """What checks warn of, in words; what the night before did not warn of comes first, and says so."""
    if not checks:
        return ()
    with open_instance(night.home) as instance:
        before = warned_before(instance, night.as_of_date)
    said = [f"{_since(check, before)}{check.asset_key.to_user_string()}: {check.description}" for check in checks]
    known = [before is not None and (check.asset_key, check.check_name) in before for check in checks]
    return tuple(words for _, words in sorted(zip(known, said, strict=True), key=lambda told: told[0]))


def _since(check: dg.AssetCheckEvaluation, before: dict[Check, int | None] | None) -> str:
    if before is None:
        return ""
    name = (check.asset_key, check.check_name)
    if name not in before:
        return "new: "
    then = before[name]
    return "as the night before: " if then == bad_rows(check) else f"as the night before, {then} rows then: "


def _rejected(told: dict[str, Any]) -> NewlyRejected:
    if "most_rejects_this_run" not in told:
        return NewlyRejected()
    most = tuple(RejectedFile(**record.data) for record in told["most_rejects_this_run"].records)
    return NewlyRejected(told["records_rejected_this_run"], told["files_with_rejects_this_run"], most)


def _expired(night: Night, made: dict[str, Any]) -> str | None:
    if not made.get("days"):
        return None
    days = "1 day" if made["days"] == 1 else f"{made['days']:,} days"
    return (
        f"{made['records']:,} records of {days} of call detail have expired (keep_cdr_days "
        f"{night.settings.keep_cdr_days}); their days stay rolled up"
    )


@dataclass(frozen=True)
class TrainingResult:
    """What a training came to, as of Training; `outcome` and `verdict` are None where it failed."""

    as_of_date: date
    failures: tuple[Failure, ...]
    outcome: str | None = None
    verdict: str | None = None
    version: str | None = None


def run_training(
    home: Path, as_of_date: date, options: dict[str, Any] | None = None, progress: Progress | None = None
) -> TrainingResult:
    """Runs the training job of one as-of date. The run, with the model's card, shows in the web UI of the home folder.

    Raises SettingsError, PolicyError or MappingError before anything runs; everything that fails inside the run is in
    the result's failures.
    """
    result = _execute(TRAINING, Night(home, as_of_date, options or {}), progress)
    made = _metadata(result, "models.churn")
    return TrainingResult(
        as_of_date, tuple(_failures(result)), made.get("outcome"), made.get("verdict"), made.get("version")
    )


def _execute(job: str, night: Night, progress: Progress | None) -> dg.ExecuteInProcessResult:
    _quiet()
    night.check()
    require_engine(night.settings)
    _require_day(night)
    definitions = build_definitions(
        night.home,
        night.options,
        progress or Silent(),
        known_at=night.known_at,
        accept=night.accept,
        follows=night.follows,
        model=night.model,
    )
    with open_instance(night.home) as instance:
        return definitions.resolve_job_def(job).execute_in_process(
            partition_key=night.as_of_date.isoformat(),
            instance=instance,
            tags={} if night.known_at is None else {REPLAY: night.known_at},
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )


def _failures(result: dg.ExecuteInProcessResult) -> list[Failure]:
    failures = [_step_failure(event) for event in result.all_events if event.is_step_failure]
    failures += [_run_failure(event) for event in result.all_events if event.is_job_failure and not failures]
    return failures


def _require_day(night: Night) -> None:
    if not nightly_partitions(night.settings.time_zone).has_partition_key(night.as_of_date.isoformat()):
        raise SettingsError(f"no night of {night.as_of_date}: nights go from {FIRST_DAY} to the operator's today")
    if not night.landing.is_dir():
        raise SettingsError(f"no landing/ in {night.home}: is --home right? `tierline land FILE` makes it")


def nightly_steps() -> int:
    """How many steps a night reports: its tables and checks."""
    functions = ("intake", "calendar", "published.customer_tiers", "published.analytics", "intake.expiry")
    return len(made_tables()) + len(functions) + len(KEPT) + len(sql_tables("audits"))


def _step_failure(event: dg.DagsterEvent) -> Failure:
    data = event.step_failure_data
    where = (event.step_key or "run").replace("__", "/")
    if data.user_failure_data is not None:
        return Failure("refused", where, data.user_failure_data.description or "")
    return _failure(where, data.error)


def _run_failure(event: dg.DagsterEvent) -> Failure:
    return _failure("run", event.job_failure_data.error)


def _failure(where: str, error: Any) -> Failure:
    # Dagster wraps what an asset raised; below that, the first error is the one that was written for a person.
    while error is not None and error.cause is not None and (error.cls_name or "").startswith(("Dagster", "Retry")):
        error = error.cause
    name = (error.cls_name or "") if error is not None else ""
    message = error.message.strip().partition(f"{name}: ")[2] or error.message.strip() if error is not None else ""
    if name == "DagsterExecutionInterruptedError":
        message = "the run was ended by a signal; start it again, nothing half done is left"
    if name == "DagsterAssetCheckFailedError":
        return Failure("check", where, message)
    kind: Trouble = "busy" if name in ("WarehouseBusyError", "PublishLockError", "TurnBusyError") else "failed"
    return Failure(kind, where, message)


def _metadata(result: dg.ExecuteInProcessResult, table: str) -> dict[str, Any]:
    for event in result.get_asset_materialization_events():
        materialization = event.step_materialization_data.materialization
        if materialization.asset_key == dg.AssetKey(table.split(".")):
            return {name: value.value for name, value in materialization.metadata.items()}
    return {}


def _metadata_of_failure(result: dg.ExecuteInProcessResult, step: str) -> dict[str, Any]:
    for event in result.all_events:
        if event.is_step_failure and event.step_key == step and event.step_failure_data.user_failure_data is not None:
            return {name: value.value for name, value in event.step_failure_data.user_failure_data.metadata.items()}
    return {}


def _quiet() -> None:
    # What the run says to a person comes from its events; Dagster's own notes on beta features are not news to an
    # operator.
    warnings.filterwarnings("ignore", category=dg.BetaWarning)
    warnings.filterwarnings("ignore", category=dg.PreviewWarning)
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
