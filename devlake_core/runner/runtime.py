"""What surrounds a call into a plugin while a job is run: hooks, pauses, cancel, counts."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from devlake_core.api import current_runtime

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator

    from devlake_core.api import Call, Resolution
    from devlake_core.plugin.events import EventHooks

    from .cancel import Cancel

_WORTH_TELLING = 2.0
"""Seconds of a pause from which on a person is told why nothing happens."""


class RunnerRuntime:
    """Be the surroundings of one data source's calls.

    Attributes:
        plugin: the data source's name.
        stream: the stream that is run; empty outside of one.
        purpose: what requests are for: ``stream``, ``test`` or ``browse``.
        connection: the connection that is used.
    """

    def __init__(
        self,
        hooks: EventHooks,
        cancel: Cancel,
        connection: Any,
        *,
        purpose: str = "stream",
        counts: Counter[str] | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self.plugin = hooks.plugin
        self.stream = ""
        self.purpose = purpose
        self.connection = connection
        self._hooks = hooks
        self._cancel = cancel
        self._counts = counts
        self._tell = tell

    def before_request(self, call: Call) -> None:
        """Let shared hooks and the plugin's own see and change the request."""
        self._hooks.before_request(call)

    def after_response(self, call: Call) -> None:
        """Let shared hooks and the plugin's own see and change the response."""
        self._hooks.after_response(call)

    def resolve_response(self, call: Call) -> Resolution | None:
        """Return the first resolution that a hook gives."""
        return self._hooks.resolve_response(call)

    def pause(self, seconds: float, why: str) -> None:
        """Wait; a signal ends it.

        Raises:
            Cancelled: the run is asked to stop.
        """
        self.announce(seconds, why)
        self.wait(seconds)

    def announce(self, seconds: float, why: str) -> None:
        """Tell a person of a long pause."""
        if seconds >= _WORTH_TELLING and self._tell is not None:
            self._tell(f"waiting {seconds:.0f} s: {why}")

    def wait(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            Cancelled: the run is asked to stop.
        """
        self._cancel.sleep(seconds)
        self._cancel.check()

    def check_cancelled(self) -> None:
        """Raise Cancelled when the run is asked to stop."""
        self._cancel.check()

    def count(self, name: str, number: int = 1) -> None:
        """Count something for the summary."""
        if self._counts is not None:
            self._counts[name] += number


@contextmanager
def surrounded(runtime: RunnerRuntime) -> Iterator[RunnerRuntime]:
    """Make a runtime the current one in the block."""
    token = current_runtime.set(runtime)
    try:
        yield runtime
    finally:
        current_runtime.reset(token)
