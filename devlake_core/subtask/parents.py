"""The parents of a substream: the rows of its parent stream's tool model, streamed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic_core import to_jsonable_python

from devlake_core.store import read_batches
from devlake_core.store.mapped import rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devlake_core.model import ToolModel
    from devlake_core.stream import Context, Stream

SIZE = 500


def parent_batches(ctx: Context, stream: Stream) -> Iterator[list[Any]]:
    """Yield the parents of one scope, in the order of their key."""
    model: type[ToolModel] = stream.parent_stream.tool_model
    table = model.__table__
    where = table.c.raw_data_params == ctx.params
    for rows in read_batches(ctx.store, table, where=where, size=SIZE):
        with rows_of(ctx.store, model) as make:
            yield [make(row) for row in rows]


def parent_key(parent: ToolModel) -> list[Any]:
    """Return a parent's key, without the connection, as JSON takes it."""
    return [to_jsonable_python(value) for value in parent.primary_keys()]
