"""The checks of a night as Dagster is told of them. Belongs here: which there are, what each can stop, in which steps
they are measured. Does not: what they find (tests/sql, tests/unit/data_contracts), nights that they stop (integration).
"""

import dagster as dg
import pytest

from pipelines.checks import KEPT, all_checks
from pipelines.partitions import nightly_partitions
from pipelines.sql_catalogue import SqlTable, sql_tables

SPECS = {
    spec.name: (step.node_def.name, spec) for step in all_checks(nightly_partitions("UTC")) for spec in step.check_specs
}


def test_every_contract_kept_and_every_audit_is_a_check() -> None:
    contracts = {f"keeps_contract_{promised.partition('.')[2]}" for _, promised in KEPT}
    assert set(SPECS) == contracts | {audit.name for audit in sql_tables("audits")}


def test_they_are_measured_in_three_steps() -> None:
    assert {step for step, _ in SPECS.values()} == {"staging__checks", "scores__checks", "scores__subscription__checks"}


@pytest.mark.parametrize("audit", sql_tables("audits"), ids=lambda audit: audit.name)
def test_only_what_warns_lets_the_night_go_on(audit: SqlTable) -> None:
    step, spec = SPECS[audit.name]
    assert spec.blocking == (audit.severity != "warn")
    if audit.severity == "gate":
        assert (step, spec.asset_key) == ("scores__subscription__checks", dg.AssetKey(["scores", "subscription"]))


def test_a_check_waits_for_all_that_it_reads() -> None:
    for audit in sql_tables("audits"):
        _, spec = SPECS[audit.name]
        waits = {spec.asset_key, *(dep.asset_key for dep in spec.additional_deps)}
        assert waits == {dg.AssetKey(table.split(".")) for table in audit.upstreams} | {spec.asset_key}
