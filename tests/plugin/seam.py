"""The least that must be around a client for hooks to run; a run has more."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from devlake_core.api import NullRuntime, current_runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devlake_core.api import Call, Resolution
    from devlake_core.plugin.events import EventHooks


class Hooked(NullRuntime):
    """Be the surroundings of a client outside of a run, with hooks."""

    def __init__(self, hooks: EventHooks) -> None:
        self.plugin = hooks.plugin
        self._hooks = hooks

    def before_request(self, call: Call) -> None:
        self._hooks.before_request(call)

    def after_response(self, call: Call) -> None:
        self._hooks.after_response(call)

    def resolve_response(self, call: Call) -> Resolution | None:
        return self._hooks.resolve_response(call)


@contextmanager
def hooked(hooks: EventHooks) -> Iterator[None]:
    token = current_runtime.set(Hooked(hooks))
    try:
        yield
    finally:
        current_runtime.reset(token)
