"""Bring a database to what the domain layer and the plugins need."""

from __future__ import annotations

import logging
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from devlake_core.errors import DevlakeError, PluginLoadError, SchemaError, StoreUnreachable
from devlake_core.redaction import redact
from devlake_core.store.faults import Conflict, translate

from . import history, progress
from .domain import DOMAIN_SCRIPT, migrate_domain, pending_tables
from .final import final_tables
from .lock import migration_lock
from .operations import CreateTable, DropTable, Execute, RenameTable
from .perform import perform
from .script import Script, scripts_of
from .sqlite import bring_to_final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sqlalchemy import Connection

    from devlake_core.store import Store

_LOG = logging.getLogger(__name__)
_AGAIN = "repair what is said above, then run `devlake migrate` again: it goes on from there"


@dataclass(frozen=True)
class Applied:
    """Tell what was done: a script of a plugin (``devlake_core`` for the domain layer)."""

    plugin: str
    version: int
    name: str

    def __str__(self) -> str:
        """Return it in words."""
        return f"{self.plugin}: {self.name} ({self.version})"


def migrate(
    store: Store, plugins: Iterable[Any], report: Callable[[Applied], None] | None = None
) -> list[Applied]:
    """Apply what is pending of the domain layer and of plugins.

    A plugin whose migration fails does not keep the others from theirs.

    Args:
        store: the database.
        plugins: Plugin objects.
        report: called after each script.

    Raises:
        DevlakeError: of the first plugin that failed, after the others are done.
    """
    applied: list[Applied] = []

    def tell(plugin: str, script: Script) -> None:
        applied.append(Applied(plugin, script.version, script.name))
        if report is not None:
            report(applied[-1])

    failed: list[DevlakeError] = []
    with migration_lock(store):
        if migrate_domain(store):
            tell(history.OURS, DOMAIN_SCRIPT)
        for plugin in plugins:
            try:
                _migrate_plugin(store, plugin, tell)
            except DevlakeError as error:
                failed.append(error)
    for other in failed[1:]:
        _LOG.error("%s%s", other, f" ({other.hint})" if other.hint else "")
    if failed:
        raise failed[0]
    return applied


def pending(store: Store, plugins: Iterable[Any]) -> list[Applied]:
    """Return what :func:`migrate` would apply, without doing it."""
    found = []
    if pending_tables(store):
        found.append(Applied(history.OURS, DOMAIN_SCRIPT.version, DOMAIN_SCRIPT.name))
    recorded = history.read(store)
    for plugin in plugins:
        found += [
            Applied(plugin.name, script.version, script.name)
            for script in history.waiting(plugin, scripts_of(plugin), recorded)
        ]
    return found


def ensure(store: Store, plugin: Any) -> list[Applied]:
    """See to it that a run finds its tables.

    On SQLite they are made and migrated. Other databases may have more than one user, so there
    somebody has to say so.

    Raises:
        SchemaError: the database needs ``devlake migrate``.
    """
    if store.dialect == "sqlite":
        return migrate(store, [plugin])
    waiting = pending(store, [plugin])
    if waiting:
        more = f" and {len(waiting) - 1} more" if len(waiting) > 1 else ""
        message = f"{store.where} lacks migrations: {waiting[0]}{more}"
        raise SchemaError(message, hint=f"run `devlake migrate {plugin.name}`")
    return []


def _migrate_plugin(store: Store, plugin: Any, tell: Callable[[str, Script], None]) -> None:
    scripts = scripts_of(plugin)
    if store.dialect == "sqlite":
        _migrate_sqlite(store, plugin, scripts, tell)
        return
    _refuse_tables_without_script(store, plugin, scripts)
    with store.transaction() as connection:
        history.ensure(connection)
    for script in history.waiting(plugin, scripts, history.read(store)):
        _warn(plugin, script)
        if store.dialect == "mysql":
            _apply_stepwise(store, plugin, script)
        else:
            with store.transaction() as connection:
                _apply(connection, store, plugin, script)
        tell(plugin.name, script)


def _migrate_sqlite(
    store: Store, plugin: Any, scripts: list[Script], tell: Callable[[str, Script], None]
) -> None:
    final = final_tables(plugin)
    if _fresh(store, final, scripts):
        with store.transaction() as connection:
            history.ensure(connection)
            # Two may have found it fresh; the second finds it made.
            bring_to_final(connection, final.values())
            made = history.waiting(plugin, scripts, history.applied(connection))
            for script in made:
                history.record(connection, script, plugin.name)
        for script in made:
            tell(plugin.name, script)
        return
    for script in scripts:
        with store.transaction() as connection:
            history.ensure(connection)
            if not history.waiting(plugin, [script], history.applied(connection)):
                continue
            _warn(plugin, script)
            _apply(connection, store, plugin, script)
        tell(plugin.name, script)
    with store.transaction() as connection:
        bring_to_final(connection, final.values())


def _fresh(store: Store, final: Iterable[str], scripts: list[Script]) -> bool:
    recorded = history.read(store)
    if any((script.version, script.name) in recorded for script in scripts):
        return False
    named = {
        operation.table
        for script in scripts
        for operation in script.operations
        if isinstance(operation, CreateTable)
    }
    return not (named | set(final)) & store.tables()


def _warn(plugin: Any, script: Script) -> None:
    for warning in script.warnings:
        _LOG.warning("plugin %s, migration %s: %s", plugin.name, script, warning)


def _apply(connection: Connection, store: Store, plugin: Any, script: Script) -> None:
    """Apply a script and record it, all in one transaction."""
    for number, operation in enumerate(script.operations, 1):
        with _named(store, plugin, script, number):
            perform(connection, operation)
    history.record(connection, script, plugin.name)


def _apply_stepwise(store: Store, plugin: Any, script: Script) -> None:
    """Apply a script operation by operation, from where it stopped the last time."""
    # Only a plain statement cannot be asked whether it is done already.
    counted = len(script.operations) > 1 and any(
        isinstance(operation, Execute) for operation in script.operations
    )
    start = progress.done(store, script) if counted else 0
    for number, operation in enumerate(script.operations, 1):
        if number <= start:
            continue
        with store.transaction() as connection, _named(store, plugin, script, number):
            perform(connection, operation)
        if counted:
            progress.note(store, script, number)
    with store.transaction() as connection:
        history.record(connection, script, plugin.name)
    if counted:
        progress.forget(store, script)


@contextmanager
def _named(store: Store, plugin: Any, script: Script, number: int) -> Iterator[None]:
    """Let errors leave the block with plugin, script, operation and the database's own words."""
    try:
        yield
    except SchemaError as error:
        why = str(error)
    except SQLAlchemyError as error:
        ours = translate(error, store.where)
        if isinstance(ours, StoreUnreachable | Conflict) or (ours and "disk" in str(ours)):
            # Not the script's fault; the transaction makes the error of it.
            raise
        why = " ".join(str(getattr(error, "orig", error)).split())
    else:
        return
    message = (
        f"plugin {plugin.name!r}, migration {script}, operation {number} of "
        f"{len(script.operations)} ({script.operations[number - 1]}): {why}"
    )
    # The statement and the database's words for it may hold anything.
    raise SchemaError(redact(message), hint=_AGAIN)


def _refuse_tables_without_script(store: Store, plugin: Any, scripts: list[Script]) -> None:
    """Refuse a plugin one of whose tables no script creates.

    Raises:
        PluginLoadError: there is such a table.
    """
    known = store.tables()
    for script in scripts:
        for operation in script.operations:
            if isinstance(operation, CreateTable):
                known.add(operation.table)
            elif isinstance(operation, RenameTable):
                known.discard(operation.old_name)
                known.add(operation.new_name)
            elif isinstance(operation, DropTable):
                known.discard(operation.table)
            elif isinstance(operation, Execute):
                known |= set(re.findall(r"(?i)create\s+table[^(]*?\b(_tool_\w+)", operation.sql))
    without = sorted(set(final_tables(plugin)) - known)
    if without:
        message = f"plugin {plugin.name!r} has no migration that creates {', '.join(without)}"
        hint = (
            "write one in its package's `migrations` module: @dl.migration(YYYYMMDDhhmmss), "
            "builder.create_tables(a copy of the model); docs/migrations.md shows it"
        )
        raise PluginLoadError(message, plugin=plugin.name, hint=hint)
