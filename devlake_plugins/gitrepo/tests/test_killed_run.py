from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys

import pytest

pytestmark = pytest.mark.e2e

COMMITS = 5_000
DEVLAKE = [sys.executable, "-c", "from devlake_core.cli.main import main; main()"]


def count(database, table):
    with sqlite3.connect(database, timeout=10) as connection:
        return connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]


def test_killed_run_goes_on_where_it_was(long_history, tmp_path):
    repository = long_history(COMMITS)
    environment = {name: os.environ[name] for name in ("PATH", "HOME")}
    command = [*DEVLAKE, "run", "gitrepo", str(repository.folder)]
    database = tmp_path / "devlake.db"
    killed = subprocess.run(
        command,
        cwd=tmp_path,
        env={**environment, "DEVLAKE_FAILPOINTS": "commit.within=4:kill9"},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    stored = count(database, "_raw_gitrepo_commits")
    assert 0 < stored < COMMITS
    again = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stderr
    # The state stands for whole thousands, so at most two of those are read twice.
    read = int(again.stdout.split("collect commits: ")[1].split(" ")[0].replace(",", ""))
    assert COMMITS - stored <= read <= COMMITS - stored + 2000
    assert count(database, "_raw_gitrepo_commits") == COMMITS
    assert count(database, "commits") == count(database, "repo_commits") == COMMITS
    assert count(database, "commit_parents") == COMMITS - 1 + COMMITS // 20
