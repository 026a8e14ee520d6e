"""DevLake's server as the tests know it: a Go program that calls plugins as the server does."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

# For ten thousand calls on a busy machine; what hangs is ended by the test's own limit.
PATIENCE = 3600


class HostDied(AssertionError):
    """The host's process is gone, with a panic or because somebody killed it."""


@dataclass(frozen=True)
class Call:
    """One call of one method; the folder of the shims, then the words of the wire."""

    dir: str | Path
    plugin: str
    method: str
    args: Sequence[Any] = ()
    # "call", "stream" or "progress"; None: as the method's name says
    kind: str | None = None

    def document(self) -> dict[str, Any]:
        """Return what the host program reads."""
        return {
            "dir": str(self.dir),
            "plugin": self.plugin,
            "method": self.method,
            "args": list(self.args),
            "kind": self.kind or "",
        }


@dataclass
class Outcome:
    """What one call, or many that ended in the same way, came to."""

    call: int  # index among the calls of the request
    ok: bool
    hung: bool
    output: Any
    lines: list[Any]
    error: str
    status: int
    signal: int
    category: str
    stderr: str
    log: list[dict[str, str]]
    ms: list[float]
    after_cancel_ms: list[float]

    @property
    def count(self) -> int:
        """How many calls ended so."""
        return len(self.ms)


@dataclass
class Request:
    """A request on its way."""

    host: GoHost
    id: int
    answers: queue.Queue[dict[str, Any] | HostDied] = field(default_factory=queue.Queue)
    outcomes: list[Outcome] | None = None
    passed_over: list[dict[str, Any]] = field(default_factory=list)

    def events(self, timeout: float = PATIENCE) -> Iterator[dict[str, Any]]:
        """Yield "started", "line" and "log" as they come, until the request has ended."""
        while self.outcomes is None:
            answer = self.answers.get(timeout=timeout)
            if isinstance(answer, HostDied):
                raise answer
            if "event" in answer:
                yield answer
            else:
                self.outcomes = [Outcome(**_without_null(o)) for o in answer["outcomes"]]

    def until(self, event: str, timeout: float = PATIENCE) -> dict[str, Any]:
        """Return the next event of a kind; those of other kinds may be asked for later."""
        for found in self.passed_over:
            if found["event"] == event:
                self.passed_over.remove(found)
                return found
        for found in self.events(timeout):
            if found["event"] == event:
                return found
            self.passed_over.append(found)
        message = f"the request ended without {event!r}: {self.outcomes}"
        raise AssertionError(message)

    def wait(self, timeout: float = PATIENCE) -> list[Outcome]:
        """Return what the calls came to, equal ones counted together."""
        for _ in self.events(timeout):
            pass
        assert self.outcomes is not None
        return self.outcomes

    def one(self, timeout: float = PATIENCE) -> Outcome:
        """Return what all calls came to alike."""
        outcomes = self.wait(timeout)
        assert len(outcomes) == 1, outcomes
        return outcomes[0]

    def cancel(self) -> None:
        """Cancel the context of its calls."""
        self.host.send({"cancel": self.id})


def _without_null(outcome: dict[str, Any]) -> dict[str, Any]:
    lists = ("lines", "log", "ms", "after_cancel_ms")
    return {**outcome, **{name: outcome[name] or [] for name in lists}}


class GoHost:
    """The host program, running. Requests run at once; each call is a process, as at the server.

    Options of a request, all optional: repeat, parallel (numbers); safe (without the server's
    habits); host (a name: requests of one name share what the server remembers of a plugin);
    env (added; None takes a variable away); logger_ms (the logger's time for a line); timeout_ms
    (then a call counts as hung); cancel_ms, cancel_lines (cancel after that time or that many
    lines of results); stop, close (descriptor → bytes after which its reader goes away, leaving
    it open or closing it); follow (events); log (the log's lines in the outcome); mask (what this
    regular expression finds in errors and logs becomes "…", so that equal failures are counted
    together).
    """

    def __init__(self, program: Path, env: Mapping[str, str] | None = None) -> None:
        # Not a pipe, which nobody would read while the program lives.
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        self.process = subprocess.Popen(
            [program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            # Else a program with the race detector takes a second to end.
            env={**(os.environ if env is None else env), "GORACE": "atexit_sleep_ms=0"},
        )
        self._requests: dict[int, Request] = {}
        self._lock = threading.Lock()
        self._died: HostDied | None = None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self.process.pid

    def begin(self, *calls: Call, **options: Any) -> Request:
        """Start a request."""
        with self._lock:
            request = Request(self, len(self._requests) + 1)
            self._requests[request.id] = request
            if self._died:
                request.answers.put(self._died)
        self.send({"id": request.id, "calls": [call.document() for call in calls], **options})
        return request

    def run(self, *calls: Call, **options: Any) -> list[Outcome]:
        """Make calls and return what they came to, equal ones counted together."""
        return self.begin(*calls, **options).wait()

    def call(self, *words: Any, **options: Any) -> Outcome:
        """Make one call: folder, plugin, method, arguments."""
        folder, plugin, method, *args = words
        return self.begin(Call(folder, plugin, method, args), **options).one()

    def send(self, document: Mapping[str, Any]) -> None:
        """Write a line to the program."""
        assert self.process.stdin is not None
        try:
            with self._lock:
                self.process.stdin.write(json.dumps(document).encode() + b"\n")
                self.process.stdin.flush()
        except BrokenPipeError:
            self._reader.join()

    def kill(self) -> None:
        """Kill the host, as a crash of the server does."""
        self.process.kill()
        self.process.wait()

    def said(self) -> str:
        """Return what the program wrote to standard error: panics and data races."""
        size = os.fstat(self._said.fileno()).st_size
        return os.pread(self._said.fileno(), size, 0).decode(errors="replace")

    def close(self) -> None:
        """End the host and insist that it lived to its end without a panic or a data race."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        killed = self.process.returncode is not None
        with suppress(BrokenPipeError):  # it is dead then, and its exit status says so
            self.process.stdin.close()
        status = self.process.wait(timeout=60)
        self._reader.join()
        self.process.stdout.close()
        said = self.said()
        self._said.close()
        assert killed or status == 0, f"the host ended with {status}:\n{said}"

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            answer = json.loads(line)
            self._requests[answer["id"]].answers.put(answer)
        with self._lock:
            self._died = HostDied(f"the host is gone:\n{self.said()[:20_000]}")
            for request in self._requests.values():
                request.answers.put(self._died)
