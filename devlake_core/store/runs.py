"""The log of runs that pydevlake's users know: ``_pydevlake_subtask_runs``.

Its six columns are pydevlake's. It is a log: rows are appended and pruned, nothing is read back
from rows that we wrote. Positions are kept with the rows they stand for, see ``state.py``.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Column,
    DateTime,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
    update,
)

from .on_demand import make_missing

if TYPE_CHECKING:
    from .engine import Store

KEPT = 100
"""How many runs of one subtask and connection stay in the log."""

OURS = "devlake_core"
"""The key in a state's JSON that tells our rows from pydevlake's."""


@lru_cache
def runs_table() -> Table:
    """Return the log's table."""
    return Table(
        "_pydevlake_subtask_runs",
        MetaData(),
        Column("id", Integer, primary_key=True),
        Column("subtask_name", String(255), nullable=False),
        Column("connection_id", Integer, nullable=False),
        Column("started", DateTime, nullable=False),
        Column("completed", DateTime),
        Column("state", Text),
    )


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


def run_started(store: Store, subtask: str, connection_id: int) -> int:
    """Append a run that has begun, drop the oldest beyond the limit; return its number."""
    table = runs_table()
    if not store.has_table(table.name):
        make_missing(store, [table])
    of_subtask = (table.c.subtask_name == subtask, table.c.connection_id == connection_id)
    with store.transaction() as connection:
        done = connection.execute(
            insert(table).values(
                subtask_name=subtask,
                connection_id=connection_id,
                started=_now(),
                state=json.dumps({OURS: {}}),
            )
        )
        oldest = connection.execute(
            select(table.c.id).where(*of_subtask).order_by(table.c.id.desc()).offset(KEPT).limit(1)
        ).scalar()
        if oldest is not None:
            connection.execute(delete(table).where(*of_subtask, table.c.id <= oldest))
        key: Any = done.inserted_primary_key
        return int(key[0])


def run_completed(store: Store, number: int, state: dict[str, Any]) -> None:
    """Write the end of a run and the author's state that it left."""
    table = runs_table()
    text = json.dumps({**state, OURS: {}}, default=str)
    with store.transaction() as connection:
        connection.execute(
            update(table)
            .where(table.c.id == number)
            .values(completed=_now(), state=text if len(text) < 60_000 else json.dumps({OURS: {}}))
        )


def pydevlake_state(store: Store, subtask: str, connection_id: int, before: int) -> dict[str, Any]:
    """Return the last state that pydevlake left for a subtask; empty where we ran since.

    Args:
        store: the database.
        subtask: the name of verb and stream.
        connection_id: the connection.
        before: the number of the run that asks, which is in the log already.
    """
    table = runs_table()
    if not store.has_table(table.name):
        return {}
    with store.reading() as connection:
        row = connection.execute(
            select(table.c.state, table.c.completed)
            .where(
                table.c.subtask_name == subtask,
                table.c.connection_id == connection_id,
                table.c.id < before,
            )
            # Not by time: pydevlake wrote that of its own zone.
            .order_by(table.c.id.desc())
            .limit(1)
        ).first()
    if row is None or row.completed is None or not row.state:
        return {}
    found = json.loads(row.state)
    return {} if not isinstance(found, dict) or OURS in found else found
