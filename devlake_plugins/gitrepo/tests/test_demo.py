from __future__ import annotations

import os
import subprocess
import sys

import pytest

from devlake_plugin_gitrepo.demo import devlake

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
    assert "first run: it read 4 commits" in first.stdout
    assert "\x1b[31m" not in first.stdout
    repository.commit()
    second = demo(repository.folder)
    assert "incremental: 4 commits known before, and it read 1 new commit." in second.stdout
    assert "found no new commit" in demo(repository.folder).stdout


def test_the_commands_to_try_next_work_as_they_are_typed(repository):
    repository.commit()
    shown = demo(repository.folder).stdout.partition("Try next:")[2].splitlines()
    commands = [line.strip() for line in shown if line.startswith("  ") and line[2] != " "]
    assert len(commands) == 2
    for command in commands:
        done = subprocess.run(
            command, shell=True, cwd=repository.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (command, done.stderr)


def test_the_command_is_spelt_as_it_is_reached_from_here(tmp_path, monkeypatch):
    script = tmp_path / ".venv" / "bin" / "devlake"
    script.parent.mkdir(parents=True)
    script.touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(script.with_name("python")))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/usr/bin")
    assert devlake() == [".venv/bin/devlake"]
    monkeypatch.setenv("PATH", str(script.parent))
    assert devlake() == ["devlake"]
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setenv("PATH", "/usr/bin")
    assert devlake() == [str(script)]


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
    assert "read 0 commits" in done.stdout
