"""The benchmarks run, and their two sides leave the same rows."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from benchmarks import report, run

if TYPE_CHECKING:
    from pathlib import Path

TABLES = ("_raw_bench_issues", "_tool_bench_issues", "issues")
OWN_TIMES = {"created_at", "updated_at"}


def rows(url: str, table: str) -> list[tuple]:
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as db:
        names = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        kept = ", ".join(f'"{name}"' for name in names if name not in OWN_TIMES)
        found = db.execute(f"SELECT {kept} FROM {table}").fetchall()
        # The framework keeps a record's text, by hand it is written anew: the value counts.
        plain = [[json.loads(v) if isinstance(v, bytes) else v for v in row] for row in found]
        return sorted(map(tuple, plain), key=repr)


def test_framework_and_baseline_leave_the_same_rows() -> None:
    with run.tool(200) as server, run.databases("sqlite") as urls:
        for url in urls.values():
            run.child("framework", "prepare", url, server)
        for verb in run.VERBS:
            for side, url in urls.items():
                assert run.child(side, verb, url, server)["records"] == 200
        for table in TABLES:
            ours, theirs = (rows(url, table) for url in urls.values())
            assert len(ours) == 200
            assert ours == theirs


def test_the_table_is_written_between_the_marks_alone(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    sides = (("framework", 50.0), ("baseline", 100.0))
    results = [report.Result("sqlite", 200, "collect", s, rate, 70.0) for s, rate in sides]
    report.write_readme(readme, report.table_lines(results))
    text = readme.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| sqlite | 200 | collect | 50 | 100 | 0.50 | 70 | 70 |" in text
