"""Own the three descriptors on which DevLake's server listens, and lose nothing on them.

What the server does with them, as measured with its own code, is the reason for each rule here:

* It closes its ends as soon as the process is gone, read or not. So before the end each pipe is
  drained: FIONREAD tells how much of it is unread.
* It panics when it is still handing on lines of stderr at that moment. So the last line of stderr
  is written alone, after the others were read: its scanner reads again only when it has handed on
  all that it has.
* A line over 5 MiB makes it deaf for that pipe. So lines have limits.
* It may stop reading. So nothing here blocks: a write follows a poll and has at most 4,096 bytes
  (PIPE_BUF), which a pipe takes whole once it is writable at all.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import time

from . import first
from .call import seconds_of

CHUNK = 4096
LONGEST_LOG = 16 << 10
ERRORS = 200
"""How many lines the server's error text has at most: the last ones."""

HOST_SECONDS = 60.0
"""How long a host may leave results unread."""

_FIONREAD = 0x541B
_LARGEST = (1 << 63) - 1  # of Go's int
_LOG_QUEUE = 1 << 20
_LOG_PATIENCE = 5.0
_BURST, _RATE = 20, 5.0
_CLOSING = 5.0
_POISON = b'{"current":"cancelled"}'
_SETTLE, _SETTLE_CANCELLED = 0.2, 0.05

# Colours and cursor movements; then every other control character but the tab.
_ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)?")
_CONTROLS = bytes(number for number in (*range(9), *range(10, 32), 127))


def is_channel(number: int) -> bool:
    """Say whether a descriptor is a pipe or a socket, as a host gives them."""
    try:
        kind = os.fstat(number).st_mode & 0o170000
    except OSError:
        return False
    return kind in {0o010000, 0o140000}


HOSTED = is_channel(3)
"""Whether a host gave us descriptor 3; found out before a file of ours can have that number."""


def printable(line: bytes) -> bytes:
    """Return a line of a log as it may be shown: one line, no control characters, not too long."""
    if len(line) > LONGEST_LOG:
        line = line[:LONGEST_LOG] + b" ... (cut)"
    line = _ESCAPES.sub(b"", line).translate(None, _CONTROLS)
    return line.decode("utf-8", "replace").encode()


class Pipe:
    """Be one descriptor with what is still to be written to it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.queue = bytearray()
        self.gone = False
        self.blocked_since: float | None = None

    def add(self, data: bytes) -> None:
        """Queue something."""
        if not self.gone:
            if not self.queue:
                self.blocked_since = time.monotonic()
            self.queue += data

    def pump(self) -> None:
        """Write what the pipe takes at once; to be called when a poll says that it takes some."""
        try:
            written = os.write(self.number, self.queue[:CHUNK])
        except BlockingIOError:
            return  # others who write to it were quicker, and made it one that does not block
        except OSError:
            self.lose()
            return
        del self.queue[:written]
        self.blocked_since = time.monotonic() if self.queue else None

    def lose(self) -> None:
        """Note that nobody reads any more."""
        self.gone = True
        self.queue.clear()
        self.blocked_since = None

    def blocked(self) -> float:
        """Return for how many seconds nothing could be written."""
        return 0.0 if self.blocked_since is None else time.monotonic() - self.blocked_since

    def finish(self, until: float) -> bool:
        """Write what is queued, wait until it was read or the time is up, and say if it was."""
        poll = select.poll()
        poll.register(self.number, select.POLLOUT)
        while self.queue and time.monotonic() < until:
            if poll.poll(50):
                self.pump()
        while not self.gone and self._unread() and time.monotonic() < until:
            poll.modify(self.number, 0)
            # An event without being asked for one: the other end was closed.
            if poll.poll(0):
                self.lose()
            time.sleep(0.0005)
        return not (self.gone or self.queue or self._unread())

    def _unread(self) -> int:
        try:
            found = fcntl.ioctl(self.number, _FIONREAD, b"\0" * 4)
        except OSError:
            return 0  # no pipe: a terminal or a file
        return int.from_bytes(found, "little")


class HostPipes:
    """Write logs, errors, results and progress to the host.

    Without a host (no pipe or socket at descriptor 3: somebody tries a call at a shell) results
    go to stdout and all else to stderr.

    Args:
        streaming: whether results are progress, which may be merged and interspersed.
    """

    def __init__(self, *, streaming: bool) -> None:
        self.logs = Pipe(1 if HOSTED else 2)
        self.results = Pipe(3 if HOSTED else 1)
        self._errors: list[bytes] = []
        self._streaming = streaming
        self._dropped = 0
        self._merged: list[int] | None = None
        self._tokens, self._filled = float(_BURST), time.monotonic()
        self.patience = seconds_of("DEVLAKE_HOST_SECONDS", HOST_SECONDS)
        self._last = time.monotonic()

    def gone(self) -> bool:
        """Say whether the host has closed a pipe that it would read to the end."""
        return self.logs.gone or self.results.gone

    def log(self, line: bytes) -> None:
        """Write a line to the task's log; if the host does not read, lines are dropped."""
        if len(self.logs.queue) > _LOG_QUEUE or self.logs.blocked() > _LOG_PATIENCE:
            self._dropped += 1
            return
        if self._dropped:
            self.logs.add(b"(%d lines were dropped: the host did not read)\n" % self._dropped)
            self._dropped = 0
        self.logs.add(printable(line) + b"\n")

    def error(self, line: bytes) -> None:
        """Keep a line for the error text; of very many the first become log lines."""
        self._errors.append(printable(line))
        if len(self._errors) > ERRORS:
            self.log(self._errors.pop(0))

    def result(self, line: bytes) -> None:
        """Write a line of the result."""
        self.results.add(line + b"\n")
        self._last = time.monotonic()

    def progress(self, increment: int, current: int, total: int) -> None:
        """Write how far a subtask is; what comes too fast is merged, the last values win."""
        before = 0 if self._merged is None else self._merged[0]
        self._merged = [min(n, _LARGEST) for n in (before + increment, current, total)]
        self.tick()

    def tick(self, *, last: bool = False) -> None:
        """Write merged progress when its time has come, and a sign of life each second.

        The host looks whether it shall cancel only when a line comes; an empty object is a line
        that changes nothing.
        """
        if not self._streaming or (len(self.results.queue) > CHUNK and not last):
            return
        now = time.monotonic()
        self._tokens = min(_BURST, self._tokens + (now - self._filled) * _RATE)
        self._filled = now
        if self._merged is not None and (last or self._tokens >= 1):
            self._tokens -= 1
            self.result(b'{"increment":%d,"current":%d,"total":%d}' % tuple(self._merged))
            self._merged = None
        elif now - self._last >= 1.0:
            self.result(b"{}")

    def flush(self) -> bool:
        """Write what is left of the results, and say whether the host has read all of them."""
        self.tick(last=True)
        read = self.results.finish(time.monotonic() + self.patience)
        if not read:
            self.results.lose()
        return read

    def close(self, *, hurry: bool = False) -> None:
        """Write what is left, in the order that the host survives, and wait until it was read.

        Args:
            hurry: not to wait long for a host that may read no more.
        """
        # However it ended: a host that has cancelled a subtask takes it for done without this.
        poison = _POISON if self._streaming and first.caught else b""
        short = min(_CLOSING, self.patience)
        patience = short if hurry else self.patience
        self.tick(last=True)
        self.results.finish(time.monotonic() + patience)
        if poison:
            self.results.add(poison + b"\n")
            self.results.finish(time.monotonic() + short)
        if self._dropped:
            self.logs.add(b"(%d lines were dropped: the host did not read)\n" % self._dropped)
        # Before the errors: both may be one terminal.
        self.logs.finish(time.monotonic() + short)
        errors = Pipe(2)
        if self._errors:
            until = time.monotonic() + patience
            errors.add(b"".join(line + b"\n" for line in self._errors[:-1]))
            errors.finish(until)
            errors.add(self._errors[-1] + b"\n")
            errors.finish(until)
            # Until the host's logger, slow on a busy machine, has the last line. A host that
            # cancels does not wait for the text.
            time.sleep(_SETTLE_CANCELLED if poison else _SETTLE)
