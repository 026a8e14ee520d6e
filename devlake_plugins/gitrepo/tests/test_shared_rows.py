from __future__ import annotations

import os
import sqlite3
import subprocess
import sys

import pytest

pytestmark = pytest.mark.e2e


def run(folder, *words):
    environment = {name: os.environ[name] for name in ("PATH", "HOME")}
    done = subprocess.run(
        [sys.executable, "-m", "devlake_core.cli.main", "run", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def commits(folder):
    with sqlite3.connect(folder / "devlake.db") as connection:
        return {row[0] for row in connection.execute("SELECT sha FROM commits")}


def test_commit_that_no_repository_has_goes_when_all_are_read_anew(make_repository, tmp_path):
    one, two = make_repository("one"), make_repository("two")
    one.commit({"a": b"1"})
    kept = one.git("rev-parse", "HEAD")
    one.commit({"a": b"2"})
    dropped = one.git("rev-parse", "HEAD")
    two.commit({"b": b"1"})
    run(tmp_path, "gitrepo", str(one.folder))
    run(tmp_path, "gitrepo", str(two.folder))
    one.git("reset", "--hard", "HEAD~1")
    run(tmp_path, "gitrepo", "--scope", str(one.folder), "--full-refresh")
    assert dropped in commits(tmp_path), "another repository might have it"
    run(tmp_path, "--all", "--full-refresh")
    assert commits(tmp_path) == {kept, two.git("rev-parse", "HEAD")}
