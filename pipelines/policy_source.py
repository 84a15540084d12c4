"""Where the night's policy comes from: a preset by its name, or the operator's own file.

Belongs here: finding and reading the file. Does not: what a policy may say (segmentation/policy.py).
"""

from __future__ import annotations

from pathlib import Path

from segmentation.policy import PRESETS, Policy, preset, read_policy
from segmentation.policy_text import PolicyError


def load_policy(name: str, home: Path) -> Policy:
    """The policy named in the settings. A relative path is looked up in the home folder first, then where the
    command runs.

    Raises PolicyError naming the file and every fault in it.
    """
    if name in PRESETS:
        return read_policy(preset(name), f"preset {name}")
    for file in (home / name, Path(name)):
        if file.is_file():
            return read_policy(file.read_bytes(), str(file))
    raise PolicyError(f"policy {name!r} is neither a preset ({', '.join(PRESETS)}) nor a file in {home} or here")
