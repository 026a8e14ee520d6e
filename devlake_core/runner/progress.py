"""What is shown while jobs are run: bars on a terminal, a line for each step in a pipe."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from .summary import job_lines, step_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Progress, TaskID

    from .job import Job, Outcome


class View(Protocol):
    """Show the events of jobs as they come, and the end of each."""

    def event(self, job: Job, event: dict[str, Any]) -> None:
        """Show an event."""

    def end(self, outcome: Outcome) -> None:
        """Show what came of a job."""


class Ordered:
    """Hand events on in the order of the jobs, whoever of them runs first.

    Args:
        view: who shows them.
        jobs: in the order in which they are to be shown.
    """

    def __init__(self, view: View, jobs: list[Job]) -> None:
        self._view = view
        self._jobs = jobs
        self._kept: dict[int, list[dict[str, Any]]] = {}
        self._head = 0
        self._lock = threading.RLock()

    def report(self, number: int) -> Callable[[dict[str, Any]], None]:
        """Return what takes the events of one job."""

        def take(event: dict[str, Any]) -> None:
            with self._lock:
                if number == self._head:
                    self._view.event(self._jobs[number], event)
                elif event["kind"] != "progress":
                    self._kept.setdefault(number, []).append(event)

        return take

    def end(self, outcome: Outcome) -> None:
        """Show the end of the job that is at the head, and what the next one did meanwhile."""
        with self._lock:
            self._view.end(outcome)
            self._head += 1
            for event in self._kept.pop(self._head, ()):
                self._view.event(self._jobs[self._head], event)


class Quiet:
    """Show nothing but what is written to stderr anyway."""

    def event(self, job: Job, event: dict[str, Any]) -> None:
        """Pass on what a worker wrote to stderr."""
        if event["kind"] == "stderr":
            sys.stderr.write(event["text"] + "\n")

    def end(self, outcome: Outcome) -> None:
        """Do nothing."""


class Lines(Quiet):
    """Write a line for each step that is done.

    Args:
        write: takes a line.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def event(self, job: Job, event: dict[str, Any]) -> None:
        """Write a line for the end of a step, and for a long pause."""
        super().event(job, event)
        if event["kind"] == "end":
            step, words = f"{event['verb']} {event['stream']}", step_words(event["counts"])
            self._write(f"{job.title}: {step}: {words} in {event['seconds']:.1f} s")
        elif event["kind"] == "say":
            self._write(f"{job.title}: {event['text']}")

    def end(self, outcome: Outcome) -> None:
        """Write the job's summary."""
        for line in job_lines(outcome):
            self._write(line)


class Bars(Lines):
    """Show a bar for the running step, with its rate, and a line for each that is done."""

    def __init__(self, progress: Progress) -> None:
        from rich.text import Text

        super().__init__(lambda line: progress.console.print(Text(line), soft_wrap=True))
        self._progress = progress
        self._task: TaskID | None = None

    def event(self, job: Job, event: dict[str, Any]) -> None:
        """Move the bar."""
        kind = event["kind"]
        if kind == "begin":
            self._drop()
            what = f"{job.title}: {event['verb']} {event['stream']}"
            self._task = self._progress.add_task("", what=what, total=None)
        elif kind == "progress" and self._task is not None:
            total = event["total"] or None
            self._progress.update(self._task, completed=event["done"], total=total)
        elif kind == "end":
            self._drop()
        super().event(job, event)

    def end(self, outcome: Outcome) -> None:
        """Take the bar away and write the summary."""
        self._drop()
        super().end(outcome)

    def _drop(self) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None


@contextmanager
def view(stream: TextIO, *, quiet: bool) -> Iterator[View]:
    """Give what shows the events of a run.

    Args:
        stream: where it is shown.
        quiet: whether nothing is to be shown there.
    """
    if quiet:
        yield Quiet()
        return
    if not stream.isatty():

        def write(line: str) -> None:
            stream.write(line + "\n")
            # A reader of the pipe wants to see how far it is.
            stream.flush()

        yield Lines(write)
        return
    # Here: a run in a pipe needs none of it, and it takes a while to import.
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from .rate import AmountColumn

    columns = (
        TextColumn("{task.fields[what]}", markup=False),
        BarColumn(bar_width=30),
        AmountColumn(),
        TimeElapsedColumn(),
    )
    console = Console(file=stream, highlight=False)
    with Progress(*columns, console=console, transient=True) as progress:
        yield Bars(progress)
