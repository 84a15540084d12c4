"""One flipped bit, anywhere: found before that version is served, and by verify where no reader looks any more."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from publishers import KEYS, publish_stamped
from scenarios import folder_in_memory

from pipelines.publishing import verify
from pipelines.publishing.history import committed
from tierline import ManifestError, TierTable, verified_file

DATA = ["customer_tiers.parquet", "customer_tiers.arrow", "customer_tiers.keys"]
SAMPLE = 60  # bits of each data file: the first, the last, and those spread between them


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Three versions; every flip is taken back."""
    with folder_in_memory() as root:
        for number in range(3):
            publish_stamped(Path(root), f"r{number}", keep_versions=3)
        yield Path(root)


@contextmanager
def flipped(path: Path, bit: int) -> Iterator[None]:
    """The file with one bit changed, in place."""
    at, mask = bit // 8, 1 << bit % 8
    file = os.open(path, os.O_RDWR)
    try:
        whole = os.pread(file, 1, at)
        os.pwrite(file, bytes([whole[0] ^ mask]), at)
        try:
            yield
        finally:
            os.pwrite(file, whole, at)
    finally:
        os.close(file)


def serves_only_what_is_sound(folder: Path) -> bool:
    """A reader that starts now says that something is wrong, and serves an older version, whole, or none."""
    with TierTable(folder) as table:
        older = table.manifest is not None and table.manifest.version < 3
        brand = table.lookup(KEYS[7], ("brand",)).row.get("brand")
        whole = older and table.manifest is not None and brand == table.manifest.run_key
        return table.problem is not None and (table.status == "absent" or whole)


def spread(path: Path) -> list[int]:
    bits = path.stat().st_size * 8
    return sorted({*range(0, bits, max(1, bits // SAMPLE)), bits - 1})


def run_file(folder: Path, version: int, name: str) -> Path:
    return next(folder.glob(f"runs/{version}-*/{name}"))


@pytest.mark.parametrize("name", ["CURRENT.json", "manifests/3.json"])
def test_every_bit_of_pointer_and_manifest(folder: Path, name: str) -> None:
    path = folder / name
    served = []
    for bit in range(path.stat().st_size * 8):
        with flipped(path, bit):
            if not serves_only_what_is_sound(folder):
                served.append(bit)
    assert served == []
    assert TierTable(folder).status == "fresh"


@pytest.mark.parametrize("name", ["manifests/1.json"])
def test_every_bit_of_an_older_manifest(folder: Path, name: str) -> None:
    path, version = folder / name, int(name[-6])
    trusted = []
    for bit in range(0, path.stat().st_size * 8):
        with flipped(path, bit):
            if committed(folder)[version] is not None:
                trusted.append(bit)
    assert trusted == []
    for bit in spread(path)[::10]:
        with flipped(path, bit):
            assert [damage.path for damage in verify(folder).damages] == [name]


@pytest.mark.parametrize("name", DATA)
def test_a_spread_of_bits_of_the_current_versions_files(folder: Path, name: str) -> None:
    path = run_file(folder, 3, name)
    for bit in spread(path):
        with flipped(path, bit):
            if name.endswith("parquet"):  # which TierTable does not read
                with pytest.raises(ManifestError, match="does not have the SHA-256"):
                    verified_file(folder, name)
            else:
                assert serves_only_what_is_sound(folder)
                assert "does not have the SHA-256" in str(TierTable(folder).problem)


@pytest.mark.parametrize("name", ["CURRENT.json", "manifests/4.json", *DATA[1:]])
def test_a_reader_keeps_the_version_it_serves(tmp_path: Path, name: str) -> None:
    publish_stamped(tmp_path, "r0", keep_versions=9)
    for _ in range(3):
        with TierTable(tmp_path) as table:
            before = table.manifest
            assert before is not None
            newest = publish_stamped(tmp_path, f"after {before.version}", keep_versions=9).version
            path = run_file(tmp_path, newest, name) if name in DATA else tmp_path / name.replace("4", str(newest))
            for bit in spread(path)[:: SAMPLE // 4]:
                with flipped(path, bit):
                    assert (table.refresh(), table.problem is None, table.manifest) == (False, False, before)
                    assert table.lookup(KEYS[7], ("brand",)).row["brand"] == before.run_key
            assert (table.refresh(), table.problem) == (True, None)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_verify_finds_a_spread_of_bits_in_every_version(folder: Path, version: int) -> None:
    for name in DATA:
        path = run_file(folder, version, name)
        for bit in spread(path)[::6]:
            with flipped(path, bit):
                found = verify(folder)
                assert [damage.path for damage in found.damages] == [str(path.relative_to(folder))]
                assert [report.version for report in found.versions if report.damages] == [version]
    assert verify(folder).damages == ()
