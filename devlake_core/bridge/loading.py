"""Load a plugin in a process of its own, forked from the service, and keep workers for it there."""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import os
import time

from devlake_core import forking
from devlake_core.errors import DevlakeError
from devlake_core.plugin.manager import Host
from devlake_core.runner.legacy import add_legacy

from . import place
from .keeper import Keeper
from .loop import listen
from .process import threads
from .worker import work

_READY = b"ready"
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
        pipe: where it says once what came of loading the plugin.
        state: ``loading``, ``ready``, or ``unfit`` if its calls must run cold.
        reason: why they must.
    """

    def __init__(self, plugin: str, pid: int, pipe: int) -> None:
        self.plugin, self.pid, self.pipe = plugin, pid, pipe
        # What the plugin started when it was imported may hold the other end open for ever.
        os.set_blocking(pipe, False)
        self.state, self.reason = "loading", ""
        self.began = time.monotonic()

    def read(self) -> bool:
        """Read what the keeper says; return whether something came."""
        said = b""
        with contextlib.suppress(BlockingIOError):
            said = os.read(self.pipe, 4096)
        if said == _READY:
            self.state = "ready"
        elif said:
            self.state, self.reason = "unfit", said.decode("utf-8", "replace")
        return bool(said)


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


def keep(
    plugin: str, manifest: place.Manifest, folder: str, host: Host, report: int, idle: float
) -> None:
    """Load a plugin and serve its calls.

    Args:
        plugin: the plugin's name.
        manifest: that of the folder of shims.
        folder: where the plugin's socket goes.
        host: where shared hooks are loaded already.
        report: the pipe for what came of it.
        idle: after how many seconds without a call to end.
    """
    problem = _problem(plugin, manifest, host)
    if problem:
        os.write(report, problem.encode()[:_LONGEST_REASON])
        return
    path = place.socket_of(folder, plugin)
    listener = listen(path)
    os.write(report, _READY)
    os.close(report)
    Keeper(functools.partial(work, host=host), plugin=plugin, idle=idle).serve(listener, path)


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
