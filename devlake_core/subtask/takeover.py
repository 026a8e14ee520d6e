"""Take over the state that pydevlake left, where it cannot be somebody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devlake_core.store import count_scopes, raw_table
from devlake_core.store.raw import has_rows
from devlake_core.store.runs import pydevlake_state

if TYPE_CHECKING:
    from devlake_core.stream import Context, Stream


def found_state(ctx: Context, stream: Stream) -> dict[str, Any]:
    """Return the state that pydevlake left for a stream; empty where it may not be ours.

    pydevlake kept one state per subtask name and connection, whatever plugin and scope: it is
    taken only where there are raw rows of this stream and scope, and the connection has one scope
    and one plugin with a subtask of that name.
    """
    name = f"Collect {stream.name.capitalize()}"
    state = pydevlake_state(ctx.store, name, ctx.connection_id)
    if not state:
        return {}
    with ctx.store.reading() as connection:
        has_raw = has_rows(connection, raw_table(stream.raw_model_table), ctx.params)
    suffix = f"_{stream.name}"
    alike = [t for t in ctx.store.tables() if t.startswith("_raw_") and t.endswith(suffix)]
    alone = count_scopes(ctx.store, type(ctx.scope), ctx.connection_id) == 1
    if has_raw and alone and len(alike) == 1:
        return state
    ctx.warn(
        f"{stream.name}: pydevlake's state may be another scope's, so everything is collected again"
    )
    return {}
