"""Measure the framework beside the baseline, and write the table into README.md.

Both sides run verb by verb in turn, each in a process of its own and on a database of its own, so
that what else the machine does strikes both. Of several rounds the quickest counts.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import bridge
from .report import Result, startup_lines, table_lines, write_readme

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
ROOT = HERE.parent
SIDES = ("framework", "baseline")
VERBS = ("collect", "extract", "convert")
CALLS = 15
"""How often each call of the bridge is measured; the median counts."""
README = HERE / "README.md"


@contextmanager
def tool(size: int) -> Iterator[str]:
    """Serve items; give the server's address."""
    command = [sys.executable, "-m", "benchmarks.server", str(size)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            if server.stdout is None or not (port := server.stdout.readline().strip()):
                message = "the tool's server did not start"
                raise RuntimeError(message)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


@contextmanager
def databases(kind: str) -> Iterator[dict[str, str]]:
    """Give an empty database to each side."""
    with ExitStack() as stack:
        if kind == "sqlite":
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="devlake-bench-"))
            yield {side: f"sqlite:///{folder}/{side}.db" for side in SIDES}
        else:
            from tests.servers.run import database

            yield {side: stack.enter_context(database(kind)) for side in SIDES}


def child(side: str, verb: str, database: str, server: str) -> dict[str, Any]:
    """Run one measurement in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.child", side, verb, database, server]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout) if done.stdout else {}


def one_round(kind: str, size: int, server: str) -> list[Result]:
    """Run all verbs of both sides once, the sides in turn."""
    results = []
    with databases(kind) as urls:
        for url in urls.values():
            child("framework", "prepare", url, server)
        for verb in VERBS:
            for side in SIDES:
                found = child(side, verb, urls[side], server)
                if found["records"] != size:
                    message = f"{side} {verb}: {found['records']} records instead of {size}"
                    raise RuntimeError(message)
                rate = size / found["seconds"]
                results.append(Result(kind, size, verb, side, rate, found["memory"]))
    return results


def measure(kinds: list[str], sizes: list[int], rounds: int) -> list[Result]:
    """Run everything; tell on the way how far it is."""
    results = []
    for size in sizes:
        with tool(size) as server:
            for number in range(rounds):
                for kind in kinds:
                    print(f"{kind}, {size:,} items, round {number + 1}", file=sys.stderr)
                    results += one_round(kind, size, server)
    return results


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmarks that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__, prog="make bench ARGS=…")
    parser.add_argument("--sizes", default="20000,200000", help="numbers of items")
    parser.add_argument("--databases", default="sqlite,postgresql", help="also: mysql")
    parser.add_argument("--rounds", type=int, default=3, help="how often; the quickest counts")
    parser.add_argument("--no-write", action="store_true", help="leave benchmarks/README.md alone")
    options = parser.parse_args(arguments)
    kinds = options.databases.split(",")
    sizes = [int(size) for size in options.sizes.split(",")]
    with ExitStack() as stack:
        if kinds != ["sqlite"]:
            from tests.servers.run import Run

            stack.callback(Run().end)
        results = measure(kinds, sizes, options.rounds)
    lines = [
        f"CPython {platform.python_version()}, {platform.system()} {platform.machine()}, "
        f"the quickest of {options.rounds} rounds.",
        "",
        *table_lines(results),
        "",
        *startup_lines(),
        "",
        *bridge.measure(CALLS),
    ]
    print("\n".join(lines))
    if not options.no_write:
        write_readme(README, lines)


if __name__ == "__main__":
    main()
