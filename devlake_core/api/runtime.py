"""What the client needs of the run around it: hooks, pauses, cancel, counts. One seam."""

from __future__ import annotations

import time
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .request import Request
    from .resolution import Resolution
    from .response import Response


SLICE = 0.5
"""Seconds after which whoever waits looks whether the run is asked to stop."""


@dataclass
class Call:
    """Be one attempt of one request: what shared hooks get, and may change.

    Attributes:
        request: the request; assign another to send that.
        response: the response, None before it is there; assign another to hand that on.
        plugin: the data source's name.
        stream: the stream's name, empty outside a stream.
        connection: the connection's name.
        attempt: counted from 1.
        purpose: what the request is for: ``stream``, ``test``, ``browse``.
    """

    request: Request
    response: Response | None = None
    plugin: str = ""
    stream: str = ""
    connection: str = ""
    attempt: int = 1
    purpose: str = ""


class Runtime(Protocol):
    """Be what surrounds a call into a plugin."""

    plugin: str
    stream: str
    purpose: str
    connection: Any

    def before_request(self, call: Call) -> None:
        """Let shared hooks see and change the request."""

    def after_response(self, call: Call) -> None:
        """Let shared hooks see and change the response."""

    def resolve_response(self, call: Call) -> Resolution | None:
        """Ask shared hooks what a response means; None where none has an opinion."""

    def pause(self, seconds: float, why: str) -> None:
        """Wait; ends early with Cancelled when the run is asked to stop."""

    def check_cancelled(self) -> None:
        """Raise Cancelled when the run is asked to stop."""

    def count(self, name: str, number: int = 1) -> None:
        """Count something for the run's summary."""


class NullRuntime:
    """Be the surroundings of a client that is used by itself: no hooks, no cancel, no counts."""

    plugin = ""
    stream = ""
    purpose = ""
    connection: Any = None

    def before_request(self, call: Call) -> None:
        """Do nothing."""

    def after_response(self, call: Call) -> None:
        """Do nothing."""

    def resolve_response(self, call: Call) -> Resolution | None:
        """Have no opinion."""
        return None

    def pause(self, seconds: float, why: str) -> None:
        """Sleep in slices, so that a subclass with a ``check_cancelled`` is stopped soon."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.check_cancelled()
            time.sleep(min(left, SLICE))
        self.check_cancelled()

    def check_cancelled(self) -> None:
        """Do nothing."""

    def count(self, name: str, number: int = 1) -> None:
        """Do nothing."""


current_runtime: ContextVar[Runtime] = ContextVar("current_runtime", default=NullRuntime())  # noqa: B039
"""What surrounds the running call into a plugin."""
