"""Supervise one call: between DevLake's server and the process that does the work.

The process that the server starts does no work itself. It owns the server's descriptors, gives
the call to a keeper (that of the plugin's service if it runs, else one of its own), passes on
what comes back, and sees to it that the call ends: when it is done, when the server cancels or
dies, and when its time is up. It runs without ``site`` and imports next to nothing.
"""

from __future__ import annotations

import json
import os
import select
import signal
import time
from typing import TYPE_CHECKING, Any

from . import wire
from .pipes import LONGEST_LOG, HostPipes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .start import Link

SUBTASKS = ("collect", "extract", "convert")
SECONDS = {
    "plugin-info": 30.0,
    "test-connection": 60.0,
    "remote-scopes": 300.0,
    "make-pipeline": 300.0,
}
"""How long a call may take; a subtask may take any time as long as something comes from it."""

SILENT_SECONDS = 1800.0
GRACE_SECONDS = 5.0
HOST_SECONDS = 60.0

_POISON = b'{"current":"cancelled"}'
_BACKLOG = 1 << 20
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Call:
    """Be one call of a method.

    Attributes:
        plugin: the plugin's name.
        method: what it shall do.
        arguments: the texts after the method.
        path: the file that the server shall execute in later calls.
        legacy: the plugin's ``main.py``, if it is no distribution.
    """

    def __init__(self, plugin: str, method: str, arguments: list[str], *, path: str = "") -> None:
        self.plugin, self.method, self.arguments = plugin, method, arguments
        self.path = path
        self.legacy = ""

    def request(self, environ: Mapping[str, str]) -> dict[str, Any]:
        """Return what a keeper is sent."""
        umask = os.umask(0o022)
        os.umask(umask)
        return {
            "do": "call",
            "plugin": self.plugin,
            "method": self.method,
            # A server passes bytes; what is no UTF-8 among them is found by the worker.
            "arguments": [os.fsencode(item).decode("latin-1") for item in self.arguments],
            "path": self.path,
            "legacy": self.legacy,
            "environment": dict(environ),
            "folder": os.getcwd(),
            "umask": umask,
        }


def run(call: Call, link: Link, pipes: HostPipes | None = None) -> int:
    """Have a call done over a link to a keeper, and return the exit status."""
    supervisor = Supervisor(call, pipes or HostPipes(streaming=call.method in SUBTASKS))
    return supervisor.run(link)


class Supervisor:
    """Pass on what a worker says until it ends, or end it."""

    def __init__(self, call: Call, pipes: HostPipes) -> None:
        self.call, self.pipes = call, pipes
        self.grace = seconds_of("DEVLAKE_GRACE_SECONDS", GRACE_SECONDS)
        self.patience = seconds_of("DEVLAKE_HOST_SECONDS", HOST_SECONDS)
        self.why = ""
        self.status = 0
        self._is_subtask = call.method in SUBTASKS
        self._secrets: list[bytes] = []
        self._declared: int | None = None
        self._ended: dict[str, Any] | None = None
        self._last_word = self._began = time.monotonic()
        self._give_up = 0.0
        self._tails = {"out": bytearray(), "log": bytearray()}

    def run(self, link: Link) -> int:
        """Supervise the call and return its exit status."""
        wake, self._wakeup = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._link, self._lines = link, wire.Lines(link.connection)
        self._poll = select.poll()
        before = {number: signal.signal(number, _noted) for number in _SIGNALS}
        signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)
        for number in (wake, link.connection.fileno(), link.out, link.log):
            self._poll.register(number, select.POLLIN)
        try:
            while self._ended is None:
                self._turn(wake)
            self._read_rest()
        finally:
            signal.set_wakeup_fd(-1)
            for number, handler in before.items():
                signal.signal(number, handler)
            link.close()
        self._conclude()
        poison = _POISON if self._is_subtask and self.why == "cancel" else b""
        self.pipes.close(poison)
        return self.status

    def _turn(self, wake: int) -> None:
        self._watch_pipes()
        link = self._link
        events = dict(self._poll.poll(200))
        now = time.monotonic()
        for pipe in (self.pipes.logs, self.pipes.results):
            seen = events.get(pipe.number, 0)
            if seen & (select.POLLERR | select.POLLHUP | select.POLLNVAL):
                pipe.lose()
                self._poll.unregister(pipe.number)
            elif seen & select.POLLOUT and pipe.queue:
                pipe.pump()
        # First what the worker says, then what it prints: it names its secrets before it
        # begins, and they are to be known when the first line is passed on.
        if link.out in events:
            self._last_word = now
            self._read(link.out, "out")
        if link.log in events:
            self._read(link.log, "log")
        if link.connection.fileno() in events:
            self._hear()
        if wake in events:
            number = os.read(wake, 64)[0]
            self._cancel("cancel", 128 + number)
        self.pipes.tick()
        if self.pipes.gone():
            self._cancel("host", 74)
        elif self.pipes.results.blocked() > self.patience:
            self._cancel("unread", 74)
        elif self._overdue(now):
            self._cancel("deadline", 124)
        elif self._give_up and now > self._give_up:
            # The keeper did not end it: it is stopped itself, or gone.
            self._ended = {"exit": self.status, "signal": 0}
            link.kill()

    def _watch_pipes(self) -> None:
        for pipe in (self.pipes.logs, self.pipes.results):
            if not pipe.gone:
                self._poll.register(pipe.number, select.POLLOUT if pipe.queue else 0)
        # A host that reads slowly slows the worker down instead of filling our memory.
        full = len(self.pipes.results.queue) > _BACKLOG
        if self._link.out >= 0:
            self._poll.modify(self._link.out, 0 if full else select.POLLIN)

    def _overdue(self, now: float) -> bool:
        if self._is_subtask:
            limit = seconds_of("DEVLAKE_SILENT_SECONDS", SILENT_SECONDS)
            return now - self._last_word > limit
        limit = seconds_of("DEVLAKE_CALL_SECONDS", SECONDS.get(self.call.method, 300.0))
        return now - self._began > limit

    def _cancel(self, why: str, status: int) -> None:
        if self.why:
            return
        self.why, self.status = why, status
        self._give_up = time.monotonic() + self.grace + 1.0
        try:
            wire.send(self._link.connection, {"cancel": self.grace})
        except OSError:
            self._ended = {"exit": status, "signal": 0}

    def _hear(self) -> None:
        try:
            messages = self._lines.read()
        except (OSError, wire.Nonsense):
            messages = []
            self._lines.ended = True
        for message in messages:
            if "exit" in message:
                self._ended = message
        if self._lines.ended and self._ended is None:
            self._ended = {"lost": True}

    def _read(self, number: int, which: str) -> None:
        data = os.read(number, 65536)
        if not data:
            self._poll.unregister(number)
            self._link.closed(which)
        tail = self._tails[which]
        tail += data
        if b"\n" not in data:
            if which == "log" and len(tail) > 2 * LONGEST_LOG:
                # The rest of the line is cut, but counted.
                del tail[2 * LONGEST_LOG :]
            return
        *lines, rest = tail.split(b"\n")
        self._tails[which] = rest
        take = self._take if which == "out" else self._print
        for line in lines:
            take(bytes(line))

    def _read_rest(self) -> None:
        """Read what the worker left in its pipes; what it started may hold them open a while."""
        until = time.monotonic() + 1.0
        for number, which in ((self._link.out, "out"), (self._link.log, "log")):
            if number < 0:
                continue
            poll = select.poll()
            poll.register(number, select.POLLIN)
            while getattr(self._link, which) >= 0 and time.monotonic() < until:
                if not poll.poll(50):
                    break
                self._read(number, which)
        for which, tail in self._tails.items():
            if tail and which == "log":
                self._print(bytes(tail))

    def _take(self, line: bytes) -> None:
        """Take a line of the worker's: a letter for its kind, then what it says."""
        kind, text = line[:1], line[1:]
        if kind == b"R":
            self.pipes.result(text)
        elif kind == b"P":
            increment, current, total = (int(word) for word in text.split())
            self.pipes.progress(increment, current, total)
        elif kind == b"E":
            self.pipes.error(self._redacted(text))
        elif kind == b"L":
            self.pipes.log(self._redacted(text))
        elif kind == b"S":
            self._secrets = [item.encode() for item in json.loads(text)]
        elif kind == b"X":
            self._declared = int(text)

    def _print(self, line: bytes) -> None:
        if line.strip():
            self.pipes.log(self._redacted(line))

    def _redacted(self, line: bytes) -> bytes:
        for secret in self._secrets:
            line = line.replace(secret, b"***")
        return line

    def _conclude(self) -> None:
        """Find out how the call ended, and say so where nobody else did."""
        ended, call = self._ended or {}, self.call
        what = f"{call.plugin} {call.method}"
        if self.why:
            self._say_why(what)
        elif ended.get("lost"):
            self._fail(70, f"{what}: the process that ran it was ended", "see `devlake serve logs`")
        elif ended["signal"]:
            number = ended["signal"]
            name = signal.Signals(number).name
            why = "killed, probably out of memory" if number == signal.SIGKILL else "it crashed"
            self._fail(
                128 + number,
                f"{what}: its process died of {name}: {why}",
                "what was committed stays; the next run goes on from there",
            )
        elif self._declared is None:
            code = ended["exit"]
            self._fail(
                code or 1,
                f"{what}: it exited without completing (status {code})",
                f"a plugin must not end the process: tell the author of {call.plugin}",
            )
        else:
            self.status = self._declared

    def _say_why(self, what: str) -> None:
        if self.why == "cancel":
            self._fail(self.status, f"{what}: stopped by the host", "")
        elif self.why == "deadline":
            self._fail(
                124,
                f"{what}: nothing came from it for too long, so it was stopped",
                "set DEVLAKE_SILENT_SECONDS (subtasks) or DEVLAKE_CALL_SECONDS for more",
            )
        else:
            self._fail(74, f"{what}: the host does not read what it asked for", "")

    def _fail(self, status: int, message: str, hint: str) -> None:
        self.status = status
        self.pipes.error(self._redacted(message.encode()))
        if hint:
            self.pipes.error(hint.encode())


def _noted(_number: int, _frame: Any) -> None:
    """Do nothing: the number is in the wake-up pipe already."""


def seconds_of(name: str, default: float) -> float:
    """Return the seconds that a variable sets; what is no positive number sets nothing."""
    try:
        found = float(os.environ.get(name, ""))
    except ValueError:
        return default
    return found if found > 0 else default
