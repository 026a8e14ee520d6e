"""Keep workers: fork one for each call, end it when it shall end, say how it ended.

A keeper has one thread and no connection to anything but its callers, so that it may fork at any
time. Run as a module it is the keeper of one cold call, whose caller is at descriptor 0. In the
service it listens on the socket of a plugin that it has loaded.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import signal
import socket
import time
from typing import TYPE_CHECKING, Any

from . import wire
from .call import seconds_of
from .loop import Loop, Talk
from .process import resident_pages

if TYPE_CHECKING:
    from collections.abc import Callable

    from devlake_core.plugin.manager import Host

    Work = Callable[[dict[str, Any], int, int], Any]

FORKS = 10_000
AGE_SECONDS = 24 * 3600.0
GROWTH = 1.5
"""After so many forks or seconds, or when its memory has grown so much, a keeper retires."""

DESCRIPTORS = 2
"""How many descriptors come with a call: the write ends of two pipes."""

_STOP_GRACE = 5.0
_LONGEST_GRACE = 3600.0


class Caller(Talk):
    """Be a connection, and the call that came on it."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection, DESCRIPTORS)
        self.method = ""
        self.pid = 0
        self.began = time.monotonic()
        self.kill_at: float | None = None

    def cancel(self, grace: float) -> None:
        """Ask the worker to end, and have it killed after so many seconds."""
        if self.pid and self.kill_at is None:
            self.kill_at = time.monotonic() + grace
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)


class Keeper(Loop):
    """Serve calls.

    Args:
        work: what a worker does: it is given the request and the two pipes.
        plugin: the plugin's name, for the status.
        idle: after how many seconds without a call a listening keeper ends.
    """

    def __init__(self, work: Work, *, plugin: str = "", idle: float = 600.0) -> None:
        super().__init__()
        self._work = work
        self._plugin, self._idle = plugin, idle
        self._oldest = seconds_of("DEVLAKE_RECYCLE_SECONDS", AGE_SECONDS)
        self._born = self._used = time.monotonic()
        self._calls = self._first_pages = self._pages = 0

    def serve_one(self, connection: socket.socket) -> None:
        """Do what is asked on one connection, and return when it is done."""
        self.wake_on_signals()
        self.take(connection)
        while self.talks:
            self.turn()

    def serve(self, listener: socket.socket, path: str) -> None:
        """Do what is asked on the connections of a listener; return when it is time to retire.

        SIGTERM is such a time; at SIGINT the calls at work are cancelled too.

        Args:
            listener: listens at ``path``.
            path: the socket's file; it is removed before the last call is taken.
        """
        self.listen(listener, path)
        # Pages that live longer than any worker stay shared with all of them.
        gc.collect()
        gc.freeze()
        self._first_pages = self._pages = resident_pages()
        self.wake_on_signals()
        # Whoever was greeted is served: it may have sent its call already.
        while self.listening or self.talks:
            self.turn()
            if self.signal == signal.SIGINT:
                for caller in list(self.talks):
                    caller.cancel(_STOP_GRACE) if caller.pid else self.drop(caller)
            if self.signal or self._is_time():
                self.deafen()

    def new_talk(self, connection: socket.socket) -> Talk:
        """Return what stands for a new connection."""
        caller = Caller(connection)
        caller.say(wire.READY)
        return caller

    def heard(self, talk: Caller, message: dict[str, Any]) -> None:
        """Do what a message asks for."""
        do = message.get("do")
        if "cancel" in message:
            talk.cancel(_grace(message["cancel"]))
        elif do == "call" and not talk.pid:
            self._begin(talk, message)
        elif do == "status":
            talk.say(wire.encode(self._status()))

    def ended(self, talk: Caller) -> None:
        """End the call of a caller that is gone."""
        if talk.pid:
            # The end of the connection would be reported again and again.
            self.unwatch(talk.connection.fileno())
            talk.cancel(_STOP_GRACE)
        else:
            self.drop(talk)

    def died(self, child: Caller, status: int, *, left: bool) -> None:
        """Tell a caller how its call ended."""
        ended = {"exit": max(0, status), "signal": max(0, -status), "left": left}
        child.say(wire.encode(ended))
        self.drop(child)
        self._used = time.monotonic()

    def _is_time(self) -> bool:
        now = time.monotonic()
        return (
            (not self.talks and now - self._used > self._idle)
            or now - self._born > self._oldest
            or self._calls >= FORKS
            or not self.can_be_found()
            or self._pages > GROWTH * self._first_pages > 0
        )

    def _begin(self, caller: Caller, request: dict[str, Any]) -> None:
        descriptors = caller.lines.descriptors
        if len(descriptors) != DESCRIPTORS:
            self.drop(caller)
            return
        caller.method = str(request.get("method"))
        self._calls += 1
        self._pages = resident_pages()
        self._used = caller.began = time.monotonic()
        work = functools.partial(self._work, request, *descriptors)
        try:
            # What the keeper would end dies with it.
            caller.pid = self.fork(caller, work, signal.SIGKILL)
        except OSError as error:
            caller.say(wire.encode({"refused": error.strerror}))
            self.drop(caller)
            return
        for number in descriptors:
            os.close(number)
        descriptors.clear()

    def _status(self) -> dict[str, Any]:
        now = time.monotonic()
        workers = [
            {"pid": pid, "method": caller.method, "seconds": round(now - caller.began, 1)}
            for pid, caller in self.children.items()
        ]
        idle = 0.0 if workers else round(now - self._used, 1)
        return {
            "name": self._plugin,
            "pid": os.getpid(),
            "calls": self._calls,
            "idle_seconds": idle,
            "workers": workers,
        }


def _grace(given: Any) -> float:
    """Return the seconds that a message gives a worker; what is no number gives it none."""
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    return given if is_number and 0 <= given <= _LONGEST_GRACE else 0.0


def main(host: Host | None = None) -> None:
    """Keep the worker of one call, whose caller is at descriptor 0.

    Args:
        host: where the plugin is loaded already.
    """
    from .worker import work

    connection = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    Keeper(functools.partial(work, host=host)).serve_one(connection)
    os._exit(0)


if __name__ == "__main__":
    main()
