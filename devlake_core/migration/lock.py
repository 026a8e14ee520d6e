"""One migration of a database at a time.

On a server it is a lock of the session, so that it goes with a migrator that dies. On SQLite each
step's transaction is the lock: it has the file to itself from its first statement on.
"""

from __future__ import annotations

import hashlib
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import text

from devlake_core.errors import StoreError
from devlake_core.store.faults import translated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from devlake_core.store import Store

WAIT_SECONDS = 60.0
_NAP_SECONDS = 0.1


@contextmanager
def migration_lock(store: Store, wait: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold the lock during the block.

    Args:
        store: the database.
        wait: how many seconds to wait for another migration to end.

    Raises:
        StoreError: another one is still running then.
    """
    if store.dialect == "sqlite":
        yield
        return
    name = "devlake_core.migrate." + _digest(str(store.url.database)).hex()
    with translated(store.where), store.engine.connect() as connection:
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        # Taken from its pool, so that its end is the session's and gives the lock back.
        connection.detach()
        deadline = time.monotonic() + wait
        while not _take(connection, store.dialect, name):
            if time.monotonic() > deadline:
                message = f"{store.where}: another migration is running"
                raise StoreError(message, hint="wait until it is done, then run again")
            time.sleep(_NAP_SECONDS)
        yield


def _digest(database: str) -> bytes:
    return hashlib.blake2b(database.encode(), digest_size=7).digest()


def _take(connection: Connection, dialect: str, name: str) -> bool:
    if dialect == "mysql":
        # MySQL's locks are the server's, not the database's: hence the name of the database.
        got = connection.execute(text("SELECT GET_LOCK(:name, 0)"), {"name": name}).scalar()
        return got == 1
    key = int.from_bytes(_digest(name), "big")
    got = connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}).scalar()
    return bool(got)
