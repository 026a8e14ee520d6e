"""Run git so that a hostile repository can do nothing but give its data.

A repository's own configuration can name programs (hooks, file system monitors, diff drivers,
filters, pagers, remote helpers). So the commands that read history never see it: they run in a
folder of ours that has an empty configuration, no refs, hooks, attributes, grafts or replacements,
and shares nothing with the repository but the object store. Only two questions go to the repository
itself, what its refs are and where it came from, and those run no program.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn

from .errors import DamagedRepository, GitMissing

if TYPE_CHECKING:
    from .locate import Location

# A file of more than this is counted as binary, so that git never loads it whole.
BIG_FILE = "10m"
# What reads single objects needs little, unless an object is made to need much.
MEMORY_LIMIT = 768 << 20
_BOUNDED = ("diff-tree", "cat-file")
_DEADLINE, _LAST_WORDS = 60.0, 5.0
_TOLD = 2000
_KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR")
# Git only warns of a ref that it cannot read and goes on without it.
_LOST_REF = re.compile(rb"ignoring broken ref|does not point to a valid object")
_SETTINGS = {
    "core.bigFileThreshold": BIG_FILE,
    "core.commitGraph": "false",  # a cache of dates and parents that could lie
    "core.deltaBaseCacheLimit": "16m",
    "core.packedGitWindowSize": "1m",
    "core.packedGitLimit": "32m",
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "protocol.allow": "never",
}


def git_program() -> str:
    """Return the path of the git command.

    Raises:
        GitMissing: there is none.
    """
    found = shutil.which("git")
    if found is None:
        message = "the git command is not installed"
        raise GitMissing(message, hint="install git (Debian: apt-get install git)")
    return os.path.abspath(found)


class Git:
    """Run git's plumbing over one repository; close it to end all that it started."""

    def __init__(self, location: Location) -> None:
        self.location = location
        self._program = [git_program(), "--no-pager", "--no-replace-objects"]
        for name, value in _SETTINGS.items():
            self._program += ["-c", f"{name}={value}"]
        self._children: list[Child] = []
        self.shallow = _shallow(location)
        self._room = tempfile.TemporaryDirectory(prefix="devlake-gitrepo-")
        room = Path(self._room.name)
        (room / "refs").mkdir()
        (room / "HEAD").write_text("ref: refs/heads/none\n")
        (room / "config").write_text("[core]\n\trepositoryformatversion = 0\n\tbare = true\n")
        if self.shallow:
            (room / "shallow").write_bytes(b"".join(sha + b"\n" for sha in sorted(self.shallow)))

    def ask(self, *arguments: str, statuses: tuple[int, ...] = (0,)) -> bytes:
        """Return the whole answer to a short question to the repository itself.

        Raises:
            DamagedRepository: git fails, or does not answer in time.
        """
        environment = self._environment(self.location.git_dir)
        try:
            done = subprocess.run(
                [*self._program, *arguments],
                env=environment,
                cwd=self._room.name,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                start_new_session=True,
                timeout=_DEADLINE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            self.refuse(f"`git {arguments[0]}` did not end within a minute")
        if done.returncode not in statuses or _LOST_REF.search(done.stderr):
            self.refuse(done.stderr[-_TOLD:])
        return done.stdout

    def start(self, *arguments: str) -> Child:
        """Start a command over the repository's objects, and over nothing else of it."""
        environment = self._environment(Path(self._room.name))
        environment["GIT_OBJECT_DIRECTORY"] = str(self.location.objects)
        child = Child(self, [*self._program, *arguments], environment, self._room.name)
        self._children.append(child)
        if arguments[0] in _BOUNDED:
            child.bound_memory(MEMORY_LIMIT)
        return child

    def refuse(self, told: bytes | str) -> NoReturn:
        """Raise DamagedRepository with what git told of the repository."""
        text = told.decode("utf-8", "replace") if isinstance(told, bytes) else told
        lines = [_printable(line) for line in text.splitlines() if line.strip()]
        # Git tells the cause first ("error: …") and then that it gives up ("fatal: …").
        reason = "; ".join(dict.fromkeys(lines[-3:])) or "git ended without a word"
        top = _printable(str(self.location.top))
        message = f"cannot read the git repository {top}: {reason}"
        raise DamagedRepository(
            message,
            hint=f"`git -C {top} fsck --full` shows what is damaged or missing; fetch it again "
            "from where it came (`git fetch --refetch`) or clone it anew",
        )

    def close(self) -> None:
        """End every command that still runs and remove the folder."""
        while self._children:
            self._children.pop().close()
        self._room.cleanup()

    def forget(self, child: Child) -> None:
        """End one command."""
        self._children.remove(child)
        child.close()

    def _environment(self, git_dir: Path) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        return kept | {
            "GIT_DIR": str(git_dir),
            "HOME": self._room.name,
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "",
            "GIT_NO_LAZY_FETCH": "1",
            # The variable above is of 2024; an older git fetches through a child that obeys this.
            "GIT_ALLOW_PROTOCOL": "none",
        }


class Child:
    """Be one running git command with both ends in our hands."""

    def __init__(self, git: Git, command: list[str], environment: dict[str, str], cwd: str) -> None:
        self._git = git
        self._told = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the command
        # A session of its own: a Ctrl-C at the terminal is for us, who then end the command.
        self._process = subprocess.Popen(
            command,
            env=environment,
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._told,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin: IO[bytes] = self._process.stdin
        self.output: IO[bytes] = self._process.stdout

    def bound_memory(self, limit: int) -> None:
        """Let the command have no more memory than this, where the system can (Linux)."""
        if hasattr(resource, "prlimit"):
            resource.prlimit(self._process.pid, resource.RLIMIT_DATA, (limit, limit))

    def say(self, text: bytes) -> None:
        """Write to the command.

        Raises:
            DamagedRepository: it has ended.
        """
        try:
            self._stdin.write(text)
            self._stdin.flush()
        except BrokenPipeError:
            self.fail()

    def hang_up(self) -> None:
        """Say that no more input comes.

        Raises:
            DamagedRepository: it has ended.
        """
        try:
            self._stdin.close()
        except BrokenPipeError:
            self.fail()

    def finish(self) -> None:
        """Wait for the command's end.

        Raises:
            DamagedRepository: it failed.
        """
        if self._process.wait() != 0:
            self.fail()

    def fail(self) -> NoReturn:
        """Raise DamagedRepository for a command that ended early, in git's own words."""
        self._git.refuse(self._last_words())

    def ran_out_of_memory(self) -> bool:
        """Tell whether the command, which has ended, did so for want of memory."""
        return b"out of memory" in self._last_words().lower()

    def close(self) -> None:
        """End the command, if it still runs, and close both ends."""
        self._process.kill()
        for stream in (self._stdin, self.output):
            # What was not yet written goes nowhere, which is what ending it means.
            with contextlib.suppress(BrokenPipeError):
                stream.close()
        self._process.wait()
        self._told.close()

    def _last_words(self) -> bytes:
        try:
            self._process.wait(timeout=_LAST_WORDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
        size = self._told.seek(0, os.SEEK_END)
        self._told.seek(max(0, size - _TOLD))
        return self._told.read()


def _shallow(location: Location) -> frozenset[bytes]:
    """Return the commits whose parents a shallow clone has left behind."""
    file = location.common_dir / "shallow"
    if not file.is_file():
        return frozenset()
    return frozenset(re.findall(rb"^[0-9a-f]{40}$", file.read_bytes(), re.MULTILINE))


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text.strip())
