"""A delivered file, prescanned and brought to a form that DuckDB reads row for row.

Belongs here: from a path to a FROM item with known lines, and back from rows to raw lines. Does not: typing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np

from pipelines.intake.ahead import ahead
from pipelines.intake.beforehand import CELL_REASONS, Beforehand
from pipelines.intake.discover import Delivery, is_workbook
from pipelines.intake.file_rules import Format
from pipelines.intake.header import require_header
from pipelines.intake.lines import Positions, blocks_of, raw_lines
from pipelines.intake.mapping import SourceMapping
from pipelines.intake.normalise import SEPARATOR, Normalised, normalise, physical_lines, split_header
from pipelines.intake.parquet import parquet_columns_and_rows
from pipelines.intake.prescan import Scan, prescan
from pipelines.intake.reasons import Failure, failure
from pipelines.intake.refusal import IntakeRefusal
from pipelines.intake.settings import IntakeSettings
from pipelines.intake.spool import needs_spool, plain_text, sha256_of, written
from pipelines.intake.xlsx import transcode, wanted
from pipelines.intake.xlsx.sheet import column_letters
from pipelines.sql_text import identifier, literal, without_globs

_OF_DATA = (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.OutOfRangeException)


@dataclass
class Opened:
    """`source` is a FROM item with the header's columns as text, one row a record that could be split into fields; an
    empty field of a text file is null.

    `records` = `header` + `trailer` + `blank` + rows of `source` + lines in `unsplit.rejected`.
    """

    sha256: str
    size: int
    source: str
    records: int
    header: int = 0
    trailer: int = 0
    unsplit: Normalised = field(default_factory=Normalised)
    scan: Scan | None = None
    plain: Path | None = None
    is_parquet: bool = False
    columns: tuple[str, ...] = ()

    @property
    def data_records(self) -> int:
        """Lines that are records: no header, no trailer, not blank."""
        return self.records - self.header - self.trailer - self.unsplit.blank

    def unsplit_failure(self, reason: str, found: int) -> Failure:
        """What is said of a line in `unsplit.rejected`, see Normalised."""
        if reason in CELL_REASONS:
            return failure(reason, self.columns[found], letters=column_letters(found))
        return failure(reason, found=found, expected=len(self.columns))

    def lines_of(self, rows: Positions) -> Positions:
        """Physical line numbers (1-based) of rows of `source` (0-based)."""
        return physical_lines(rows, np.array(self.unsplit.omitted, np.int64))

    def raw(self, con: duckdb.DuckDBPyConnection, lines: Positions) -> Iterator[tuple[int, str]]:
        """(line number, raw text) of the given ascending lines; a Parquet row is shown as JSON."""
        if self.is_parquet:
            wanted = ", ".join(map(str, lines.tolist()))
            rows = con.execute(
                f"SELECT rn, to_json(t) FROM (SELECT *, row_number() OVER () AS rn FROM {self.source}) t "
                f"WHERE rn IN ({wanted or 'NULL'}) ORDER BY rn"
            ).fetchall()
            yield from ((int(n), str(text)) for n, text in rows)
        elif self.plain is not None and self.scan is not None:
            for number, raw in raw_lines(self.plain, self.scan.index, lines):
                yield number, raw.decode("utf-8", "replace")


def open_file(delivery: Delivery, mapping: SourceMapping, settings: IntakeSettings, folder: Path) -> Opened:
    """Prescans the file; temporary files go to `folder`. Raises IntakeRefusal, see docs/sources.md for all reasons."""
    before = require_size(delivery, settings)
    # DuckDB sees only names that are made here: a delivered name may hold quotes, globs or newlines.
    link = folder / "delivered"
    link.symlink_to(delivery.path.absolute())
    if delivery.name.lower().endswith(".parquet") or mapping.format.parquet:
        opened = _open_parquet(link, delivery, mapping, settings)
    else:
        opened = _open_text(link, delivery, mapping, settings, folder)
    opened.size, opened.columns = before[0], mapping.header
    require_unchanged(delivery, before)
    return opened


def require_size(delivery: Delivery, settings: IntakeSettings) -> tuple[int, int, int]:
    """The state of the file before it is read. Raises IntakeRefusal where it is too large."""
    before = state_of(delivery.path)
    if before[0] > settings.max_file_bytes:
        raise IntakeRefusal(
            delivery.file_name,
            "file_too_large",
            f"it has {before[0]} bytes",
            f"Split it, or raise max_file_bytes ({settings.max_file_bytes}).",
        )
    return before


@contextmanager
def errors_without_data(file_name: str) -> Iterator[None]:
    """Turns DuckDB's complaints about data into a refusal: they quote whole lines, which hold personal data."""
    try:
        yield
    except duckdb.Error as error:
        # What its Parquet reader finds damaged has no class of its own; a full disk, a lock, an interrupt have.
        if not isinstance(error, _OF_DATA) and type(error) is not duckdb.Error:
            raise
        kind = type(error).__name__
        raise IntakeRefusal(
            file_name,
            "unreadable",
            f"DuckDB could not read what the prescan had passed ({kind})",
            "Nothing of the file was kept. This is a fault of intake: please report it with the file's form.",
        ) from None


def require_unchanged(delivery: Delivery, before: tuple[int, int, int]) -> None:
    """Raises IntakeRefusal if size, time or inode differ from `before`."""
    if state_of(delivery.path) != before:
        raise IntakeRefusal(
            delivery.file_name,
            "file_changed",
            "the file changed while it was read",
            "Deliver under a name that ends in .part and rename when complete; the next run takes it.",
        )


def state_of(path: Path) -> tuple[int, int, int]:
    """What changes when a file grows or is replaced: size, time, inode."""
    state = path.stat()
    return state.st_size, state.st_mtime_ns, state.st_ino


def _open_parquet(link: Path, delivery: Delivery, mapping: SourceMapping, settings: IntakeSettings) -> Opened:
    texts, rows = parquet_columns_and_rows(link, delivery.file_name, settings)
    require_header([name for name, _ in texts], mapping.header, delivery.file_name)
    columns = ", ".join(f"{text} AS {identifier(name)}" for name, text in texts)
    source = f"(SELECT {columns} FROM read_parquet({literal(without_globs(str(link)))}))"
    return Opened(sha256_of(link), 0, source, rows, is_parquet=True)


def _open_text(
    link: Path, delivery: Delivery, mapping: SourceMapping, settings: IntakeSettings, folder: Path
) -> Opened:
    form, fields = mapping.format, len(mapping.header)
    plain, beforehand = link, Beforehand()
    if is_workbook(delivery.name):
        plain, digest = folder / "plain", sha256_of(link)
        form = form.model_copy(update={"delimiter": ",", "quote": '"', "encoding": "utf-8"})
        kinds = wanted(mapping)
        beforehand = transcode(
            link,
            delivery.file_name,
            plain,
            sheet_name=delivery.source,
            columns=[kinds[name] for name in mapping.header],
            header_rows=int(form.header),
            settings=settings,
        )
        scan = prescan(
            blocks_of(plain), delivery.file_name, form, fields=fields, max_line_bytes=settings.max_line_bytes
        )
    else:
        if needs_spool(link, delivery.name, form.encoding):
            plain = folder / "plain"
        scan, digest = _scan_text(link, plain, delivery, form, settings, fields=fields)
    trailer = require_ends(scan, form, mapping.header, delivery.file_name)
    opened = split_into_fields(
        plain, folder, scan, form, mapping.header, settings=settings, trailer=trailer, beforehand=beforehand
    )
    opened.sha256 = digest
    return opened


def require_ends(scan: Scan, form: Format, header: tuple[str, ...], file_name: str) -> int | None:
    """The line of the trailer, None where none is declared. Raises IntakeRefusal for a wrong header or no trailer."""
    if form.header:
        require_header(split_header(scan.header_line or b"", form), header, file_name)
    return _trailer(scan, form, file_name)


def split_into_fields(
    plain: Path,
    folder: Path,
    scan: Scan,
    form: Format,
    header: tuple[str, ...],
    *,
    settings: IntakeSettings,
    trailer: int | None,
    beforehand: Beforehand,
) -> Opened:
    """A prescanned text as DuckDB can read it: as it stands where it is regular, else mended into `folder`."""
    opened = Opened("", 0, "", scan.lines, int(form.header), int(trailer is not None), scan=scan, plain=plain)
    if scan.is_regular and not beforehand.lines:
        opened.unsplit.omitted.extend([1] * opened.header)
        opened.source = _read_csv(plain, header, form.delimiter, opened.header, scan.longest)
    else:
        target = folder / "normalised"
        opened.unsplit = normalise(
            plain,
            target,
            form,
            fields=len(header),
            max_line_bytes=settings.max_line_bytes,
            trailer_line=trailer,
            beforehand=beforehand,
        )
        opened.source = _read_csv(target, header, SEPARATOR, 0, scan.longest)
    return opened


def _scan_text(
    link: Path, plain: Path, delivery: Delivery, form: Format, settings: IntakeSettings, *, fields: int
) -> tuple[Scan, str]:
    """The prescan of a delivered text, each byte read once, and its SHA-256. `plain` is written unless it is `link`."""
    sha256 = hashlib.sha256()
    text = plain_text(link, delivery.file_name, form.encoding, sha256, settings)
    with closing(ahead(text)) as blocks:
        kept = blocks if plain == link else written(blocks, plain)
        try:
            scan = prescan(kept, delivery.file_name, form, fields=fields, max_line_bytes=settings.max_line_bytes)
        except IntakeRefusal:
            if plain != link:
                for _ in kept:  # a fault of the packing goes before one of the text in it
                    pass
            raise
    return scan, sha256.hexdigest()


def _trailer(scan: Scan, form: Format, file_name: str) -> int | None:
    if form.trailer_prefix is None:
        return None
    is_header = form.header and scan.last_line_number == 1
    if is_header or not scan.last_line.startswith(form.trailer_prefix.encode()):
        raise IntakeRefusal(
            file_name,
            "trailer_missing",
            f"the last line does not begin with {form.trailer_prefix!r}, so the file may be cut off",
            "Deliver it again in full, or take trailer_prefix out of the source mapping.",
            scan.last_line_number,
        )
    return scan.last_line_number


def _read_csv(path: Path, header: tuple[str, ...], delimiter: str, skip: int, longest: int) -> str:
    columns = ", ".join(f"{literal(n)}: 'VARCHAR'" for n in header)
    # Quoting off: a stray quote would swallow lines. Nothing is detected, everything is said.
    return (
        f"read_csv({literal(without_globs(str(path)))}, auto_detect=false, header=false, skip={skip}, "
        f"delim={literal(delimiter)}, quote='', escape='', comment='', nullstr='', new_line='\\n', compression='none', "
        f"max_line_size={max(2_000_000, longest + 2)}, columns={{{columns}}})"
    )
