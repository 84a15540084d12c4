"""Publishing: an immutable version, its manifest, one atomic switch.

Belongs here: writing the folder that routing services read. Does not: what the rows mean, or reading them (tierline).
"""

from pipelines.publishing.durable import Disk, publishing_lock
from pipelines.publishing.errors import PublishError, PublishLockError
from pipelines.publishing.history import Recovery, recover
from pipelines.publishing.publish import Publication, publish

__all__ = [
    "Disk",
    "Publication",
    "PublishError",
    "PublishLockError",
    "Recovery",
    "publish",
    "publishing_lock",
    "recover",
]
