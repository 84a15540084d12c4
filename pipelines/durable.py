"""Every system call by which the published folder is changed, each announced to a hook by its step name.

Belongs here: single durable operations. Does not: their order (publishing/publish.py) or what is in the files.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

from tierline.manifest import FileEntry

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

Hook = Callable[[str], None]
# What a mount of another kind (NFS, CIFS, an object store) answers when it has no modes or no fsync of a folder.
NOT_OFFERED = frozenset({errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EPERM, errno.ENOTTY})

FILE_MODE = 0o640
FOLDER_MODE = 0o750


def ignore_step(step: str) -> None:
    """The hook of a real run: does nothing."""
    del step


def always() -> None:
    """The guard of a commit that nobody else may claim: does not refuse."""


@contextmanager
def _as_offered() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in NOT_OFFERED:
            raise


class OutputFile(FileIO):
    """A new file (never an existing one), mode 0640, that hashes what it writes.

    Steps: create:<label>, write:<label> at each write, sync:<label>.
    """

    def __init__(self, path: Path, label: str, hook: Hook, *, foreign: bool = False) -> None:
        self._label, self._hook, self._sha256, self._size = label, hook, hashlib.sha256(), 0
        self._offered = _as_offered if foreign else nullcontext
        hook(f"create:{label}")
        super().__init__(path, "xb", opener=lambda name, flags: os.open(name, flags, FILE_MODE))
        with self._offered():
            os.fchmod(self.fileno(), FILE_MODE)  # whatever the umask took away

    def write(self, data: ReadableBuffer, /) -> int:
        """Write all of `data`; returns its bytes. Raises OSError (disk full among them)."""
        content = memoryview(data).cast("B")
        self._hook(f"write:{self._label}")
        done = 0
        while done < len(content):
            done += super().write(content[done:]) or 0
        self._sha256.update(content)
        self._size += done
        return done

    def sync(self) -> None:
        """Force the content to the disk."""
        self._hook(f"sync:{self._label}")
        with self._offered():
            os.fsync(self.fileno())

    def entry(self, path: str) -> FileEntry:
        """What was written so far as a manifest's entry, under a path relative to the published folder."""
        return FileEntry(path, self._size, self._sha256.hexdigest())


class Disk:
    """The durable operations. `hook` is called with the step's name just before each; what it raises, they raise.

    foreign: the folder lies on a mount that may offer neither modes nor fsync; where it does not, that is passed over.
    """

    def __init__(self, hook: Hook = ignore_step, *, foreign: bool = False) -> None:
        self._hook, self._foreign = hook, foreign
        self._offered = _as_offered if foreign else nullcontext

    def make_folder(self, path: Path, label: str) -> None:
        """Make a folder, mode 0750, unless it is there. Step make:<label>."""
        self._hook(f"make:{label}")
        try:
            path.mkdir(FOLDER_MODE)
        except FileExistsError:
            return
        with self._offered():
            path.chmod(FOLDER_MODE)

    def create(self, path: Path, label: str) -> OutputFile:
        """Open a new file for writing; raises FileExistsError when its name is taken."""
        return OutputFile(path, label, self._hook, foreign=self._foreign)

    def write_file(self, path: Path, content: bytes, label: str) -> None:
        """Write a new small file and force it to the disk."""
        with self.create(path, label) as file:
            file.write(content)
            file.sync()

    def append_line(self, path: Path, line: bytes, label: str) -> None:
        """Add a line to a file, made where it is missing, and force it to the disk. Steps open:, write:, sync:<label>.

        What an earlier writer was killed in the middle of becomes a line of its own.
        """
        self._hook(f"open:{label}")
        made = not path.exists()
        # Opened for reading too: to see how it ends.
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        try:
            os.fchmod(file, FILE_MODE)
            size = os.fstat(file).st_size
            torn = size > 0 and os.pread(file, 1, size - 1) != b"\n"
            self._hook(f"write:{label}")
            content = (b"\n" if torn else b"") + line + b"\n"
            while content:
                content = content[os.write(file, content) :]
            self._hook(f"sync:{label}")
            os.fsync(file)
        finally:
            os.close(file)
        if made:
            self.sync_folder(path.parent, label)

    def cut(self, path: Path, size: int, label: str) -> None:
        """Take away what stands behind the first `size` bytes of a file. Steps cut:, sync:<label>."""
        self._hook(f"cut:{label}")
        os.truncate(path, size)
        self._hook(f"sync:{label}")
        with path.open("rb") as file:
            os.fsync(file.fileno())

    def writing(self, label: str) -> None:
        """Announce that a library is about to write a file by itself, under a temporary name. Step write:<label>."""
        self._hook(f"write:{label}")

    def adopt(self, written: Path, name: Path, label: str) -> None:
        """Give a file that a library wrote, none of which syncs, its name. Steps sync:, replace:,
        sync-folder:<label>.
        """
        self._hook(f"sync:{label}")
        with written.open("rb") as file:
            os.fchmod(file.fileno(), FILE_MODE)
            os.fsync(file.fileno())
        self._hook(f"replace:{label}")
        os.replace(written, name)  # noqa: PTH105 -- the call that the sequence is proven with
        self.sync_folder(name.parent, label)

    def sync_folder(self, path: Path, label: str) -> None:
        """Force a folder's entries (names made, replaced, removed) to the disk. Step sync-folder:<label>."""
        self._hook(f"sync-folder:{label}")
        with self._offered():
            folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def rename(self, written: Path, name: Path, label: str) -> None:
        """Give a file that was written and checked under a temporary name its own. Step rename:<label>."""
        self._hook(f"rename:{label}")
        os.replace(written, name)  # noqa: PTH105 -- link(), which would refuse a taken name, is not offered everywhere

    def open_lock(self, path: Path) -> int:
        """Open a lock file, made where it is missing, and return its descriptor. Step open:lock."""
        self._hook("open:lock")
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)

    def commit_link(self, written: Path, name: Path, may_commit: Callable[[], None]) -> None:
        """Give a written manifest its committed name, unless `may_commit` raises. Step link:manifest.

        Raises FileExistsError when the name is taken.
        """
        self._hook("link:manifest")
        may_commit()  # the last thing before: whoever was paused until here is asked after the pause
        os.link(written, name)

    def switch(self, written: Path, name: Path) -> None:
        """Replace the pointer by its successor, atomically. Step replace:pointer."""
        self._hook("replace:pointer")
        os.replace(written, name)  # noqa: PTH105 -- the call that the sequence is proven with

    def remove_file(self, path: Path, label: str) -> None:
        """Remove a file. Step remove:<label>."""
        self._hook(f"remove:{label}")
        path.unlink()

    def remove_folder(self, path: Path, label: str) -> None:
        """Remove an empty folder. Step remove:<label>."""
        self._hook(f"remove:{label}")
        path.rmdir()

    def remove_run(self, path: Path) -> None:
        """Remove a run folder and the files in it. Steps remove:run-file, remove:run."""
        for file in sorted(path.iterdir()):
            self.remove_file(file, "run-file")
        self._hook("remove:run")
        path.rmdir()
