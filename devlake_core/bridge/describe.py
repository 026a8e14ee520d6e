"""Load one guest in a process of its own, and write down what the server is to know of it.

``devlake bridge sync`` starts it, so that no guest is imported in the process that writes.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from devlake_core.errors import DevlakeError, PluginLoadError
from devlake_core.plugin.check import leave, load_one
from devlake_core.plugin.guard import guarded
from devlake_core.plugin.info import plugin_info
from devlake_core.plugin.manager import Host
from devlake_core.plugin.records import PluginRecord
from devlake_core.runner.legacy import add_legacy

if TYPE_CHECKING:
    from typing import Any


def _describe(answer: str, kind: str, name: str, distribution: str, legacy: str = "") -> None:
    host = Host(strict=False)
    if legacy:
        record = _load_legacy(host, name, legacy)
    else:
        record = load_one(host, kind, name, distribution)
    info: dict[str, Any] | None = None
    if record.kind == "plugin" and record.state == "ok":
        # The record says why, if it cannot.
        with (
            contextlib.suppress(PluginLoadError),
            guarded(record, "while it was described", "invalid"),
        ):
            info = plugin_info(host.load(record.name))
    leave(answer, {**record.as_dict(), "info": info})


def _load_legacy(host: Host, name: str, path: str) -> PluginRecord:
    try:
        return host.record(add_legacy(host, path).name)
    except DevlakeError as error:
        record = PluginRecord("plugin", name, "", "", path)
        # The cause's own hint speaks of distributions.
        hint = f"mend it, or install what it imports for {sys.executable}"
        record.mark_broken("invalid", error.message, hint)
        return record


if __name__ == "__main__":
    _describe(*sys.argv[1:])
