import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from tierline import FileEntry, Manifest, ManifestError, Pointer
from tierline.manifest import PreviousManifest

MANIFEST = Manifest(
    contract_version="1.2.3",
    version=7,
    as_of_date=date(2026, 3, 1),
    published_at=datetime(2026, 3, 2, 1, 0, tzinfo=UTC),
    expires_at=datetime(2026, 3, 3, 7, 0, tzinfo=UTC),
    run_key="r",
    service_key_type="msisdn",
    rows=3,
    tiers={"high": 1, "mid": 0, "ordinary": 2},
    files=(FileEntry("runs/7-ab/customer_tiers.arrow", 10, "0" * 64),),
    provenance={"policy": "p1"},
)
POINTER = Pointer(7, "manifests/7.json", "a" * 64)


def manifest_with(**changed: Any) -> bytes:
    return json.dumps(json.loads(MANIFEST.to_bytes()) | changed).encode()


def test_manifest_and_pointer_survive_a_round_trip_and_keep_the_policy_order_of_tiers() -> None:
    read = Manifest.parse(MANIFEST.to_bytes(), 7)
    assert read == MANIFEST
    assert list(read.tiers) == ["high", "mid", "ordinary"]
    assert b'"published_at": "2026-03-02T01:00:00Z"' in MANIFEST.to_bytes()
    assert Pointer.parse(POINTER.to_bytes()) == POINTER


def test_the_manifest_before_is_vouched_for_and_older_manifests_are_read_without_it() -> None:
    chained = replace(MANIFEST, previous=PreviousManifest(6, "b" * 64))
    assert Manifest.parse(chained.to_bytes(), 7) == chained
    without = json.loads(MANIFEST.to_bytes())
    assert without.pop("previous", "absent") is None
    assert Manifest.parse(json.dumps(without).encode(), 7) == MANIFEST


def test_unknown_fields_are_a_minor_change() -> None:
    assert Manifest.parse(manifest_with(checked_by="x", contract_version="1.9.0"), 7).rows == 3


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"format_version": 2}, "format_version is 2, this tierline reads 1"),
        ({"contract_version": "2.0.0"}, "contract_version is '2.0.0', this tierline reads 1"),
        ({"contract_version": "one"}, "contract_version is 'one'"),
        ({"version": 8}, "version is not the one in its file name"),
        ({"rows": True}, "rows must be present, as int"),
        ({"rows": -1}, "rows must be at least 0"),
        ({"rows": 4}, "tiers does not sum to rows"),
        ({"tiers": {"high": 4, "mid": -1}}, "tiers does not sum to rows"),
        ({"tiers": {"high": "3"}}, "tiers must map names to int"),
        ({"as_of_date": "1 March"}, "as_of_date must be a date"),
        ({"expires_at": "2026-03-03T07:00:00"}, "expires_at must name its offset"),
        ({"expires_at": None}, "expires_at must be present"),
        ({"service_key_type": ""}, "service_key_type must match"),
        ({"previous": {"version": 7, "sha256": "0" * 64}}, "previous is not an older version"),
        ({"previous": {"version": 6, "sha256": "0"}}, "previous: sha256 must match"),
        ({"previous": 6}, "previous must be present, as dict"),
        ({"run_key": ""}, "run_key must not be empty"),
        ({"provenance": {"policy": 1}}, "provenance must map names to str"),
        ({"files": [{"path": "runs/../x", "bytes": 1, "sha256": "0" * 64}]}, "path must match"),
        ({"files": [{"path": "/etc/passwd", "bytes": 1, "sha256": "0" * 64}]}, "path must match"),
        ({"files": [{"path": "runs/7-ab/x", "bytes": 1, "sha256": "0"}]}, "sha256 must match"),
        ({"files": ["x"]}, "files is not a JSON object"),
        ({"files": [{"path": f"runs/{n}/x", "bytes": 1, "sha256": "0" * 64} for n in "ab"]}, "lists a file name twice"),
    ],
)
def test_a_manifest_that_is_not_of_the_format_is_refused_by_field(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(ManifestError, match=r"manifests/7\.json") as caught:
        Manifest.parse(manifest_with(**changed), 7)
    assert told in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000])
def test_bytes_that_are_no_json_object_are_refused(content: bytes) -> None:
    with pytest.raises(ManifestError, match=r"CURRENT\.json"):
        Pointer.parse(content)


@pytest.mark.parametrize("manifest", ["manifests/6.json", "../manifests/7.json", "/manifests/7.json"])
def test_a_pointer_names_its_own_versions_manifest_only(manifest: str) -> None:
    with pytest.raises(ManifestError, match=r"must be manifests/7\.json"):
        Pointer.parse(replace(POINTER, manifest=manifest).to_bytes())


def test_a_file_that_the_version_does_not_list_is_named_with_those_it_does() -> None:
    with pytest.raises(ManifestError, match=r"lists no customer_tiers\.keys; it lists customer_tiers\.arrow"):
        MANIFEST.file("customer_tiers.keys")
