"""Stop a run when it is asked to: at the next safe point, or within seconds where there is none."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

from devlake_core.errors import Cancelled

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

GRACE = 2.0
"""Seconds after which a run that came to no safe point is interrupted where it is."""

_AGAIN = 1.0
_HANDLED = (signal.SIGINT, signal.SIGTERM)


class Interrupted(Cancelled, KeyboardInterrupt):
    """Be raised in the midst of something, while a database driver waits for its server maybe.

    At a KeyboardInterrupt, and at nothing else, psycopg cancels the statement on the server; else
    the connection would go on waiting for a lock, say, while it is closed.
    """


class Cancel:
    """Hear SIGINT and SIGTERM.

    The handler does nothing but note the signal and write to a pipe: locks of the ``threading``
    module, taken in a handler, could wait for the very code that it interrupted. A second signal,
    of the user or of the watching thread, raises ``Cancelled`` where the main thread is; each
    commit carries its state, so that is safe anywhere.
    """

    def __init__(self) -> None:
        self.signal = 0
        self._reader, self._writer = os.pipe()
        self._ended, self._end = os.pipe()
        self._open = False
        self._held = False

    def check(self) -> None:
        """Raise Cancelled if a signal came.

        Raises:
            Cancelled: with exit code 130 for SIGINT and 143 for SIGTERM.
        """
        if self.signal:
            raise self.error()

    def error(self, kind: type[Cancelled] = Cancelled) -> Cancelled:
        """Return what says that the run was stopped."""
        name = "Ctrl-C" if self.signal == signal.SIGINT else "SIGTERM"
        return kind(
            f"stopped by {name}",
            hint="what was committed stays; the next run goes on from there",
            exit_code=128 + self.signal,
        )

    def sleep(self, seconds: float) -> bool:
        """Wait until the time is up or a signal comes; return whether one did."""
        deadline = time.monotonic() + max(0.0, seconds)
        while not self.signal:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            select.select([self._reader], [], [], left)
        return True

    @contextlib.contextmanager
    def heard(self) -> Iterator[None]:
        """Handle the signals in the block.

        Within another such block, or elsewhere than in the main thread, it does nothing.
        """
        if self._open or threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._note) for number in _HANDLED}
        self._open = True
        watcher = threading.Thread(target=self._watch, name="devlake-cancel", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            self._open = False
            os.write(self._end, b"x")
            watcher.join()
            os.read(self._ended, 1)
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Interrupt nothing in the block: what it does is short, or looks at ``signal`` itself."""
        before, self._held = self._held, True
        try:
            yield
        finally:
            self._held = before

    def rest(self) -> None:
        """Interrupt nothing from now on if a signal came: what is left to do is short."""
        self._held = self._held or bool(self.signal)

    def close(self) -> None:
        """Close the pipes."""
        for descriptor in (self._reader, self._writer, self._ended, self._end):
            os.close(descriptor)

    def _note(self, number: int, _frame: FrameType | None) -> Any:
        first = not self.signal
        if first:
            self.signal = number
            os.write(self._writer, b"x")
        elif self._open and not self._held:
            raise self.error(Interrupted)

    def _watch(self) -> None:
        """Interrupt the main thread if it comes to no safe point by itself."""
        ready, _, _ = select.select([self._reader, self._ended], [], [])
        wait = GRACE
        while self._ended not in ready:
            ready, _, _ = select.select([self._ended], [], [], wait)
            if not ready and self._open:
                signal.pthread_kill(threading.main_thread().ident or 0, self.signal)
            wait = _AGAIN
