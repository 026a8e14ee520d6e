"""Keep workers: fork one for each call, end it when it shall end, say how it ended.

A keeper has one thread and no connection to anything but its callers, so that it may fork at any
time. Run as a module it is the keeper of one cold call, whose caller is at descriptor 0. In the
service it listens on the socket of a plugin that it has loaded.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import time
import traceback
from typing import TYPE_CHECKING, Any, cast

from . import wire
from .call import seconds_of
from .loop import Loop, Talk
from .process import die_with, kill_session, resident_pages

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    Work = Callable[[dict[str, Any], int, int], NoReturn]

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

    def has_left(self) -> bool:
        """Say whether the caller has given up waiting, and does the call elsewhere."""
        try:
            return self.connection.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def cancel(self, grace: float) -> None:
        """Ask the worker to end, and have it killed after so many seconds."""
        if self.pid and self.kill_at is None:
            self.kill_at = time.monotonic() + grace
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)


class Keeper(Loop):
    """Serve calls.

    Args:
        work: what a worker does: it is given the request and the two pipes, and never returns.
        plugin: the plugin's name, for the status.
        idle: after how many seconds without a call a listening keeper ends.
    """

    def __init__(self, work: Work, *, plugin: str = "", idle: float = 600.0) -> None:
        super().__init__()
        self._work = work
        self._plugin, self._idle = plugin, idle
        self._oldest = seconds_of("DEVLAKE_RECYCLE_SECONDS", AGE_SECONDS)
        self._born = self._used = time.monotonic()
        self._forks = self._first_pages = self._pages = 0

    def serve_one(self, connection: socket.socket) -> None:
        """Do what is asked on one connection, and return when it is done."""
        with self.woken():
            self.take(connection)
            while self.talks:
                self._turn()

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
        with self.woken():
            while self.listening or self._at_work():
                self._turn()
                if self.signal == signal.SIGINT:
                    for caller in self._at_work():
                        caller.cancel(_STOP_GRACE)
                if self.signal or self._is_time():
                    # Who is not served any more finds no socket, or no answer, and runs cold.
                    self.deafen()

    def new_talk(self, connection: socket.socket) -> Talk:
        """Return what stands for a new connection."""
        return Caller(connection)

    def heard(self, talk: Talk, message: dict[str, Any]) -> None:
        """Do what a message asks for."""
        caller = cast("Caller", talk)
        do = message.get("do")
        if "cancel" in message:
            caller.cancel(_grace(message["cancel"]))
        elif do == "call" and not caller.pid:
            self._fork(caller, message)
        elif do == "status":
            caller.say(wire.encode(self._status()))

    def ended(self, talk: Talk) -> None:
        """End the call of a caller that is gone."""
        caller = cast("Caller", talk)
        if caller.pid:
            # The end of the connection would be reported again and again.
            self.unwatch(caller.connection.fileno())
            caller.cancel(_STOP_GRACE)
        else:
            self.drop(caller)

    def _at_work(self) -> list[Caller]:
        return [caller for caller in cast("list[Caller]", self.talks) if caller.pid]

    def _turn(self) -> None:
        now = time.monotonic()
        ends = [caller.kill_at for caller in self._at_work() if caller.kill_at is not None]
        self.turn(max(0.01, min([1.0, *(end - now for end in ends)])))
        now = time.monotonic()
        for caller in self._at_work():
            pid, status = os.waitpid(caller.pid, os.WNOHANG)
            if pid:
                self._finish(caller, status)
            elif caller.kill_at is not None and now >= caller.kill_at:
                kill_session(caller.pid)

    def _finish(self, caller: Caller, status: int) -> None:
        left = kill_session(caller.pid)
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        code = 0 if number else os.WEXITSTATUS(status)
        caller.say(wire.encode({"exit": code, "signal": number, "left": left}))
        self.drop(caller)
        self._used = time.monotonic()

    def _is_time(self) -> bool:
        now = time.monotonic()
        return (
            (not self._at_work() and now - self._used > self._idle)
            or now - self._born > self._oldest
            or self._forks >= FORKS
            or not self.can_be_found()
            or self._pages > GROWTH * self._first_pages > 0
        )

    def _fork(self, caller: Caller, request: dict[str, Any]) -> None:
        descriptors = caller.lines.descriptors
        if len(descriptors) != DESCRIPTORS or not _is_call(request) or caller.has_left():
            self.drop(caller)
            return
        caller.method = request["method"]
        self._forks += 1
        self._pages = resident_pages()
        self._used = caller.began = time.monotonic()
        keeper = os.getpid()
        # A cancel that follows at once must find the worker's handlers, not ours.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        try:
            caller.pid = os.fork()
        except OSError as error:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
            if not self.listening:
                self._refuse(caller, error)
            # A warm call has not begun, so it is tried cold.
            self.drop(caller)
            return
        if caller.pid == 0:
            self._become_worker(keeper, request, *descriptors)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        for number in descriptors:
            os.close(number)
        descriptors.clear()
        caller.say(wire.ACCEPTED)

    def _refuse(self, caller: Caller, error: OSError) -> None:
        """Say in a worker's place why there is none."""
        message = f"no process can be started for the call: {error.strerror}"
        os.write(caller.lines.descriptors[0], f"E{message}\nX75\n".encode())
        caller.say(wire.encode({"exit": 75, "signal": 0}))

    def _become_worker(self, keeper: int, request: dict[str, Any], out: int, log: int) -> None:
        try:
            # What it would end; here for the case that it is killed itself.
            die_with(keeper, signal.SIGKILL)
            self.release()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
            self._work(request, out, log)
        except BaseException:
            os.write(log, traceback.format_exc().encode())
        finally:
            os._exit(70)

    def _status(self) -> dict[str, Any]:
        now = time.monotonic()
        workers = [
            {"pid": c.pid, "method": c.method, "seconds": round(now - c.began, 1)}
            for c in self._at_work()
        ]
        idle = 0.0 if workers else round(now - self._used, 1)
        return {
            "name": self._plugin,
            "pid": os.getpid(),
            "calls": self._forks,
            "idle_seconds": idle,
            "workers": workers,
        }


def _grace(given: Any) -> float:
    """Return the seconds that a message gives a worker; what is no number gives it none."""
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    return given if is_number and 0 <= given <= _LONGEST_GRACE else 0.0


def _is_call(request: dict[str, Any]) -> bool:
    """Say whether a message asks for a call and says all that a worker needs."""
    kinds = {"plugin": str, "method": str, "path": str, "folder": str, "umask": int}
    kinds |= {"arguments": list, "environment": dict}
    return all(isinstance(request.get(name), kind) for name, kind in kinds.items())


def main() -> None:
    """Keep the worker of one cold call; the caller is at descriptor 0."""
    connection = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    from .worker import work

    Keeper(work).serve_one(connection)
    os._exit(0)


if __name__ == "__main__":
    main()
