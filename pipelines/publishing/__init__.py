"""Publishing: an immutable version, its manifest, one atomic switch.

Belongs here: writing the folder that routing services read. Does not: what the rows mean, or reading them (tierline).
"""

from pipelines.durable import Disk
from pipelines.publishing.errors import PublishError, PublishLockError
from pipelines.publishing.housekeeping import Recovery, recover
from pipelines.publishing.lock import publishing_lock
from pipelines.publishing.mirror import Mirrored, mirror
from pipelines.publishing.publish import Publication, publish
from pipelines.publishing.rollback import rollback
from pipelines.publishing.verify import Damage, Verification, VersionReport, verify

__all__ = [
    "Damage",
    "Disk",
    "Mirrored",
    "Publication",
    "PublishError",
    "PublishLockError",
    "Recovery",
    "Verification",
    "VersionReport",
    "mirror",
    "publish",
    "publishing_lock",
    "recover",
    "rollback",
    "verify",
]
