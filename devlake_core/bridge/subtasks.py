"""Run one verb of one stream for the server, which made the tables and the domain scopes."""

from __future__ import annotations

import logging
import re
import time
from contextlib import ExitStack, contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from devlake_core import crypto
from devlake_core.errors import ConfigError, ScopeBusy
from devlake_core.plugin.clean import clean
from devlake_core.plugin.events import Subtask
from devlake_core.redaction import redact
from devlake_core.runner.perform import make_context, run_step, scope_config
from devlake_core.runner.runtime import surrounded
from devlake_core.runner.steps import Step
from devlake_core.runner.summary import step_words
from devlake_core.subtask import held

from .rows import blank_scope, connection_row, fitted, scope_row
from .runtime import SIGN_SECONDS, BridgeRuntime

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from devlake_core.plugin.base import Plugin
    from devlake_core.plugin.manager import Host
    from devlake_core.runner.cancel import Cancel
    from devlake_core.store import Store
    from devlake_core.stream import Context, Progress

    from .output import Output

log = logging.getLogger(__name__)

WAIT_SECONDS = 60.0
"""How long to wait for another run of the scope: after a restart of the server it may be ending."""

STEP = 100
"""How many records are told at once: the server's bar moves as it did with pydevlake."""

_IN_MEMORY = re.compile(r"sqlite(\+\w+)?://(/|/:memory:)?")


def run_subtask(
    host: Host,
    plugin: Plugin,
    verb: str,
    values: tuple[dict[str, Any], str],
    out: Output,
    cancel: Cancel,
    environment: Mapping[str, str],
) -> None:
    """Run a verb of a stream on a scope.

    Args:
        host: where the plugin is.
        plugin: whose stream it is.
        verb: ``collect``, ``extract`` or ``convert``.
        values: the task's context as the server sends it, and the stream's name.
        out: takes how far it is.
        cancel: what tells that it shall stop.
        environment: variables that are kept from plugins.
    """
    task, name = values
    step = Step(verb, plugin.get_stream(name))
    record, hooks = host.record(plugin.name), host.runtime_hooks(plugin.name)
    with _store(task.get("db_url") or environment.get("DB_URL", ""), plugin, environment) as store:
        rows = _rows(plugin, task)
        options = {"wait": WAIT_SECONDS, **(task.get("options") or {})}
        ctx = make_context(plugin, record, store, rows, options)
        runtime = BridgeRuntime(hooks, cancel, ctx.connection, out, counts=ctx.counts)
        runtime.stream = step.stream.name
        subtask = Subtask(plugin.name, name, verb, ctx.connection.name, ctx.scope_id)
        bar = _Bar(out, cancel)
        with surrounded(runtime), _claimed(ctx, plugin.name, out, cancel):
            try:
                counts = run_step(plugin, record, ctx, step, hooks, subtask, bar.told)
            finally:
                for text in ctx.warnings:
                    log.warning("%s", redact(clean(text, 1000)))
    out.log(f"{verb} {name}: {step_words(dict(counts))}")
    if counts["quarantined"]:
        log.warning("bad records are in quarantine: _raw_%s__quarantine says why", plugin.name)


@contextmanager
def _store(url: str, plugin: Plugin, environment: Mapping[str, str]) -> Iterator[Store]:
    """Open the database in the block; an SQLite file, which no server made, gets its tables."""
    # Here: neither plugin-info nor test-connection needs a database.
    from devlake_core.migration import ensure
    from devlake_core.store import Store, parse_url

    if not url:
        message = "the task's context names no database"
        raise ConfigError(message, hint="say it by db_url")
    crypto.set_encryption_secret(environment.get(crypto.VARIABLE) or None)
    with ExitStack() as stack:
        if _IN_MEMORY.fullmatch(url):
            # What a script tries with nothing: gone at its end, as it wants, but with a file a
            # lock and a second connection work as ever.
            folder = stack.enter_context(TemporaryDirectory(prefix="devlake-"))
            url = f"sqlite:///{folder}/memory.db"
        parsed = parse_url(url)
        if parsed.get_backend_name() == "sqlite":
            crypto.use_secret_file(f"{parsed.database}.key")
        store = Store.open(url)
        stack.callback(store.close)
        if store.dialect == "sqlite":
            ensure(store, plugin)
        yield store


def _rows(plugin: Plugin, task: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    """Return connection, scope and scope config of a task."""
    connection = connection_row(plugin, task.get("connection") or {})
    found = task.get("scope")
    scope = scope_row(plugin, found, connection.id) if found else blank_scope(plugin, connection.id)
    saved = task.get("scope_config") or None
    values = None if saved is None else fitted(plugin.scope_config_type, saved)
    config = scope_config(plugin, values, "give the scope a scope config")
    return connection, scope, config


@contextmanager
def _claimed(ctx: Context, plugin: str, out: Output, cancel: Cancel) -> Iterator[None]:
    """Hold the scope in the block; who waits for it says so, and can be stopped.

    Raises:
        ScopeBusy: another run holds it all the time.
    """
    end = time.monotonic() + float(ctx.options.get("wait") or 0)
    with ExitStack() as stack:
        while True:
            cancel.check()
            out.alive()
            left = end - time.monotonic()
            ctx.options["wait"] = max(0.0, min(left, SIGN_SECONDS))
            try:
                stack.enter_context(held(ctx, plugin))
                break
            except ScopeBusy:
                if left <= SIGN_SECONDS:
                    raise
        yield


class _Bar:
    """Tell the server how far a step is, and hear whether it shall stop."""

    def __init__(self, out: Output, cancel: Cancel) -> None:
        self._out, self._cancel = out, cancel
        self._done = 0

    def told(self, progress: Progress) -> None:
        """Tell a progress; a batch is told in parts."""
        self._cancel.check()
        self._out.alive()
        while self._done < progress.current:
            step = min(STEP, progress.current - self._done)
            self._done += step
            # The total is not told: with it the server sets its bar instead of adding to it.
            self._out.progress(step, self._done, 0)
