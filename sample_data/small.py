"""The committed sample: where it lies and the arguments that make it again, byte for byte.

Belongs here: its definition. Does not: its files (small/) or how rows are made.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Final

SMALL: Final = Path(__file__).parent / "small"
README: Final = Path(__file__).parent / "README.md"
MARK: Final = "<!-- faults: written by python -m sample_data --small -->"
SMALL_ARGUMENTS: Final[dict[str, Any]] = {
    "customers": 250,
    "seed": 7,
    "as_of": date(2024, 6, 30),
    "bill_months": 18,
    "cdr_days": 100,
    "cdr_per_line_day": 2.2,
    "faults": True,
}
