"""Who may write a scope's rows: a lock against wasted work, a fence against late writers.

The lock is the database's own where it has one (it is free as soon as its holder's session ends);
on SQLite it is a lease in the scope's state row. Safety comes from the fence: each run writes a
fresh random number, and each of its commits checks that the number still stands there.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import secrets
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DBAPIError

from devlake_core.errors import Fenced, ScopeBusy
from devlake_core.model.types import as_utc

from .faults import translated
from .ledger import state_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from .engine import Store

LEASE = timedelta(seconds=30)
_POLL = 0.25


class Claim:
    """Be the right of one run to write one scope's rows."""

    def __init__(self, store: Store, plugin: str, params: str, token: int, called: str) -> None:
        self._table = state_table(plugin)
        self._store = store
        self.plugin = plugin
        self.params = params
        self.token = token
        self._called = called

    def check(self, connection: Connection) -> None:
        """Fail unless the claim still stands; to be called in each transaction that writes.

        Raises:
            Fenced: another run took the scope over, or the scope's data were deleted.
        """
        table = self._table
        done = connection.execute(
            update(table)
            .where(
                table.c.params == self.params,
                table.c.stream == "",
                table.c.partition == "",
                table.c.claim == self.token,
            )
            .values(updated_at=datetime.now(UTC))
        )
        if done.rowcount != 1:
            message = f"another run took {self._called}, or it was removed"
            raise Fenced(message)


def process_start(pid: int) -> str:
    """Return when a process started, in a form that tells it from a later one of its number."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]


def _myself() -> dict[str, Any]:
    pid = os.getpid()
    return {
        "host": platform.node(),
        "pid": pid,
        "start": process_start(pid),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _alive(holder: dict[str, Any], seen: datetime | None) -> bool:
    """Return whether the holder of a lease still runs."""
    if holder.get("host") != platform.node():
        return seen is not None and datetime.now(UTC) - as_utc(seen) < LEASE
    pid = int(holder.get("pid", 0))
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's process: it lives
    start = process_start(pid)
    return not start or start == holder.get("start")


@contextmanager
def claimed(
    store: Store, plugin: str, params: str, wait: float = 0.0, called: str = ""
) -> Iterator[Claim]:
    """Hold a scope for one run.

    Args:
        store: the database.
        plugin: the plugin's name.
        params: connection and scope.
        wait: how many seconds to wait for another run to end.
        called: what people call the scope; its numbers and ids where left out.

    Raises:
        ScopeBusy: another run holds the scope; names its process and since when.
    """
    deadline = time.monotonic() + wait
    called = called or _called(plugin, params)
    with _lock(store, plugin, params, deadline, called):
        token = _take(store, plugin, params, deadline, called)
        claim = Claim(store, plugin, params, token, called)
        try:
            yield claim
        finally:
            _release(store, claim)


def _take(store: Store, plugin: str, params: str, deadline: float, called: str) -> int:
    """Write a fresh token into the scope's row."""
    table = state_table(plugin)
    key = {"params": params, "stream": "", "partition": ""}
    where = (table.c.params == params, table.c.stream == "", table.c.partition == "")
    token = secrets.randbits(63)
    while True:
        with store.transaction() as connection:
            row = connection.execute(
                select(table.c.claim, table.c.holder, table.c.updated_at).where(*where)
            ).first()
            holder = json.loads(row.holder) if row is not None and row.holder else {}
            seen = None if row is None else row.updated_at
            free = not holder or store.dialect != "sqlite" or not _alive(holder, seen)
            if free:
                values = {
                    "claim": token,
                    "holder": json.dumps(_myself()),
                    "updated_at": datetime.now(UTC),
                }
                if row is None:
                    connection.execute(insert(table).values(**key, **values))
                else:
                    connection.execute(update(table).where(*where).values(**values))
                return token
        if time.monotonic() >= deadline:
            raise _busy(called, holder)
        time.sleep(_POLL)


def _release(store: Store, claim: Claim) -> None:
    table = state_table(claim.plugin)
    with store.transaction() as connection:
        connection.execute(
            update(table)
            .where(
                table.c.params == claim.params,
                table.c.stream == "",
                table.c.partition == "",
                table.c.claim == claim.token,
            )
            .values(claim=None, holder=None)
        )


def _called(plugin: str, params: str) -> str:
    found = json.loads(params)
    return f"scope {found['ScopeId']!r} of {plugin} (connection {found['ConnectionId']})"


def _busy(called: str, holder: dict[str, Any]) -> ScopeBusy:
    who = f"process {holder['pid']} on {holder['host']} since {holder['since']}" if holder else "?"
    return ScopeBusy(f"{called} is being run by {who}", holder=holder)


@contextmanager
def _lock(store: Store, plugin: str, params: str, deadline: float, called: str) -> Iterator[None]:
    """Hold the database's advisory lock for a scope, in a session of its own."""
    if store.dialect == "sqlite":
        yield
        return
    digest = hashlib.sha256(f"{store.url.database}\0{plugin}\0{params}".encode()).digest()
    if store.dialect == "postgresql":
        number = int.from_bytes(digest[:8], "big", signed=True)
        ask = text("SELECT pg_try_advisory_lock(:key)")
        free = text("SELECT pg_advisory_unlock(:key)")
        key: Any = number
    else:
        ask, free = text("SELECT GET_LOCK(:key, 0)"), text("SELECT RELEASE_LOCK(:key)")
        key = "devlake:" + digest.hex()[:48]
    # Outside any transaction: an idle one would hold back PostgreSQL's clean-up for hours.
    with translated(store.where), store.engine.connect() as session:
        connection = session.execution_options(isolation_level="AUTOCOMMIT")
        while not connection.execute(ask, {"key": key}).scalar():
            if time.monotonic() >= deadline:
                raise _busy(called, _holder(store, plugin, params))
            time.sleep(_POLL)
        try:
            yield
        finally:
            # A session that is gone has left the lock; what the block raised is to be heard.
            with suppress(DBAPIError):
                connection.execute(free, {"key": key})


def _holder(store: Store, plugin: str, params: str) -> dict[str, Any]:
    table = state_table(plugin)
    with store.reading() as connection:
        found = connection.execute(
            select(table.c.holder).where(
                table.c.params == params, table.c.stream == "", table.c.partition == ""
            )
        ).scalar()
    return dict(json.loads(found)) if found else {}
