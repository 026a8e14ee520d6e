"""Run plugins: collect, extract and convert the scopes that are asked for."""

from __future__ import annotations

import difflib
import sys
import time
from concurrent.futures import wait as wait_for
from typing import TYPE_CHECKING, Any

import click

from devlake_core.errors import DevlakeError, PluginLoadError, UsageError
from devlake_core.runner.job import VERBS, Failure, Job, Outcome, Task, exit_code_of
from devlake_core.runner.legacy import add_legacy
from devlake_core.runner.pool import InProcess, ProcessPerJob
from devlake_core.runner.progress import Ordered, view
from devlake_core.runner.summary import summary, total_lines

from .options import connection_option, db_option, json_option, plugin_names
from .output import write, write_json
from .saved import Saved
from .selection import Selection, Wanted
from .session import is_path, tell

if TYPE_CHECKING:
    from devlake_core.plugin.base import Plugin
    from devlake_core.store import Store

    from .session import Session

_POLL = 0.1
_WORDS = (*VERBS, "all")


@click.command("run")
@click.argument("plugin", required=False, metavar="PLUGIN[,PLUGIN…]", shell_complete=plugin_names)
@click.argument("words", nargs=-1, metavar="[collect|extract|convert|all] [SCOPE…]")
@connection_option
@click.option("--scope", "scopes", multiple=True, metavar="NAME", help="Only this saved scope.")
@click.option("--stream", "streams", multiple=True, metavar="NAME", help="Only this stream.")
@click.option("--full-refresh", is_flag=True, help="Read everything again.")
@click.option("--all", "everything", is_flag=True, help="All saved scopes of all plugins.")
@click.option(
    "--jobs", type=click.IntRange(1, 64), default=1, metavar="N", help="Run N scopes at once."
)
@click.option(
    "--wait",
    type=click.FloatRange(0),
    default=0.0,
    metavar="SECONDS",
    help="Wait so long for another run of a scope to end.",
)
@click.option(
    "--legacy", default="", metavar="PATH", help="Run the plugin of this main.py (not installed)."
)
@db_option
@json_option
@click.pass_obj
def command(session: Any, /, plugin: str | None, words: tuple[str, ...], **options: Any) -> int:
    """Collect from a tool and fill the tables.

    PLUGIN is what `devlake plugins` lists; several are separated by commas. The verb is `all`
    where it is left out: collect (ask the tool, keep raw rows), extract (make tool rows of them),
    convert (make domain rows of those). A SCOPE is a saved one or, if the plugin understands it
    or the tool has it, a new one: `devlake run gitrepo ~/src/project`.
    """
    verb = words[0] if words and words[0] in _WORDS else ""
    arguments = words[1:] if verb else words
    if plugin is not None and is_path(plugin) and not options["legacy"]:
        plugin, options["legacy"] = None, plugin
    if options["legacy"] and plugin is not None and plugin in _WORDS and not verb:
        plugin, verb = None, str(plugin)
    job = Job(
        "",
        "",
        0,
        "",
        verb=verb or "all",
        streams=options["streams"],
        full_refresh=options["full_refresh"],
        wait=options["wait"],
        legacy=options["legacy"],
    )
    wanted = Wanted(options["connection"], arguments, options["scopes"], options["everything"], job)
    try:
        names = _names(session, plugin, wanted)
        return _Run(session, names, wanted, options["jobs"]).run()
    except UsageError as error:
        first = "" if verb else next(iter(words), "")
        if meant := difflib.get_close_matches(first, _WORDS, 1):
            meaning = f"did you mean the verb {meant[0]}?"
            error.hint = f"{meaning} else: {error.hint}" if error.hint else meaning
        raise


def _names(session: Session, plugin: str | None, wanted: Wanted) -> list[str]:
    """Return the plugins to run."""
    if wanted.job.legacy:
        made = add_legacy(session.host, wanted.job.legacy)
        if plugin not in {None, made.name}:
            message = f"--legacy names the plugin {made.name!r}, not {plugin!r}"
            raise UsageError(message, hint=f"devlake run {made.name} --legacy PATH")
        return [made.name]
    if plugin is None:
        if not wanted.everything:
            message = "say which plugin to run"
            raise UsageError(message, hint="devlake plugins lists them; --all runs all")
        records = session.host.records()
        return [r.name for r in records if r.kind == "plugin" and r.usable]
    names = list(dict.fromkeys(name for name in plugin.split(",") if name))
    if len(names) > 1 and (wanted.arguments or wanted.saved):
        message = "scopes can be named for one plugin alone"
        raise UsageError(message, hint="run the plugins one by one, or all their saved scopes")
    for name in names:
        session.host.record(name)  # a wrong name ends the call before anything is run
    return names


class _Run:
    """Be one call of ``devlake run``."""

    def __init__(self, session: Session, names: list[str], wanted: Wanted, jobs: int) -> None:
        self._session = session
        self._names = names
        self._wanted = wanted
        self._jobs = jobs

    def run(self) -> int:
        began = time.monotonic()
        failed: list[Outcome] = []
        with self._session.cancel.heard():
            tasks = self._tasks(failed)
            outcomes = [*failed, *self._outcomes(tasks)]
        self._sweep_shared(outcomes)
        seconds = time.monotonic() - began
        if self._session.json:
            write_json(summary(outcomes, seconds))
        else:
            for line in total_lines(outcomes, seconds):
                write(line)
            if not outcomes:
                write("nothing to run: no scope is saved")
        sys.stdout.flush()
        for outcome in outcomes:
            self._tell(outcome)
        return exit_code_of(outcomes)

    def _tasks(self, failed: list[Outcome]) -> list[Task]:
        """Return the tasks; a plugin of several that cannot be run is noted as failed."""
        plugins: list[Plugin] = []
        for name in self._names:
            if self._wanted.everything:
                # Every healthy one is meant; what keeps another from being so is said.
                try:
                    plugins.append(self._session.host.load(name))
                except PluginLoadError as error:
                    tell(f"left out: {error.message}")
                continue
            with _Noting(self._wanted.job, name, failed, alone=len(self._names) == 1):
                plugins.append(self._session.host.load(name))
        if not plugins:
            return []
        tasks: list[Task] = []
        with self._session.store() as store:
            for plugin in plugins:
                with _Noting(self._wanted.job, plugin.name, failed, alone=len(self._names) == 1):
                    tasks += self._tasks_of(store, plugin)
        return tasks

    def _tasks_of(self, store: Store, plugin: Plugin) -> list[Task]:
        if self._wanted.everything and not Saved(store, plugin).exist():
            return []
        self._session.prepare(store, [plugin])
        return Selection(self._session, store, plugin, self._wanted).tasks()

    def _outcomes(self, tasks: list[Task]) -> list[Outcome]:
        session, cancel = self._session, self._session.cancel
        apart = self._jobs > 1
        outcomes: list[Outcome] = []
        with view(sys.stdout, quiet=session.json) as shown:
            ordered = Ordered(shown, [task.job for task in tasks])
            if not apart:
                executor = InProcess(session.host, cancel)
                for number, task in enumerate(tasks):
                    if cancel.signal:
                        break
                    outcome = executor.submit(task, ordered.report(number)).result()
                    ordered.end(outcome)
                    outcomes.append(outcome)
                return outcomes
            with cancel.held(), ProcessPerJob(self._jobs, debug=session.debug) as pool:
                futures = [pool.submit(task, ordered.report(n)) for n, task in enumerate(tasks)]
                stopped = False
                for future in futures:
                    while not wait_for([future], _POLL).done:
                        if cancel.signal and not stopped:
                            stopped = True
                            pool.stop(cancel.signal)
                    outcomes.append(future.result())
                    ordered.end(outcomes[-1])
        return outcomes

    def _sweep_shared(self, outcomes: list[Outcome]) -> None:
        """Drop shared rows that no scope names, where every scope was read anew and whole."""
        job = self._wanted.job
        whole = self._wanted.everything and job.full_refresh and job.verb == "all"
        if not whole or job.streams or not outcomes or any(o.failure for o in outcomes):
            return
        from devlake_core.model import raw_data_params
        from devlake_core.subtask import sweep_shared

        with self._session.store() as store:
            for name in self._names:
                ended = [outcome for outcome in outcomes if outcome.job.plugin == name]
                params = [raw_data_params(o.job.connection_id, o.job.scope) for o in ended]
                if ended:
                    streams = self._session.host.load(name).all_streams
                    ended[-1].counts["removed"] += sweep_shared(store, streams, params)

    def _tell(self, outcome: Outcome) -> None:
        """Write why a job failed."""
        failure = outcome.failure
        if failure is None:
            return
        if self._session.debug and failure.traceback:
            sys.stderr.write(failure.traceback.rstrip("\n") + "\n")
        where = f"{outcome.job.title}: " if outcome.job.scope else f"{outcome.job.plugin}: "
        step = f"{failure.subtask}: " if failure.subtask else ""
        sys.stderr.write(f"error: {where}{step}{failure.message}\n")
        if failure.hint:
            sys.stderr.write(f"→ {failure.hint}\n")


class _Noting:
    """Note what a plugin's preparation raises as the failure of that plugin, if it is not alone."""

    def __init__(self, job: Job, plugin: str, failed: list[Outcome], *, alone: bool) -> None:
        self._job, self._plugin, self._failed, self._alone = job, plugin, failed, alone

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: Any, error: BaseException | None, _trace: Any) -> bool:
        if self._alone or not isinstance(error, DevlakeError) or error.exit_code >= 128:
            return False
        failure = Failure(error.message, error.hint, error.exit_code)
        job = Job(self._plugin, "", 0, "", verb=self._job.verb)
        self._failed.append(Outcome(job, failure=failure))
        return True
