"""Write into the folder of the shims: whole files or none, readable by whoever runs the server."""

from __future__ import annotations

import fcntl
import os
import tempfile
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from devlake_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

_TEMPORARY = ".devlake-sync-"


def make(path: str) -> None:
    """Make a folder and those above it; what is made can be read by everybody.

    Raises:
        ConfigError: it cannot be made.
    """
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for place in reversed(missing):
        try:
            os.mkdir(place)
            # Whatever the umask is: the server may run as another user.
            os.chmod(place, 0o755)
        except FileExistsError:
            # Another sync made it just now; if it is a file, writing into it says so.
            continue
        except OSError as error:
            message = f"folder {place} cannot be made: {error.strerror}"
            raise ConfigError(message, hint="name a folder that you may write to") from error


@contextmanager
def locked(path: str) -> Iterator[None]:
    """Let one process at a time into the block, and take away what a killed one left behind."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        # Where folders cannot be locked (NFS) files are still replaced whole.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        for place in [path, *(item.path for item in os.scandir(path) if item.is_dir())]:
            with suppress(OSError):  # not ours to look into
                _sweep(place)
        yield
    finally:
        os.close(descriptor)


def _sweep(place: str) -> None:
    for name in os.listdir(place):
        if name.startswith(_TEMPORARY):
            os.unlink(os.path.join(place, name))


def put(path: str, content: bytes, mode: int) -> bool:
    """Give a file its content and rights, at once for everybody who reads it.

    Returns:
        Whether it was different before.

    Raises:
        OSError: it cannot be written.
    """
    with suppress(OSError), open(path, "rb") as file:  # there is none yet
        same = file.read() == content and os.fstat(file.fileno()).st_mode & 0o7777 == mode
        if same and not os.path.islink(path):
            return False
    folder = os.path.dirname(path)
    descriptor, temporary = tempfile.mkstemp(prefix=_TEMPORARY, dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    _settle(folder)
    return True


def _settle(folder: str) -> None:
    """Have the folder's entries on the disk, so that a power cut brings no old name back."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
