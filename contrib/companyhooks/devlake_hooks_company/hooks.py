"""The hooks: what happens when; the how is in the modules beside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import devlake_core as dl

from .audit import Audit, place_of
from .gateway import Gateway
from .maintenance import Maintenance

if TYPE_CHECKING:
    from collections import Counter

    from devlake_core.api import Call
    from devlake_core.plugin import Subtask


class CompanyHooks:
    """Be the package's entry point: made once per process, its settings read then."""

    def __init__(self) -> None:
        self.gateway = Gateway.from_environment()
        self.maintenance = Maintenance.from_environment()
        self.audit = Audit.from_environment()

    @dl.hookimpl
    def devlake_before_request(self, call: Call) -> None:
        """Add the gateway's key."""
        self.gateway.sign(call.request)

    @dl.hookimpl
    def devlake_resolve_response(self, call: Call) -> dl.Resolution | None:
        """Wait for the end of a maintenance."""
        return None if call.response is None else self.maintenance.resolve(call.response)

    @dl.hookimpl
    def devlake_after_response(self, call: Call) -> None:
        """Note who asked whom for what."""
        self.audit.write(
            "response",
            plugin=call.plugin,
            stream=call.stream,
            purpose=call.purpose,
            attempt=call.attempt,
            method=call.request.method,
            url=place_of(call.request.url),
            status=None if call.response is None else call.response.status,
        )

    @dl.hookimpl
    def devlake_after_subtask(self, subtask: Subtask, counts: Counter[str]) -> None:
        """Note what a verb of a stream did."""
        self.audit.write("done", **vars(subtask), counts=dict(counts))

    @dl.hookimpl
    def devlake_on_subtask_error(self, subtask: Subtask, error: BaseException) -> None:
        """Note that a verb of a stream failed, and with what kind of error."""
        self.audit.write("failed", **vars(subtask), error=type(error).__name__)
