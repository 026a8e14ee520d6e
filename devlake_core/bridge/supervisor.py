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

from . import first, wire
from .call import seconds_of
from .pipes import LONGEST_LOG, HostPipes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .call import Call
    from .start import Link

SECONDS = {
    "plugin-info": 30.0,
    "test-connection": 60.0,
    "remote-scopes": 300.0,
    "make-pipeline": 300.0,
}
"""How long a call may take; a subtask may take any time as long as something comes from it."""

SILENT_SECONDS = 1800.0
GRACE_SECONDS = 5.0

_UNREAD = "the host does not read what it asked for"
_LONGEST_QUOTE = 80
_BACKLOG = 1 << 20
_REST_SECONDS = 5.0


def run(call: Call, link: Link, pipes: HostPipes | None = None) -> int:
    """Have a call done over a link to a keeper, and return the exit status."""
    supervisor = Supervisor(call, pipes or HostPipes(streaming=call.is_subtask))
    return supervisor.run(link)


class Supervisor:
    """Pass on what a worker says until it ends, or end it."""

    def __init__(self, call: Call, pipes: HostPipes) -> None:
        self.call, self.pipes = call, pipes
        self.grace = seconds_of("DEVLAKE_GRACE_SECONDS", GRACE_SECONDS)
        self.status = 0
        self._verdict: tuple[int, str, str] | None = None
        self._secrets: list[bytes] = []
        self._declared: int | None = None
        self._ended: dict[str, Any] | None = None
        self._last_word = self._began = time.monotonic()
        self._give_up = 0.0
        self._tails = {"out": bytearray(), "log": bytearray()}

    def run(self, link: Link) -> int:
        """Supervise the call and return its exit status."""
        self._link, self._lines = link, wire.Lines(link.connection)
        wake, wakeup = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        self._poll = select.poll()
        for number in (wake, link.connection.fileno(), link.out, link.log):
            self._poll.register(number, select.POLLIN)
        try:
            while self._ended is None:
                self._turn(wake)
            self._read_rest()
            self._conclude()
            self.pipes.close(hurry=self._verdict is not None)
        finally:
            signal.set_wakeup_fd(-1)
            link.close()
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
            if link.out >= 0 and self._is_ready(link.out):
                self._read(link.out, "out")
            self._read(link.log, "log")
        if link.connection.fileno() in events:
            self._hear()
        if wake in events:
            os.read(wake, 64)
        self.pipes.tick()
        if first.caught:
            self._stop(128 + first.caught[0], "stopped by the host")
        elif self.pipes.gone() or self.pipes.results.blocked() > self.pipes.patience:
            self._stop(74, _UNREAD)
        elif self._overdue(now):
            hint = "set DEVLAKE_SILENT_SECONDS (subtasks) or DEVLAKE_CALL_SECONDS for more"
            self._stop(124, "nothing came from it for too long, so it was stopped", hint)
        if self._give_up and now > self._give_up:
            # The keeper did not end it: it is stopped itself, or gone.
            self._ended = {"lost": True}
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
        if self.call.is_subtask:
            limit = seconds_of("DEVLAKE_SILENT_SECONDS", SILENT_SECONDS)
            return now - self._last_word > limit
        limit = seconds_of("DEVLAKE_CALL_SECONDS", SECONDS.get(self.call.method, 300.0))
        return now - self._began > limit

    def _stop(self, status: int, message: str, hint: str = "") -> None:
        """Have the worker ended, for a reason that decides what the call comes to."""
        if self._verdict is not None:
            return
        self._verdict = status, message, hint
        self._give_up = time.monotonic() + self.grace + 1.0
        try:
            wire.send(self._link.connection, {"cancel": self.grace})
        except OSError:
            self._ended = self._ended or {"lost": True}

    def _hear(self) -> None:
        try:
            messages = self._lines.read()
        except OSError:
            messages = []
            self._lines.ended = True
        for message in messages:
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
                del tail[2 * LONGEST_LOG :]
            return
        *lines, rest = tail.split(b"\n")
        self._tails[which] = rest
        for line in lines:
            if which == "log":
                self._print(bytes(line))
                continue
            try:
                self._take(bytes(line))
            except (ValueError, TypeError, AttributeError, RecursionError):
                # Something of the plugin's has found the worker's own pipe.
                shown = line[:_LONGEST_QUOTE].decode("utf-8", "replace")
                hint = "a plugin must write to no descriptor of others: tell its author"
                self._stop(1, f"it said {shown!r}, which is nothing that a worker says", hint)

    def _read_rest(self) -> None:
        """Read what the worker left in its pipes; what it started may hold them open a while."""
        until = time.monotonic() + _REST_SECONDS
        for number, which in ((self._link.out, "out"), (self._link.log, "log")):
            while getattr(self._link, which) >= 0 and time.monotonic() < until:
                if not self._is_ready(number, 50):
                    break
                self._read(number, which)
        for which, tail in self._tails.items():
            if tail and which == "log":
                self._print(bytes(tail))

    @staticmethod
    def _is_ready(number: int, milliseconds: int = 0) -> bool:
        poll = select.poll()
        poll.register(number, select.POLLIN)
        return bool(poll.poll(milliseconds))

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
            self._secrets = [item.encode("utf-8", "surrogatepass") for item in json.loads(text)]
        elif kind == b"X":
            self._declared = int(text)
        elif kind != b"K":
            unknown = f"no kind of line: {kind!r}"
            raise ValueError(unknown)

    def _print(self, line: bytes) -> None:
        if line.strip():
            self.pipes.log(self._redacted(line))

    def _redacted(self, line: bytes) -> bytes:
        for secret in self._secrets:
            line = line.replace(secret, b"***")
        return line

    def _conclude(self) -> None:
        """Find out how the call ended, and say so where nobody else did."""
        ended = self._ended or {}
        if ended.get("left"):
            self.pipes.log(b"what the plugin had started and left running was ended")
        if self._verdict:
            if self._verdict[1] == _UNREAD:
                # What is left of the results is not waited for again.
                self.pipes.results.lose()
            self._fail(*self._verdict)
        elif "refused" in ended:
            hint = "try again; see how many processes this user may have"
            self._fail(75, f"no process can be started for it: {ended['refused']}", hint)
        elif "exit" not in ended:
            hint = "see the log of this call, and `devlake serve logs`"
            self._fail(70, "the process that ran it was ended", hint)
        elif ended["signal"]:
            number = ended["signal"]
            killed = number == signal.SIGKILL
            why = "killed, probably out of memory" if killed else "it crashed"
            self._fail(
                128 + number,
                f"its process died of {_name_of(number)}: {why}",
                "what was committed stays; the next run goes on from there",
            )
        elif self._declared is None:
            code = ended["exit"]
            self._fail(
                code or 1,
                f"it exited without completing (status {code})",
                f"a plugin must not end the process: tell the author of {self.call.plugin}",
            )
        else:
            self.status = self._declared
            if not self.status and not self.pipes.flush():
                self._fail(74, _UNREAD)

    def _fail(self, status: int, message: str, hint: str = "") -> None:
        self.status = status
        text = f"{self.call}: {message}".encode("utf-8", "replace")
        self.pipes.error(self._redacted(text))
        if hint:
            self.pipes.error(hint.encode())


def _name_of(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"  # of those for real time most have no name
