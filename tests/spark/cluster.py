"""Runs a command while a Spark cluster of its own is up: a master and two workers, each with executors in processes of
their own, so that nothing is shared but what a cluster shares.

Belongs here: starting and ending it. Does not: what is tried on it.

    python tests/spark/cluster.py pytest tests/spark/test_spark_night.py
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyspark

_HOST = "127.0.0.1"
_WORKERS = 2
# Of a worker; an application has as many in all, one of each worker. So there is room for a second one, which a test
# has that starts a run in a process of its own: unbounded, the first takes every core.
_CORES = 2
_PATIENCE_SECONDS = 60


def main() -> int:
    """Leaves as the command does, which finds the cluster's master in SPARK_MASTER."""
    master = f"spark://{_HOST}:{_free_port()}"
    running: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory(prefix="tierline-cluster-") as folder:
        try:
            port = master.rpartition(":")[2]
            running.append(_start(folder, "master.Master", "--host", _HOST, "--port", port, "--webui-port", "0"))
            _wait_for(int(port))
            for _ in range(_WORKERS):
                size = (
                    "--cores",
                    str(_CORES),
                    "--memory",
                    "4g",
                    "--work-dir",
                    folder,
                    "--webui-port",
                    "0",
                )
                running.append(_start(folder, "worker.Worker", "--host", _HOST, *size, master))
            return subprocess.run(sys.argv[1:], env={**os.environ, "SPARK_MASTER": master}, check=False).returncode
        finally:
            for process in reversed(running):
                process.terminate()
                process.wait()


def _start(folder: str, what: str, *arguments: str) -> subprocess.Popen[bytes]:
    home = Path(pyspark.__file__).parent
    command = [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{what}", *arguments]
    options = f"-Dspark.deploy.defaultCores={_CORES}"
    environment = {**os.environ, "SPARK_HOME": str(home), "SPARK_LOCAL_IP": _HOST, "SPARK_MASTER_OPTS": options}
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, env=environment, stdin=quiet, stdout=quiet, stderr=quiet)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((_HOST, 0))
        return int(found.getsockname()[1])


def _wait_for(port: int) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until:
        with socket.socket() as trial:
            if trial.connect_ex((_HOST, port)) == 0:
                return
        time.sleep(0.2)
    raise SystemExit(f"the master did not listen on {_HOST}:{port} within {_PATIENCE_SECONDS} s")


if __name__ == "__main__":
    sys.exit(main())
