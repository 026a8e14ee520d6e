"""What a worker says to its supervisor: lines on a pipe, each a letter and what it says.

``S`` is a JSON list of secrets to be hidden, ``R`` a line of the result, ``P`` progress
(increment, current, total), ``L`` a log line, ``E`` a line of the error text, ``K`` that the call
goes on, ``X`` the exit status, last.
"""

from __future__ import annotations

import json
import logging
import os
import threading

_LARGEST = (1 << 53) - 1


class Teller:
    """Say to the supervisor what comes of a call.

    Args:
        number: the descriptor of the pipe.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self._lock = threading.RLock()

    def say(self, kind: bytes, text: bytes) -> None:
        """Say one line."""
        data = memoryview(kind + text + b"\n")
        with self._lock:
            while data:
                data = data[os.write(self.number, data) :]

    def result(self, line: bytes) -> None:
        """Say a line of the result."""
        self.say(b"R", line)

    def progress(self, increment: int, current: int, total: int) -> None:
        """Say how far a subtask is; what is no whole number above zero is made one."""
        self.say(b"P", b"%d %d %d" % (_whole(increment), _whole(current), _whole(total)))

    def alive(self) -> None:
        """Say that the call goes on."""
        self.say(b"K", b"")

    def log(self, text: str) -> None:
        """Say a line for the task's log."""
        self.say(b"L", _one_line(text))

    def secrets(self, values: list[str]) -> None:
        """Say what must not be shown of what is printed past all filters."""
        self.say(b"S", json.dumps(values).encode())

    def take_logs(self) -> None:
        """Have all that is logged said: errors for the error text, the rest for the log."""
        from devlake_core.redaction import RedactingFilter

        handler = _Handler(self)
        handler.addFilter(RedactingFilter())
        handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        root = logging.getLogger()
        root.handlers[:] = [handler]
        root.setLevel(logging.INFO)
        logging.captureWarnings(capture=True)


class _Handler(logging.Handler):
    def __init__(self, teller: Teller) -> None:
        super().__init__()
        self._teller = teller

    def emit(self, record: logging.LogRecord) -> None:
        kind = b"E" if record.levelno >= logging.ERROR else b"L"
        self._teller.say(kind, _one_line(self.format(record)))


def _whole(number: float) -> int:
    try:
        return max(0, min(int(number), _LARGEST))
    except (TypeError, ValueError, OverflowError):
        # Not a number, or infinite: nothing that a bar could show.
        return 0


def _one_line(text: str) -> bytes:
    # One record is one line: a text with line ends in it could pass itself off as others.
    return text.replace("\r", "\\r").replace("\n", "\\n").encode("utf-8", "replace")
