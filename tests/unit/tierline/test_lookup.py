import decimal
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.publishing import Publication
from tierline import TierTable, UnknownFieldError

Publish = Callable[..., Publication]
Expected = Callable[[int, str], dict[str, object]]

# Lengths mixed and prefixes of one another, where plain integers would be out of order.
MSISDNS = sorted(
    ["+861", "+8613", "+86138", "+8613800138000", "+8613800138001", "+87", "+123456789012345", "+12", "+99"]
)
TEXTS = sorted(["", "0", "00", "10086", "A-1", "a", "é", "客户", "\uffff", "\U00010000", "z"], key=str.encode)


@pytest.mark.parametrize("batch_rows", [1, 2, 3, 7, 8, 1000])
@pytest.mark.parametrize("table_of", [("msisdn", MSISDNS), ("account_number", TEXTS)])
def test_every_row_is_found_by_its_key_whatever_the_batches(
    publish_keys: Publish, folder: Path, expected: Expected, table_of: tuple[str, list[str]], batch_rows: int
) -> None:
    kind, keys = table_of
    publish_keys(keys, service_key_type=kind, batch_rows=batch_rows)
    with TierTable(folder) as table:
        for number, key in enumerate(keys):
            answer = table.lookup(key)
            cells = expected(number, key)
            cells.pop("service_key")
            assert (answer.found, dict(answer.row), answer.tier) == (True, cells, cells["tier"])
            assert list(answer.row) == list(cells)
            assert [type(value) for value in answer.row.values()] == [type(value) for value in cells.values()]


@pytest.mark.parametrize("batch_rows", [1, 2, 1000])
@pytest.mark.parametrize(
    ("kind", "unknown"),
    [
        ("msisdn", ["+11", "+1234", "+860", "+8613800138002", "+86138001380", "+999", "8613", "", "客户", None, 86]),
        ("account_number", ["000", "1008", "100861", "b", "客", "\U00010001", "\ud800", None, 86]),
    ],
)
def test_an_unknown_caller_is_an_answer_not_an_error(
    publish_keys: Publish, folder: Path, kind: str, unknown: list[str], batch_rows: int
) -> None:
    publish_keys(MSISDNS if kind == "msisdn" else TEXTS, service_key_type=kind, batch_rows=batch_rows)
    with TierTable(folder) as table:
        for key in unknown:
            answer = table.lookup(key)
            assert (answer.found, answer.tier, dict(answer.row), answer.version) == (False, None, {}, 1)


def test_only_the_fields_asked_for_are_read_in_their_order(publish_keys: Publish, folder: Path) -> None:
    publish_keys(MSISDNS)
    with TierTable(folder) as table:
        key = MSISDNS[1]
        assert list(table.lookup(key, ("is_vip", "tier")).row.items()) == [("is_vip", True), ("tier", "mid")]
        assert dict(table.lookup(key, ["service_key"]).row) == {"service_key": key}
        assert dict(table.lookup(key, ()).row) == {}
        assert table.lookup(key, ("is_vip",)).tier is None
        for caller in (key, "+999"):
            with pytest.raises(UnknownFieldError, match=r"no field 'teir'; it has service_key, customer_id"):
                table.lookup(caller, ("teir",))


def test_an_answer_never_shows_the_number_or_a_cell_when_printed(publish_keys: Publish, folder: Path) -> None:
    publish_keys(MSISDNS)
    with TierTable(folder) as table:
        for key in ("+8613800138000", "+8613800138009"):
            shown = repr(table.lookup(key, ("service_key", "customer_id")))
            assert "138001380" not in shown
            assert "C" not in shown


def test_decimals_are_exact_in_a_thread_of_low_precision(publish_keys: Publish, folder: Path) -> None:
    publish_keys(MSISDNS)
    with TierTable(folder) as table, decimal.localcontext() as context:
        context.prec = 2
        assert str(table.lookup(MSISDNS[0]).row["credit_part"]) == "99.9999"
        assert str(table.lookup(MSISDNS[0]).row["value_score"]) == "0.0000"
