"""Rows of mapped classes, able to load the rows that they relate to."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session, make_transient_to_detached

from devlake_core.model import row_maker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from devlake_core.model import Row

    from .engine import Store


@contextmanager
def rows_of(store: Store, model: type[Row]) -> Iterator[Callable[[Any], Any]]:
    """Give what makes a row of the values of all columns of its table.

    Within the block a row whose class has relationships loads what it relates to when it is asked
    for. Nothing that is changed in such a row is written.

    Args:
        store: the database.
        model: the class of the rows.
    """
    make = row_maker(model, tuple(column.key for column in model.__table__.columns))
    if not model.__sqlmodel_relationships__:
        yield make
        return
    # Each load by itself, so that none holds a transaction open while rows are written.
    engine = store.engine.execution_options(isolation_level="AUTOCOMMIT")
    with Session(engine, autoflush=False) as session:

        def attached(values: Any) -> Any:
            row = make(values)
            make_transient_to_detached(row)
            return session.merge(row, load=False)

        yield attached
