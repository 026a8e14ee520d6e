"""Answer the methods of the wire, in values: no process, no descriptor is touched here."""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from devlake_core.errors import ConfigError, UsageError
from devlake_core.failpoints import failpoint
from devlake_core.plugin.clean import clean
from devlake_core.plugin.connect import try_connection
from devlake_core.plugin.guard import put_back
from devlake_core.redaction import redact
from devlake_core.runner.perform import scope_config
from devlake_core.runner.runtime import surrounded

from .arguments import read
from .call import METHODS, SUBTASKS
from .documents import document, one_line, without_nulls
from .output import Output
from .rows import connection_row, connection_values, fitted, scope_row
from .runtime import BridgeRuntime
from .subtasks import run_subtask

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from devlake_core.plugin.base import Plugin
    from devlake_core.plugin.manager import Host
    from devlake_core.runner.cancel import Cancel

__all__ = ["METHODS", "SUBTASKS", "Output", "answer"]

log = logging.getLogger(__name__)

_LEVELS = {
    "panic": logging.CRITICAL,
    "fatal": logging.CRITICAL,
    "error": logging.ERROR,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "debug": logging.DEBUG,
    "trace": logging.DEBUG,
}
_LARGE_CONTEXT = 100 << 10
"""Bytes of a subtask's context: the system starts no process with an argument of 128 KiB."""


class _Call:
    """Be one call of a method."""

    def __init__(self, host: Host, plugin: Plugin, out: Output, cancel: Cancel, path: str) -> None:
        self.host, self.plugin, self.out, self.cancel = host, plugin, out, cancel
        self.path = path

    def plugin_info(self) -> None:
        info = without_nulls(self.plugin.plugin_info(self.path))
        for line in document(info, f"what plugin {self.plugin.name!r} says of itself"):
            self.out.result(line)

    def test_connection(self, values: Mapping[str, Any]) -> None:
        connection: Any
        try:
            connection = connection_row(self.plugin, values)
        except ConfigError:
            # What is missing is the answer; it is put into words where all such answers are.
            connection = connection_values(self.plugin, values)
        with self._asking(connection, "test"):
            result = try_connection(self.plugin, connection).as_dict()
        result["message"] = redact(clean(result["message"], 1000))
        if not 100 <= result["status"] <= 599:
            # The server answers its own client with it, and no other number is one of HTTP.
            result["status"] = 200 if result["success"] else 503
        self.out.result(one_line(result, "the result of the test"))

    def remote_scopes(self, values: Mapping[str, Any], group_id: str) -> None:
        connection = connection_row(self.plugin, values)
        with self._asking(connection, "browse"):
            for item in self.plugin.make_remote_scopes(connection, group_id):
                self.cancel.check()
                found = item.as_dict()
                self.out.result(one_line(found, f"the {found['type']} {clean(found['id'])!r}"))

    def make_pipeline(
        self,
        pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]],
        values: Mapping[str, Any],
    ) -> None:
        connection = connection_row(self.plugin, values)
        rows = [
            (scope_row(self.plugin, scope, connection.id), self._config(config))
            for scope, config in pairs
        ]
        with self._asking(connection, "browse"):
            pipeline = self.plugin.make_pipeline(rows, connection)
        for scope, config in pairs:
            _warn_of_size(scope, config, values)
        for line in document(pipeline.as_dict(), "the plan"):
            self.out.result(line)

    def _config(self, values: Mapping[str, Any] | None) -> Any:
        """Return a scope config for a plan; None where there is none and its class needs one."""
        if values:
            return scope_config(self.plugin, fitted(self.plugin.scope_config_type, values))
        try:
            return scope_config(self.plugin, None)
        except ConfigError:
            # A plan is made without; the subtasks say what is missing.
            return None

    @contextmanager
    def _asking(self, connection: Any, purpose: str) -> Iterator[None]:
        name = self.plugin.name
        hooks, record = self.host.runtime_hooks(name), self.host.record(name)
        runtime = BridgeRuntime(hooks, self.cancel, connection, self.out, purpose=purpose)
        with put_back(record.source, f"while it was asked ({purpose})"), surrounded(runtime):
            yield


def answer(
    host: Host,
    plugin: str,
    method: str,
    arguments: Sequence[str],
    out: Output,
    cancel: Cancel,
    *,
    path: str = "",
    environment: Mapping[str, str] = {},
) -> None:
    """Answer a call of the server.

    Args:
        host: where the plugin is, or is loaded from.
        plugin: the plugin's name.
        method: one of ``METHODS``.
        arguments: the JSON texts after it, the server's config first if it is there.
        out: takes what comes of it.
        cancel: what tells that the call shall stop.
        path: the file that the server executes for this plugin.
        environment: variables that are kept from plugins, such as ``DB_URL``.

    Raises:
        UsageError: there is no such method, or it takes other arguments.
        DevlakeError: the call failed.
    """
    if method not in METHODS:
        message = f"there is no method {clean(method, 64)!r}"
        raise UsageError(message, hint=f"methods: {', '.join(METHODS)}")
    given = read(method, arguments)
    if given.config is not None:
        level = str(given.config.get("log_level", "")).lower()
        logging.getLogger().setLevel(_LEVELS.get(level, logging.INFO))
    cancel.check()
    loaded = host.load(plugin)
    if method in SUBTASKS:
        run_subtask(host, loaded, method, given.values, out, cancel, environment)
    else:
        call = _Call(host, loaded, out, cancel, path)
        getattr(call, method.replace("-", "_"))(*given.values)
    failpoint("call.end")


def _warn_of_size(scope: Any, config: Any, connection: Any) -> None:
    size = len(json.dumps([scope, config, connection]))
    if size > _LARGE_CONTEXT:
        log.warning(
            "scope %s with its config has %d bytes: above 128 KiB its subtasks cannot be started",
            clean(scope.get("id", "")),
            size,
        )
