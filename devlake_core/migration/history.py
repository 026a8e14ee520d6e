"""Which scripts a database has had: the server's own table, in its own layout."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Column, MetaData, String, Table, insert, select
from sqlalchemy.dialects import mysql

from devlake_core.model.types import LongText, UTCDateTime

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from devlake_core.store import Store

    from .script import Script

OURS = "devlake_core"
"""The comment of our own scripts; a plugin's have the plugin's name, as on the server."""

_UNSIGNED = BigInteger().with_variant(mysql.BIGINT(unsigned=True), "mysql", "mariadb")

HISTORY = Table(
    "_devlake_migration_history",
    MetaData(),
    Column("created_at", UTCDateTime),
    Column("script_version", _UNSIGNED, primary_key=True, autoincrement=False),
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
