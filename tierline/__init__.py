"""The reader that a routing service installs: TierTable and the manifest format. Needs pyarrow and numpy only.

Belongs here: what reads a published tier table. Does not: anything that makes one.
"""

from tierline.held import Hold
from tierline.manifest import FileEntry, Manifest, ManifestError, Pointer
from tierline.opened import UnknownFieldError
from tierline.table import Answer, Freshness, TierTable
from tierline.verify import current_manifest, verified_file

__all__ = [
    "Answer",
    "FileEntry",
    "Freshness",
    "Hold",
    "Manifest",
    "ManifestError",
    "Pointer",
    "TierTable",
    "UnknownFieldError",
    "current_manifest",
    "verified_file",
]
