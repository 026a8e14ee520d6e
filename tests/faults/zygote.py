"""A process that imports everything once, then runs each request in a fork that may be killed.

A request is a line of JSON, the answer another. ``kill`` is the number of the failpoint at which
the fork kills itself with SIGKILL, 0 for none; ``points`` in the answer is how many it passed.
"""

import json
import mmap
import os
import signal
import struct
import sys
from typing import Any

from devlake_core.model import Connection, ScopeConfig
from devlake_core.store import Store, Writer
from devlake_core.store.quarantine import Quarantine
from devlake_core.store.state import ScopeState
from devlake_core.store.sweep import Sweeper
from devlake_core.stream import Context
from devlake_core.subtask import collect, convert, extract
from devlake_core.subtask import run as run_module
from tests.faults import world

VERBS = {"collect": collect, "extract": extract, "convert": convert}
PASSED = mmap.mmap(-1, 8)
ERROR = mmap.mmap(-1, 1000)


class Failpoints:
    """Count what the run passes, before and after each step that matters, and kill it there."""

    def __init__(self, kill: int) -> None:
        self._kill = kill
        self._count = 0

    def passed(self) -> None:
        """Count one point."""
        self._count += 1
        PASSED[:] = struct.pack("q", self._count)
        if self._count == self._kill:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, owner: Any, name: str) -> None:
        """Put a point before and one after a function."""
        inner = getattr(owner, name)

        def watched(*args: Any, **kwargs: Any) -> Any:
            self.passed()
            result = inner(*args, **kwargs)
            self.passed()
            return result

        setattr(owner, name, watched)


def watch(kill: int) -> None:
    """Place the failpoints: each commit has points before it, inside it, and after it."""
    points = Failpoints(kill)
    points.around(run_module.SubtaskRun, "commit")
    points.around(ScopeState, "save")
    points.around(Writer, "append")
    points.around(Writer, "upsert")
    points.around(Sweeper, "note")
    points.around(Sweeper, "sweep")
    points.around(Quarantine, "put")
    points.around(run_module, "run_started")
    points.around(run_module, "run_completed")


def shrink(batch: int) -> None:
    """Let the verbs commit after fewer records, so that a small data set has many batches."""
    for name in ("collect", "extract", "convert"):
        module = sys.modules[f"devlake_core.subtask.{name}"]
        for constant in ("BATCH", "SIZE"):
            if hasattr(module, constant):
                setattr(module, constant, batch)


def work(request: dict[str, Any]) -> None:
    """Run all verbs of all streams, as ``devlake run`` does."""
    if request.get("batch"):
        shrink(request["batch"])
    watch(request.get("kill", 0))
    store = Store.open(request["url"])
    number = request["connection"]
    ctx: Context = Context(
        store,
        Connection(id=number, name="c"),
        world.Board(id="b", name="b", connection_id=number),
        ScopeConfig(),
        request["options"],
    )
    ctx.streams = [stream("world") for stream in world.STREAMS]
    ctx.plugin_version = "1"
    for stream in ctx.streams:
        for verb in request.get("verbs", "collect extract convert").split():
            if verb == "collect" and not stream.collects:
                continue
            for progress in VERBS[verb](ctx, stream):
                if request.get("stop_in") == f"{verb} {stream.name}" and progress.current >= 50:
                    request["stop_in"] = None
                    os.kill(os.getpid(), signal.SIGSTOP)
    store.close()


def answered(request: dict[str, Any]) -> dict[str, Any]:
    """Run one request in a fork and tell how it ended, or that it stopped itself.

    A stopped one gets its signal with a request of its own: ``{"pid": …, "signal": …}``.
    """
    PASSED[:] = world.ASKED[:] = struct.pack("q", 0)
    ERROR[:] = bytes(len(ERROR))
    pid = request.get("pid") or os.fork()
    if pid == 0:
        try:
            work(request)
        except BaseException as error:
            text = f"{type(error).__name__}: {error}".encode()[: len(ERROR)]
            ERROR[: len(text)] = text
            os._exit(9)
        os._exit(0)
    if "signal" in request:
        os.kill(pid, request["signal"])
    _, status = os.waitpid(pid, os.WUNTRACED)
    stopped = os.WIFSTOPPED(status)
    return {
        "pid": pid,
        "code": None if stopped else os.waitstatus_to_exitcode(status),
        "points": struct.unpack("q", PASSED[:])[0],
        "asked": struct.unpack("q", world.ASKED[:])[0],
        "error": bytes(ERROR).rstrip(b"\0").decode(),
    }


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answered(json.loads(line))) + "\n")
        sys.stdout.flush()
