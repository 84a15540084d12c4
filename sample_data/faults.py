"""Plants the deliberate faults into a generated landing folder and lists them, line by line, in faults.yaml.

Belongs here: which file and line each fault gets. Does not: what the faults are (fault_catalogue.py).
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from sample_data import fault_catalogue as catalogue
from sample_data.arrays import numbers
from sample_data.changes import unheld_number
from sample_data.fault_catalogue import Fault
from sample_data.files import gzip_bytes
from sample_data.horizon import Horizon, compact, iso

KEYS: Final = {
    "cdr": "record_id",
    "bills": "bill_id",
    "payments": "payment_id",
    "contacts": "contact_id",
    "customers": "customer_id",
    "subscriptions": "subscription_id",
    "service_lists": "customer_id",
}
_FAULTY_DAY, _CRLF_DAY, _NUL_DAY, _COPIED_DAY = 17, 16, 15, 20
"""Days before the as-of date of the CDR files with faults."""


@dataclass(frozen=True)
class Planted:
    """A fault at its place: `file` below landing/, `line` counted from 1 (the header), 0 for the whole file."""

    file: str
    line: int
    fault: Fault
    key: str = ""


class _File:
    """A delivered CSV as text lines, header first; none of its generated lines holds a quote or line break."""

    def __init__(self, path: Path, lines: list[str]) -> None:
        self.path, self.lines = path, lines
        self.columns = lines[0].split(",")
        self.extract = path.parent.name

    @classmethod
    def read(cls, path: Path) -> _File:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
        return cls(path, text.removesuffix("\n").split("\n"))

    def write(self, newline: str = "\n") -> None:
        data = "".join(line + newline for line in self.lines).encode()
        self.path.write_bytes(gzip_bytes(data) if self.path.suffix == ".gz" else data)

    def beside(self, name: str) -> _File:
        return _File(self.path.with_name(name), [self.lines[0]])

    def add(self, fault: Fault, template: str, key: str) -> Planted:
        """Appends the line that the fault makes of a valid one."""
        fields = dict(zip(self.columns, template.split(","), strict=True))
        if fault.base == "new":
            fields[KEYS[self.extract]] = key
        served = fields.get("served_msisdn", "")
        unheld = str(numbers(unheld_number(np.asarray([1001])))[0])
        changed = {c: v.replace("{served}", served).replace("{unheld}", unheld) for c, v in fault.values.items()}
        values = list((fields | changed).values())
        self.lines.append(",".join(values[: len(values) - fault.cut]) + fault.tail)
        return Planted(self.name, len(self.lines), fault, fields[KEYS[self.extract]])

    def blank(self) -> Planted:
        """Appends an empty line."""
        self.lines.append("")
        return Planted(self.name, len(self.lines), Fault("an empty line: counted as blank", "blank"))

    @property
    def name(self) -> str:
        return f"{self.extract}/{self.path.name}"


def plant(destination: Path, horizon: Horizon) -> int:
    """Plants all faults below `destination`/landing and writes `destination`/faults.yaml; returns how many."""
    landing = destination / "landing"
    planted = [*_cdr(landing, horizon), *_bills(landing)]
    for extract, faults in (
        ("payments", catalogue.PAYMENTS),
        ("contacts", catalogue.CONTACTS),
        ("customers", catalogue.CUSTOMERS),
        ("subscriptions", catalogue.SUBSCRIPTIONS),
        ("service_lists", catalogue.SERVICE_LISTS),
    ):
        planted += _append(_File.read(_last(landing / extract)), faults)
    (destination / "faults.yaml").write_text(_yaml(planted), encoding="utf-8")
    return len(planted)


def _last(folder: Path) -> Path:
    return max(f for f in folder.iterdir() if f.suffix != ".ctl")


def _append(file: _File, faults: Sequence[Fault]) -> list[Planted]:
    """Adds the lines at the end of a delivery that has no control file."""
    template = file.lines[1]
    planted = [file.add(fault, template, f"X{i:08d}") for i, fault in enumerate(faults, start=1)]
    if file.extract == "customers":
        fields = file.lines[2].split(",")
        fields[file.columns.index("region")] = catalogue.REGION.values["region"]
        file.lines[2] = ",".join(fields)
        planted.append(Planted(file.name, 3, catalogue.REGION, fields[0]))
    file.write()
    return planted


def _bills(landing: Path) -> list[Planted]:
    """A second delivery of the last month: a zero adjustment that is right, then the faults."""
    main = _File.read(_last(landing / "bills"))
    file = main.beside(main.path.name.replace(".csv.gz", "_2.csv.gz"))
    template = next(line for line in main.lines[1:] if ",invoice," in line and ",," not in line)
    fields = dict(zip(main.columns, template.split(","), strict=True))
    zero = {c: "0.00" for c in main.columns if c.endswith("_amount") or c == "amount_due"}
    right = fields | zero | {"bill_id": "BX00000000", "bill_type": "adjustment", "payment_due_date": ""}
    file.lines.append(",".join(right.values()))
    planted = [file.add(fault, template, f"BX{i:08d}") for i, fault in enumerate(catalogue.BILLS, start=1)]
    file.write()
    return planted


def _cdr(landing: Path, horizon: Horizon) -> list[Planted]:
    def read(days_ago: int) -> _File:
        return _File.read(landing / "cdr" / f"cdr_{compact(horizon.as_of - days_ago)}.csv.gz")

    day = compact(horizon.as_of - _FAULTY_DAY)
    main = read(_FAULTY_DAY)
    node = main.beside(f"cdr_{day}_7.csv.gz")
    node.lines += _more(main, day, 8_000_001, 60)
    planted = []
    for i, fault in enumerate(catalogue.CDR, start=1):
        planted.append(node.add(fault, node.lines[1], f"{day}-{9_000_000 + i}"))
        if i % 10 == 0:
            planted.append(node.blank())
    planted += _gap(landing, horizon, node, day)
    planted.append(node.blank())
    node.write()

    other = read(_CRLF_DAY)
    day = compact(horizon.as_of - _CRLF_DAY)
    crlf = other.beside(f"cdr_{day}_7.csv.gz")
    crlf.lines += _more(other, day, 8_000_001, 12)
    planted.append(Planted(crlf.name, 0, Fault("lines end in CR LF: read like any other", "ordinary")))
    planted.append(crlf.add(catalogue.ACROSS_FILES, main.lines[4], ""))
    crlf.write("\r\n")

    other = read(_NUL_DAY)
    day = compact(horizon.as_of - _NUL_DAY)
    nul = other.beside(f"cdr_{day}_7.csv")
    nul.lines += _more(other, day, 8_000_001, 12)
    planted.append(nul.add(catalogue.NUL, nul.lines[1], f"{day}-9000001"))
    nul.write()

    source = read(_COPIED_DAY).path
    copy = source.with_name(source.name.replace(".csv.gz", "_2.csv.gz"))
    copy.write_bytes(source.read_bytes())
    what = f"byte for byte the file {source.name}, under another name"
    planted.append(Planted(f"cdr/{copy.name}", 0, Fault(what, "copy_ignored")))
    return planted


def _more(main: _File, day: str, first: int, count: int) -> list[str]:
    """Valid records of another node: the day's own half a minute later, under identifiers of their own."""
    at = main.columns.index("answer_time")
    made: list[str] = []
    for line in main.lines[1:]:
        fields = line.split(",")
        second = int(fields[at][17:19])
        if second < 30 and len(made) < count:
            fields[0] = f"{day}-{first + len(made)}"
            fields[at] = f"{fields[at][:17]}{second + 30:02d}{fields[at][19:]}"
            made.append(",".join(fields))
    return made


def _gap(landing: Path, horizon: Horizon, node: _File, day: str) -> list[Planted]:
    """A call of a recycled number at noon of a day on which no line held it, where there is such a number."""
    noon = f"{iso(horizon.as_of - _FAULTY_DAY)}T12:00:00+08:00"
    held = pl.read_csv(_last(landing / "subscriptions"), infer_schema=False).filter(pl.col("msisdn").is_not_null())
    began, ended = pl.col("valid_from"), pl.col("valid_to").fill_null("9999")
    held = (
        held.sort("msisdn", "valid_from")
        .group_by("msisdn", maintain_order=True)
        .agg(
            lines=pl.col("subscription_id").n_unique(),
            between=((began <= noon) & (ended > noon)).any().not_(),
            before=began.min() < noon,
            after=began.max() > noon,
            since=ended.filter(ended < noon).max(),
        )
    )
    found = held.filter((pl.col("lines") > 1) & pl.col("between") & pl.col("before") & pl.col("after"))
    if not found.height:
        return []
    # The number given up last has use on its old line within the CDR window, which makes the better example.
    number = str(found.sort("since", "msisdn")["msisdn"][-1])
    values = {"served_msisdn": number, "calling_number": number, "direction": "outgoing", "answer_time": noon}
    fault = Fault(catalogue.GAP.what, "unattributed", column="served_msisdn", values=values)
    return [node.add(fault, node.lines[1], f"{day}-9900001")]


def _yaml(planted: Sequence[Planted]) -> str:
    """The list as YAML; strings are written as JSON, which YAML reads."""
    lines = [
        "# Written by python -m sample_data; do not edit.",
        "# file: below landing/. line: counted from 1, the header; 0 is the whole file.",
        "faults:",
    ]
    for p in planted:
        f = p.fault
        entries = {"file": p.file, "line": p.line, "key": p.key, "outcome": f.outcome}
        entries |= {"reason": f.reason, "column": f.column, "what": f.what}
        shown = ", ".join(f"{k}: {json.dumps(v, ensure_ascii=False)}" for k, v in entries.items() if v != "")
        lines.append(f"  - {{{shown}}}")
    return "\n".join(lines) + "\n"


def table(yaml_text: str) -> str:
    """The list of faults.yaml as a Markdown table for README.md."""
    rows = ["| file | line | what is wrong | what must happen |", "|---|---|---|---|"]
    for line in yaml_text.splitlines():
        if line.startswith("  - {"):
            entry = _entry(line)
            must = str(entry["outcome"]).replace("_", " ")
            must += f": `{entry['reason']}`" if "reason" in entry else ""
            place = entry["line"] or "all"
            column = f" (`{entry['column']}`)" if "column" in entry else ""
            rows.append(f"| {entry['file']} | {place} | {entry['what']}{column} | {must} |")
    return "\n".join(rows) + "\n"


def _entry(line: str) -> dict[str, str | int]:
    """One line of our own faults.yaml back into its values; keys are bare words followed by JSON values."""
    decoder, text, entry = json.JSONDecoder(), line.removeprefix("  - {"), {}
    while not text.startswith("}"):
        key, _, text = text.lstrip(", ").partition(": ")
        entry[key], end = decoder.raw_decode(text)
        text = text[end:]
    return entry
