"""What surrounds a plugin in a call of the server: that of a run, with signs of life."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from devlake_core.redaction import redact
from devlake_core.runner.runtime import RunnerRuntime

if TYPE_CHECKING:
    from collections import Counter

    from devlake_core.api import Call
    from devlake_core.plugin.events import EventHooks
    from devlake_core.runner.cancel import Cancel

    from .output import Output

SIGN_SECONDS = 20.0
"""How often a call that waits says that it still does."""


class BridgeRuntime(RunnerRuntime):
    """Be the surroundings of a plugin's calls, and say that the call goes on."""

    def __init__(
        self,
        hooks: EventHooks,
        cancel: Cancel,
        connection: Any,
        out: Output,
        *,
        purpose: str = "stream",
        counts: Counter[str] | None = None,
    ) -> None:
        super().__init__(
            hooks,
            cancel,
            connection,
            purpose=purpose,
            counts=counts,
            tell=lambda text: out.log(redact(text)),
        )
        self._out = out
        self._signed = time.monotonic()

    def after_response(self, call: Call) -> None:
        """Tell the hooks; a tool that answers is a sign of life."""
        if time.monotonic() - self._signed >= 1.0:
            self._signed = time.monotonic()
            self._out.alive()
        super().after_response(call)

    def pause(self, seconds: float, why: str) -> None:
        """Wait, with signs of life; a signal ends it.

        Raises:
            Cancelled: the run is asked to stop.
        """
        self.announce(seconds, why)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._out.alive()
            self.wait(min(left, SIGN_SECONDS))
        self.check_cancelled()
