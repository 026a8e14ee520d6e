"""Read from a socket against the clock, and stop soon when the run is asked to.

A socket's own timeout is for one read: a server that sends a byte now and then never meets it,
and a run that waits in one hears nothing of a cancel.
"""

from __future__ import annotations

import http.client
import io
import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from .runtime import SLICE, current_runtime

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

SILENCE_SECONDS = 60.0
"""How long a server may say nothing at all."""

_deadline: ContextVar[float] = ContextVar("_deadline", default=float("inf"))


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Give what is read in the block so many seconds in all."""
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


class _Reader(io.RawIOBase):
    """Read from a socket in slices of time."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        # Holds the descriptor open for as long as there is something to read, as the file that
        # http.client would make does.
        self._hold = sock.makefile("rb", 0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        silent = time.monotonic() + SILENCE_SECONDS
        while True:
            current_runtime.get().check_cancelled()
            left = min(silent, _deadline.get()) - time.monotonic()
            if left <= 0:
                message = "the response takes too long"
                raise TimeoutError(message)
            self._sock.settimeout(min(left, SLICE))
            try:
                return self._sock.recv_into(buffer)
            except TimeoutError:
                continue

    def close(self) -> None:
        self._hold.close()
        super().close()


class _Guarded:
    """Be a socket as far as http.client uses one to read a response."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._sock))


class GuardedResponse(http.client.HTTPResponse):
    """Be a response whose head and body are read against the clock."""

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(_Guarded(sock), *args, **kwargs)  # type: ignore[arg-type]
