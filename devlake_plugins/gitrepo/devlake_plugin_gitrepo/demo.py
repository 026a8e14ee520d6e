"""Run the plugin on a repository, then show what came of it: what ``make demo`` does."""

from __future__ import annotations

import shlex
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rich.bar import Bar
from rich.console import Console
from rich.table import Table
from rich.text import Text

from devlake_core import DevlakeError

from .locate import locate
from .models import Repository
from .plugin import scope_id

if TYPE_CHECKING:
    from collections.abc import Sequence

DATABASE = "devlake.db"
WEEKS, AUTHORS, WIDTH = 26, 10, 40
LAYERS = (
    ("raw, as git told it", "_raw_gitrepo_%"),
    ("tool, validated", "_tool_gitrepo_%"),
    ("domain, as dashboards read it", ""),
)
DOMAIN = ("accounts", "commit_files", "commit_parents", "commits", "refs", "repo_commits", "repos")
OF_REPOSITORY = (
    "FROM commits c JOIN repo_commits r ON r.commit_sha = c.sha "
    "LEFT JOIN accounts a ON a.id = c.author_id WHERE r.repo_id = ?"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; return the exit code.

    Args:
        arguments: the repository's path, if it is not the working directory.
    """
    path = [*(sys.argv[1:] if arguments is None else arguments), "."][0]
    console = Console(highlight=False)
    try:
        location = locate(path)
    except DevlakeError as error:
        console.print(Text(f"{error}\n{error.hint}"))
        console.print("Was this folder unpacked from an archive? The demo needs a clone of git's.")
        return error.exit_code
    repo_id = Repository(
        id=scope_id(location), name="", path=str(location.top), connection_id=1
    ).domain_id()
    before = commit_count(repo_id)
    command = [*devlake(), "run", "gitrepo", path]
    console.print(Text(f"$ {shown(command)}\n", style="bold"))
    status = subprocess.run(command, check=False).returncode
    if status:
        return status
    with sqlite3.connect(DATABASE) as database:
        console.print()
        show_tables(console, database)
        show_authors(console, database, repo_id)
        show_weeks(console, database, repo_id)
    show_end(console, before, commit_count(repo_id))
    return 0


def devlake() -> list[str]:
    """Return the command that a user would type, as it is installed beside this Python."""
    script = Path(sys.executable).with_name("devlake")
    if script.exists():
        found = shutil.which("devlake")
        if found and Path(found).absolute() == script.absolute():
            return ["devlake"]
        here = Path.cwd()
        return [str(script.relative_to(here) if script.is_relative_to(here) else script)]
    return [sys.executable, "-c", "from devlake_core.cli.main import main; main()"]


def shown(command: Sequence[str]) -> str:
    """Return a command as one would type it."""
    return shlex.join(command)


def commit_count(repo_id: str) -> int:
    """Return how many commits of the repository are stored; none without a database."""
    if not Path(DATABASE).exists():
        return 0
    with sqlite3.connect(DATABASE) as database:
        if not names_like(database, "repo_commits"):
            return 0
        query = "SELECT COUNT(*) FROM repo_commits WHERE repo_id = ?"
        return int(database.execute(query, (repo_id,)).fetchone()[0])


def names_like(database: sqlite3.Connection, pattern: str) -> list[str]:
    """Return the names of the tables like a pattern."""
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE ? ORDER BY name"
    return [str(name) for (name,) in database.execute(query, (pattern,))]


def show_tables(console: Console, database: sqlite3.Connection) -> None:
    """Show how many rows each table has, layer by layer."""
    table = Table(title=f"Rows in {DATABASE}", title_justify="left", box=None, pad_edge=False)
    table.add_column("layer", style="dim")
    table.add_column("table")
    table.add_column("rows", justify="right")
    for layer, pattern in LAYERS:
        for name in names_like(database, pattern) if pattern else DOMAIN:
            # Two underscores mark book-keeping: state and quarantine.
            if "__" not in name:
                count = database.execute(f'SELECT COUNT(*) FROM "{name}"').fetchone()[0]
                table.add_row(layer, name, f"{count:,}")
                layer = ""
    console.print(table)


def show_authors(console: Console, database: sqlite3.Connection, repo_id: str) -> None:
    """Show who wrote most of the commits."""
    query = (
        "SELECT COALESCE(a.full_name, c.author_name, '?'), COUNT(*), SUM(c.additions), "
        f"SUM(c.deletions) {OF_REPOSITORY} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {AUTHORS}"
    )
    rows = database.execute(query, (repo_id,)).fetchall()
    most = max((count for _, count, *_ in rows), default=1)
    table = Table(title="\nTop authors", title_justify="left", box=None, pad_edge=False)
    table.add_column("name")
    table.add_column("commits", justify="right")
    table.add_column("", width=WIDTH // 2)
    table.add_column("lines added", justify="right", style="green")
    table.add_column("removed", justify="right", style="red")
    for name, count, added, removed in rows:
        bar = Bar(most, 0, count, width=WIDTH // 2, color="blue")
        table.add_row(printable(name), f"{count:,}", bar, f"{added or 0:,}", f"{removed or 0:,}")
    console.print(table)


def show_weeks(console: Console, database: sqlite3.Connection, repo_id: str) -> None:
    """Show how many commits each of the last weeks has."""
    query = f"SELECT date(c.authored_date), COUNT(*) {OF_REPOSITORY} GROUP BY 1"
    weeks: Counter[date] = Counter()
    for text, count in database.execute(query, (repo_id,)):
        if text:
            day = date.fromisoformat(text)
            weeks[day - timedelta(days=day.weekday())] += count
    if not weeks:
        return
    last = max(weeks)
    first = max(min(weeks), last - timedelta(weeks=WEEKS - 1))
    most = max(count for week, count in weeks.items() if week >= first)
    table = Table(title="\nCommits per week", title_justify="left", box=None, pad_edge=False)
    table.add_column("week of", style="dim")
    table.add_column("", width=WIDTH)
    table.add_column("commits", justify="right")
    for number in range((last - first).days // 7 + 1):
        week = first + timedelta(weeks=number)
        bar = Bar(most, 0, weeks[week], width=WIDTH, color="green")
        table.add_row(week.isoformat(), bar, f"{weeks[week]:,}")
    console.print(table)


def show_end(console: Console, before: int, after: int) -> None:
    """Say what kind of run it was, and what to try next."""
    if before:
        new = after - before
        told = f"read {commits(new, 'new ')}" if new else "found no new commit"
        end = f"This run was incremental: {commits(before)} known before, and it {told}."
    else:
        end = f"This was the first run: it read {commits(after)}. The next one reads only new ones."
    program = shown(devlake())
    console.print(f"\n[bold]{end}[/bold]\n\nTry next:")
    for command, what in (
        ("run gitrepo", "again; with a folder behind it: another clone, into the same tables"),
        ("state show gitrepo", "where the next run goes on"),
    ):
        console.print(Text(f"  {program} {command}").append(f"\n      {what}", style="dim"))


def commits(count: int, kind: str = "") -> str:
    """Return a number of commits in words."""
    return f"{count:,} {kind}commit{'' if count == 1 else 's'}"


def printable(text: str) -> Text:
    """Return a name from a repository without what a terminal would obey."""
    return Text("".join(char for char in text if char.isprintable()))


if __name__ == "__main__":
    sys.exit(main())
