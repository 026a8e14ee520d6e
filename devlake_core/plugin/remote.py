"""What a tool has to offer: its groups and scopes, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devlake_core.errors import PluginError
from devlake_core.model import ToolScope, raw_data_params

from .messages import RemotePage, RemoteQuery, RemoteScope, RemoteScopeGroup, listed
from .plan import scopes_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devlake_core.model import Connection

    from .base import Plugin


def default_browse(plugin: Plugin, connection: Connection, query: RemoteQuery) -> RemotePage:
    """Answer a query by ``remote_scope_groups`` and ``remote_scopes``, all on one page."""
    from .base import Plugin as Base

    grouped = type(plugin).remote_scope_groups is not Base.remote_scope_groups
    if query.group_id in {None, ""} and grouped:
        items = listed(plugin.remote_scope_groups(connection))
    else:
        items = listed(plugin.remote_scopes(connection, query.group_id or ""))
    if query.search:
        wanted = query.search.casefold()
        items = [item for item in items if wanted in item.name.casefold()]
    return RemotePage(items)


def make_remote_scopes(
    plugin: Plugin, connection: Connection, group_id: str | None = None, search: str | None = None
) -> Iterator[RemoteScopeGroup | RemoteScope]:
    """Yield all groups and scopes of one level, through all pages.

    Args:
        plugin: the plugin to ask.
        connection: how to reach the tool.
        group_id: the group to look into; None or an empty text for the top.
        search: text that names should contain.

    Raises:
        PluginError: the pages go round in circles, or something is no scope and no group.
    """
    group_id = group_id or None
    table = scopes_table(plugin.name)
    page = None
    seen: set[str] = set()
    while True:
        answer = plugin.browse(connection, RemoteQuery(group_id, search, page))
        for item in answer.items:
            if isinstance(item, RemoteScopeGroup):
                yield RemoteScopeGroup(item.id, item.name, item.parent_id or group_id)
                continue
            if not isinstance(item, ToolScope):
                kind = type(item).__name__
                message = f"plugin {plugin.name!r} gives a remote scope of type {kind}"
                hint = "give RemoteScopeGroup, or the tool's own scopes"
                raise PluginError(message, hint=hint, plugin=plugin.name)
            item.connection_id = connection.id
            item.raw_data_params = raw_data_params(connection.id, item.id)
            item.raw_data_table = table
            yield RemoteScope(item, group_id)
        page = answer.next
        if page is None:
            return
        if repr(page) in seen:
            message = f"browse() of plugin {plugin.name!r} gives page {page!r} a second time"
            raise PluginError(message, plugin=plugin.name)
        seen.add(repr(page))
