"""Make tables that are made when somebody needs them first, by two runs at once as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devlake_core.errors import DevlakeError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Table

    from .engine import Store


def make_missing(store: Store, tables: Iterable[Table]) -> None:
    """Create tables; one that another process creates at the same moment is no error."""
    for table in tables:
        try:
            with store.transaction() as connection:
                table.create(connection, checkfirst=True)
        except DevlakeError:
            # Servers look whether a table is there, and then create it: of two that look at once
            # one fails. Its table is there all the same.
            if not store.has_table(table.name):
                raise
