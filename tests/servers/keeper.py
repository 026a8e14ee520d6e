"""The process that owns one database server and outlives nobody.

It is started by whichever test worker needs the server first, in a session of its own. It serves
until the lock of the test run is free, which the kernel sees to even if the run is killed with -9;
then it ends the server and removes its folder.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.servers.kinds import KINDS, Account, Kind

START_SECONDS = 240
TRIES = 3


def free_port() -> int:
    """Return a port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(kind: Kind, home: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Initialise and start the server, and return it with its port once it answers."""
    account = Account.unprivileged(*kind.accounts)
    data = home / "data"
    data.mkdir(mode=0o700)
    account.own(data)
    kind.initialise(data, account)
    for _ in range(TRIES):
        # Between probing and listening somebody else may take the port: then another is tried.
        port = free_port()
        server = subprocess.Popen(
            kind.command(data, port), cwd=data, stdin=subprocess.DEVNULL, **account.options()
        )
        deadline = time.monotonic() + START_SECONDS
        while server.poll() is None and time.monotonic() < deadline:
            try:
                kind.execute(port, "SELECT 1")
            except Exception:
                # The drivers' errors differ and mean the same: not yet.
                time.sleep(0.05)
            else:
                return server, port
        if server.poll() is None:
            # It is no port that it waits for, so another one does not help.
            stop(kind, server)
            break
    message = f"{kind.name} did not start; see {home}/log"
    raise RuntimeError(message)


def stop(kind: Kind, server: subprocess.Popen[bytes]) -> None:
    """End the server by its pid and wait until it is gone."""
    if server.poll() is None:
        server.send_signal(kind.stop_signal)
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def report(home: Path, answer: dict[str, object]) -> None:
    """Write the answer in one step, so that a reader never sees half of it."""
    draft = home / "answer.tmp"
    draft.write_text(json.dumps(answer))
    draft.rename(home / "answer.json")


def main(name: str, home: Path) -> None:
    """Serve until the test run is over."""
    kind = KINDS[name]
    os.umask(0o022)
    try:
        server, port = start(kind, home)
    except Exception as error:
        # Whatever it is, the worker that waits for the answer reports it.
        report(home, {"error": f"{error}\n{(home / 'log').read_text()[-4000:]}"})
        return
    report(home, {"port": port, "pid": server.pid})
    try:
        with (home.parent / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
    finally:
        stop(kind, server)
        shutil.rmtree(home, ignore_errors=True)
        if not any(path.is_dir() for path in home.parent.glob("*")):
            # The last one of a killed run; at an ordinary end the run itself removes the folder.
            shutil.rmtree(home.parent, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
