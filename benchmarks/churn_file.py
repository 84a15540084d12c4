"""A churn file of anybody's as a training set: separators, blanks, labels in words, columns that only identify.

Belongs here: reading one table with one label. Does not: what is fitted on it (churn_public.py).
"""

from __future__ import annotations

import difflib
import gzip
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from segmentation.churn.encode import fit_encoding
from segmentation.churn.examples import TrainingSet

BLANKS = ("", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null", "?")
_LEFT = (
    "yes|y|true|t|1|churned|churn|churner|left|leave|leaves|leaving|lost|exited|cancelled|canceled|attrited|closed|"
    "terminated|attrited customer"
)
_STAYED = (
    "no|n|false|f|0|-1|stayed|stay|stays|staying|retained|active|loyal|existing|current|open|non-churn|nonchurn|"
    "existing customer|not churned|no churn"
)
# With more duplicates than this the table is coarse, and equal rows are different customers.
_COARSE = 0.2


class FileError(ValueError):
    """A file that can't be judged by; the message names the file, what is wrong and the cure."""


@dataclass(frozen=True)
class ChurnFile:
    """The training set, and what was noticed on the way, a message each."""

    training: TrainingSet
    notes: tuple[str, ...]


def read_churn_file(path: Path, label: str, positive: str | None = None, ids: Sequence[str] = ()) -> ChurnFile:
    """A CSV (commas, semicolons, tabs or bars; .gz) or Parquet file. Raises FileError.

    Column names are matched without regard to case and spaces. Text that reads as numbers throughout becomes numbers.
    """
    table, separator = _read(path)
    label, ids = _column(table, label, path), [_column(table, name, path) for name in ids]
    notes = []
    known = table.filter(pl.col(label).is_not_null())
    if known.height < table.height:
        notes.append(f"{table.height - known.height} rows without a label are left out")
    churned, told = _label(known[label], label, positive, path)
    notes.append(told)
    columns = [_typed(series, separator) for series in known.drop(label, *ids).iter_columns()]
    features = pl.DataFrame(columns)
    unnamed = [series.name for series in columns if _numbers_rows(series)]
    notes += [f"{name}: left out, a different whole number in every row, as of an identifier" for name in unnamed]
    features = features.drop(unnamed)
    if not features.width or not features.height:
        raise FileError(f"{path}: nothing is left to predict from; give other columns than --label and --id")
    ignored = fit_encoding(features).ignored
    notes += [f"{one}: left out" for one in ignored]
    features = features.drop([one.partition(": ")[0] for one in ignored if one.partition(": ")[0] in features.columns])
    return ChurnFile(TrainingSet(features, churned, groups=_groups(features, churned, notes)), tuple(notes))


def _read(path: Path) -> tuple[pl.DataFrame, str]:
    if not path.is_file():
        raise FileError(f"{path}: there is no such file; give the path of a CSV or Parquet file")
    if path.suffix == ".parquet":
        table, separator = pl.read_parquet(path).cast(pl.String), ","
    else:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("cp1252", errors="replace")
        first = text.lstrip().partition("\n")[0]
        separator = max(",;\t|", key=first.count)
        try:
            table = pl.read_csv(
                io.BytesIO(text.lstrip().encode()), separator=separator, infer_schema=False, truncate_ragged_lines=True
            )
        except pl.exceptions.PolarsError as error:
            raise FileError(f"{path}: not a CSV file with one header line: {str(error).splitlines()[0]}") from None
    names: dict[str, str] = {}
    for position, name in enumerate(table.columns):
        tidy = " ".join(name.strip().strip('"').split()) or f"column {position + 1}"
        names[name] = tidy if tidy not in names.values() else f"{tidy} ({position + 1})"
    table = table.rename(names).with_columns(pl.all().str.strip_chars())
    return table.with_columns(pl.when(~pl.all().is_in(BLANKS)).then(pl.all())), separator


def _column(table: pl.DataFrame, name: str, path: Path) -> str:
    wanted = _plain(name)
    found = [column for column in table.columns if _plain(column) == wanted]
    if found:
        return found[0]
    close = difflib.get_close_matches(name, table.columns, 3, 0.5)
    meant = f"did you mean {' or '.join(close)}? " if close else ""
    raise FileError(f"{path}: there is no column {name}; {meant}it has: {', '.join(table.columns)}")


def _plain(name: str) -> str:
    return re.sub(r"[\s_]+", "", name).lower()


def _label(values: pl.Series, label: str, positive: str | None, path: Path) -> tuple[np.ndarray, str]:
    plain = values.str.to_lowercase().str.strip_chars(" .").str.replace(r"^(-?\d+)\.0+$", "$1")
    distinct = plain.unique().sort().to_list()
    shown = ", ".join(values.unique().sort().head(6).to_list()) + (", …" if len(distinct) > 6 else "")
    if positive is not None:
        chosen = positive.lower().strip(" .")
        if chosen not in distinct:
            raise FileError(f"{path}: no row has {label} = {positive}; it holds {shown}")
    else:
        left_words, stayed_words = _LEFT.split("|"), _STAYED.split("|")
        likely = [value for value in distinct if value in left_words]
        others = [value for value in distinct if value not in left_words]
        if (
            len(likely) != 1
            or not (len(others) == 1 or any(value in stayed_words for value in others))
            or len(distinct) > 6
        ):
            raise FileError(
                f"{path}: {label} holds {shown} ({len(distinct)} values), which does not tell who churned; give the "
                "value that means churned with --positive, or another column with --label"
            )
        chosen = likely[0]
    churned = (plain == chosen).to_numpy()
    left = int(churned.sum())
    if min(left, len(churned) - left) < 50:
        raise FileError(
            f"{path}: {left} of {len(churned)} rows churned by {label}; a fair judgement needs at least 50 who did and "
            "50 who did not"
        )
    more = f", all of {', '.join(v for v in distinct if v != chosen)} as not" if len(distinct) > 2 else ""
    return (
        churned,
        f"{label}: {chosen} counts as churned{more}: {left} of {len(churned)} rows ({left / len(churned):.1%})",
    )


def _typed(series: pl.Series, separator: str) -> pl.Series:
    text = series.str.replace(",", ".", literal=True) if separator == ";" else series
    numbers = text.cast(pl.Float64, strict=False)
    return numbers if numbers.null_count() == series.null_count() else series


def _numbers_rows(series: pl.Series) -> bool:
    """A whole number in every row, never the same, that is named as an identifier or rises with the rows."""
    if not series.dtype.is_numeric() or series.null_count() or series.n_unique() < len(series):
        return False
    whole = bool((series == series.round()).all())
    words = set(re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", series.name).lower()))
    named = words & {"id", "ids", "index", "key", "number", "no", "num", "phone", "msisdn", "account", "row", "unnamed"}
    joined = re.search(r"(id|number|index|msisdn|rownumber)$", _plain(series.name)) is not None
    return whole and (bool(named) or joined or series.is_sorted() or series.name.startswith("column "))


def _groups(features: pl.DataFrame, churned: np.ndarray, notes: list[str]) -> np.ndarray | None:
    rows = features.with_columns(pl.Series("_churned", churned))
    repeated = rows.height - rows.n_unique()
    if not repeated:
        return None
    if repeated > _COARSE * rows.height:
        notes.append(f"{repeated} rows equal another one; in a table this coarse they are taken as different customers")
        return None
    notes.append(f"{repeated} rows repeat another one and stay in its fold")
    return rows.select(pl.struct(pl.all()).rank("dense").cast(pl.Int64)).to_series().to_numpy()
