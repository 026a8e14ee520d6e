"""A process that runs one job: the task comes through stdin, what is told goes to a pipe."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
from typing import Any

from devlake_core.redaction import RedactingFilter, register_secret


def main(arguments: list[str]) -> None:
    """Run the job that stdin names, tell the pipe of it, and exit.

    Args:
        arguments: the pipe's descriptor, then perhaps ``--debug``.
    """
    descriptor = int(arguments[0])
    # Kept from plugins: what they start must not hold the pipe open.
    os.set_inheritable(descriptor, False)
    _log(debug="--debug" in arguments)
    task_line = sys.stdin.buffer.readline()
    if not task_line:
        sys.exit(75)
    # Plugins get an empty stdin; a copy of ours tells when the parent is gone.
    parent = os.dup(0)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()
    values = json.loads(task_line)
    lock = threading.Lock()

    with os.fdopen(descriptor, "wb", buffering=0) as pipe:

        def tell(event: dict[str, Any]) -> None:
            with lock:
                pipe.write(json.dumps(event).encode() + b"\n")

        _run(values, tell)
    # Threads and exit handlers of the plugin are not waited for.
    sys.stderr.flush()
    os._exit(0)


def _run(values: dict[str, Any], tell: Any) -> None:
    # Here, so that a database's password is registered before anything can fail.
    register_secret(values["url"])
    from devlake_core.plugin.manager import Host

    from .cancel import Cancel
    from .execute import run_task
    from .job import Task
    from .legacy import add_legacy

    task = Task.from_dict(values)
    cancel = Cancel()
    with cancel.heard():
        host = Host()
        if task.job.legacy:
            add_legacy(host, task.job.legacy)
        outcome = run_task(task, host, cancel, tell)
        tell({"kind": "outcome", "outcome": outcome.as_dict()})


def _log(*, debug: bool) -> None:
    handler = logging.StreamHandler()
    handler.addFilter(RedactingFilter())
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.DEBUG if debug else logging.WARNING)
    logging.captureWarnings(capture=True)


def _end_with_parent(parent: int) -> None:
    """Stop when the other end of stdin is closed: the process that wanted this job is gone."""
    while os.read(parent, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main(sys.argv[1:])
