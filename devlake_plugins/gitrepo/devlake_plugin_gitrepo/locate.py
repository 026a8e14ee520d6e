"""Find the folders of a repository without asking git, which would read its configuration."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from .errors import NotARepository

_POINTER_LIMIT = 8192


@dataclass(frozen=True)
class Location:
    """Say where a repository's parts are.

    Attributes:
        top: the folder that a person calls the repository: the work tree, or the bare repository.
        git_dir: the folder with HEAD; each work tree has its own.
        common_dir: the folder with objects and refs; all work trees share it.
    """

    top: Path
    git_dir: Path
    common_dir: Path

    @property
    def objects(self) -> Path:
        """Return the folder of the object store."""
        return self.common_dir / "objects"


def locate(text: str) -> Location:
    """Return the repository that a path names: it, or the one whose work tree it lies in.

    Raises:
        NotARepository: there is no such folder, or no repository in it or above it.
    """
    start = Path(os.path.abspath(Path(text).expanduser()))
    if not start.is_dir():
        message = f"{text!r} is not a folder"
        raise NotARepository(message)
    for folder in (start, *start.parents):
        for git_dir in (_dot_git(folder), folder):
            if git_dir is not None and _is_git_dir(git_dir):
                return Location(folder, git_dir, _common_dir(git_dir))
    message = f"there is no git repository in {start} or above it"
    raise NotARepository(message)


def _dot_git(folder: Path) -> Path | None:
    """Return what ``.git`` names, which is a file in added work trees and submodules, or None."""
    dot_git = folder / ".git"
    if not dot_git.is_file():
        return dot_git
    text = _pointer(dot_git)
    return folder / text.removeprefix("gitdir:").strip() if text.startswith("gitdir:") else None


def _common_dir(git_dir: Path) -> Path:
    pointer = git_dir / "commondir"
    return Path(os.path.normpath(git_dir / _pointer(pointer))) if pointer.is_file() else git_dir


def _is_git_dir(folder: Path) -> bool:
    # HEAD may be a link to a branch that is not born yet. At a pipe that nobody writes to git
    # would wait for ever.
    head, pointer = folder / "HEAD", folder / "commondir"
    if not (head.is_file() or head.is_symlink()) or (pointer.exists() and not pointer.is_file()):
        return False
    common = _common_dir(folder)
    return (common / "objects").is_dir() and (common / "refs").is_dir()


def _pointer(file: Path) -> str:
    with file.open("rb") as stream:
        return os.fsdecode(stream.read(_POINTER_LIMIT)).strip()
