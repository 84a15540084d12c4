"""Contracts: what the standard accepts, what this project adds, what a wrong one says.

Belongs here: data_contracts/loader.py and the shipped files. Does not: what is made from contracts.
"""

from importlib import resources

import pytest
import yaml

from data_contracts import ContractError, contract, contract_names, parse_contract

SHIPPED = [
    f"{schema}.{name}" for schema in ("staging", "published", "marts", "features") for name in contract_names(schema)
]
# The identity model: what every operator must be able to deliver.
EXTRACTS = {"customers", "subscriptions", "bills", "payments", "service_lists", "tier_overrides", "cdr", "contacts"}
EXTRACTS |= {"campaign_results"}


def text_of(table: str) -> str:
    schema, _, name = table.partition(".")
    return resources.files("data_contracts").joinpath(schema, f"{name}.odcs.yaml").read_text(encoding="utf-8")


def changed(table: str, change: dict[str, object]) -> str:
    return yaml.safe_dump(yaml.safe_load(text_of(table)) | change, allow_unicode=True)


@pytest.mark.parametrize("table", SHIPPED)
def test_a_shipped_contract_is_valid_and_complete(table: str) -> None:
    source = contract(table)
    # The standard is asked here only, not wherever the contract is used.
    assert parse_contract(text_of(table), table.partition(".")[0], table) == source
    assert source.version.count(".") == 2
    assert source.columns
    assert all(c.description for c in source.columns)
    assert len({c.name for c in source.columns}) == len(source.columns)
    assert set(source.key) <= {c.name for c in source.columns if c.required}


def test_there_is_a_contract_for_each_extract() -> None:
    assert set(contract_names("staging")) == EXTRACTS


def test_money_is_exact_and_has_a_unit() -> None:
    for name in EXTRACTS:
        for column in contract(f"staging.{name}").columns:
            if column.logical == "number":
                assert column.physical.startswith("DECIMAL("), (name, column.name)
                assert column.unit, (name, column.name)


def test_numbers_of_persons_are_marked_as_personal() -> None:
    personal = {c.name for name in EXTRACTS for c in contract(f"staging.{name}").columns if c.is_personal}
    assert {"msisdn", "served_msisdn", "calling_number", "called_number", "contact_address"} <= personal


def test_a_misspelt_key_is_refused_by_the_standard() -> None:
    with pytest.raises(ContractError, match="not a valid ODCS document"):
        parse_contract(changed("staging.bills", {"desciption": {}}), "staging", "x.odcs.yaml")


def test_a_wrong_type_is_refused_with_its_place() -> None:
    broken = text_of("staging.bills").replace("logicalType: number", "logicalType: money", 1)
    with pytest.raises(ContractError, match=r"x\.odcs\.yaml.*schema/0/properties/\d+.*money"):
        parse_contract(broken, "staging", "x.odcs.yaml")


def test_two_tables_in_a_file_are_refused() -> None:
    table = yaml.safe_load(text_of("staging.bills"))["schema"][0]
    with pytest.raises(ContractError, match="one table a file"):
        parse_contract(changed("staging.bills", {"schema": [table, table]}), "staging", "x.odcs.yaml")


def test_an_unknown_contract_and_column_name_what_is_known() -> None:
    with pytest.raises(ContractError, match=r"data_contracts/staging/invoices\.odcs\.yaml"):
        contract("staging.invoices")
    with pytest.raises(ContractError, match="bill_id"):
        contract("staging.bills").column("invoice_id")


def test_a_key_promised_for_some_days_needs_local_days() -> None:
    assert contract("staging.cdr").key_within == "duplicate_window_days"
    without_days = text_of("staging.cdr").replace('- {property: localDate, value: "usage_date"}', "")
    with pytest.raises(ContractError, match=r"x\.odcs\.yaml: keyWithin counts local days.*localDate"):
        parse_contract(without_days, "staging", "x.odcs.yaml")
