"""Who runs the jobs: this process one by one, or a process of its own for each.

Both are a ``concurrent.futures.Executor``, the one seam where another way to run jobs goes in.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from devlake_core.plugin.clean import clean
from devlake_core.redaction import redact

from .execute import run_task
from .job import Failure, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from devlake_core.plugin.manager import Host

    from .cancel import Cancel
    from .job import Task

    Report = Callable[[dict[str, Any]], None]

END_SECONDS = 10.0
"""How long a worker may take to stop when it is told to."""


class InProcess(Executor):
    """Run each task at once, in this process and thread.

    Args:
        host: where the plugins are.
        cancel: what tells that the run shall stop.
    """

    def __init__(self, host: Host, cancel: Cancel) -> None:
        self._host = host
        self._cancel = cancel

    def submit(self, task: Task, report: Report) -> Future[Outcome]:  # type: ignore[override]
        """Run a task; the future that is returned is done."""
        future: Future[Outcome] = Future()
        # What a plugin prints is no result of ours.
        with contextlib.redirect_stdout(sys.stderr):
            future.set_result(run_task(task, self._host, self._cancel, report))
        return future


class ProcessPerJob(Executor):
    """Run each task in a new process, some at once.

    A worker that dies takes no other with it; the outcome names the signal and what was run.

    Args:
        jobs: how many run at once.
        debug: whether workers shall log for debugging.
    """

    def __init__(self, jobs: int, *, debug: bool = False) -> None:
        self._threads = ThreadPoolExecutor(jobs, thread_name_prefix="job")
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._debug = debug
        self._stopped = 0

    def submit(self, task: Task, report: Report) -> Future[Outcome]:  # type: ignore[override]
        """Run a task as soon as one of the places is free."""
        return self._threads.submit(self._run, task, report)

    def stop(self, number: int) -> None:
        """Pass a signal on to all workers, and begin no further one."""
        with self._lock:
            self._stopped = number
            for worker in self._running:
                worker.send_signal(number)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for the tasks that were begun."""
        self._threads.shutdown(wait, cancel_futures=cancel_futures)

    def _run(self, task: Task, report: Report) -> Outcome:
        listening = _Listening(task, report)
        reader, writer = os.pipe()
        try:
            with self._lock:
                if self._stopped:
                    return listening.stopped(self._stopped)
                worker = self._start(writer)
                self._running.add(worker)
        except OSError as error:
            os.close(reader)
            message = f"no process could be started: {error.strerror}"
            return listening.failed(message, "try again later, or with fewer --jobs", 75)
        finally:
            os.close(writer)
        try:
            listening.follow(worker, reader)
        finally:
            with self._lock:
                self._running.discard(worker)
        return listening.outcome(worker.returncode, self._stopped)

    def _start(self, writer: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-X", "faulthandler", "-m", "devlake_core.runner.worker"]
        return subprocess.Popen(
            [*command, str(writer), *(["--debug"] if self._debug else [])],
            stdin=subprocess.PIPE,
            # What a plugin prints is no result of ours: both streams come out at stderr.
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(writer,),
            # Of its own session: Ctrl-C comes through us, and what it leaves behind can be ended.
            start_new_session=True,
        )


class _Listening:
    """Hear what one worker tells, until it ends."""

    def __init__(self, task: Task, report: Report) -> None:
        self._task = task
        self._report = report
        self._step = ""
        self._outcome: Outcome | None = None
        self._last: list[str] = []

    def follow(self, worker: subprocess.Popen[bytes], reader: int) -> None:
        """Give the worker its task and pass on what it tells."""
        errors = threading.Thread(target=self._pass_on, args=(worker,), daemon=True)
        errors.start()
        assert worker.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it died already: its status says so
            worker.stdin.write(json.dumps(self._task.as_dict()).encode() + b"\n")
            worker.stdin.flush()
        with os.fdopen(reader, encoding="utf-8") as lines:
            for line in lines:
                self._take(json.loads(line))
        worker.wait()
        # What the plugin started and left behind would keep its output open.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(worker.pid, signal.SIGKILL)
        errors.join(END_SECONDS)
        with contextlib.suppress(BrokenPipeError):
            worker.stdin.close()

    def outcome(self, status: int, stopped: int) -> Outcome:
        """Return what came of the task, also if the worker died."""
        if self._outcome is not None:
            return self._outcome
        if stopped:
            return self.stopped(stopped)
        job = self._task.job
        if status < 0:
            number = -status
            name = signal.Signals(number).name
            why = "killed, probably out of memory" if number == signal.SIGKILL else "it crashed"
            message = f"the process of {job.title} died of {name}: {why}{self._where()}"
            hint = "what was committed stays; run again to go on from there"
            return self.failed(message, hint, 128 + number)
        message = f"the process of {job.title} left with status {status} before it was done"
        return self.failed(f"{message}{self._where()}", f"tell the author of {job.plugin}", 1)

    def stopped(self, number: int) -> Outcome:
        """Return the outcome of a task that was stopped by a signal."""
        name = "Ctrl-C" if number == signal.SIGINT else "SIGTERM"
        hint = "what was committed stays; the next run goes on from there"
        return self.failed(f"stopped by {name}", hint, 128 + number)

    def failed(self, message: str, hint: str, code: int) -> Outcome:
        """Return the outcome of a task that failed."""
        failure = Failure(message, hint, code, self._step, "\n".join(self._last))
        return Outcome(self._task.job, failure=failure)

    def _where(self) -> str:
        return f" in {self._step}" if self._step else ""

    def _take(self, told: dict[str, Any]) -> None:
        if told["kind"] == "outcome":
            self._outcome = Outcome.from_dict(told["outcome"])
            return
        if told["kind"] == "begin":
            self._step = f"{told['verb']} {told['stream']}"
        elif told["kind"] == "end":
            self._step = ""
        self._report(told)

    def _pass_on(self, worker: subprocess.Popen[bytes]) -> None:
        """Pass on what the worker prints, line by line and redacted."""
        assert worker.stdout is not None
        for raw in worker.stdout:
            line = clean(redact(raw.decode("utf-8", "replace")), 2000)
            self._last = [*self._last[-49:], line]
            self._report({"kind": "stderr", "text": line})
        worker.stdout.close()
