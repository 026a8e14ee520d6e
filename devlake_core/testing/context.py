"""A context for tests, with a database of its own."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devlake_core.store import Store
from devlake_core.stream import Context

if TYPE_CHECKING:
    from devlake_core.plugin import Plugin


class ContextBuilder:
    """Build the context that a plugin's streams are given.

    ::

        ctx = (
            ContextBuilder(TrackerPlugin)
            .with_connection(token="t")
            .with_scope(id="7", url="https://tracker.example/7")
            .with_scope_config(bug_label="bug")
            .build()
        )

    Args:
        plugin: the plugin or its class.
    """

    def __init__(self, plugin: Plugin | type[Plugin]) -> None:
        self.plugin = plugin_of(plugin)
        self.connection: Any = None
        self.scope: Any = None
        self.scope_config: Any = None

    def with_connection(
        self, id: int = 1, name: str = "test_connection", **values: Any
    ) -> ContextBuilder:
        """Take a connection of the plugin's with these values."""
        self.connection = self.plugin.connection_type(id=id, name=name, **values)
        return self

    def with_scope(self, id: str = "s", name: str = "test_scope", **values: Any) -> ContextBuilder:
        """Take a scope of the plugin's with these values."""
        self.scope = self.plugin.tool_scope_type(id=id, name=name, **values)
        return self

    def with_scope_config(
        self, id: int = 1, name: str = "test_config", **values: Any
    ) -> ContextBuilder:
        """Take a scope config of the plugin's with these values."""
        self.scope_config = self.plugin.scope_config_type(id=id, name=name, **values)
        return self

    def build(self) -> Context:
        """Return the context; its database is an empty SQLite file that goes with it."""
        return new_context(self.plugin, self.connection, self.scope, self.scope_config)


def plugin_of(plugin: Plugin | type[Plugin]) -> Plugin:
    """Return a plugin, made where its class is given."""
    return plugin() if isinstance(plugin, type) else plugin


def new_context(plugin: Plugin | None, connection: Any, scope: Any, scope_config: Any) -> Context:
    """Return a context with an empty database."""
    folder = tempfile.mkdtemp(prefix="devlake-test-")
    store = Store.open(f"sqlite:///{Path(folder, 'devlake.db')}")
    ctx: Context = Context(store, connection, scope, scope_config)
    weakref.finalize(ctx, _remove, store, folder)
    if scope is not None and scope.connection_id is None:
        scope.connection_id = ctx.connection_id
    if plugin is not None:
        ctx.api_type = plugin.api_type
        ctx.streams = plugin.all_streams
    return ctx


def _remove(store: Store, folder: str) -> None:
    store.close()
    shutil.rmtree(folder, ignore_errors=True)
