"""Records that could not be extracted or converted: kept with their reason, never dropped."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import delete, exists, func, insert, select

from .ledger import quarantine_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection, Table


class Bad(NamedTuple):
    """Be one record that went to quarantine."""

    raw_id: int | None
    reason: str


class Quarantine:
    """Keep the bad records of one stream and scope."""

    def __init__(self, plugin: str, params: str, stream: str, raw: Table) -> None:
        self._table = quarantine_table(plugin)
        self._params = params
        self._stream = stream
        self._raw = raw

    def put(self, connection: Connection, verb: str, bad: Iterable[Bad]) -> None:
        """Add records in the caller's transaction."""
        now = datetime.now(UTC)
        rows = [
            {
                "params": self._params,
                "stream": self._stream,
                "verb": verb,
                "raw_table": self._raw.name,
                "raw_id": item.raw_id,
                "reason": item.reason[:2000],
                "created_at": now,
            }
            for item in bad
        ]
        if rows:
            connection.execute(insert(self._table), rows)

    def release(self, connection: Connection, verb: str, after: int) -> None:
        """Forget what stands here for raw rows after an id: they are being read again."""
        connection.execute(
            delete(self._table).where(*self._mine(verb), self._table.c.raw_id > after)
        )

    def forget_gone(self, connection: Connection) -> None:
        """Forget records whose raw row is gone: a newer version took their place."""
        table = self._table
        connection.execute(
            delete(table).where(
                table.c.params == self._params,
                table.c.raw_table == self._raw.name,
                ~exists().where(self._raw.c.id == table.c.raw_id),
            )
        )

    def count(self, connection: Connection, verb: str) -> int:
        """Return how many records are in quarantine for a verb."""
        return connection.execute(
            select(func.count()).select_from(self._table).where(*self._mine(verb))
        ).scalar_one()

    def _mine(self, verb: str) -> tuple[Any, ...]:
        table = self._table
        return (
            table.c.params == self._params,
            table.c.stream == self._stream,
            table.c.verb == verb,
        )
