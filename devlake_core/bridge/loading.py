"""Load a plugin in a process of its own, forked from the service, and keep workers for it there."""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import os
import time
from typing import Any

from devlake_core import forking
from devlake_core.errors import DevlakeError
from devlake_core.plugin.manager import Host
from devlake_core.runner.legacy import add_legacy

from . import place, wire
from .keeper import Keeper
from .loop import identity, listen
from .process import threads
from .worker import work

LOAD_SECONDS = 40.0
"""After how many seconds an import that holds the interpreter is ended."""

_ASK_SECONDS = 0.05
_LONGEST_REASON = 3000
_SHARED_MODULES = (
    "devlake_core.bridge.failure",
    "devlake_core.bridge.methods",
    "devlake_core.domain",
    "devlake_core.migration",
    "devlake_core.store",
    "psycopg",
    "pymysql",
    "sqlalchemy.dialects.mysql.pymysql",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite",
    "sqlite3",
)
"""What calls need, so that all workers share the memory of it."""


class Child:
    """Be, in the service, the keeper of one plugin.

    Attributes:
        plugin: the plugin's name.
        pid: the process.
        state: ``loading``, ``ready``, ``retiring`` if it takes no further call, or ``unfit`` if
            the plugin's calls must run cold.
        reason: why they must.
        kill_at: when it is killed.
    """

    def __init__(self, plugin: str, folder: str) -> None:
        self.plugin, self.pid = plugin, 0
        self.reason = ""
        self.kill_at: float | None = time.monotonic() + LOAD_SECONDS
        self._state = "loading"
        self._socket = place.socket_of(folder, plugin)
        self._file: tuple[int, int] | None = None

    @property
    def state(self) -> str:
        """What it does now."""
        # It removes its socket when it retires; another's may be there by now.
        retiring = self._state == "ready" and self._file != identity(self._socket)
        return "retiring" if retiring else self._state

    def loaded(self, problem: str) -> None:
        """Note that it listens, or that there is a problem."""
        self._state, self.reason = "unfit" if problem else "ready", problem
        self._file, self.kill_at = identity(self._socket), None

    def status(self) -> dict[str, Any]:
        """Return what is to be known of it, and what it says itself."""
        said = {"name": self.plugin, "pid": self.pid, "state": self.state, "reason": self.reason}
        if self.state == "ready":
            with contextlib.suppress(OSError):
                said |= wire.ask(self._socket, {"do": "status"}, _ASK_SECONDS)
        return said


def preload() -> Host:
    """Import what each call needs, and the shared hooks."""
    for name in _SHARED_MODULES:
        # Drivers are there if they are installed.
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    host = Host()
    host.load_hooks()
    gc.collect()
    gc.freeze()
    return host


def keep(plugin: str, manifest: place.Manifest, folder: str, host: Host, idle: float) -> None:
    """Load a plugin, tell the service what came of it, and serve the plugin's calls.

    Args:
        plugin: the plugin's name.
        manifest: that of the folder of shims.
        folder: where the plugin's socket goes.
        host: where shared hooks are loaded already.
        idle: after how many seconds without a call to end.
    """
    problem = _problem(plugin, manifest, host)
    path = place.socket_of(folder, plugin)
    listener = None if problem else listen(path)
    told = {"do": "loaded", "pid": os.getpid(), "problem": problem[:_LONGEST_REASON]}
    # Until it is answered: the reason must come before the end.
    wire.ask(place.socket_of(folder), told, LOAD_SECONDS)
    if listener is not None:
        keeper = Keeper(functools.partial(work, host=host), plugin=plugin, idle=idle)
        keeper.serve(listener, path)


def _problem(plugin: str, manifest: place.Manifest, host: Host) -> str:
    """Load a plugin, and return why it cannot be kept, if it cannot."""
    try:
        legacy = manifest.plugins[plugin].get("legacy")
        if legacy:
            add_legacy(host, legacy)
        else:
            host.load(plugin)
    except DevlakeError as error:
        return error.message
    return unfit() or (
        "what is installed changed while it was imported" if manifest.is_stale() else ""
    )


def unfit() -> str:
    """Return why this process must not fork workers, if it must not."""
    if forking.refused:
        return f"it opened {forking.refused[0]} when it was imported"
    extra = threads() - 1
    if extra:
        return f"it started {extra} thread{'s' * (extra > 1)} when it was imported"
    return ""
