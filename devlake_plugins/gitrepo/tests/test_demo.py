from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.e2e


def demo(folder, *arguments):
    environment = {name: os.environ[name] for name in ("PATH", "HOME")}
    return subprocess.run(
        [sys.executable, "-m", "devlake_plugin_gitrepo.demo", *arguments],
        cwd=folder,
        env=environment | {"COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_demo_shows_rows_authors_and_weeks_and_then_only_what_is_new(repository):
    for _ in range(3):
        repository.commit(
            {"a": os.urandom(8).hex().encode()}, GIT_AUTHOR_NAME="Grace", GIT_AUTHOR_EMAIL="g@h"
        )
    repository.commit(GIT_AUTHOR_NAME="\x1b[31mEve", GIT_AUTHOR_EMAIL="eve@example.org")
    first = demo(repository.folder)
    assert first.returncode == 0, first.stderr
    for text in ("commit_files", "Top authors", "Grace", "Commits per week", "2023-11-13"):
        assert text in first.stdout
    assert "first run: it read all 4 commits" in first.stdout
    assert "run gitrepo FOLDER" in first.stdout
    assert "\x1b[31m" not in first.stdout
    repository.commit()
    second = demo(repository.folder)
    assert "incremental: 4 commits were known, and it read 1 new" in second.stdout
    assert "found no new commit" in demo(repository.folder).stdout


def test_demo_in_a_shallow_clone(long_history, clone):
    copy = clone(long_history(30), "--depth=5")
    done = demo(copy.folder)
    assert done.returncode == 0, done.stderr
    assert "Top authors" in done.stdout


def test_demo_outside_of_a_repository_says_so(tmp_path):
    done = demo(tmp_path)
    assert done.returncode == 2
    assert "there is no git repository in" in done.stdout
    assert "archive" in done.stdout
    assert not list(tmp_path.iterdir())


def test_demo_of_an_empty_repository(repository):
    done = demo(repository.folder)
    assert done.returncode == 0, done.stderr
    assert "read all 0 commits" in done.stdout
