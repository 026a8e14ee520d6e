"""Count the lines that commits changed, with one long-lived `git diff-tree`."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from .commit import decode

if TYPE_CHECKING:
    from .command import Child, Git

# An import of a whole tree is one record; this keeps it within what databases take in one value.
FILE_LIMIT = 50_000
# What stands for the number of files where there are more than git can count.
UNCOUNTED = -1
# Git keeps what it has parsed; a fresh process now and then keeps its memory flat.
_COMMITS_A_PROCESS = 20_000
_END = b"=\n"
_READ = 1 << 16


class Changes:
    """Tell the changed files of commits, asked in batches and answered in the same order."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._child: Child | None = None
        self._asked = 0
        self._waiting: list[bytes] = []
        self._tokens: list[bytes] = []
        self._rest = bytearray()

    def ask(self, lines: list[bytes]) -> None:
        """Ask for a batch of lines, each a commit and, but for a root commit, its first parent.

        A batch must fit into a pipe, since the answers are read after it.
        """
        if self._asked >= _COMMITS_A_PROCESS:
            self._end()
        if self._child is None:
            self._child = self._git.start(
                *("diff-tree", "--stdin", "-r", "--root", "-z", "--numstat"),
                *("--no-renames", "--no-ext-diff", "--no-textconv", "--ignore-submodules=none"),
            )
        self._asked += len(lines)
        self._waiting = list(reversed(lines))
        # A line that is no commit comes back as it is, after all the answers before it.
        self._child.say(b"".join(line + b"\n" for line in lines) + _END)

    def of(self, sha: bytes) -> dict[str, Any]:
        """Return the files of the next commit that was asked for, and its totals.

        The totals are None where git finds more than it has memory for: a few trees that contain
        each other can stand for billions of files.
        """
        line = self._waiting.pop()
        try:
            return self._answer_of(sha)
        except _TooMuch:
            rest = self._waiting[::-1]
            answer = self._alone(line)
            if rest:
                self.ask(rest)
            return answer

    def _alone(self, line: bytes) -> dict[str, Any]:
        """Ask for one commit anew: what git gave up at may have been a later one of the batch."""
        self._end()
        self.ask([line])
        self._waiting.pop()
        try:
            return self._answer_of(line[:40])
        except _TooMuch:
            self._end()
            return unknown_changes(UNCOUNTED)

    def _answer_of(self, sha: bytes) -> dict[str, Any]:
        files: list[dict[str, Any]] = []
        additions = deletions = left_out = 0
        # A commit without changes has no answer at all: the next one's name or the end follows.
        if self._next() == sha:
            self._tokens.pop()
            while (token := self._next()) is not None and b"\t" in token:
                added, deleted, path = self._tokens.pop().split(b"\t", 2)
                plus, minus = _lines(added), _lines(deleted)
                additions += plus
                deletions += minus
                if len(files) < FILE_LIMIT:
                    files.append(_file(path, plus, minus))
                else:
                    left_out += 1
        if not self._waiting and self._next() is None:
            self._rest.clear()
        return {
            "additions": additions,
            "deletions": deletions,
            "files": files,
            "files_left_out": left_out,
        }

    def _end(self) -> None:
        if self._child is not None:
            self._git.forget(self._child)
        self._child, self._asked = None, 0
        self._tokens.clear()
        self._rest.clear()

    def _next(self) -> bytes | None:
        """Return the next word of the answer without taking it; None at the batch's end."""
        assert self._child is not None
        while not self._tokens:
            if self._rest == _END:
                return None
            block = self._child.output.read1(_READ)  # type: ignore[attr-defined]
            if not block:
                if self._child.ran_out_of_memory():
                    raise _TooMuch
                self._child.fail()
            self._rest += block
            if b"\0" in block:
                *words, rest = bytes(self._rest).split(b"\0")
                self._tokens, self._rest = words[::-1], bytearray(rest)
        return self._tokens[-1]


class _TooMuch(Exception):
    """Say that git ran out of memory over one commit."""


def _lines(count: bytes) -> int:
    return 0 if count == b"-" else int(count)


def _file(path: bytes, additions: int, deletions: int) -> dict[str, Any]:
    # The name is hashed as its bytes: two that are no UTF-8 may read alike.
    return {
        "id": hashlib.sha256(path).hexdigest(),
        "path": decode(path),
        "additions": additions,
        "deletions": deletions,
    }


def unknown_changes(files_left_out: int = 0) -> dict[str, Any]:
    """Return what is told of a commit whose changes cannot be told."""
    return {
        "additions": None,
        "deletions": None,
        "files": [],
        "files_left_out": files_left_out,
    }
