"""Run one job in this process: from the values of a task to what came of it."""

from __future__ import annotations

import logging
import time
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from devlake_core.plugin.clean import clean
from devlake_core.plugin.connect import connection_of
from devlake_core.plugin.events import Subtask
from devlake_core.plugin.guard import put_back
from devlake_core.plugin.plan import domain_scopes
from devlake_core.redaction import redact
from devlake_core.store import Store
from devlake_core.store.catalog import register_secrets, row_of
from devlake_core.store.domain_scopes import store_domain_scopes
from devlake_core.subtask import held

from .failure import failure_of
from .job import Outcome
from .perform import make_context, run_step, scope_config
from .runtime import RunnerRuntime, surrounded
from .steps import steps

if TYPE_CHECKING:
    from collections.abc import Callable

    from devlake_core.plugin.base import Plugin
    from devlake_core.plugin.events import EventHooks
    from devlake_core.plugin.manager import Host
    from devlake_core.stream import Context, Progress

    from .cancel import Cancel
    from .job import Failure, Task
    from .steps import Step

    Report = Callable[[dict[str, Any]], None]

log = logging.getLogger(__name__)

_REPORT_SECONDS = 0.1


def run_task(task: Task, host: Host, cancel: Cancel, report: Report) -> Outcome:
    """Run a job and return what came of it; what fails is in the outcome.

    Args:
        task: the job, with all that it needs.
        host: where its plugin is, or is loaded from.
        cancel: what tells that the run shall stop.
        report: is told of each step: ``begin``, ``progress``, ``end`` and ``say``.
    """
    outcome = Outcome(task.job)
    began = time.monotonic()
    execution = _Execution(task, host, cancel, report, outcome)
    try:
        execution.run()
    except (Exception, SystemExit) as error:
        cancel.rest()
        outcome.failure = execution.failure_of(error)
    finally:
        cancel.rest()
        execution.close()
    outcome.seconds = time.monotonic() - began
    return outcome


class _Execution:
    """Hold what the steps of one job share."""

    def __init__(
        self, task: Task, host: Host, cancel: Cancel, report: Report, outcome: Outcome
    ) -> None:
        self.task, self.host, self.cancel, self.report = task, host, cancel, report
        self.outcome = outcome
        self.step: Step | None = None
        self._plugin: Plugin | None = None
        self._ctx: Context | None = None
        self._stack = ExitStack()

    def run(self) -> None:
        """Load, open, claim, and run step by step."""
        job = self.task.job
        self.cancel.check()
        plugin = self._plugin = self.host.load(job.plugin)
        record = self.host.record(job.plugin)
        hooks = self.host.runtime_hooks(job.plugin)
        store = Store.open(self.task.url)
        self._stack.callback(store.close)
        ctx = self._ctx = self._context(plugin, store)
        runtime = RunnerRuntime(
            hooks, self.cancel, ctx.connection, counts=ctx.counts, tell=self._say
        )
        self._stack.enter_context(surrounded(runtime))
        with held(ctx, plugin.name):
            with put_back(record.source, "while its scope was described"):
                store_domain_scopes(
                    ctx.store, domain_scopes(plugin, ctx.scope, ctx.connection_id), ctx.claim
                )
                todo = steps(plugin, job, ctx.scope, ctx.scope_config)
            for step in todo:
                self.cancel.check()
                self.step, runtime.stream = step, step.stream.name
                self._run_step(plugin, ctx, step, hooks)
            self.step, runtime.stream = None, ""
        self.outcome.server_only = _server_only(plugin, ctx)

    def close(self) -> None:
        """Take the counts and warnings, and close what is open."""
        # Asked at the end: shared hooks may fail while they are called.
        self.outcome.warnings += left_out(self.host)
        if self._ctx is not None:
            self.outcome.counts = Counter({k: n for k, n in self._ctx.counts.items() if n})
            self.outcome.warnings += [redact(clean(text, 1000)) for text in self._ctx.warnings]
        self._stack.close()

    def failure_of(self, error: BaseException) -> Failure:
        """Return why the job failed, in words for a person."""
        subtask = f"{self.step.verb} {self.step.stream.name}" if self.step else ""
        return failure_of(error, self.task.job.plugin, self._plugin, subtask)

    def _context(self, plugin: Plugin, store: Store) -> Context:
        task = self.task
        connection = connection_of(plugin, task.connection)
        register_secrets(connection)
        scope = row_of(plugin.tool_scope_type, task.scope)
        config = scope_config(plugin, task.config)
        options: dict[str, Any] = {"wait": task.job.wait}
        if task.job.full_refresh:
            options["fullSync"] = True
        record = self.host.record(task.job.plugin)
        return make_context(plugin, record, store, (connection, scope, config), options)

    def _run_step(self, plugin: Plugin, ctx: Context, step: Step, hooks: EventHooks) -> None:
        job, record = self.task.job, self.host.record(self.task.job.plugin)
        verb, stream = step
        subtask = Subtask(job.plugin, stream.name, verb, job.connection, job.scope)
        place = {"verb": verb, "stream": stream.name}
        began = told = time.monotonic()

        def tell(progress: Progress) -> None:
            nonlocal told
            self.cancel.check()
            if time.monotonic() - told >= _REPORT_SECONDS:
                told = time.monotonic()
                done, total = progress.current, progress.total
                self.report({"kind": "progress", **place, "done": done, "total": total})

        self.report({"kind": "begin", **place})
        counts = run_step(plugin, record, ctx, step, hooks, subtask, tell)
        seconds = time.monotonic() - began
        self.report({"kind": "end", **place, "counts": dict(counts), "seconds": seconds})

    def _say(self, text: str) -> None:
        self.report({"kind": "say", "text": redact(text)})


def left_out(host: Host) -> list[str]:
    """Return a line for each package of shared hooks that does not run."""
    return [
        redact(f"hooks of {record.source} are left out: {record.reason}")
        for record in host.records()
        if record.kind == "hooks" and record.state == "broken"
    ]


def _server_only(plugin: Plugin, ctx: Context) -> list[str]:
    """Return the plugins, other than its own, that the scope's plan has tasks of."""
    pairs = [(ctx.scope, ctx.scope_config)]
    try:
        plan = plugin.make_pipeline_plan(pairs, ctx.connection)
        found = {task.plugin for stage in plan for task in stage}
    except Exception as error:
        # The run itself is done; a plan is for the server.
        log.warning("the plan of %s cannot be made: %s", plugin.name, clean(error))
        return []
    return sorted(found - {plugin.name})
