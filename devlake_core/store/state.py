"""How far each stream of a scope is: read at its start, committed with its rows."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update

from .ledger import state_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from .engine import Store

VERSION = 1


@dataclass
class StreamState:
    """Hold what is known of one stream of one scope.

    Attributes:
        author: the state that the stream's ``collect`` yielded last.
        kind: of the last or running pass: ``full`` or ``incremental``.
        began_at: the raw id from which on rows belong to the last full pass.
        complete: whether the pass was collected to its end.
        finished: whether extract has cleaned up after that pass.
        extracted_to: the raw id up to which extract has read.
        converted_to: the raw id up to which convert has read.
        copied_at: the raw id from which on rows were copied to be read again; 0 if none.
        keep: older raw rows that stay, because their successor is in quarantine.
        keyless: whether a record without a readable key went to quarantine in this pass.
        shared: whether rows of the tool table were found to be named by several records.
        config: a hash of the scope config and the plugin's version.
        domain_tables: the domain tables that convert has written.
        commits: how often this state was committed, to tell whether one took place.
        version: of this layout.
    """

    author: dict[str, Any] = field(default_factory=dict)
    kind: str = "full"
    began_at: int = 0
    complete: bool = False
    finished: bool = False
    extracted_to: int = 0
    converted_to: int = 0
    copied_at: int = 0
    keep: list[int] = field(default_factory=list)
    keyless: bool = False
    shared: bool = False
    config: str = ""
    domain_tables: list[str] = field(default_factory=list)
    commits: int = 0
    version: int = VERSION


_FIELDS = {item.name for item in fields(StreamState)}


def _loads(text: str | None) -> StreamState | None:
    """Return a state; None where a newer version of ours wrote it in a way we cannot read."""
    found = json.loads(text) if text else {}
    if found.get("version", VERSION) > VERSION:
        return None
    return StreamState(**{key: value for key, value in found.items() if key in _FIELDS})


class ScopeState:
    """Read and write the state rows of one scope."""

    def __init__(self, store: Store, plugin: str, params: str) -> None:
        self._store = store
        self.table = state_table(plugin)
        self.params = params

    def load(self, stream: str) -> StreamState | None:
        """Return a stream's state; None where it has none that we can read."""
        with self._store.reading() as connection:
            row = connection.execute(
                select(self.table.c.state).where(*self._key(stream, ""))
            ).first()
        return None if row is None else _loads(row.state)

    def save(self, connection: Connection, stream: str, state: StreamState) -> None:
        """Write a stream's state in the caller's transaction."""
        self._write(connection, stream, "", json.dumps(asdict(state), separators=(",", ":")))

    def partitions(self, stream: str, names: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return the authors' states of a substream's parents, by partition."""
        with self._store.reading() as connection:
            rows = connection.execute(
                select(self.table.c.partition, self.table.c.state).where(
                    self.table.c.params == self.params,
                    self.table.c.stream == stream,
                    self.table.c.partition.in_(list(names)),
                )
            ).all()
        return {row.partition: json.loads(row.state) for row in rows}

    def has_partitions(self, stream: str) -> bool:
        """Return whether a parent of a substream has a state."""
        with self._store.reading() as connection:
            return (
                connection.execute(
                    select(self.table.c.partition)
                    .where(
                        self.table.c.params == self.params,
                        self.table.c.stream == stream,
                        self.table.c.partition != "",
                    )
                    .limit(1)
                ).first()
                is not None
            )

    def save_partition(
        self, connection: Connection, stream: str, partition: str, author: dict[str, Any]
    ) -> None:
        """Write the author's state of one parent; an empty one is the same as none."""
        if author:
            self._write(connection, stream, partition, json.dumps(author, separators=(",", ":")))
        else:
            connection.execute(delete(self.table).where(*self._key(stream, partition)))

    def forget(self, connection: Connection, stream: str, *, partitions_only: bool = False) -> None:
        """Delete a stream's state and that of its partitions."""
        statement = delete(self.table).where(
            self.table.c.params == self.params, self.table.c.stream == stream
        )
        if partitions_only:
            statement = statement.where(self.table.c.partition != "")
        connection.execute(statement)

    def _key(self, stream: str, partition: str) -> tuple[Any, ...]:
        table = self.table
        return (
            table.c.params == self.params,
            table.c.stream == stream,
            table.c.partition == partition,
        )

    def _write(self, connection: Connection, stream: str, partition: str, text: str) -> None:
        values = {"state": text, "updated_at": datetime.now(UTC)}
        done = connection.execute(
            update(self.table).where(*self._key(stream, partition)).values(**values)
        )
        if done.rowcount == 0:
            connection.execute(
                insert(self.table).values(
                    params=self.params, stream=stream, partition=partition, **values
                )
            )


def partition_name(key: list[Any]) -> str:
    """Return the name of a parent's partition: a hash of its key."""
    text = json.dumps(key, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()
