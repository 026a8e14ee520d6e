"""The domain rows of a batch, by their class."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

from devlake_core.errors import SchemaError
from devlake_core.model import DomainTable, NoPKModel
from devlake_core.store import Writer
from devlake_core.store.quarantine import Bad

from .group import has_origin

if TYPE_CHECKING:
    from sqlalchemy import Table

    from devlake_core.store import Written

    from .run import SubtaskRun


class Target:
    """Collect the rows of one domain class until they are written."""

    def __init__(self, run: SubtaskRun, model: type[DomainTable]) -> None:
        self.table: Table = model.__table__
        if not run.store.has_table(self.table.name):
            message = f"the database has no table {self.table.name}"
            raise SchemaError(message, hint="run `devlake migrate`")
        self.has_origin = has_origin(model)
        self.writer = Writer(run.store, self.table, stamp=run.stamp, newer_wins=model.__shared__)
        self._get = itemgetter(*(column.key for column in self.table.columns))
        self.rows: list[tuple[Any, ...]] = []
        self.raw_ids: list[int | None] = []
        self.upserted = 0

    def add(self, row: DomainTable, raw_id: int | None) -> None:
        """Take one row."""
        self.rows.append(self._get(row.__dict__))
        self.raw_ids.append(raw_id)

    def rejected(self, written: Written) -> list[Bad]:
        """Return the rows that could not be written."""
        return [
            Bad(self.raw_ids[index], f"{self.table.name}: {reason}")
            for index, reason in written.rejected
        ]


class Kind:
    """Know of one class what has to be done to each of its rows."""

    def __init__(self, model: Any) -> None:
        self.is_domain = issubclass(model, DomainTable)
        self.has_id = self.is_domain and "id" in model.model_fields
        self.has_origin = issubclass(model, NoPKModel)
        # Such a row may be filled past its validating attributes, which take ten times longer.
        self.is_plain = (
            self.has_origin
            and not model.__orm__
            and model.set_tool_origin is NoPKModel.set_tool_origin
        )
