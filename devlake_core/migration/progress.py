"""How far a script came on a database that commits each change of a table at once (MySQL).

A script that failed, or was killed, goes on behind its last operation that was done. The table is
there only while a script runs or waits to be continued.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    MetaData,
    String,
    Table,
    delete,
    func,
    insert,
    inspect,
    select,
)

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from devlake_core.store import Store

    from .script import Script

PROGRESS = Table(
    "_devlake_core_migration_progress",
    MetaData(),
    Column("script_version", BigInteger, primary_key=True, autoincrement=False),
    Column("script_name", String(255), primary_key=True),
    Column("operations_done", Integer, nullable=False),
)


def done(store: Store, script: Script) -> int:
    """Return how many operations of a script are done; makes the table."""
    with store.transaction() as connection:
        PROGRESS.create(connection, checkfirst=True)
        query = select(PROGRESS.c.operations_done).where(*_is(script))
        return connection.execute(query).scalar() or 0


def note(store: Store, script: Script, count: int) -> None:
    """Note that this many operations of a script are done."""
    with store.transaction() as connection:
        connection.execute(delete(PROGRESS).where(*_is(script)))
        connection.execute(
            insert(PROGRESS).values(
                script_version=script.version, script_name=script.name, operations_done=count
            )
        )


def forget(store: Store, script: Script) -> None:
    """Forget a script that is done, and the table with its last row."""
    with store.transaction() as connection:
        if not inspect(connection).has_table(PROGRESS.name):
            return
        connection.execute(delete(PROGRESS).where(*_is(script)))
        if not connection.execute(select(func.count()).select_from(PROGRESS)).scalar():
            PROGRESS.drop(connection)


def _is(script: Script) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return PROGRESS.c.script_version == script.version, PROGRESS.c.script_name == script.name
