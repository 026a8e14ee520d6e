"""Show and forget the states of streams, for people."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from devlake_core.model.types import as_utc

from .claim import claimed
from .ledger import state_table
from .state import ScopeState, StreamState

if TYPE_CHECKING:
    from .engine import Store


@dataclass(frozen=True)
class Position:
    """Say how far a stream of a scope is.

    Attributes:
        params: connection and scope, as rows spell them.
        stream: the stream's name.
        kind: of the last pass: ``full`` or ``incremental``.
        complete: whether that pass was collected to its end.
        state: what the stream's ``collect`` yielded last.
        extracted_to: the raw id up to which rows were extracted.
        converted_to: the raw id up to which rows were converted.
        partitions: how many parents have a state of their own.
        updated_at: when it was written last, in ISO 8601.
    """

    params: str
    stream: str
    kind: str
    complete: bool
    state: dict[str, Any]
    extracted_to: int
    converted_to: int
    partitions: int
    updated_at: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as a JSON-able mapping, without the params."""
        values = asdict(self)
        del values["params"]
        return values


def positions(store: Store, plugin: str, scopes: list[str]) -> list[Position]:
    """Return how far the streams of some scopes are; nothing where none has run.

    Args:
        store: the database.
        plugin: the plugin's name.
        scopes: the params of the scopes.
    """
    table = state_table(plugin)
    if not store.has_table(table.name):
        return []
    columns = table.c
    parts = select(columns.params, columns.stream, func.count()).where(columns.partition != "")
    rows = select(columns.params, columns.stream, columns.updated_at).where(
        columns.partition == "", columns.stream != ""
    )
    with store.reading() as connection:
        counts = {
            (row[0], row[1]): int(row[2])
            for row in connection.execute(parts.group_by(columns.params, columns.stream))
        }
        found = connection.execute(rows.order_by(columns.params, columns.stream)).all()
    known = set(scopes)
    return [
        _position(store, plugin, row, counts.get((row.params, row.stream), 0))
        for row in found
        if row.params in known
    ]


def _position(store: Store, plugin: str, row: Any, partitions: int) -> Position:
    # None: a newer version of ours wrote it, and we cannot read it.
    state = ScopeState(store, plugin, row.params).load(row.stream) or StreamState(kind="unknown")
    return Position(
        params=row.params,
        stream=row.stream,
        kind=state.kind,
        # A stream that reads another one's raw rows has no pass of its own.
        complete=state.complete or state.began_at == 0,
        state=state.author,
        extracted_to=state.extracted_to,
        converted_to=state.converted_to,
        partitions=partitions,
        updated_at=as_utc(row.updated_at).isoformat() if row.updated_at else "",
    )


def forget_states(store: Store, plugin: str, params: str, streams: list[str]) -> int:
    """Forget where streams of a scope go on; return how many had a state.

    What is known of the rows that are there (how far they were extracted and converted) stays,
    so that the next pass replaces them as any full pass does.

    Raises:
        ScopeBusy: a run holds the scope.
    """
    if not store.has_table(state_table(plugin).name):
        return 0
    states = ScopeState(store, plugin, params)
    count = 0
    with claimed(store, plugin, params) as claim:
        for stream in streams:
            state = states.load(stream)
            if state is None:
                continue
            state.author, state.began_at, state.complete = {}, 0, False
            with store.transaction() as connection:
                claim.check(connection)
                states.forget(connection, stream, partitions_only=True)
                states.save(connection, stream, state)
            count += 1
    return count
