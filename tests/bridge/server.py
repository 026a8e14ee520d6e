"""DevLake's server with a folder of shims: the Go host calls a plugin, warm or cold."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from devlake_core.bridge import wire
from tests.bridge.gohost import Call

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.bridge.gohost import GoHost, Outcome, Request
    from tests.bridge.shims import Shims

T = TypeVar("T")

PATIENCE = 60.0
"""How many seconds what is quick may take on a machine that does other things as well."""

in_time = pytest.mark.parametrize(
    "slack",
    [pytest.param(0.0, id="in time", marks=pytest.mark.slow), pytest.param(25.0, id="at last")],
)
"""The bars that are promised hold on an idle machine; elsewhere there are so many seconds more."""

TOKEN = "CANARY-3f1c9"
THINGS = 250
"""How many records the unruly plugin's stream has."""


def connection(behaviour: str = "good") -> dict[str, Any]:
    """Return a connection of the unruly plugin."""
    return {"id": 1, "name": "c", "token": TOKEN, "behaviour": behaviour}


def task(database: Path, behaviour: str = "good", scope: str = "a", **more: Any) -> dict[str, Any]:
    """Return the context of a subtask."""
    return {
        "db_url": f"sqlite:///{database}",
        "connection": connection(behaviour),
        "scope": {"id": scope, "name": scope, "connectionId": 1},
        **more,
    }


@dataclass
class Server:
    """A server that calls the unruly plugin.

    Attributes:
        host: the Go program.
        shims: the folder.
        mode: ``warm`` or ``cold``.
    """

    host: GoHost
    shims: Shims
    mode: str

    @property
    def env(self) -> dict[str, str | None]:
        """The variables that make its calls warm or cold."""
        return {
            "DEVLAKE_RUNDIR": str(self.shims.run),
            "DEVLAKE_DAEMON": "0" if self.mode == "cold" else "1",
            "PYTHONDONTWRITEBYTECODE": None,
        }

    def few(self, things: Sequence[T]) -> Sequence[T]:
        """Return the things to try: of cold calls, which take long, the last one alone."""
        return things if self.mode == "warm" else things[-1:]

    def of(self, method: str, *words: Any) -> Call:
        """Return a call."""
        return Call(self.shims.folder, "unruly", method, words)

    def begin(self, *calls: Call, env: dict[str, str] | None = None, **options: Any) -> Request:
        """Start calls."""
        return self.host.begin(*calls, env={**self.env, **(env or {})}, **options)

    def run(self, *calls: Call, **options: Any) -> list[Outcome]:
        """Make calls and return what they came to."""
        return self.begin(*calls, **options).wait()

    def call(self, method: str, *words: Any, **options: Any) -> Outcome:
        """Make one call."""
        return self.begin(self.of(method, *words), **options).one()

    def calls_of_keeper(self) -> int:
        """Return how many calls the plugin's keeper has had; where it was replaced, both."""
        calls = 0
        for path in self.shims.run.glob("*/unruly.plugin"):
            # It may have ended.
            with suppress(OSError):
                calls += int(wire.ask(str(path), {"do": "status"}, 30)["calls"])
        return calls


def written(path: Path, seconds: float = PATIENCE) -> int:
    """Wait until a process has signed in a file, and return its number."""
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, "it did not begin"
        time.sleep(0.01)
    return int(path.read_text())


def runs(pid: int) -> bool:
    """Say whether a process runs; one that nobody has waited for does not."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] not in {b"Z", b"X"}
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone_after(pid: int, seconds: float = PATIENCE) -> float:
    """Wait until a process is gone, and return how many seconds that took."""
    begun = time.monotonic()
    while runs(pid):
        assert time.monotonic() - begun < seconds, f"process {pid} still runs"
        time.sleep(0.005)
    return time.monotonic() - begun
