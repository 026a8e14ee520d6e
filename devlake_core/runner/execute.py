"""Run one job in this process: from the values of a task to what came of it."""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devlake_core.errors import ConfigError, DevlakeError, ScopeBusy
from devlake_core.plugin.clean import clean
from devlake_core.plugin.connect import connection_of
from devlake_core.plugin.events import Subtask
from devlake_core.plugin.guard import place, put_back
from devlake_core.plugin.plan import domain_scopes
from devlake_core.redaction import redact
from devlake_core.store import Store
from devlake_core.store.catalog import register_secrets, row_of
from devlake_core.store.domain_scopes import store_domain_scopes
from devlake_core.stream import Context
from devlake_core.subtask import held

from .job import Failure, Outcome
from .runtime import RunnerRuntime, surrounded
from .steps import Step, steps

if TYPE_CHECKING:
    from collections.abc import Callable

    from devlake_core.plugin.base import Plugin
    from devlake_core.plugin.manager import Host

    from .cancel import Cancel
    from .job import Task

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
        outcome.failure = execution.failure_of(error)
    finally:
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
        self.outcome.warnings += left_out(self.host)
        hooks = self.host.runtime_hooks(job.plugin)
        store = Store.open(self.task.url)
        self._stack.callback(store.close)
        ctx = self._ctx = self._context(plugin, store)
        ctx.plugin_version = record.version
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
                with put_back(record.source, f"while it ran {step.verb} {step.stream.name}"):
                    self._run_step(plugin, step, hooks)
            self.step, runtime.stream = None, ""
        self.outcome.server_only = _server_only(plugin, ctx)

    def close(self) -> None:
        """Take the counts and warnings, and close what is open."""
        if self._ctx is not None:
            self.outcome.counts = Counter({k: n for k, n in self._ctx.counts.items() if n})
            self.outcome.warnings += [redact(clean(text, 1000)) for text in self._ctx.warnings]
        self._stack.close()

    def failure_of(self, error: BaseException) -> Failure:
        """Return why the job failed, in words for a person."""
        subtask = f"{self.step.verb} {self.step.stream.name}" if self.step else ""
        trace = redact("".join(traceback.format_exception(error)))
        if isinstance(error, DevlakeError):
            message = redact(clean(error.message or type(error).__name__, 4000))
            retry_at = getattr(error, "retry_at", None)
            hint = redact(error.hint)
            if isinstance(error, ScopeBusy) and not hint:
                hint = "wait for it to end with --wait SECONDS, or end that process"
            if retry_at is not None:
                hint = f"{hint}; try again after {retry_at:%Y-%m-%d %H:%M:%S} UTC".lstrip("; ")
            return Failure(message, hint, error.exit_code, subtask, trace)
        what = (
            f"sys.exit({error.code!r}) was called"
            if isinstance(error, SystemExit)
            else f"{type(error).__name__}: {error}"
        )
        message = redact(clean(what, 1000) + place(error))
        if self._plugin is not None and _is_guests(error, self._plugin):
            hint = f"this is a mistake in the plugin {self.task.job.plugin}: tell its author"
            return Failure(message, hint, 1, subtask, trace)
        hint = "this is a mistake in devlake_core: run again with --debug and report it"
        return Failure(message, hint, 70, subtask, trace)

    def _context(self, plugin: Plugin, store: Store) -> Context:
        task = self.task
        connection = connection_of(plugin, task.connection)
        register_secrets(connection)
        scope = row_of(plugin.tool_scope_type, task.scope)
        config = scope_config(plugin, task.config)
        options: dict[str, Any] = {"wait": task.job.wait}
        if task.job.full_refresh:
            options["fullSync"] = True
        ctx = Context(store, connection, scope, config, options)
        ctx.api_type = plugin.api_type
        ctx.streams = plugin.all_streams
        return ctx

    def _run_step(self, plugin: Plugin, step: Step, hooks: Any) -> None:
        ctx, job = self._ctx, self.task.job
        assert ctx is not None
        verb, stream = step
        subtask = Subtask(job.plugin, stream.name, verb, job.connection, job.scope)
        place_ = {"verb": verb, "stream": stream.name}
        before = Counter(ctx.counts)
        began = told = time.monotonic()
        self.report({"kind": "begin", **place_})
        try:
            hooks.before_subtask(subtask)
            for progress in getattr(plugin, verb)(ctx, stream):
                self.cancel.check()
                if time.monotonic() - told >= _REPORT_SECONDS:
                    told = time.monotonic()
                    done, total = progress.current, progress.total
                    self.report({"kind": "progress", **place_, "done": done, "total": total})
        except (Exception, SystemExit) as error:
            hooks.on_subtask_error(subtask, error)
            raise
        counts = Counter(ctx.counts)
        counts.subtract(before)
        hooks.after_subtask(subtask, +counts)
        seconds = time.monotonic() - began
        self.report({"kind": "end", **place_, "counts": dict(+counts), "seconds": seconds})

    def _say(self, text: str) -> None:
        self.report({"kind": "say", "text": redact(text)})


def scope_config(plugin: Plugin, values: dict[str, Any] | None) -> Any:
    """Return a scope config: a saved one, else the class with its defaults.

    Raises:
        ConfigError: there is no saved one, and a field has no default.
    """
    kind: Any = plugin.scope_config_type
    if values is not None:
        return row_of(kind, values)
    needed = [
        name for name, info in kind.model_fields.items() if info.is_required() and name != "name"
    ]
    if needed:
        message = f"scopes of {plugin.name} need a config: {', '.join(needed)} has no default"
        hint = f"devlake configs add {plugin.name} --help, then devlake scopes add --config"
        raise ConfigError(message, hint=hint)
    return kind()


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


def _is_guests(error: BaseException, plugin: Plugin) -> bool:
    """Say whether code of a plugin was running when an error was raised."""
    top = sys.modules.get(type(plugin).__module__.partition(".")[0])
    file = getattr(top, "__file__", None)
    if file is None:
        return True
    # A package is its folder, a single module its file alone.
    own = Path(file).resolve()
    house = own.parent if hasattr(top, "__path__") else own
    frames = [Path(item.filename).resolve() for item in traceback.extract_tb(error.__traceback__)]
    return any(frame == house or house in frame.parents for frame in frames)
