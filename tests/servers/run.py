"""The servers of one test run: shared by all its workers, gone when it ends."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.servers.kinds import KINDS, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE = "DEVLAKE_TEST_SERVERS"
ROOT = Path(__file__).parents[2]


class Unavailable(Exception):
    """A server is not installed here."""


class Run:
    """Owns the folder in which the servers of this test run live."""

    def __init__(self) -> None:
        """Make the folder and hold its lock; the lock's end is the servers' end."""
        self.folder = Path(tempfile.mkdtemp(prefix="devlake-servers-"))
        # The servers run as other users than root and have to come through.
        self.folder.chmod(0o755)
        self.lock = (self.folder / "lock").open("w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        os.environ[VARIABLE] = str(self.folder)

    def end(self) -> None:
        """Let the keepers end their servers and wait for them."""
        os.environ.pop(VARIABLE, None)
        fcntl.flock(self.lock, fcntl.LOCK_UN)
        self.lock.close()
        deadline = time.monotonic() + 30
        while any(self.folder.glob("*/answer.json")) and time.monotonic() < deadline:
            time.sleep(0.02)
        shutil.rmtree(self.folder, ignore_errors=True)


def port_of(kind: Kind) -> int:
    """Return the port of the run's server of this kind, starting it if nobody did."""
    if kind.find() is None:
        raise Unavailable(kind.missing)
    home = Path(os.environ[VARIABLE]) / kind.name
    answer_path = home / "answer.json"
    with (home.parent / f"{kind.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not answer_path.exists():
            home.mkdir(mode=0o755)
            home.chmod(0o755)
            start_keeper(kind, home)
            deadline = time.monotonic() + 300
            while not answer_path.exists():
                if time.monotonic() > deadline:
                    message = f"{kind.name} did not start; see {home}/log"
                    raise TimeoutError(message)
                time.sleep(0.02)
    answer = json.loads(answer_path.read_text())
    if "error" in answer:
        raise RuntimeError(answer["error"])
    return int(answer["port"])


def start_keeper(kind: Kind, home: Path) -> None:
    """Start the keeper through a shell that leaves at once: nobody here has to wait for it."""
    keeper = [sys.executable, "-m", "tests.servers.keeper", kind.name, str(home)]
    with (home / "log").open("wb") as log:
        subprocess.run(
            ["/bin/sh", "-c", '"$@" &', "sh", *keeper],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            check=True,
        )


@contextmanager
def database(name: str) -> Iterator[str]:
    """Yield the URL of a new, empty database that is dropped afterwards."""
    kind = KINDS[name]
    port = port_of(kind)
    created = f"devlake_{uuid.uuid4().hex[:12]}"
    kind.create(port, created)
    try:
        yield kind.url(port, created)
    finally:
        kind.drop(port, created)
