"""Look for groups and scopes in the tool itself."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from devlake_core.plugin.messages import RemoteScope, RemoteScopeGroup
from devlake_core.plugin.remote import make_remote_scopes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devlake_core.model import Connection, ToolScope
    from devlake_core.plugin.base import Plugin


class Found(NamedTuple):
    """Be a group or scope with its depth in the tree."""

    item: RemoteScopeGroup | RemoteScope
    depth: int


def level(plugin: Plugin, connection: Connection, group: str | None) -> Iterator[Found]:
    """Yield the groups and scopes of one level."""
    for item in make_remote_scopes(plugin, connection, group):
        yield Found(item, 0)


def tree(
    plugin: Plugin, connection: Connection, group: str | None = None, depth: int = 0
) -> Iterator[Found]:
    """Yield all groups and scopes below a group, each group before what is in it."""
    yield from _walk(plugin, connection, group, depth, set())


def _walk(
    plugin: Plugin, connection: Connection, group: str | None, depth: int, seen: set[str]
) -> Iterator[Found]:
    for item in make_remote_scopes(plugin, connection, group):
        yield Found(item, depth)
        # A group that contains itself would be walked for ever.
        if isinstance(item, RemoteScopeGroup) and item.id not in seen:
            seen.add(item.id)
            yield from _walk(plugin, connection, item.id, depth + 1, seen)


def scopes(plugin: Plugin, connection: Connection, group: str | None = None) -> Iterator[ToolScope]:
    """Yield all scopes below a group, or all that the tool has."""
    for item, _ in tree(plugin, connection, group):
        if isinstance(item, RemoteScope):
            yield item.scope


def find(plugin: Plugin, connection: Connection, names: list[str]) -> dict[str, ToolScope]:
    """Return the scopes of some ids (or names) that the tool has, by what was asked for."""
    found: dict[str, ToolScope] = {}
    for scope in scopes(plugin, connection):
        for name in names:
            # An id decides; a name counts as long as nothing has it as its id.
            if str(scope.id) == name or (scope.name == name and name not in found):
                found[name] = scope
        if all(name in found and str(found[name].id) == name for name in names):
            break
    return found


def first(plugin: Plugin, connection: Connection, count: int) -> list[ToolScope]:
    """Return the first scopes that the tool has."""
    return list(islice(scopes(plugin, connection), count))
