"""What the measurements say, as Markdown between two marks of README.md."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
STARTS = 7


class Result(NamedTuple):
    """Be one measurement.

    Attributes:
        database: the kind of database.
        size: the number of items.
        verb: collect, extract or convert.
        side: framework or baseline.
        rate: records a second.
        memory: the greatest resident size, in MB.
    """

    database: str
    size: int
    verb: str
    side: str
    rate: float
    memory: float


def table_lines(results: list[Result]) -> list[str]:
    """Return the table: for each database, size and verb both sides and their ratio."""
    cases = dict.fromkeys((r.database, r.size, r.verb) for r in results)
    lines = [
        "| database | items | verb | records/s | baseline's | ratio | peak MB | baseline's |",
        "|---|--:|---|--:|--:|--:|--:|--:|",
    ]
    for case in sorted(cases, key=lambda case: (case[0] != "sqlite", case[0], case[1])):
        found = [r for r in results if (r.database, r.size, r.verb) == case]
        ours, theirs = ([r for r in found if r.side == s] for s in ("framework", "baseline"))
        rate, other = (max(r.rate for r in side) for side in (ours, theirs))
        memory = [f"{max(r.memory for r in side):.0f}" for side in (ours, theirs)]
        lines.append(
            f"| {case[0]} | {case[1]:,} | {case[2]} | {rate:,.0f} | {other:,.0f} "
            f"| {rate / other:.2f} | {memory[0]} | {memory[1]} |"
        )
    return lines


def _quickest(commands: list[list[str]]) -> list[float]:
    """Return the quickest start of each command, in milliseconds; they take turns."""
    best = [float("inf")] * len(commands)
    for _ in range(STARTS):
        for number, command in enumerate(commands):
            began = time.perf_counter()
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
            best[number] = min(best[number], (time.perf_counter() - began) * 1000)
    return best


def startup_lines() -> list[str]:
    """Return how long the light commands take, beside Python doing nothing."""
    devlake = "import sys; from devlake_core.cli.main import main; sys.exit(main())"
    words = ("--help", "plugins")
    commands = [[sys.executable, "-c", "pass"]]
    commands += [[sys.executable, "-c", devlake, word] for word in words]
    bare, *times = _quickest(commands)
    lines = ["| command | ms | times `python -c pass` |", "|---|--:|--:|"]
    lines.append(f"| `python -c pass` | {bare:.0f} | 1.0 |")
    for word, taken in zip(words, times, strict=True):
        lines.append(f"| `devlake {word}` | {taken:.0f} | {taken / bare:.1f} |")
    return lines


def write_readme(path: Path, lines: list[str]) -> None:
    """Put lines between the marks."""
    text = path.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text("\n".join([before + BEGIN, "", *lines, "", END + after]))
