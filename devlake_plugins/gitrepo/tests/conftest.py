"""Real repositories, made by git in temporary folders."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from devlake_plugin_gitrepo.locate import locate
from devlake_plugin_gitrepo.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PERSON = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
}


class Repository:
    """Drive one repository as its owner would, with ordinary git."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = 1_700_000_000

    def git(self, *arguments: str | bytes, stdin: bytes = b"", **variables: str) -> str:
        done = self.try_git(*arguments, stdin=stdin, **variables)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode("utf-8", "replace").strip()

    def try_git(
        self, *arguments: str | bytes, stdin: bytes = b"", **variables: str
    ) -> subprocess.CompletedProcess[bytes]:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), **PERSON, **variables}
        return subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env=environment,
            input=stdin,
            capture_output=True,
            check=False,
        )

    @property
    def git_dir(self) -> Path:
        return self.folder / self.git("rev-parse", "--git-dir")

    def commit(
        self,
        files: dict[str | bytes, bytes | None] | None = None,
        message: str = "Change",
        **v: str,
    ) -> str:
        """Write and remove files, commit them, and return the commit's name."""
        for name, content in (files or {}).items():
            path = os.path.join(os.fsencode(self.folder), os.fsencode(name))
            if content is None:
                os.unlink(path)
                continue
            os.makedirs(os.path.dirname(path), exist_ok=True)
            Path(os.fsdecode(path)).write_bytes(content)
        self.git("add", "-A")
        self.clock += 60
        when = f"{self.clock} +0000"
        dates = {"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}
        self.git("commit", "-q", "--allow-empty", "-m", message, **(dates | v))
        return self.git("rev-parse", "HEAD")

    def write_commit(self, body: bytes) -> str:
        """Write a commit object of any content and make it the branch's tip."""
        sha = self.git("hash-object", "-t", "commit", "-w", "--stdin", "--literally", stdin=body)
        self.git("update-ref", "refs/heads/main", sha)
        return sha

    def tree(self) -> str:
        """Return the name of the empty tree."""
        return self.git("mktree")

    def read(self, state: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """Return the commits that are new since a state."""
        return self.read_on(state)[0]

    def read_on(
        self, state: dict[str, Any] | None = None
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Return the commits that are new since a state, and the state after them."""
        records, after = [], state or {}
        with Reader(locate(str(self.folder))) as reader:
            for record, state_after in reader.commits(state or {}):
                records.append(record)
                after = state_after
        return records, after

    def refs(self) -> dict[str, dict[str, Any]]:
        with Reader(locate(str(self.folder))) as reader:
            return {ref["name"]: ref for ref in reader.refs()}


class Trap:
    """Be a program that a repository wants to have run: it leaves a mark."""

    def __init__(self, folder: Path) -> None:
        self.mark = folder / "mark"
        self.program = folder / "trap.sh"
        self.program.write_text(f"#!/bin/sh\ntouch '{self.mark}'\nexit 0\n")
        self.program.chmod(self.program.stat().st_mode | stat.S_IXUSR)

    def springs(self, run: Callable[[], Any]) -> bool:
        """Tell whether an action runs the program; the mark is taken away again."""
        run()
        sprung = self.mark.exists()
        self.mark.unlink(missing_ok=True)
        return sprung


@pytest.fixture
def make_repository(tmp_path: Path) -> Callable[[str], Repository]:
    """Return a function that makes an empty repository with a work tree."""

    def make(name: str) -> Repository:
        folder = tmp_path / name
        folder.mkdir()
        made = Repository(folder)
        made.git("init", "-q", "-b", "main")
        return made

    return make


@pytest.fixture
def repository(make_repository: Callable[[str], Repository]) -> Repository:
    """Return an empty repository with a work tree."""
    return make_repository("repository")


@pytest.fixture
def trap(tmp_path: Path) -> Trap:
    """Return a program that leaves a mark when it is run."""
    folder = tmp_path / "trap"
    folder.mkdir()
    return Trap(folder)


@pytest.fixture
def clone(tmp_path: Path) -> Callable[..., Repository]:
    """Return a function that clones a repository with ordinary git."""

    def made(origin: Repository, *options: str, name: str = "clone") -> Repository:
        folder = tmp_path / name
        origin.git("clone", "-q", *options, f"file://{origin.folder}", str(folder))
        return Repository(folder)

    return made


def history(count: int) -> Iterator[bytes]:
    """Yield the fast-import stream of a history with merges, two files a commit."""
    for i in range(1, count + 1):
        text = b"line %d\n" % i * (i % 40 + 1)
        person = b"Author %d <a%d@example.org> %d +0200" % (i % 50, i % 50, 1_400_000_000 + i * 60)
        yield b"commit refs/heads/main\nmark :%d\nauthor %s\ncommitter %s\n" % (i, person, person)
        yield b"data 10\nA message\n"
        if i > 1:
            yield b"from :%d\n" % (i - 1)
        if i % 20 == 0:
            yield b"merge :%d\n" % (i - 15)
        yield b"M 100644 inline a/%d\ndata %d\n%s\n" % (i % 30, len(text), text)
        yield b"M 100644 inline b/%d\ndata %d\n%s\n" % (i % 31, len(text), text)


@pytest.fixture
def long_history(repository: Repository) -> Callable[[int], Repository]:
    """Return a function that fills the repository with many commits."""

    def made(count: int) -> Repository:
        command = ["git", "-C", str(repository.folder), "fast-import", "--quiet"]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as importer:
            assert importer.stdin
            importer.stdin.writelines(history(count))
        assert importer.returncode == 0
        return repository

    return made
