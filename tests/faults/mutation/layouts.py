"""How the files of each source are written, and the rows that they begin with.

Belongs here: sources, their mappings, believable rows. Does not: damage (changes.py), reading them (reading.py).
"""

from __future__ import annotations

import csv
import gzip
import io
import random
import tempfile
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from pipelines.intake import SourceMapping, parse_mapping
from sample_data import generate

AS_OF = date(2024, 6, 30)
ZONE, CURRENCY = "Asia/Shanghai", "CNY"
EXTRACTS = ("bills", "cdr", "contacts", "customers", "payments", "service_lists", "subscriptions", "tier_overrides")

SWITCH = r"""
source: switch
version: 1.0.0
header: [id, user, other, way, kind, at, secs, up, down, far, amount, cause, note]
format: {delimiter: "|", encoding: gbk, quote: none, trailer_prefix: TRL}
known_at: {file_name: '_(?P<date>\d{8})'}
ignored: [note]
extracts:
  cdr:
    columns:
      record_id: {from: id}
      served_msisdn: {from: user, prefix: "+86", when_length: 11}
      calling_number: {column_by: {column: way, codes: {"1": user, "2": other}}, prefix: "+86", when_length: 11}
      called_number: {column_by: {column: way, codes: {"1": other, "2": user}}, prefix: "+86", when_length: 11}
      direction: {from: way, codes: {"1": outgoing, "2": incoming}}
      call_type: {from: kind, codes: {V: voice, S: sms, D: data}}
      answer_time: {from: at, zone: Europe/London}
      call_duration: {from: secs}
      uplink_bytes: {from: up}
      downlink_bytes: {from: down}
      roaming: {constant: "false"}
      long_distance: {from: far, codes: {Y: "true", N: "false"}}
      charge: {from: amount}
      cause_for_term: {from: cause, codes: {"16": normal}, otherwise: keep}
    require: {secs: the call has no length}
"""
DESK = """
source: desk
version: 1.0.0
header: [number, account, kind, month, line, paid, amount]
format: {delimiter: ";", encoding: iso-8859-1, header: false}
known_at: row
extracts:
  payments:
    columns:
      payment_id: {from: number, prefix: "D-"}
      account_id: {from: account}
      kind: {from: kind, codes: {B: payment, A: recharge}}
      billing_period: {from: month}
      subscription_id: {from: line}
      paid_at: {from: paid, date_format: "%d.%m.%Y %H:%M:%S %z"}
      amount: {from: amount}
"""


@dataclass(frozen=True)
class Layout:
    """One source: its columns in order, and how its text is written. `amounts` are columns that a control file sums."""

    source: str
    extract: str
    header: tuple[str, ...]
    amounts: tuple[str, ...]
    delimiter: str = ","
    encoding: str = "utf-8"
    quoted: bool = True
    has_header: bool = True
    trailer: str | None = None


@cache
def mappings() -> dict[str, SourceMapping]:
    return {m.source: m for m in (parse_mapping(SWITCH, "switch.yaml"), parse_mapping(DESK, "desk.yaml"))}


@cache
def layouts() -> tuple[Layout, ...]:
    """Every source: the seven extracts as their contracts say, and two that are mapped."""
    sums = {"bills": ("rental_amount", "amount_due"), "cdr": ("call_duration", "charge"), "payments": ("amount",)}
    plain = tuple(Layout(name, name, tuple(_pool()[name][0]), sums.get(name, ())) for name in EXTRACTS)
    switch = Layout(
        *("switch", "cdr", tuple(mappings()["switch"].header), ("secs", "amount")),
        delimiter="|",
        encoding="gbk",
        quoted=False,
        trailer="TRL",
    )
    desk = Layout(
        *("desk", "payments", tuple(mappings()["desk"].header), ("amount",)),
        delimiter=";",
        encoding="iso-8859-1",
        has_header=False,
    )
    return (*plain, switch, desk)


def believable_rows(layout: Layout, chance: random.Random, most: int = 30) -> list[list[str]]:
    """A few dozen rows of the sample operator in the layout's columns."""
    pool = _pool()[layout.extract][1:]
    size = min(chance.randint(6, most), len(pool))
    at = chance.randrange(len(pool) - size + 1)
    rows = [list(row) for row in pool[at : at + size]]
    match layout.source:
        case "switch":
            return [_as_switch(dict(zip(_pool()["cdr"][0], row, strict=True))) for row in rows]
        case "desk":
            return [_as_desk(dict(zip(_pool()["payments"][0], row, strict=True))) for row in rows]
        case _:
            return rows


def _as_switch(cdr: dict[str, str]) -> list[str]:
    other = cdr["called_number"] if cdr["direction"] == "outgoing" else cdr["calling_number"]
    return [
        f"x{cdr['record_id']}",
        cdr["served_msisdn"].removeprefix("+86"),
        other.removeprefix("+86"),
        "1" if cdr["direction"] == "outgoing" else "2",
        cdr["call_type"][0].upper(),
        cdr["answer_time"][:19].replace("T", " "),
        cdr["call_duration"],
        cdr["uplink_bytes"],
        cdr["downlink_bytes"],
        "Y" if cdr["long_distance"] == "true" else "N",
        cdr["charge"],
        cdr["cause_for_term"],
        '备注 "x"',
    ]


def _as_desk(payment: dict[str, str]) -> list[str]:
    at = payment["paid_at"]
    return [
        payment["payment_id"],
        payment["account_id"],
        "B" if payment["kind"] == "payment" else "A",
        payment["billing_period"],
        payment["subscription_id"],
        f"{at[8:10]}.{at[5:7]}.{at[:4]} {at[11:19]} +0800",
        payment["amount"],
    ]


@cache
def _pool() -> dict[str, list[list[str]]]:
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder), customers=60, seed=5, as_of=AS_OF, bill_months=1, cdr_days=1, snapshots=1)
        found: dict[str, list[list[str]]] = {}
        for name in EXTRACTS:
            for path in sorted(Path(folder, "landing", name).glob("*.csv*")):
                if path.suffix == ".ctl":
                    continue
                content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
                rows = list(csv.reader(io.StringIO(content.decode())))
                found[name] = [*found.get(name, rows[:1]), *rows[1:]]
    return found
