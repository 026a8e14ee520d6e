"""The domain rows that stand for a scope: a board, a repository, a service."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from devlake_core.errors import SchemaError

from .bulk import Writer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .claim import Claim
    from .engine import Store


def store_domain_scopes(store: Store, rows: Iterable[Any], claim: Claim) -> None:
    """Write the domain rows of a scope in one transaction, under the claim.

    Raises:
        SchemaError: a table is missing.
        Fenced: another run took the scope over.
    """
    by_model: dict[Any, list[Any]] = defaultdict(list)
    for row in rows:
        by_model[type(row)].append(row)
    now = datetime.now(UTC)
    stamp = now.replace(microsecond=now.microsecond // 1000 * 1000)
    writers: list[tuple[Writer, list[Any]]] = []
    for model, found in by_model.items():
        if not store.has_table(model.__tablename__):
            message = f"{store.where} has no table {model.__tablename__}"
            raise SchemaError(message, hint="run `devlake migrate`")
        writers.append((Writer(store, model.__table__, stamp=stamp), found))
    with store.transaction() as connection:
        claim.check(connection)
        for writer, found in writers:
            values = [tuple(getattr(row, c.key) for c in writer.columns) for row in found]
            for _, reason in writer.upsert(connection, values).rejected:
                message = f"a domain scope of {store.where} was refused: {reason}"
                raise SchemaError(message)
