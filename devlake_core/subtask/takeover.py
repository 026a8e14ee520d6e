"""Take over the state that pydevlake left, where it cannot be somebody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devlake_core.store import count_scopes
from devlake_core.store.raw import has_rows
from devlake_core.store.runs import pydevlake_state
from devlake_core.stream import Substream

if TYPE_CHECKING:
    from .run import SubtaskRun


def found_state(run: SubtaskRun) -> dict[str, Any]:
    """Return the state that pydevlake left for a stream; empty where it may not be ours.

    pydevlake kept one state per subtask name and connection, whatever plugin and scope: it is
    taken only where there are raw rows of this stream and scope, and the connection has one scope
    and one plugin with a subtask of that name. A substream's stood for its last parent alone.
    """
    ctx, stream = run.ctx, run.stream
    if isinstance(stream, Substream):
        return {}
    name = f"Collect {stream.name.capitalize()}"
    state = pydevlake_state(ctx.store, name, ctx.connection_id, run.number)
    if not state:
        return {}
    with ctx.store.reading() as connection:
        has_raw = has_rows(connection, run.raw, run.params)
    suffix = f"_{stream.name}"
    alike = [t for t in ctx.store.tables() if t.startswith("_raw_") and t.endswith(suffix)]
    alone = count_scopes(ctx.store, type(ctx.scope), ctx.connection_id) == 1
    if has_raw and alone and len(alike) == 1:
        return state
    ctx.warn(
        f"{stream.name}: pydevlake's state may be another scope's, so everything is collected again"
    )
    return {}
