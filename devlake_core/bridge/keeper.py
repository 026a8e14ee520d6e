"""Keep workers: fork one for each call, end it when it shall end, say how it ended.

A keeper has one thread and no connection to anything but its callers, so that it may fork at any
time. Run as a module it is the keeper of one cold call, whose caller is at descriptor 0. In the
service it listens on the socket of a plugin that it has loaded.
"""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import signal
import socket
import time
import traceback
from typing import TYPE_CHECKING, Any

from . import wire
from .caller import DESCRIPTORS, Caller, has_left, is_call, kill_session, resident_pages

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    Work = Callable[[dict[str, Any], int, int], NoReturn]

FORKS = 10_000
AGE = 24 * 3600.0
GROWTH = 1.5
"""After so many forks or seconds, or when its memory has grown so much, a keeper retires."""

_STOP_GRACE = 5.0


class Keeper:
    """Serve calls.

    Args:
        work: what a worker does: it is given the request and the two pipes, and never returns.
        plugin: the plugin's name, for the status.
        idle: after how many seconds without a call a listening keeper ends.
    """

    def __init__(self, work: Work, *, plugin: str = "", idle: float = 600.0) -> None:
        self._work = work
        self._plugin, self._idle = plugin, idle
        self._callers: dict[int, Caller] = {}
        self._listener: socket.socket | None = None
        self._path = ""
        self._selector = selectors.DefaultSelector()
        self._wake, self._wakeup = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._born = self._used = time.monotonic()
        self._forks = 0
        self._memory = 0
        self._term = False

    def serve_one(self, connection: socket.socket) -> None:
        """Do what is asked on one connection, and return when it is done."""
        with self._signals():
            self._take(connection)
            while self._callers:
                self._turn()

    def serve(self, listener: socket.socket, path: str) -> None:
        """Do what is asked on the connections of a listener; return when it is time to retire.

        Args:
            listener: listens at ``path``.
            path: the socket's file; it is removed before the last call is taken.
        """
        self._listener, self._path = listener, path
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ)
        # Pages that live longer than any worker stay shared with all of them.
        gc.collect()
        gc.freeze()
        self._memory = resident_pages()
        with self._signals():
            while self._callers or self._listening():
                self._turn()
                if self._listening() and self._is_time():
                    self._retire()

    def _listening(self) -> bool:
        return self._listener is not None

    @contextlib.contextmanager
    def _signals(self) -> Any:
        self._selector.register(self._wake, selectors.EVENT_READ)
        handled = {signal.SIGCHLD: _noted, signal.SIGTERM: self._terminated}
        before = {number: signal.signal(number, handler) for number, handler in handled.items()}
        signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(-1)
            for number, handler in before.items():
                signal.signal(number, handler)

    def _terminated(self, _number: int, _frame: Any) -> None:
        self._term = True

    def _turn(self) -> None:
        for key, _ in self._selector.select(self._patience()):
            if key.fileobj is self._listener:
                self._accept()
            elif key.fd == self._wake:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake, 4096)
            elif key.fd in self._callers:
                self._hear(self._callers[key.fd])
        self._reap()
        now = time.monotonic()
        for caller in list(self._callers.values()):
            if caller.kill_at is not None and now >= caller.kill_at:
                kill_session(caller.pid)
        if self._term and self._listening():
            self._retire()

    def _patience(self) -> float:
        waits = [c.kill_at - time.monotonic() for c in self._callers.values() if c.kill_at]
        return max(0.01, min([1.0, *waits]))

    def _is_time(self) -> bool:
        now = time.monotonic()
        if self._callers:
            self._used = now
        elif now - self._used > self._idle:
            return True
        # A few hundred calls apart is often enough for the memory.
        grown = self._forks % 200 == 199 and resident_pages() > GROWTH * self._memory
        return self._forks >= FORKS or now - self._born > AGE or grown

    def _retire(self) -> None:
        """Take no further call: who comes from here on finds no socket and runs cold."""
        listener = self._listener
        assert listener is not None
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)
        # Whoever came before it was removed is served.
        while self._accept():
            pass
        self._selector.unregister(listener)
        listener.close()
        self._listener = None

    def _accept(self) -> bool:
        assert self._listener is not None
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return False
        if wire.same_user(connection, os.geteuid()):
            self._take(connection)
        else:
            connection.close()
        return True

    def _take(self, connection: socket.socket) -> None:
        # What we answer fits into an empty buffer; who does not read it must not stop us.
        connection.setblocking(False)
        self._selector.register(connection, selectors.EVENT_READ)
        self._callers[connection.fileno()] = Caller(connection)

    def _hear(self, caller: Caller) -> None:
        try:
            messages = caller.lines.read()
        except BlockingIOError:
            return
        except (OSError, wire.Nonsense):
            messages, caller.lines.ended = [], True
        for message in messages:
            self._do(caller, message)
        if caller.lines.ended and caller.connection.fileno() in self._callers:
            if caller.pid:
                # The end of the connection would be reported again and again.
                with contextlib.suppress(KeyError):
                    self._selector.unregister(caller.connection)
                self._cancel(caller, _STOP_GRACE)
            else:
                self._drop(caller)

    def _do(self, caller: Caller, message: dict[str, Any]) -> None:
        if "cancel" in message:
            self._cancel(caller, float(message["cancel"]))
        elif message.get("do") == "call" and not caller.pid:
            self._fork(caller, message)
        elif message.get("do") == "status":
            self._say(caller, self._status())
        elif message.get("do") in {"retire", "stop"}:
            self._term = True
            for other in self._callers.values() if message["do"] == "stop" else ():
                self._cancel(other, _STOP_GRACE)
            self._say(caller, {"ok": True})

    def _fork(self, caller: Caller, request: dict[str, Any]) -> None:
        descriptors = caller.lines.descriptors
        if len(descriptors) != DESCRIPTORS or not is_call(request):
            self._drop(caller)
            return
        if has_left(caller.connection):
            self._drop(caller)
            return
        caller.method = str(request["method"])
        self._forks += 1
        self._used = caller.began = time.monotonic()
        try:
            pid = os.fork()
        except OSError:
            self._drop(caller)
            return
        if pid == 0:
            self._become_worker(request, *descriptors)
        caller.pid = pid
        for number in descriptors:
            os.close(number)
        descriptors.clear()
        self._send(caller, wire.ACCEPTED)

    def _become_worker(self, request: dict[str, Any], out: int, log: int) -> None:
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            # Their objects must not close what later has the same numbers.
            for caller in self._callers.values():
                caller.connection.detach()
            if self._listener is not None:
                self._listener.detach()
            self._work(request, out, log)
        except BaseException:
            os.write(2, traceback.format_exc().encode())
        finally:
            os._exit(70)

    def _cancel(self, caller: Caller, grace: float) -> None:
        if caller.pid and caller.kill_at is None:
            caller.kill_at = time.monotonic() + grace
            with contextlib.suppress(ProcessLookupError):
                os.kill(caller.pid, signal.SIGTERM)

    def _reap(self) -> None:
        for caller in list(self._callers.values()):
            if not caller.pid:
                continue
            pid, status = os.waitpid(caller.pid, os.WNOHANG)
            if not pid:
                continue
            left = kill_session(pid)
            number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
            code = 0 if number else os.WEXITSTATUS(status)
            self._say(caller, {"exit": code, "signal": number, "left": left})
            self._drop(caller)

    def _say(self, caller: Caller, message: dict[str, Any]) -> None:
        self._send(caller, wire.encode(message))

    def _send(self, caller: Caller, data: bytes) -> None:
        # A caller that is gone is noticed when its connection ends.
        with contextlib.suppress(OSError):
            caller.connection.send(data)

    def _drop(self, caller: Caller) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(caller.connection)
        self._callers.pop(caller.connection.fileno(), None)
        for number in caller.lines.descriptors:
            os.close(number)
        caller.connection.close()

    def _status(self) -> dict[str, Any]:
        now = time.monotonic()
        workers = [
            {"pid": c.pid, "method": c.method, "seconds": round(now - c.began, 1)}
            for c in self._callers.values()
            if c.pid
        ]
        idle = 0.0 if workers else round(now - self._used, 1)
        return {
            "name": self._plugin,
            "pid": os.getpid(),
            "calls": self._forks,
            "idle_seconds": idle,
            "workers": workers,
        }


def _noted(_number: int, _frame: Any) -> None:
    """Do nothing: the wake-up pipe has it."""


def main() -> None:
    """Keep the worker of one cold call; the caller is at descriptor 0."""
    connection = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    from .worker import work

    Keeper(work).serve_one(connection)
    os._exit(0)


if __name__ == "__main__":
    main()
