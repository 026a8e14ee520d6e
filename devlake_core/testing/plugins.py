"""Asserts about a whole plugin."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from devlake_core.errors import PluginLoadError
from devlake_core.migration import migrate
from devlake_core.plugin.connect import try_connection
from devlake_core.plugin.messages import RemoteScope
from devlake_core.plugin.plan import domain_scopes
from devlake_core.plugin.validity import check_plugin
from devlake_core.runner.perform import scope_config as default_config

from .context import new_context, plugin_of
from .streams import run_stream

if TYPE_CHECKING:
    from devlake_core.model import Connection, ScopeConfig
    from devlake_core.plugin import Plugin


def assert_valid_plugin(plugin: Plugin | type[Plugin]) -> None:
    """Assert that DevLake takes a plugin: its names, classes, streams and migrations.

    Args:
        plugin: the plugin or its class.

    Raises:
        AssertionError: it does not; the message says why and what to do.
    """
    made = plugin_of(plugin)
    try:
        check_plugin(made, made.name)
    except PluginLoadError as error:
        message = f"{error}\n  {error.hint}" if error.hint else str(error)
        raise AssertionError(message) from error
    _check(made.all_streams, f"plugin {made.name!r} has no stream")
    json.dumps(made.plugin_info())


def assert_plugin_run(
    plugin: Plugin | type[Plugin],
    connection: Connection,
    scope_config: ScopeConfig | None = None,
) -> None:
    """Assert that a plugin works with a tool: from its connection to the rows of one scope.

    Its connection is tested, the first scope that the tool offers is taken, its plan is made, and
    all streams that are for it are run on an SQLite database of their own.

    Args:
        plugin: the plugin or its class.
        connection: how to reach the tool.
        scope_config: how to read the scope; its class with its defaults where it is left out.

    Raises:
        AssertionError: something of it does not work.
    """
    made = plugin_of(plugin)
    assert_valid_plugin(made)
    result = try_connection(made, connection)
    _check(result.success, f"the connection does not work: {result.message} ({result.status})")
    scope = _first_scope(made, connection)
    _check(scope, f"plugin {made.name!r} finds no scope with this connection")
    config = scope_config or default_config(made, None)
    _check(
        domain_scopes(made, scope, connection.id),
        f"domain_scopes() of plugin {made.name!r} gives nothing for scope {scope.id!r}",
    )
    plan = made.make_pipeline([(scope, config)], connection).as_dict()["plan"]
    _check(plan and all(plan), f"the plan of scope {scope.id!r} has a stage without tasks")
    ctx = new_context(made, connection, scope, config)
    migrate(ctx.store, [made])
    for stream in made.all_streams:
        if stream.should_run_on(scope):
            run_stream(stream, ctx)


def _check(condition: Any, message: str) -> None:
    if not condition:
        raise AssertionError(message)


def _first_scope(plugin: Plugin, connection: Connection) -> Any:
    """Return the first scope that a tool offers, at whatever depth."""
    waiting = [""]
    for group in waiting:
        for item in plugin.make_remote_scopes(connection, group):
            if isinstance(item, RemoteScope):
                return item.scope
            if item.id not in waiting:
                waiting.append(item.id)
    return None
