"""What publishing refuses to do.

Belongs here: the exceptions. Does not: their messages, which stand where the cause is known.
"""

from __future__ import annotations


class PublishError(ValueError):
    """The rows or the arguments can't be published; nothing was switched. Never holds a service key."""


class PublishLockError(PublishError, TimeoutError):
    """Another publisher held the folder's lock for longer than the wait that was allowed."""
