"""Who calls a keeper, and what a keeper finds out about callers and workers."""

from __future__ import annotations

import os
import signal
import socket
import time
from typing import Any

from . import wire

DESCRIPTORS = 2
"""How many descriptors come with a call: the write ends of two pipes."""


class Caller:
    """Be a connection, and the call that came on it."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.lines = wire.Lines(connection, descriptors=DESCRIPTORS)
        self.method = ""
        self.pid = 0
        self.began = time.monotonic()
        self.kill_at: float | None = None


def is_call(request: dict[str, Any]) -> bool:
    """Say whether a message asks for a call and says all that a worker needs."""
    texts = all(isinstance(request.get(k), str) for k in ("plugin", "method", "path", "folder"))
    return (
        texts
        and isinstance(request.get("arguments"), list)
        and isinstance(request.get("environment"), dict)
    )


def has_left(connection: socket.socket) -> bool:
    """Say whether a caller has given up waiting, and does the call elsewhere."""
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def kill_session(pid: int) -> bool:
    """Kill a worker with all that it started, and say whether there was anything."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def resident_pages() -> int:
    """Return this process's memory in pages."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1])
    except OSError:
        return 0
