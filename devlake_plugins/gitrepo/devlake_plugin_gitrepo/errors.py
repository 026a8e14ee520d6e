"""What can be wrong with a repository, named by how a run reacts."""

from __future__ import annotations

from devlake_core import ConfigError, DevlakeError, UsageError

_WHICH = "name the folder of a clone: devlake run gitrepo FOLDER (default: .)"


class NotARepository(UsageError):
    """Say that a path names no git repository."""

    def __init__(self, message: str, *, hint: str = _WHICH) -> None:
        super().__init__(message, hint=hint)


class GitMissing(ConfigError):
    """Say that the git command is not installed."""


class UnsupportedRepository(ConfigError):
    """Say that a repository is in a form that DevLake's tables cannot hold."""


class DamagedRepository(DevlakeError):
    """Say that a repository's objects cannot be read."""

    default_exit_code = 65
