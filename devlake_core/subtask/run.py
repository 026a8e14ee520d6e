"""What the three verbs share: the claim, the state, one transaction per batch."""

from __future__ import annotations

import random
from contextlib import contextmanager
from copy import deepcopy
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from devlake_core.api import current_runtime
from devlake_core.errors import SchemaError, StoreUnreachable
from devlake_core.failpoints import failpoint
from devlake_core.model import pydevlake_params
from devlake_core.store import Conflict, claimed, ensure_raw, raw_table, respell_params
from devlake_core.store.quarantine import Quarantine
from devlake_core.store.runs import run_completed, run_started
from devlake_core.store.state import ScopeState, StreamState
from devlake_core.store.sweep import Sweeper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection, Table

    from devlake_core.stream import Context, Stream

T = TypeVar("T")
TRIES = 5
RETRY, RECONNECT = 0.1, 0.5  # seconds that the first wait is made of; a server takes some to start


class SubtaskRun:
    """Be one verb's run on one stream of one scope."""

    def __init__(self, ctx: Context, stream: Stream) -> None:
        self.ctx = ctx
        self.stream = stream
        self.store = ctx.store
        self.params = ctx.params
        self.number = 0  # of the run in the log of runs
        self.raw: Table = raw_table(stream.raw_model_table)
        self.states = ScopeState(self.store, stream.plugin_name, self.params)
        self.state = self.states.load(stream.name) or StreamState()
        self.sweeper = Sweeper(stream.plugin_name, self.raw, self.params)
        self.quarantine = Quarantine(stream.plugin_name, self.params, stream.name, self.raw)
        # Cut to what every database keeps, so that rows changed by this run can be told by it.
        now = datetime.now(UTC)
        self.stamp = now.replace(microsecond=now.microsecond // 1000 * 1000)

    def commit(self, work: Callable[[Connection], T]) -> T:
        """Do some writing and save the state in one transaction, under the claim.

        After a deadlock, a lock that was not to be had or a lost connection the whole batch is
        tried again, from the state before it: ``work`` may change the state and is called again.

        Raises:
            Fenced: another run took the scope over; nothing of this batch was written.
        """
        runtime, state = current_runtime.get(), self.state
        before = deepcopy(vars(state))
        number = state.commits + 1
        done: list[T] = []
        for attempt in range(1, TRIES + 1):
            runtime.check_cancelled()
            try:
                if done and self._is_committed(number):
                    return done[0]
                done.clear()
                vars(state).update(deepcopy(before), commits=number)
                failpoint("commit.before")
                with self.store.transaction() as connection:
                    self.ctx.claim.check(connection)
                    result = work(connection)
                    self.states.save(connection, self.stream.name, state)
                    done.append(result)
                    failpoint("commit.within")
                failpoint("commit.after")
            except (Conflict, StoreUnreachable) as error:
                lost = isinstance(error, StoreUnreachable)
                if attempt == TRIES or (lost and self.store.dialect == "sqlite"):
                    vars(state).update(before)
                    raise
                why = "the database's connection was lost" if lost else "the database is busy"
                runtime.pause(random.uniform(0, (RECONNECT if lost else RETRY) * 2**attempt), why)
            else:
                return result
        raise AssertionError

    def _is_committed(self, number: int) -> bool:
        """Return whether a commit took place during which the connection was lost.

        The claim's row is asked first: the server may still be at work on that transaction, which
        holds it locked, and only with the claim in hand is the number one of ours.
        """
        with self.store.transaction() as connection:
            self.ctx.claim.check(connection)
        found = self.states.load(self.stream.name)
        return found is not None and found.commits == number

    def save(self) -> None:
        """Commit the state alone."""
        self.commit(lambda _: None)

    def count_changed(self, table: Table, upserted: int) -> None:
        """Count rows that this run wrote, and those that it found as they were."""
        from sqlalchemy import func, select

        with self.store.reading() as connection:
            changed = connection.execute(
                select(func.count())
                .select_from(table)
                .where(
                    table.c.raw_data_params == self.params,
                    table.c.raw_data_table == self.raw.name,
                    table.c.updated_at == self.stamp,
                )
            ).scalar_one()
        self.ctx.counts["written"] += changed
        self.ctx.counts["unchanged"] += max(0, upserted - changed)


@contextmanager
def subtask_run(ctx: Context, stream: Stream, verb: str) -> Iterator[SubtaskRun]:
    """Open one verb's run: make missing tables, hold the scope, log begin and end.

    Raises:
        ScopeBusy: another run holds the scope.
        SchemaError: a table of the plugin is missing.
    """
    ensure_raw(ctx.store, stream.plugin_name, stream.raw_model_table)
    _check_table(ctx, stream)
    with held(ctx, stream.plugin_name):
        legacy = pydevlake_params(ctx.connection_id, ctx.scope_id)
        if legacy != ctx.params:
            respell_params(ctx.store, stream.raw_model_table, legacy, ctx.params)
        name = f"{verb.capitalize()} {stream.name.capitalize()}"
        run = SubtaskRun(ctx, stream)
        run.number = run_started(ctx.store, name, ctx.connection_id)
        yield run
        run_completed(ctx.store, run.number, run.state.author)


@contextmanager
def held(ctx: Context, plugin: str) -> Iterator[None]:
    """Hold the context's scope, once for all verbs that are run inside.

    Raises:
        ScopeBusy: another run holds the scope.
    """
    if ctx.claim is not None:
        yield
        return
    ensure_raw(ctx.store, plugin)
    wait = float(ctx.options.get("wait") or 0)
    with claimed(ctx.store, plugin, ctx.params, wait, _called(ctx, plugin)) as claim:
        ctx.claim = claim
        try:
            yield
        finally:
            ctx.claim = None


def _called(ctx: Context, plugin: str) -> str:
    """Return the names of what is held; a script's context may have only numbers and ids."""
    scope = getattr(ctx.scope, "name", "") or ctx.scope_id
    connection = getattr(ctx.connection, "name", "") or ctx.connection_id
    return f"scope {scope!r} of {plugin} (connection {connection!r})"


def _check_table(ctx: Context, stream: Stream) -> None:
    model: Any = stream.tool_model
    if model is not None and not ctx.store.has_table(model.__tablename__):
        message = f"the database has no table {model.__tablename__}"
        raise SchemaError(message, hint=f"run `devlake migrate {stream.plugin_name}`")
