"""What vanishes: rows whose raw row is gone leave their table in one statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import case, delete, exists, insert, literal, select, true

from .ledger import sweep_table
from .raw import has_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection, Table

ALL = 0
"""The note that stands for every row whose raw row is gone."""

EVERYTHING = -1
"""The note that stands for every row: the tool is empty, and a person said so."""

_KINDS = {ALL: "all", EVERYTHING: "everything"}


class Sweeper:
    """Note which raw rows of one scope and raw table are gone, and sweep other tables by them."""

    def __init__(self, plugin: str, raw: Table, params: str) -> None:
        self._notes = sweep_table(plugin)
        self._raw = raw
        self._params = params

    def note(self, connection: Connection, targets: Iterable[str], ids: Iterable[int]) -> None:
        """Remember raw rows that are gone, for each table that has rows of them."""
        numbers = list(ids)
        rows = [
            {
                "params": self._params,
                "raw_table": self._raw.name,
                "target": target,
                "raw_id": number,
            }
            for target in targets
            for number in numbers
        ]
        if rows:
            connection.execute(insert(self._notes), rows)

    def noted(self, connection: Connection, target: str) -> set[str]:
        """Return what is noted for a table: ``everything``, ``all``, ``ids``."""
        highest = case((self._notes.c.raw_id > 0, 1), else_=self._notes.c.raw_id)
        kinds = connection.execute(select(highest).where(*self._of(target)).distinct()).scalars()
        return {_KINDS.get(kind, "ids") for kind in kinds}

    def sweep(
        self, connection: Connection, target: Table, *, shared: bool, key: str = "raw_data_id"
    ) -> int:
        """Delete the rows of this origin that the notes name, and the notes; return how many.

        A shared table is never swept by ids, and by "all" only where this scope alone writes that
        origin. With no raw row at all nothing is deleted: somebody emptied the raw table.
        """
        noted = self.noted(connection, target.name)
        gone = 0
        alone = not (shared and self._others(connection, target))
        if "everything" in noted and alone:
            gone += self._delete(connection, target, true())
        elif noted and has_rows(connection, self._raw, self._params):
            if "all" in noted and alone:
                gone += self._delete(
                    connection,
                    target,
                    ~exists().where(self._raw.c.id == target.c[key]),
                )
            if "ids" in noted and not shared:
                ids = select(self._notes.c.raw_id).where(*self._of(target.name))
                gone += self._delete(connection, target, target.c[key].in_(ids))
        if noted:
            connection.execute(delete(self._notes).where(*self._of(target.name)))
        return gone

    def sweep_ids(self, connection: Connection, target: Table, ids: list[int]) -> int:
        """Delete the rows of this origin that come from the given raw rows."""
        if not ids:
            return 0
        return self._delete(connection, target, target.c.raw_data_id.in_(ids))

    def _delete(self, connection: Connection, target: Table, condition: Any) -> int:
        return connection.execute(
            delete(target).where(
                target.c.raw_data_params == self._params,
                target.c.raw_data_table == self._raw.name,
                condition,
            )
        ).rowcount

    def _others(self, connection: Connection, target: Table) -> bool:
        """Return whether another scope writes the same table from the same raw table."""
        return (
            connection.execute(
                select(literal(1))
                .select_from(target)
                .where(
                    target.c.raw_data_table == self._raw.name,
                    target.c.raw_data_params != self._params,
                )
                .limit(1)
            ).first()
            is not None
        )

    def _of(self, target: str) -> tuple[Any, ...]:
        notes = self._notes
        return (
            notes.c.params == self._params,
            notes.c.raw_table == self._raw.name,
            notes.c.target == target,
        )


def sweep_shared_rows(
    connection: Connection, raw: Table, target: Table, params: Iterable[str]
) -> int:
    """Delete rows of some scopes whose raw row is gone; return how many went.

    A scope without any raw row is left alone: somebody emptied its raw table.
    """
    gone = 0
    for scope in params:
        if has_rows(connection, raw, scope):
            gone += connection.execute(
                delete(target).where(
                    target.c.raw_data_params == scope,
                    target.c.raw_data_table == raw.name,
                    ~exists().where(raw.c.id == target.c.raw_data_id),
                )
            ).rowcount
    return gone
