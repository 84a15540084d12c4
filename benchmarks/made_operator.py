"""A generated operator on the disk, split into what history has and what lands in the one night that is measured.

Belongs here: generating, keeping, handing files to a home folder. Does not: timing.

The night is that of a month's close: one day of CDRs and one bill run land, both known on the day itself. The newest
delivery of the CRM is five days old by then, so no day of the past is restated.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

AS_OF = date(2024, 6, 5)
"""The day on which the bills of May come, and on which May counts as closed."""
DAY_BEFORE = AS_OF - timedelta(days=1)
_CRM = ("customers", "subscriptions", "service_lists")
_WEEKEND = 0.9
_FIRST_WEEKEND_DAY = 5


@dataclass(frozen=True)
class Size:
    """What is generated: customers, CDRs of the night's day (about), days of CDRs, months of bills, deliveries of the
    CRM (the newest of which is left out).
    """

    customers: int
    cdrs: int
    days: int = 8
    bill_months: int = 18
    deliveries: int = 3

    @property
    def cdr_total(self) -> int:
        """CDRs of all days together, so that the last day has about `cdrs`."""
        if self.cdrs == 0:
            return 0
        days = [AS_OF - timedelta(days=n) for n in range(self.days)]
        return round(self.cdrs * sum(_WEEKEND if day.weekday() >= _FIRST_WEEKEND_DAY else 1 for day in days))


@dataclass(frozen=True)
class Operator:
    """Extracts in `folder`/extracts/<extract>/; nothing there is changed after they were made."""

    folder: Path

    def files(self, *extracts: str) -> list[Path]:
        """Data files of these extracts, or of all, by name."""
        found = (self.folder / "extracts").glob("*/*.csv*")
        return sorted(f for f in found if f.suffix != ".ctl" and (not extracts or f.parent.name in extracts))

    def night(self, *extracts: str) -> list[Path]:
        """The day of CDRs and the bill run that land in the night."""
        day = AS_OF.strftime("%Y%m%d")
        return [f for f in self.files(*(extracts or ("cdr", "bills"))) if f"_{day}" in f.name]

    def history(self, *extracts: str) -> list[Path]:
        """Everything else."""
        landing_tonight = set(self.night())
        return [f for f in self.files(*extracts) if f not in landing_tonight]


def made_operator(folder: Path, size: Size) -> Operator:
    """The operator of that size in `folder`, generated unless the folder has it already.

    Raises SystemExit where the folder holds something else, or where generating fails.
    """
    record, wanted = folder / "made.json", json.dumps({**asdict(size), "as_of": AS_OF.isoformat()})
    if record.exists():
        if record.read_text(encoding="utf-8") != wanted:
            sys.exit(f"{folder} keeps an operator of another size: {record.read_text()}. Name another folder")
        return Operator(folder)
    making = folder / "making"
    shutil.rmtree(making, ignore_errors=True)
    command = [sys.executable, "-m", "sample_data", str(making), "--customers", str(size.customers)]
    command += ["--cdr-total", str(size.cdr_total), "--cdr-days", str(size.days), "--as-of", AS_OF.isoformat()]
    command += ["--bill-months", str(size.bill_months), "--snapshots", str(size.deliveries)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"generating failed with {done.returncode}:\n{done.stderr[-2000:]}")
    for extract in _CRM:
        for file in (making / "landing" / extract).glob(f"*_{AS_OF:%Y%m%d}.*"):
            file.unlink()
    shutil.rmtree(folder / "extracts", ignore_errors=True)
    (making / "landing").rename(folder / "extracts")
    shutil.rmtree(making)
    record.write_text(wanted, encoding="utf-8")
    return Operator(folder)


def land(files: list[Path], home: Path) -> None:
    """Puts files with their control files into the landing folder of a home: links, no copies."""
    for file in files:
        folder = home / "landing" / file.parent.name
        folder.mkdir(parents=True, exist_ok=True)
        for one in (file, file.with_name(f"{file.name}.ctl")):
            if one.exists():
                os.link(one, folder / one.name)


def unpacked(files: list[Path], folder: Path) -> list[Path]:
    """The same files without their compression, with their control files; made once."""
    made = []
    for file in files:
        target = folder / file.parent.name / file.name.removesuffix(".gz")
        made.append(target)
        if target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        control = file.with_name(f"{file.name}.ctl")
        if control.exists():
            shutil.copyfile(control, target.with_name(f"{target.name}.ctl"))
        partial = target.with_suffix(".part")
        with partial.open("wb") as out:
            opener = ["gzip", "-dc", str(file)] if file.suffix == ".gz" else ["cat", str(file)]
            subprocess.run(opener, stdout=out, check=True)
        partial.rename(target)
    return made
