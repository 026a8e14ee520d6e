"""Shared rows that nobody names any more: swept once every scope of a connection was read whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devlake_core.store import raw_table
from devlake_core.store.sweep import sweep_shared_rows

from .group import has_origin

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from devlake_core.store import Store
    from devlake_core.stream import Stream


def sweep_shared(store: Store, streams: Sequence[Stream], params: Iterable[str]) -> int:
    """Delete the shared rows of some scopes whose raw row is gone; return how many went.

    A scope by itself cannot tell whether another one names a row, so this is for the end of a run
    in which all scopes of a connection made a complete full pass.

    Args:
        store: the database.
        streams: all streams of the plugin.
        params: those scopes, as ``raw_data_params`` spells them.
    """
    scopes = list(params)
    gone = 0
    for stream in streams:
        models: list[Any] = [stream.tool_model, *(stream.domain_models or ())]
        raw = raw_table(stream.raw_model_table)
        for model in models:
            if model is None or not model.__shared__ or not has_origin(model):
                continue
            if not (store.has_table(raw.name) and store.has_table(model.__table__.name)):
                continue
            with store.transaction() as connection:
                gone += sweep_shared_rows(connection, raw, model.__table__, scopes)
    return gone
