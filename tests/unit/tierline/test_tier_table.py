import ast
import gc
import hashlib
import json
import shutil
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import tierline.table
import tierline.verify
from pipelines.publishing import Publication
from tierline import ManifestError, TierTable, current_manifest, verified_file
from tierline.opened import OpenedVersion

Publish = Callable[..., Publication]

KEYS = [f"+86138{n:04d}" for n in range(50)]
NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def target(folder: Path, name: str) -> Path:
    if name in {"CURRENT.json", "manifests/2.json"}:
        return folder / name
    return next(folder.glob(f"runs/2-*/{name}"))


DAMAGEABLE = ["CURRENT.json", "manifests/2.json", "customer_tiers.arrow", "customer_tiers.keys"]


@pytest.mark.parametrize("name", DAMAGEABLE)
@pytest.mark.parametrize("at", [0.0, 0.3, 0.6, 0.99])
def test_one_flipped_bit_keeps_a_version_from_being_served(
    publish_keys: Publish, folder: Path, name: str, at: float
) -> None:
    publish_keys(KEYS)
    with TierTable(folder, clock=lambda: NOW) as table:
        publish_keys(KEYS, "r2")
        damaged = target(folder, name)
        flip(damaged, int(damaged.stat().st_size * at))
        assert table.refresh() is False
        assert table.problem is not None
        assert (table.lookup(KEYS[7]).found, table.lookup(KEYS[7]).version, table.status) == (True, 1, "fresh")
        with TierTable(folder, clock=lambda: NOW) as opened_late:
            # Version 2 can't be read, and vouches for version 1 all the same, but for its own damaged line that does.
            served = opened_late.lookup(KEYS[7]).version
            assert served == 1 or (served is None and name == "manifests/2.json")
            assert str(opened_late.problem).startswith(table.problem)


@pytest.mark.parametrize("name", ["CURRENT.json", "manifests/2.json"])
def test_every_byte_of_the_two_json_files_counts(publish_keys: Publish, folder: Path, name: str) -> None:
    publish_keys(KEYS)
    publish_keys(KEYS, "r2")
    whole = (folder / name).read_bytes()
    meant = current_manifest(folder)
    for bit in range(0, len(whole) * 8, 7):  # at least one of every byte, each of the eight in turn
        content = bytearray(whole)
        content[bit // 8] ^= 1 << bit % 8
        (folder / name).write_bytes(content)
        try:
            read = current_manifest(folder)
        except (ManifestError, OSError):
            continue
        # White space of CURRENT.json may turn into other white space: then it says the same.
        assert name == "CURRENT.json" and json.loads(content) == json.loads(whole) and read == meant


@pytest.mark.parametrize("name", DAMAGEABLE)
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_cut_or_missing_file_keeps_the_last_good_version(
    publish_keys: Publish, folder: Path, name: str, damage: str
) -> None:
    publish_keys(KEYS)
    with TierTable(folder) as table:
        publish_keys(KEYS, "r2")
        path = target(folder, name)
        if damage == "cut":
            path.write_bytes(path.read_bytes()[:-1] if name.startswith("customer") else path.read_bytes()[:-3])
        else:
            path.unlink()
        assert (table.refresh(), table.lookup(KEYS[0]).version) == (False, 1)
        assert table.problem is not None


def test_a_mended_version_is_taken_at_the_next_refresh(publish_keys: Publish, folder: Path) -> None:
    publish_keys(KEYS)
    with TierTable(folder) as table:
        publish_keys(KEYS, "r2")
        path = target(folder, "customer_tiers.keys")
        flip(path, 5)
        assert table.refresh() is False
        flip(path, 5)
        assert (table.refresh(), table.problem, table.lookup(KEYS[0]).version) == (True, None, 2)
        assert table.refresh() is False


def test_it_never_goes_backwards(publish_keys: Publish, folder: Path) -> None:
    publish_keys(KEYS)
    old = (folder / "CURRENT.json").read_bytes()
    publish_keys(KEYS, "r2")
    with TierTable(folder) as table:
        (folder / "CURRENT.json").write_bytes(old)
        assert (table.refresh(), table.lookup(KEYS[0]).version) == (False, 2)
        assert "version 1, older than 2" in str(table.problem)


@pytest.mark.parametrize(
    ("field", "value"), [("format_version", 2), ("contract_version", "2.0.0"), ("contract_version", "0.9.0")]
)
def test_an_unknown_major_is_refused_in_plain_words(
    publish_keys: Publish, folder: Path, field: str, value: object
) -> None:
    publish_keys(KEYS)
    with TierTable(folder) as table:
        publish_keys(KEYS, "r2")
        rewrite_manifest(folder, 2, **{field: value})
        assert table.refresh() is False
        assert table.problem is not None
        assert f"{field} is {value!r}, this tierline reads 1" in table.problem
        assert "install a matching one" in table.problem
        assert table.lookup(KEYS[0]).version == 1


@pytest.mark.parametrize(
    ("changed", "told"), [({"rows": 49}, "bytes a row, 49"), ({"service_key_type": "account_number"}, None)]
)
def test_a_manifest_that_does_not_fit_its_files(
    publish_keys: Publish, folder: Path, changed: dict[str, object], told: str | None
) -> None:
    publish_keys(KEYS)
    if "rows" in changed:
        changed["tiers"] = {"high": 49}
    rewrite_manifest(folder, 1, **changed)
    with TierTable(folder) as table:
        if told is None:  # the same rows, looked up as text
            assert table.lookup(KEYS[3]).found
        else:
            assert table.problem is not None and "its manifest says 49" in table.problem


def rewrite_manifest(folder: Path, version: int, **changed: object) -> None:
    path = folder / f"manifests/{version}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))
    pointer = json.loads((folder / "CURRENT.json").read_text())
    pointer["manifest_sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "CURRENT.json").write_text(json.dumps(pointer))


def test_stale_is_past_expiry_and_still_answers(publish_keys: Publish, folder: Path) -> None:
    expires = publish_keys(KEYS).manifest.expires_at
    now = expires
    with TierTable(folder, clock=lambda: now) as table:
        assert (table.status, table.lookup(KEYS[0]).freshness) == ("fresh", "fresh")
        now = expires + timedelta(microseconds=1)
        answer = table.lookup(KEYS[0])
        assert (table.status, answer.freshness, answer.found, answer.tier) == ("stale", "stale", True, "high")
        assert table.lookup("+111").freshness == "stale"


def test_absent_until_something_is_published(publish_keys: Publish, folder: Path) -> None:
    with TierTable(folder) as table:
        answer = table.lookup(KEYS[0], ("tier",))
        assert (table.status, table.manifest, answer.found, answer.version, answer.freshness) == (
            "absent", None, False, None, "absent",
        )  # fmt: skip
        assert "CURRENT.json is not there: nothing was published yet" in str(table.problem)
        publish_keys(KEYS)
        assert table.refresh() is True
        assert (table.problem, table.lookup(KEYS[0]).found) == (None, True)


def test_follow_switches_beside_the_serving_thread_and_close_ends_it(publish_keys: Publish, folder: Path) -> None:
    publish_keys(KEYS)
    before = threading.active_count()
    with TierTable(folder).follow(0.01) as table:
        publish_keys(KEYS, "r2")
        deadline = time.monotonic() + 10
        while table.lookup(KEYS[0]).version != 2 and time.monotonic() < deadline:
            time.sleep(0.005)
        assert table.lookup(KEYS[0]).version == 2
        with pytest.raises(RuntimeError, match="already followed or closed"):
            table.follow(1)
    assert threading.active_count() == before
    assert (table.status, table.problem, table.refresh(), table.lookup(KEYS[0]).found) == (
        "absent", "closed", False, False,
    )  # fmt: skip
    with pytest.raises(ValueError, match="positive"):
        TierTable(folder).follow(0)


def test_nothing_of_an_unforeseen_kind_ends_the_serving(
    publish_keys: Publish, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_keys(KEYS)
    with TierTable(folder) as table:
        publish_keys(KEYS, "r2")

        def fail(*_: object) -> None:
            raise IndexError("+8613800138000")

        monkeypatch.setattr(OpenedVersion, "_check_batches", fail)
        assert (table.refresh(), table.lookup(KEYS[0]).version) == (False, 1)
        assert table.problem == "the newest version could not be opened: IndexError"


def test_a_served_version_outlives_its_files(publish_keys: Publish, folder: Path) -> None:
    publish_keys(KEYS)
    with TierTable(folder) as table:
        shutil.rmtree(folder)
        assert all(table.lookup(key).found for key in KEYS)


def test_a_version_collected_between_pointer_and_files_is_looked_for_again(
    publish_keys: Publish, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_keys(KEYS)
    moved: list[object] = []
    read = tierline.verify.read_manifest

    def collected_meanwhile(at: Path, pointer: object) -> object:
        if not moved:
            moved.append(pointer)
            publish_keys(KEYS, "r2", published_at=NOW, keep_versions=1, min_age=timedelta(0))
        return read(at, pointer)  # type: ignore[arg-type]

    monkeypatch.setattr(tierline.verify, "read_manifest", collected_meanwhile)
    with TierTable(folder) as table:
        assert (len(moved), table.problem, table.lookup(KEYS[0]).version) == (1, None, 2)
    assert not (folder / "manifests/1.json").exists()


def test_verified_file_hands_out_a_checked_path(publish_keys: Publish, folder: Path) -> None:
    publish_keys(KEYS)
    path = verified_file(folder, "customer_tiers.parquet")
    assert path.is_relative_to(folder / "runs") and path.name == "customer_tiers.parquet"
    flip(path, path.stat().st_size // 2)
    with pytest.raises(ManifestError, match=r"customer_tiers\.parquet does not have the SHA-256"):
        verified_file(folder, "customer_tiers.parquet")


def test_a_version_that_was_switched_from_is_let_go_of_at_once(publish_keys: Publish, folder: Path) -> None:
    """Without the garbage collector, which might otherwise unmap it in a serving thread."""
    publish_keys(KEYS)
    with TierTable(folder) as table:
        table.lookup(KEYS[0])
        old = weakref.ref(table._opened)
        gc.disable()
        try:
            publish_keys(KEYS, "r2")
            assert table.refresh() and old() is None
        finally:
            gc.enable()


def test_the_refreshing_thread_keeps_the_old_version_until_a_lookup_under_way_has_answered(
    publish_keys: Publish, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tierline.table, "RETIRE_ATTEMPTS", sys.maxsize)
    publish_keys(KEYS)
    with TierTable(folder) as table:
        under_way = table._opened
        publish_keys(KEYS, "r2")
        refresh = threading.Thread(target=table.refresh)
        refresh.start()
        deadline = time.monotonic() + 10
        while table.lookup(KEYS[0]).version != 2 and time.monotonic() < deadline:
            time.sleep(0.001)
        assert under_way is not None and table.lookup(KEYS[0]).version == 2
        assert refresh.is_alive()  # it waits, and so its reference will be the last
        del under_way
        refresh.join(10)
        assert not refresh.is_alive()


def test_what_lookups_selected_is_ready_in_the_new_version(publish_keys: Publish, folder: Path) -> None:
    publish_keys(KEYS, batch_rows=8)
    with TierTable(folder) as table:
        table.lookup(KEYS[0], ("tier", "brand"))
        publish_keys(KEYS, "r2", batch_rows=8)
        assert table.refresh() and table._opened is not None
        assert list(table._opened.selections) == [("tier", "brand")]
        assert None not in table._opened.select(("tier", "brand")).batches


@pytest.mark.parametrize("kind", ["msisdn", "account_number"])
@pytest.mark.parametrize("hold", ["map", "memory"])
def test_reading_stays_light(publish_keys: Publish, folder: Path, kind: str, hold: str) -> None:
    """numpy and pyarrow, and of theirs not what is slow to import; pyarrow would import pandas for some conversions."""
    publish_keys(KEYS, service_key_type=kind)
    code = (
        "import sys, tierline; table = tierline.TierTable(sys.argv[1], hold=sys.argv[2]); "
        f"assert table.lookup({KEYS[0]!r}).found and table.lookup({KEYS[0]!r}, ('tier',)).tier; "
        "table.refresh(); tierline.verified_file(sys.argv[1], 'customer_tiers.parquet'); "
        "heavy = {'pandas', 'polars', 'duckdb', 'pyarrow.parquet', 'pyarrow.compute', 'yaml', 'dagster', 'pipelines', "
        "'data_contracts', 'segmentation', 'sample_data', 'sql'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, str(folder), hold]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_importing_it_brings_nothing_but_numpy_and_pyarrow() -> None:
    code = (
        "import sys; before = set(sys.modules); import tierline; "
        "tops = {m.partition('.')[0] for m in set(sys.modules) - before} - set(sys.stdlib_module_names); "
        "print(sorted(tops))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    tops = ast.literal_eval(found.stdout)
    own = {top for top in tops if not top.startswith(("_", "cython"))}  # what Cython makes up for compiled modules
    # pyarrow imports cloudpickle where it is installed, here by joblib, and does without where it is not.
    assert own - {"cloudpickle"} == {"numpy", "pyarrow", "tierline"}
