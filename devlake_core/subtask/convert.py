"""Convert: tool rows become rows of DevLake's domain layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from devlake_core.errors import DevlakeError, RecordError
from devlake_core.model import DomainTable, ToolModel
from devlake_core.raised import place
from devlake_core.store import Written, count_rows, read_batches
from devlake_core.store.mapped import rows_of
from devlake_core.store.quarantine import Bad
from devlake_core.store.read import unsorted_key
from devlake_core.stream import Progress, takes_context

from .default_extraction import described
from .group import Group, has_origin
from .run import SubtaskRun, subtask_run
from .target import Kind, Target
from .threshold import Threshold

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Connection

    from devlake_core.stream import Context, Stream

SIZE = 2000


def convert(ctx: Context, stream: Stream) -> Iterator[Progress]:
    """Run the convert verb of a stream; yield its progress.

    Raises:
        ScopeBusy: another run holds the scope.
        TooManyBadRecords: the quarantine passed its threshold; what is good is committed.
    """
    with subtask_run(ctx, stream, "convert") as run:
        model: Any = stream.tool_model
        if model is None or not stream.converts:
            run.state.converted_to = run.state.extracted_to
            run.save()
            return
        convertor = _Convertor(run)
        yield from convertor.batches()
        convertor.end()
        yield Progress(convertor.done, 0)


class _Convertor:
    def __init__(self, run: SubtaskRun) -> None:
        self._run = run
        self._ctx = run.ctx
        self._stream = run.stream
        self._model: type[ToolModel] = run.stream.tool_model
        self._keys = self._model.key_fields()
        self._targets: dict[type[DomainTable], Target] = {}
        self._kinds: dict[type, Kind] = {}
        self._threshold = Threshold(run.stream.name, "convert")
        self._with_context = takes_context(run.stream.convert, 1)
        self._bad: list[Bad] = []
        self._goal = run.state.extracted_to
        self.done = 0

    def batches(self) -> Iterator[Progress]:
        """Convert all tool rows that are new since the last run, a batch a transaction."""
        run, table = self._run, self._model.__table__
        where = (
            (table.c.raw_data_params == run.params)
            & (table.c.raw_data_table == run.raw.name)
            & (table.c.raw_data_id > run.state.converted_to)
        )
        run.commit(
            lambda connection: run.quarantine.release(connection, "convert", run.state.converted_to)
        )
        total = count_rows(run.store, table, where)
        key = unsorted_key(run.store, table)
        for values in read_batches(run.store, table, where=where, key=key, size=SIZE):
            with rows_of(run.store, self._model) as make:
                for value in values:
                    self._one(make(value))
            self._settle(run.commit(self._write))
            self.done += len(values)
            self._ctx.counts["quarantined"] += len(self._bad)
            self._threshold.count(len(values), [bad.reason for bad in self._bad])
            self._bad = []
            yield Progress(self.done, len(values), max(total, self.done))
            self._threshold.check()
        self._threshold.check_end()

    def _one(self, tool: ToolModel) -> None:
        stream: Any = self._stream
        rows: list[Any] = []
        try:
            given = stream.convert(tool, self._ctx) if self._with_context else stream.convert(tool)
            named: set[type] = set()
            for row in _each(given):
                self._identify(row, tool, named)
                rows.append(row)
        except RecordError as error:
            self._bad.append(Bad(tool.raw_data_id, str(error)))
            return
        except DevlakeError:
            raise
        except ValidationError as error:
            reason = f"{error.title}: {described(error)}{place(error)}"
            self._bad.append(Bad(tool.raw_data_id, reason))
            return
        except Exception as error:
            reason = f"convert() raised {type(error).__name__}: {error}{place(error)}"
            self._bad.append(Bad(tool.raw_data_id, reason))
            return
        for row in rows:
            self._target(type(row)).add(row, tool.raw_data_id)

    def _identify(self, row: Any, tool: ToolModel, named: set[type]) -> None:
        """Give a row the tool row's origin and, where it has none, its id."""
        model = type(row)
        kind = self._kinds.get(model)
        if kind is None:
            kind = self._kinds[model] = Kind(model)
        if not kind.is_domain:
            message = f"convert() gave a {model.__name__}, which is no domain row"
            raise RecordError(message)
        if kind.is_plain:
            values = row.__dict__
            values["raw_data_params"] = tool.raw_data_params
            values["raw_data_table"] = tool.raw_data_table
            values["raw_data_id"] = tool.raw_data_id
            values["raw_data_remark"] = tool.raw_data_remark
        elif kind.has_origin:
            row.set_tool_origin(tool)
        if not kind.has_id:
            return
        again = model in named
        if self._is_id(row.id, tool) and (again or not self._stream.overwrites_ids):
            return
        if again:
            message = f"convert() gave a second {model.__name__} without an id from one row"
            raise RecordError(message)
        named.add(model)
        if kind.is_plain:
            row.__dict__["id"] = tool.domain_id()
        else:
            row.id = tool.domain_id()

    def _is_id(self, given: Any, tool: Any) -> bool:
        """Return whether an author gave an id of their own, not the tool row's bare key."""
        if given is None or given == "":
            return False
        return not (self._keys == ("id",) and given == str(tool.id))

    def _target(self, model: type[DomainTable]) -> Target:
        if model not in self._targets:
            declared = self._stream.domain_models
            if declared and model not in declared:
                names = ", ".join(m.__name__ for m in declared)
                message = (
                    f"{self._stream.name}: convert() gave a {model.__name__}, declared: {names}"
                )
                raise RecordError(message)
            self._targets[model] = Target(self._run, model)
        return self._targets[model]

    def _write(self, connection: Connection) -> list[tuple[Target, Written]]:
        """Write what is in hand; it may be called again with the same after a conflict."""
        run = self._run
        done = []
        for target in self._targets.values():
            if not target.rows:
                continue
            done.append((target, target.writer.upsert(connection, target.rows)))
            if target.has_origin and target.table.name not in run.state.domain_tables:
                run.state.domain_tables.append(target.table.name)
        rejected = [bad for target, written in done for bad in target.rejected(written)]
        run.quarantine.put(connection, "convert", [*self._bad, *rejected])
        return done

    def _settle(self, done: list[tuple[Target, Written]]) -> None:
        """Count what was committed, and let go of it."""
        for target, written in done:
            self._bad.extend(target.rejected(written))
            for column, number in written.truncated.items():
                self._ctx.counts["truncated"] += number
                self._ctx.warn(f"{target.table.name}.{column}: text was cut to the column's length")
            target.upserted += written.written
            target.rows, target.raw_ids = [], []

    def end(self) -> None:
        """Move the position, then sweep the domain tables whose writers have caught up."""
        run = self._run
        run.state.converted_to = self._goal
        group = Group(run)
        self._ctx.counts["removed"] += run.commit(lambda c: self._sweep(c, group))
        for target in self._targets.values():
            if target.has_origin:
                run.count_changed(target.table, target.upserted)
            else:
                self._ctx.counts["written"] += target.upserted

    def _sweep(self, connection: Connection, group: Group) -> int:
        run, gone = self._run, 0
        if self._threshold.bad:
            return 0  # a row that failed has its last good version in the table
        known = domain_classes(group.streams, self._targets)
        for name in group.domain_tables(self._stream):
            model = known.get(name)
            writers = group.targets().get(name, [])
            if model is None or not all(self._ready(connection, group, s) for s in writers):
                continue
            gone += run.sweeper.sweep(connection, model.__table__, shared=model.__shared__)
        return gone

    def _ready(self, connection: Connection, group: Group, stream: Stream) -> bool:
        """Return whether a writer has caught up and nothing in its tool table waits to go."""
        if not group.caught_up(stream):
            return False
        if stream.tool_model is None:
            return True
        return not self._run.sweeper.noted(connection, str(stream.tool_model.__tablename__))


def domain_classes(
    streams: Iterable[Stream], more: Iterable[type[DomainTable]]
) -> dict[str, type[DomainTable]]:
    """Return the domain classes that streams declare or have just written, by table name."""
    found = {str(model.__tablename__): model for model in more}
    for stream in streams:
        for model in stream.domain_models or ():
            found.setdefault(str(model.__tablename__), model)
    return {name: model for name, model in found.items() if has_origin(model)}


def _each(given: Any) -> Iterable[Any]:
    if given is None:
        return ()
    if isinstance(given, DomainTable):
        return (given,)
    return (row for row in given if row is not None)
