"""Measure a call of DevLake's server: from the Go program's side, cold, warm and from the file.

The Go program starts the shims as the server does. Beside each figure stands Python doing nothing,
measured in turn with it, because that is what every cold call begins with.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bridge.gohost import GoHost

ROOT = Path(__file__).parents[1]
GO = ROOT / "contrib" / "go"
COLD = {"DEVLAKE_DAEMON": "0"}
PLUGIN = "gitrepo"
CONNECTION = {"name": "bench"}
WORKERS = 8


def measure(rounds: int) -> list[str]:
    """Return a table of what calls take; an empty list where there is no Go."""
    from tests.bridge import gotools
    from tests.bridge.gohost import GoHost

    go = gotools.find()
    if go is None:
        return []
    # Not under a long TMPDIR: the path of a socket has a limit.
    place = Path(tempfile.mkdtemp(prefix="dlb", dir="/tmp"))
    env = {key: text for key, text in os.environ.items() if not key.startswith("DEVLAKE_")}
    # As pip leaves it: compiled.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    env["DEVLAKE_RUNDIR"] = str(place / "run")
    program = place / "hostdriver"
    command = [go, "build", "-o", str(program), "./internal/hostdriver"]
    subprocess.run(command, cwd=GO, env=gotools.environment(), check=True)
    devlake = [sys.executable, "-m", "devlake_core.cli.main"]
    folder = place / "shims"
    sync = [*devlake, "bridge", "sync", str(folder)]
    subprocess.run(sync, env=env, stdout=subprocess.DEVNULL, check=True)
    host = GoHost(program, env)
    try:
        return _table(host, folder, place, rounds)
    finally:
        host.close()
        stop = [*devlake, "serve", "stop"]
        subprocess.run(stop, env=env, stdout=subprocess.DEVNULL, check=False)
        shutil.rmtree(place, ignore_errors=True)


def _table(host: GoHost, folder: Path, place: Path, rounds: int) -> list[str]:
    saved = folder / PLUGIN / "plugin-info.json"
    kept = saved.read_bytes()

    def call(*words: Any, env: dict[str, str] | None = None) -> None:
        outcome = host.call(folder, PLUGIN, *words, env=env or {})
        if not outcome.ok:
            raise RuntimeError(outcome.error)

    _warm(call, place)
    cases: dict[str, Callable[[], None]] = {
        "`python -c pass`": lambda: _python("-c", "pass"),
        "`python -I -S -c pass`": lambda: _python("-I", "-S", "-c", "pass"),
        "`plugin-info`, from the file": lambda: call("plugin-info"),
        "`plugin-info`, warm": lambda: _without(saved, kept, lambda: call("plugin-info")),
        "`plugin-info`, cold": lambda: _without(saved, kept, lambda: call("plugin-info", env=COLD)),
        "`test-connection`, warm": lambda: call("test-connection", CONNECTION),
        "`test-connection`, cold": lambda: call("test-connection", CONNECTION, env=COLD),
    }
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, case in cases.items():
            began = time.perf_counter()
            case()
            times[name].append((time.perf_counter() - began) * 1000)
    bare = statistics.median(times["`python -c pass`"])
    lines = ["| call | median ms | times `python -c pass` |", "|---|--:|--:|"]
    for name, found in times.items():
        median = statistics.median(found)
        lines.append(f"| {name} | {median:.0f} | {median / bare:.1f} |")
    lines += ["", _memory(host, folder, place)]
    return lines


def _python(*words: str) -> None:
    subprocess.run([sys.executable, *words], check=True)


def _without(saved: Path, kept: bytes, case: Callable[[], None]) -> None:
    """Run a case without the saved answer: as after an upgrade."""
    saved.unlink()
    try:
        case()
    finally:
        saved.write_bytes(kept)


def _warm(call: Callable[..., None], place: Path) -> None:
    end = time.monotonic() + 30
    while not list((place / "run").glob(f"*/{PLUGIN}.plugin")):
        if time.monotonic() > end:
            message = "the plugin's keeper did not come"
            raise RuntimeError(message)
        call("test-connection", CONNECTION)
        time.sleep(0.2)


def _memory(host: GoHost, folder: Path, place: Path) -> str:
    """Return what one more call at the same time costs: its client's and worker's own pages."""
    from tests.bridge.gohost import Call

    # A scope that another call holds: each of these calls waits for it, with all that it needs.
    context = {
        "db_url": f"sqlite:///{place}/bench.db",
        "connection": {"id": 1, **CONNECTION},
        "scope": {"id": "bench", "name": "bench", "path": str(ROOT)},
        "options": {"wait": 20},
    }
    first = host.call(folder, PLUGIN, "collect", context, "commits")
    if not first.ok:
        raise RuntimeError(first.error)
    before = _private(host.pid)
    holder = sqlite3.connect(place / "bench.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    request = host.begin(
        Call(folder, PLUGIN, "collect", [context, "commits"]), repeat=WORKERS, parallel=WORKERS
    )
    time.sleep(3)
    during = _private(host.pid)
    holder.execute("ROLLBACK")
    holder.close()
    request.wait()
    each = (during - before) / WORKERS / 1024
    return f"One more subtask at the same time: {each:.1f} MB of private memory, client included."


def _private(host: int) -> int:
    """Return the private memory of the service's processes and the host's children, in KB."""
    total = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # A client has wiped its arguments; it is known by its parent.
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            service = b"devlake_core.bridge.service" in (entry / "cmdline").read_bytes()
            if parent != host and not service:
                continue
            for line in (entry / "smaps_rollup").read_text().splitlines():
                if line.startswith("Private_"):
                    total += int(line.split()[1])
        except OSError:
            # It ended meanwhile.
            continue
    return total


if __name__ == "__main__":
    print(json.dumps(measure(5), indent=1))
