"""The streams that share one raw table: the one that collects it and those that read it too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devlake_core.store.state import StreamState
from devlake_core.stream import stream_name

if TYPE_CHECKING:
    from devlake_core.stream import Context, Stream

    from .run import SubtaskRun


class Group:
    """Know, for one raw table and scope, which streams read it and which tables they write."""

    def __init__(self, run: SubtaskRun) -> None:
        self._run = run
        self._states: dict[str, StreamState] = {}
        raw = run.stream.raw_model_table
        self.streams = [s for s in streams_of(run.ctx, run.stream) if s.raw_model_table == raw]

    def state(self, stream: Stream) -> StreamState:
        """Return a member's state; that of the running stream is the one in hand."""
        if stream.name == self._run.stream.name:
            return self._run.state
        if stream.name not in self._states:
            self._states[stream.name] = self._run.states.load(stream.name) or StreamState()
        return self._states[stream.name]

    @property
    def owner(self) -> Stream:
        """Return the stream that collects the raw table."""
        return next((s for s in self.streams if s.collects), self._run.stream)

    def targets(self) -> dict[str, list[Stream]]:
        """Return the tables that have rows of this raw table, with the streams that write them."""
        found: dict[str, list[Stream]] = {}
        for stream in self.streams:
            if stream.tool_model is not None:
                found.setdefault(str(stream.tool_model.__tablename__), []).append(stream)
            for name in self.domain_tables(stream):
                found.setdefault(name, []).append(stream)
        return found

    def domain_tables(self, stream: Stream) -> list[str]:
        """Return the domain tables that a member declares or has written."""
        declared = [
            str(model.__tablename__) for model in stream.domain_models or () if has_origin(model)
        ]
        return list(dict.fromkeys([*declared, *self.state(stream).domain_tables]))

    def caught_up(self, stream: Stream) -> bool:
        """Return whether a member has extracted and converted all that the owner extracted.

        A member that never converted has no rows in any domain table, so nobody waits for it.
        """
        state, goal = self.state(stream), self.state(self.owner).extracted_to
        if state.converted_to == 0 and not state.domain_tables:
            return True
        return state.extracted_to >= goal and state.converted_to >= goal


def streams_of(ctx: Context, stream: Stream) -> list[Stream]:
    """Return all streams of the plugin, the given one in place of its like."""
    others = [s for s in ctx.streams if stream_name(s) != stream.name]
    return [stream, *others]


def has_origin(model: Any) -> bool:
    """Return whether a table class remembers the raw row that a row comes from."""
    return "raw_data_id" in model.model_fields
