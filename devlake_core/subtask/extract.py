"""Extract: raw rows become tool rows; what vanished at the tool goes in one sweep."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from devlake_core.store import Writer, Written, count_rows, existing_rows
from devlake_core.store.raw import copy_raw, drop_raw, drop_raw_before, has_rows, read_raw
from devlake_core.store.statistics import Statistics
from devlake_core.store.sweep import ALL, EVERYTHING
from devlake_core.stream import Progress

from .batch import Batch, Key
from .extraction import Extraction, config_hash
from .group import Group
from .run import SubtaskRun, subtask_run
from .threshold import Threshold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from devlake_core.stream import Context, Stream

SIZE = 2000


def extract(ctx: Context, stream: Stream) -> Iterator[Progress]:
    """Run the extract verb of a stream; yield its progress.

    Raises:
        ScopeBusy: another run holds the scope.
        TooManyBadRecords: the quarantine passed its threshold; what is good is committed.
    """
    with subtask_run(ctx, stream, "extract") as run:
        extractor = _Extractor(run)
        extractor.begin()
        yield from extractor.batches()
        extractor.end()
        yield Progress(extractor.done, 0)


class _Extractor:
    def __init__(self, run: SubtaskRun) -> None:
        self._run = run
        self._ctx = run.ctx
        self._stream = run.stream
        self._group = Group(run)
        model: Any = run.stream.tool_model
        self._table = None if model is None else model.__table__
        self._shared = run.state.shared or bool(model is not None and model.__shared__)
        self._extraction = (
            None if model is None else Extraction(run.stream, run.ctx, self._group.owner)
        )
        self._writer = (
            None
            if self._table is None
            else Writer(run.store, self._table, stamp=run.stamp, newer_wins=self._shared)
        )
        self._statistics = Statistics(run.store, self._table)
        self._threshold = Threshold(run.stream.name, "extract")
        self._began_at = run.state.extracted_to
        self._upserted = 0
        self.done = 0

    def begin(self) -> None:
        """Read everything again where the scope config or the plugin has changed."""
        run, state = self._run, self._run.state
        config = config_hash(self._ctx)
        if not self._stream.collects or state.config == config:
            return

        def work(connection: Connection) -> None:
            changed = bool(state.config) and state.extracted_to > 0
            state.config = config
            if changed and has_rows(connection, run.raw, run.params):
                state.copied_at, state.began_at = copy_raw(
                    connection, run.raw, run.params, state.began_at
                )
                run.quarantine.release(connection, "extract", 0)

        run.commit(work)

    def batches(self) -> Iterator[Progress]:
        """Extract all new raw rows, a batch a transaction."""
        run, raw = self._run, self._run.raw
        new = (raw.c.params == run.params) & (raw.c.id > run.state.extracted_to)
        total = count_rows(run.store, raw, new)
        for raws in read_raw(run.store, run.raw, run.params, run.state.extracted_to, SIZE):
            batch = Batch()
            if self._extraction is not None:
                for row in raws:
                    batch.take(self._extraction, row)
            run.state.extracted_to = raws[-1].id
            run.state.keyless = run.state.keyless or batch.keyless
            self._settle(batch, *run.commit(partial(self._write, batch)))
            self.done += len(raws)
            self._ctx.counts["quarantined"] += len(batch.bad)
            self._threshold.count(len(raws), [item.reason for item in batch.bad])
            yield Progress(self.done, len(raws), max(total, self.done))
            self._threshold.check()
        self._threshold.check_end()

    def _write(self, batch: Batch, connection: Connection) -> tuple[Written, int]:
        """Write a batch; it may be called again with the same batch after a conflict."""
        run = self._run
        if self._writer is None or self._extraction is None:
            return Written(), 0
        superseded = self._find_older(connection, batch)
        written = self._writer.upsert(connection, self._extraction.tuples(batch.rows))
        run.quarantine.put(connection, "extract", [*batch.bad, *batch.rejected(written)])
        return written, self._drop(connection, superseded)

    def _settle(self, batch: Batch, written: Written, gone: int) -> None:
        """Count what was committed."""
        batch.bad.extend(batch.rejected(written))
        for column, number in written.truncated.items():
            self._ctx.counts["truncated"] += number
            self._ctx.warn(f"{self._table}.{column}: text was cut to the column's length")
        self._upserted += written.written
        self._statistics.wrote(self._upserted)
        self._ctx.counts["removed"] += gone

    def _find_older(self, connection: Connection, batch: Batch) -> list[int]:
        """Return the raw rows that this batch supersedes; mind the ones that must stay."""
        run, extraction = self._run, self._extraction
        if extraction is None or self._table is None:
            return []
        if extraction.keys is None:
            self._watch_for_sharing(connection, batch)
            return []
        wanted = [*batch.latest, *batch.bad_keys]
        found = existing_rows(
            connection, self._table, extraction.keys.fields, wanted, self._ctx.connection_id
        )
        older = []
        for key, raw_id in batch.latest.items():
            row = found.get(key)
            if row is not None and self._is_mine(row) and row.raw_id < raw_id:
                older.append(row.raw_id)
        for key in batch.bad_keys:
            row = found.get(key)
            if row is not None and self._is_mine(row) and key not in batch.latest:
                run.state.keep = sorted({*run.state.keep, row.raw_id})
        return [*batch.superseded, *older]

    def _is_mine(self, row: Any) -> bool:
        return bool(row.raw_table == self._run.raw.name and row.params == self._run.params)

    def _watch_for_sharing(self, connection: Connection, batch: Batch) -> None:
        """Notice a row that two records name, in a table that was not declared shared."""
        if self._shared or self._extraction is None or self._table is None:
            return
        names = self._extraction.model.key_fields()
        seen: dict[Key, int] = {}
        twice = None
        for row in batch.rows:
            key = tuple(row[name] for name in names)
            if seen.setdefault(key, row["raw_data_id"]) != row["raw_data_id"]:
                twice = key
        if twice is None:
            found = existing_rows(
                connection, self._table, names, list(seen), self._ctx.connection_id
            )
            twice = next(
                (
                    key
                    for key, row in found.items()
                    if self._is_mine(row) and self._began_at < row.raw_id < seen[key]
                ),
                None,
            )
        if twice is not None:
            self._shared = self._run.state.shared = True
            self._ctx.warn(
                f"{self._stream.name}: two records name one row of {self._table.name}, for "
                f"example {twice}: declare `shared=True` on its class"
            )

    def _drop(self, connection: Connection, superseded: list[int]) -> int:
        """Delete superseded raw rows, see to it that their rows go; return how many went here."""
        if not superseded:
            return 0
        run = self._run
        gone = 0
        drop_raw(connection, run.raw, superseded)
        table = self._table
        if table is not None and not self._shared:
            gone = run.sweeper.sweep_ids(connection, table, superseded)
        own = None if table is None else table.name
        run.sweeper.note(connection, [t for t in self._group.targets() if t != own], superseded)
        run.quarantine.forget_gone(connection)
        return gone

    def end(self) -> None:
        """Clean up after a complete full pass, then sweep this stream's table."""
        run, state = self._run, self._run.state

        def work(connection: Connection) -> int:
            if self._stream.collects:
                self._drop_old(connection)
            if self._table is None or self._threshold.bad:
                return 0
            return run.sweeper.sweep(connection, self._table, shared=self._shared)

        if self._stream.collects or state.extracted_to >= self._owner_position():
            self._ctx.counts["removed"] += run.commit(work)
        if self._table is not None:
            run.count_changed(self._table, self._upserted)
        self._statistics.end(self._upserted)

    def _owner_position(self) -> int:
        return self._group.state(self._group.owner).extracted_to

    def _drop_old(self, connection: Connection) -> None:
        """Delete the raw rows that the last complete full pass did not bring again."""
        run, state = self._run, self._run.state
        before = state.copied_at
        # An incremental pass follows complete passes only: a full one that was killed before
        # extract had cleaned up after it is finished now.
        if (state.complete or state.kind == "incremental") and not state.finished:
            before = max(before, self._end_of_old(connection))
            state.finished = True
        state.copied_at = 0
        if before and not state.keyless:
            gone = drop_raw_before(connection, run.raw, run.params, before, state.keep)
            if gone:
                kind = ALL if has_rows(connection, run.raw, run.params) else EVERYTHING
                run.sweeper.note(connection, self._group.targets(), [kind])
                run.quarantine.forget_gone(connection)

    def _end_of_old(self, connection: Connection) -> int:
        """Return the raw id before which rows are old; 0 where none may go."""
        run, state = self._run, self._run.state
        old = has_rows(connection, run.raw, run.params, before=state.began_at)
        new = has_rows(connection, run.raw, run.params, since=state.began_at)
        if old and not new and not self._ctx.full_refresh:
            self._ctx.warn(
                f"{self._stream.name}: the tool gave nothing at all, so nothing was removed; "
                "if it is empty indeed, run with --full-refresh"
            )
            return 0
        return state.began_at
