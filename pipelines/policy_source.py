"""Where the night's policy comes from: a preset by its name, or the operator's own file; and the copies that are kept.

Belongs here: finding, reading and keeping the text. Does not: what a policy may say (segmentation/policy.py).
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import NamedTuple

from pipelines.durable import Disk
from segmentation.policy import PRESETS, Policy, preset
from segmentation.policy_text import PolicyError
from tierline.manifest import Manifest

FOLDER = "policies"
CURRENT = "current"


class PolicyText(NamedTuple):
    """A policy's bytes and the name to use of it in messages."""

    content: bytes
    origin: str


def policy_text(name: str, home: Path) -> PolicyText:
    """The policy named in the settings. A relative path is looked up in the home folder first, then where the
    command runs.

    Raises PolicyError where there is no such preset or file.
    """
    if name in PRESETS:
        return PolicyText(preset(name), f"preset {name}")
    for file in (home / name, Path(name)):
        if file.is_file():
            return PolicyText(file.read_bytes(), str(file))
    raise PolicyError(f"policy {name!r} is neither a preset ({', '.join(PRESETS)}) nor a file in {home} or here")


def named_policy(name: str, home: Path, setting: str, manifest: Manifest | None) -> PolicyText:
    """A policy as a person names it on the command line: a file from where the command runs, a preset, or `current`.

    Current is the one that made the published version (`manifest`, if there is one); where its text was not kept, and
    without a version, it is the one named in the settings. Raises PolicyError where there is no such policy.
    """
    if name == CURRENT:
        kept = kept_policy(home, manifest.provenance.get("policy_fingerprint", "")) if manifest is not None else None
        if manifest is not None and kept is not None and kept.is_file():
            return PolicyText(kept.read_bytes(), f"the policy of version {manifest.version}")
        text = policy_text(setting, home)
        return PolicyText(text.content, f"{text.origin}, of the settings")
    if Path(name).is_file():
        return PolicyText(Path(name).read_bytes(), name)
    return policy_text(name, home)


def kept_policy(home: Path, fingerprint: str) -> Path:
    """Where the text of a policy that published something is kept."""
    return home / FOLDER / f"{fingerprint}.yaml"


def keep_policy(home: Path, policy: Policy, text: PolicyText) -> None:
    """Keeps the text under the policy's fingerprint, so that a published night can be made again. Raises OSError."""
    target = kept_policy(home, policy.fingerprint)
    if target.exists():
        return
    disk = Disk()
    disk.make_folder(target.parent, "policies")
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    disk.write_file(temporary, text.content, "policy")
    disk.adopt(temporary, target, "policy")
