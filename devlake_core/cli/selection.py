"""From the words of ``devlake run`` to tasks: which connections, which scopes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from devlake_core.errors import UsageError
from devlake_core.runner.job import Job, Task
from devlake_core.store.catalog import plain_values

from . import tool
from .options import no_such
from .saved import Saved, match

if TYPE_CHECKING:
    from devlake_core.model import Connection, ToolScope
    from devlake_core.plugin.base import Plugin
    from devlake_core.store import Store

    from .session import Session

SHOWN = 10


@dataclass(frozen=True)
class Wanted:
    """Say what was asked for.

    Attributes:
        connection: a connection's name or id.
        arguments: scopes that were named as words; they may be new.
        saved: scopes that were named by ``--scope``; they must be saved.
        everything: whether every saved scope of every connection is meant.
        job: the job as far as it is the same for all scopes.
    """

    connection: str | None
    arguments: tuple[str, ...]
    saved: tuple[str, ...]
    everything: bool
    job: Job


class Selection:
    """Find the tasks of one plugin."""

    def __init__(self, session: Session, store: Store, plugin: Plugin, wanted: Wanted) -> None:
        self._session = session
        self._plugin = plugin
        self._wanted = wanted
        self._saved = Saved(store, plugin)

    def tasks(self) -> list[Task]:
        """Return a task for each scope.

        Raises:
            UsageError: something that was named is not there, or nothing was named and there is
                no way to tell.
        """
        for name in self._wanted.job.streams:
            self._plugin.get_stream(name)
        if self._wanted.everything and self._wanted.connection is None:
            keys = self._saved.connections.shown()
            chosen = [self._saved.connection(str(key["id"])) for key in keys]
        else:
            chosen = [self._saved.connection(self._wanted.connection)]
        return [
            self._task(connection, scope)
            for connection in chosen
            for scope in self._scopes(connection)
        ]

    def _task(self, connection: Connection, scope: ToolScope) -> Task:
        config = self._saved.config_of(scope)
        job = replace(
            self._wanted.job,
            plugin=self._plugin.name,
            connection=connection.name,
            connection_id=connection.id or 0,
            scope=str(scope.id),
            scope_name=scope.name,
        )
        return Task(
            job,
            self._session.url,
            plain_values(connection),
            plain_values(scope),
            None if config is None else plain_values(config),
        )

    def _scopes(self, connection: Connection) -> list[ToolScope]:
        number: Any = connection.id
        wanted = self._wanted
        found = self._saved.find_scopes(number, list(wanted.saved))
        if wanted.arguments:
            found += self._named(connection, list(wanted.arguments))
        if found:
            return list({str(scope.id): scope for scope in found}.values())
        there = self._saved.scopes.rows(connection_id=number)
        if there or wanted.everything:
            return there
        return [self._default(connection)]

    def _named(self, connection: Connection, names: list[str]) -> list[ToolScope]:
        """Return the scopes that words mean; those that are not saved yet are saved."""
        number: Any = connection.id
        there = self._saved.scopes.rows(connection_id=number)
        found: dict[str, ToolScope] = {}
        with self._session.asking(self._plugin, connection, "browse"):
            for name in names:
                scope = match(there, name)
                if scope is None:
                    scope = self._plugin.scope_from_argument(name)
                    if scope is not None:
                        self._saved.save_scope(scope, number)
                if scope is not None:
                    found[name] = scope
            missing = [name for name in names if name not in found]
            for name, scope in self._in_tool(connection, missing, there).items():
                self._saved.save_scope(scope, number)
                found[name] = scope
        return [found[name] for name in names]

    def _in_tool(
        self, connection: Connection, names: list[str], there: list[ToolScope]
    ) -> dict[str, ToolScope]:
        if not names:
            return {}
        found = tool.find(self._plugin, connection, names)
        for name in names:
            if name not in found:
                known = [text for scope in there for text in (scope.name, scope.id)]
                known += [s.name for s in tool.first(self._plugin, connection, SHOWN)]
                no_such("scope", name, known, f" of {self._plugin.name}")
        return found

    def _default(self, connection: Connection) -> ToolScope:
        """Return the scope to take when none is saved and none was named."""
        number: Any = connection.id
        with self._session.asking(self._plugin, connection, "browse"):
            scope = self._plugin.scope_from_argument(None)
            if scope is None:
                found = tool.first(self._plugin, connection, SHOWN + 1)
                if len(found) != 1:
                    raise self._undecided(found)
                scope = found[0]
        self._saved.save_scope(scope, number)
        return scope

    def _undecided(self, found: list[ToolScope]) -> UsageError:
        name = self._plugin.name
        if not found:
            message = f"{name} has no scope: none is saved, and the tool offers none"
            return UsageError(message, hint=f"devlake scopes browse {name}")
        shown = ", ".join(f"{scope.id} ({scope.name})" for scope in found[:SHOWN])
        more = " …" if len(found) > SHOWN else ""
        message = f"{name} has no saved scope; the tool offers: {shown}{more}"
        return UsageError(message, hint=f"devlake run {name} SCOPE, or devlake scopes add {name}")
