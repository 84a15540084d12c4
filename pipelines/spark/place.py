"""The folder that this node and all executors see: files put there whole, listed, fetched and removed.

Belongs here: Hadoop's file systems (file, HDFS, object stores) as Spark knows them, so that its credentials are enough.
Does not: which files there are (shown.py, engine.py, results.py).
"""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.durable import Disk
from pipelines.settings import SettingsError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_LABEL = "spark"
_GLOBS = "*?[]{}\\"


def folder_of(path: str) -> Path | None:
    """The folder of a `spark_path` as this node's own file system has it; None for HDFS and object stores."""
    here = "://" not in path or path.startswith("file:")
    return Path(path.removeprefix("file:")).resolve() if here else None


class Place:
    """`spark_path`. Names are relative, with `/`. Raises SettingsError where Spark would take it for a pattern."""

    def __init__(self, spark: SparkSession, path: str) -> None:
        self._spark = spark
        if set(path) & set(_GLOBS):
            raise SettingsError(f"setting spark_path: Spark takes each of {_GLOBS} in {path} for a pattern; rename it")
        self.folder: Path | None = folder_of(path)
        """The folder as this node's own file system has it; None for HDFS and object stores."""
        # Not as_uri(): Hadoop takes %20 for three characters.
        self._root = f"file://{self.folder}" if self.folder is not None else path.rstrip("/")

    def uri(self, name: str) -> str:
        """How Spark is told of a file or folder."""
        return f"{self._root}/{name}"

    def names(self, folder: str) -> set[str]:
        """Names of what lies directly in a folder; nothing where it is missing."""
        if self.folder is not None:
            found = self.folder / folder
            return {entry.name for entry in found.iterdir()} if found.is_dir() else set()
        system, path = self._hadoop(folder)
        return {status.getPath().getName() for status in system.listStatus(path)} if system.exists(path) else set()

    def put(self, file: Path, name: str) -> None:
        """Moves a local file there, whole or not at all. Raises OSError where the disk or the store refuses."""
        if self.folder is not None:
            target = self.folder / name
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            # The working folder may lie on another disk, and a rename works on one only.
            temporary = target.with_name(f".{secrets.token_hex(4)}.tmp")
            shutil.move(file, temporary)
            Disk(foreign=True).adopt(temporary, target, _LABEL)
            return
        system, path = self._hadoop(f"{name}.{secrets.token_hex(4)}.tmp")
        system.copyFromLocalFile(True, True, self._jvm_path(f"file://{file.resolve()}"), path)
        self._rename(system, path, name)

    def adopt(self, temporary: str, name: str) -> None:
        """Gives a folder that Spark wrote whole its name; what had the name goes."""
        if self.folder is not None:
            shutil.rmtree(self.folder / name, ignore_errors=True)
            os.replace(self.folder / temporary, self.folder / name)  # noqa: PTH105 (one call, as in durable.py)
            return
        system, path = self._hadoop(temporary)
        self._rename(system, path, name)

    def fetch(self, folder: str, into: Path) -> None:
        """Copies a folder's Parquet files into a local folder, which must not exist."""
        system, path = self._hadoop(folder)
        into.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        system.copyToLocalFile(False, path, self._jvm_path(f"file://{into.resolve()}"), True)

    def remove(self, name: str) -> None:
        """Removes a file or folder, if it is there."""
        if self.folder is not None:
            if (self.folder / name).is_file():
                (self.folder / name).unlink()
            shutil.rmtree(self.folder / name, ignore_errors=True)
            return
        system, path = self._hadoop(name)
        system.delete(path, True)

    def require_seen(self) -> None:
        """Raises SettingsError unless what this node writes is read by the executors."""
        name = f"seen/{secrets.token_hex(8)}"
        try:
            self._spark.range(1).write.parquet(self.uri(name))
            rows = self._spark.read.schema("id BIGINT").parquet(self.uri(name)).collect()
            here = self.folder is None or any((self.folder / name).glob("*.parquet"))
        except Exception as error:
            raise SettingsError(
                f"setting spark_path: {self._root} can't be written and read by Spark ({type(error).__name__}). It "
                "must be a folder or URI that this node and every executor see (a shared mount, hdfs://…, s3a://…)"
            ) from error
        self.remove(name)
        if not rows or not here:
            raise SettingsError(
                f"setting spark_path: what executors write to {self._root} is not seen here. A local folder is right "
                "for spark_master local[*] only: choose a shared mount, hdfs://… or s3a://…"
            )

    def _hadoop(self, name: str) -> tuple[Any, Any]:
        path = self._jvm_path(self.uri(name))
        jvm_context = self._spark.sparkContext._jsc.sc()  # PySpark offers no file system of its own
        return path.getFileSystem(jvm_context.hadoopConfiguration()), path

    def _jvm_path(self, uri: str) -> Any:
        return self._spark.sparkContext._jvm.org.apache.hadoop.fs.Path(uri)

    def _rename(self, system: Any, path: Any, name: str) -> None:
        target = self._hadoop(name)[1]
        system.delete(target, True)
        system.mkdirs(target.getParent())
        if not system.rename(path, target):
            raise OSError(f"{self.uri(name)} could not be given its name; is it writable?")
