"""Which scripts a database has had: the server's own table, in its own layout."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, MetaData, String, Table, insert, select

from devlake_core.errors import PluginLoadError
from devlake_core.model import package_name
from devlake_core.model.types import LongText, Unsigned, UTCDateTime

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from devlake_core.store import Store

    from .script import Script

OURS = "devlake_core"
"""The comment of our own scripts; a plugin's have the plugin's name, as on the server."""

HISTORY = Table(
    "_devlake_migration_history",
    MetaData(),
    Column("created_at", UTCDateTime),
    Column("script_version", Unsigned, primary_key=True, autoincrement=False),
    Column("script_name", String(255), primary_key=True),
    Column("comment", LongText),
)


def applied(connection: Connection) -> dict[tuple[int, str], str]:
    """Return the comment of every recorded script by version and name; the table must be there."""
    query = select(HISTORY.c.script_version, HISTORY.c.script_name, HISTORY.c.comment)
    return {(int(row[0]), row[1]): row[2] or "" for row in connection.execute(query)}


def read(store: Store) -> dict[tuple[int, str], str]:
    """Return the comment of every recorded script; nothing where there is no such table."""
    if not store.has_table(HISTORY.name):
        return {}
    with store.reading() as connection:
        return applied(connection)


def waiting(
    plugin: Any, scripts: list[Script], recorded: dict[tuple[int, str], str]
) -> list[Script]:
    """Return which of a plugin's scripts are not recorded.

    Raises:
        PluginLoadError: another plugin has recorded a script of the same version and name.
    """
    found = []
    for script in scripts:
        comment = recorded.get((script.version, script.name))
        if comment is None:
            found.append(script)
        elif comment not in {plugin.name, package_name(type(plugin).__module__)}:
            message = (
                f"plugin {plugin.name!r}: its migration {script} has version and name of one of "
                f"{comment!r}, and the history can hold one of them only"
            )
            raise PluginLoadError(message, plugin=plugin.name, hint="give it another name")
    return found


def ensure(connection: Connection) -> None:
    """Make the table where it is missing."""
    HISTORY.create(connection, checkfirst=True)


def record(connection: Connection, script: Script, comment: str) -> None:
    """Note that a script was applied."""
    connection.execute(
        insert(HISTORY).values(
            created_at=datetime.now(UTC),
            script_version=script.version,
            script_name=script.name,
            comment=comment,
        )
    )


def made_by(store: Store) -> str:
    """Return who made a database: ``devlake_core``, ``server``, or ``""`` for a new one."""
    comments = set(read(store).values())
    if OURS in comments:
        return OURS
    return "server" if comments else ""
