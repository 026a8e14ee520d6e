"""Collect: what the tool answers becomes raw rows, with the author's state in one transaction."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic_core import PydanticSerializationError, to_json

from devlake_core.api import Skipped, current_runtime
from devlake_core.errors import RequestError
from devlake_core.model import origin_of
from devlake_core.store import Writer
from devlake_core.store.raw import BATCH_BYTES, last_id
from devlake_core.store.state import partition_name
from devlake_core.store.statistics import Statistics
from devlake_core.stream import Checkpoint, Progress, Record, Substream

from .parents import parent_batches, parent_key
from .run import SubtaskRun, subtask_run
from .takeover import found_state

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Connection

    from devlake_core.stream import Context, Stream

BATCH = 1000
SECONDS = 60.0
PAGE_SECONDS = 0.2  # a page that came faster than this shares the next one's transaction

_URL, _INPUT = "x_request_url", "x_request_input"


def collect(ctx: Context, stream: Stream) -> Iterator[Progress]:
    """Run the collect verb of a stream; yield its progress.

    Raises:
        ScopeBusy: another run holds the scope.
        RequestError: the tool did not answer; what came before is committed.
    """
    with subtask_run(ctx, stream, "collect") as run:
        collector = _Collector(run)
        collector.begin()
        try:
            if isinstance(stream, Substream):
                yield from collector.children()
            else:
                yield from collector.records(stream.collect(run.state.author, ctx))
        except Skipped as skipped:
            # Nothing was said of what is not there any more, so the pass is not complete.
            ctx.warn(f"{stream.name}: left out: {skipped}")
            collector.keep()
            return
        except RequestError:
            collector.keep()
            raise
        collector.end()
        yield Progress(collector.done, 0)


class _Collector:
    """Hold the rows of a batch until they are committed with the state that stands for them."""

    def __init__(self, run: SubtaskRun) -> None:
        self._run = run
        self._ctx = run.ctx
        self._stream = run.stream
        self._columns = ("params", "data", "url", "input", "created_at")
        self._writer = Writer(run.store, run.raw, stamp=run.stamp, columns=self._columns)
        self._rows: list[tuple[Any, ...]] = []
        self._bytes = 0
        self._partitions: dict[str, dict[str, Any]] = {}
        self._input: dict[str, Any] = {}
        self._input_text = b"{}"
        self._flushed_at = time.monotonic()
        self._check_cancelled = current_runtime.get().check_cancelled
        self.done = 0

    def begin(self) -> None:
        """Begin a pass or go on with an unfinished one, and write that down."""
        run, state = self._run, self._run.state
        unfinished = state.began_at > 0 and not state.complete
        fresh = False
        if self._ctx.full_refresh and not (unfinished and state.kind == "full"):
            fresh, unfinished = True, False
            state.author = {}
        elif state.began_at == 0:
            state.author = found_state(run)
        if not unfinished:
            known = bool(state.author) or (
                not fresh
                and isinstance(self._stream, Substream)
                and run.states.has_partitions(self._stream.name)
            )
            state.kind = "incremental" if known else "full"
            state.complete = False
            if state.kind == "full":
                state.finished, state.keyless, state.keep = False, False, []
            elif state.began_at == 0:
                # Taken over: what is there belongs to no full pass of ours.
                state.finished = True

        def work(connection: Connection) -> None:
            if fresh:
                run.states.forget(connection, self._stream.name, partitions_only=True)
            if not unfinished and (state.kind == "full" or state.began_at == 0):
                state.began_at = last_id(connection, run.raw) + 1

        run.commit(work)
        self._ctx.incremental = state.kind == "incremental"

    def end(self) -> None:
        """Commit the rest and mark the pass complete."""
        self._run.state.complete = True
        self._flush()
        Statistics(self._run.store, self._run.raw).end(self.done)

    def keep(self) -> None:
        """Commit what came before the tool failed."""
        self._flush()

    def records(self, items: Iterable[Any]) -> Iterator[Progress]:
        """Take what a stream's ``collect`` yields."""
        state = self._run.state
        for item in items or ():
            if type(item) is Checkpoint:
                state.author = item.state
                if self._due(PAGE_SECONDS):
                    yield self._flush()
                continue
            record, state.author = item
            self._take(record)
            if self._due(SECONDS):
                yield self._flush()

    def children(self) -> Iterator[Progress]:
        """Call a substream's ``collect`` for each parent, each with a state of its own."""
        stream, states = self._stream, self._run.states
        wanted = [
            parent
            for info in (stream.tool_model.model_fields.values() if stream.tool_model else ())
            if (parent := origin_of(info).parent) is not None
        ]
        for parents in parent_batches(self._ctx, stream):
            named = {partition_name(parent_key(parent)): parent for parent in parents}
            known = states.partitions(stream.name, named)
            for partition, parent in named.items():
                current_runtime.get().check_cancelled()
                fields = {name: getattr(parent, name) for name in wanted}
                self._input = {"_parent": {"key": parent_key(parent), "fields": fields}}
                self._input_text = to_json(self._input)
                yield from self._of_parent(partition, parent, known.get(partition, {}))

    def _of_parent(self, partition: str, parent: Any, state: dict[str, Any]) -> Iterator[Progress]:
        stream: Any = self._stream
        try:
            for item in stream.collect(state, self._ctx, parent) or ():
                if type(item) is Checkpoint:
                    state = item.state
                else:
                    record, state = item
                    self._take(record)
                self._partitions[partition] = state
                if self._due(SECONDS):
                    yield self._flush()
        except Skipped as skipped:
            self._ctx.warn(f"{stream.name}: parent {parent_key(parent)} left out: {skipped}")

    def _take(self, record: Any) -> None:
        url, given = "", None
        if type(record) is Record:
            data, url, given = record
        elif isinstance(record, bytes):
            data = record
        else:
            if isinstance(record, dict) and (_URL in record or _INPUT in record):
                record = dict(record)
                url, given = record.pop(_URL, ""), record.pop(_INPUT, None)
            data = _as_json(record)
        source = self._input_text
        if given is not None:
            given = given if isinstance(given, dict) else {"input": given}
            source = to_json({**given, **self._input})
        self._rows.append((self._run.params, data, str(url), source, datetime.now(UTC)))
        self._bytes += len(data)

    def _due(self, seconds: float) -> bool:
        # Between two records is a safe point; a batch of a slow tool takes long.
        self._check_cancelled()
        if len(self._rows) >= BATCH or self._bytes >= BATCH_BYTES:
            return True
        return time.monotonic() - self._flushed_at >= seconds

    def _flush(self) -> Progress:
        rows, partitions = self._rows, self._partitions

        def work(connection: Connection) -> None:
            if rows:
                self._writer.append(connection, rows)
            for partition, author in partitions.items():
                self._run.states.save_partition(connection, self._stream.name, partition, author)

        self._run.commit(work)
        self._ctx.counts["records"] += len(rows)
        self.done += len(rows)
        self._rows, self._partitions, self._bytes = [], {}, 0
        self._flushed_at = time.monotonic()
        return Progress(self.done, len(rows))


def _as_json(record: Any) -> bytes:
    """Return a record as JSON text; what JSON cannot say is left for extract to quarantine."""
    try:
        return to_json(record, inf_nan_mode="constants", serialize_unknown=False)
    except (PydanticSerializationError, UnicodeEncodeError):
        return json.dumps(record, default=str).encode()
