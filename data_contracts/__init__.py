"""What goes in and out: Open Data Contract Standard (ODCS v3) files, one table each, and their loader.

Belongs here: columns, types, units, keys, domains, owners, versions. Does not: anything that moves or checks data.
"""

from data_contracts.loader import (
    Column,
    Contract,
    ContractError,
    contract,
    contract_names,
    parse_contract,
)

__all__ = ["Column", "Contract", "ContractError", "contract", "contract_names", "parse_contract"]
