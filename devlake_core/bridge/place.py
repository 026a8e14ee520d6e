"""Where things are: the manifest beside the shims, and the folder of the service's sockets.

It is read at each call before anything else, so it imports next to nothing.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

MANIFEST = "runner.json"
INFO = "plugin-info.json"
SECRETS = ("DB_URL", "DEVLAKE_DB_URL", "ENCRYPTION_SECRET")
"""The variables that no long-lived process and no plugin finds in its environment."""

# They decide what a service loads, so two servers that differ in them share none.
_DECIDING = (
    "DEVLAKE_PLUGINS",
    "DEVLAKE_DISABLED_PLUGINS",
    "DEVLAKE_STRICT",
    "PLUGIN_DIR",
    "PYTHONPATH",
)
_LONGEST_PATH = 107 - 9  # sun_path of <sys/un.h> has 108 bytes; a socket is made as <path>.<pid>


def digest(*parts: bytes) -> str:
    """Return 16 hexadecimal digits that stand for some bytes."""
    # hashlib would load OpenSSL, which takes longer than all the rest.
    from _blake2 import blake2b

    return str(blake2b(b"\0".join(parts), digest_size=8).hexdigest())


def _stamp(path: str) -> str:
    try:
        found = os.stat(path)
    except OSError:
        return f"{path}:-"
    return f"{path}:{found.st_mtime_ns}:{found.st_size}"


def key(manifest: bytes, folder: str, paths: Iterable[str]) -> str:
    """Return what changes whenever something that is installed changes.

    Args:
        manifest: the content of ``runner.json``.
        folder: the folder that it is in.
        paths: files and folders whose time and size count.
    """
    stamps = "\n".join(_stamp(path) for path in paths)
    return digest(manifest, os.fsencode(folder), sys.version.encode(), stamps.encode())


class Manifest:
    """Be the manifest of a folder of shims.

    Attributes:
        folder: the folder that it is in.
        interpreter: the Python that runs the plugins.
        plugins: for each name ``{}`` or ``{"legacy": "<main.py>"}``.
        key: what changes with everything that is installed.
    """

    def __init__(self, folder: str) -> None:
        """Read it.

        Raises:
            OSError: there is none.
            ValueError: it is damaged.
        """
        self.folder = os.path.realpath(folder)
        content = self._read()
        values: dict[str, Any] = json.loads(content)
        self.interpreter: str = values["interpreter"]
        self.plugins: dict[str, dict[str, Any]] = values["plugins"]
        self._paths: list[str] = values["paths"]
        self._sources: list[str] = values.get("sources", [])
        self.key = self._key_with(content)

    def is_stale(self) -> bool:
        """Say whether something that is installed has changed since this was read."""
        return self.fresh_key() != self.key

    def changed_within(self, seconds: float) -> bool:
        """Say whether something that is installed changed within the last seconds."""
        times = [os.stat(path).st_mtime for path in self._paths if os.path.exists(path)]
        return time.time() - max(times, default=0.0) < seconds

    def fresh_key(self) -> str:
        """Return the key of this moment."""
        try:
            return self._key_with(self._read())
        except OSError:
            return self._key_with(b"")

    def _read(self) -> bytes:
        with open(os.path.join(self.folder, MANIFEST), "rb") as file:
            return file.read()

    def _key_with(self, content: bytes) -> str:
        paths = list(self._paths)
        if os.environ.get("DEVLAKE_RELOAD") == "1":
            for source in self._sources:
                for place, _, names in os.walk(source):
                    paths += [f"{place}/{name}" for name in sorted(names) if name.endswith(".py")]
        return key(content, self.folder, paths)


def run_folder(environ: Mapping[str, str] = os.environ) -> str:
    """Return the folder in which each service has a folder of its own."""
    own = environ.get("DEVLAKE_RUNDIR")
    if own:
        return os.path.abspath(own)
    if environ.get("XDG_RUNTIME_DIR"):
        return os.path.join(environ["XDG_RUNTIME_DIR"], "devlake")
    temporary = environ.get("TMPDIR") or "/tmp"
    return os.path.join(temporary, f"devlake-{os.geteuid()}")


def service_folder(manifest_key: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return the folder of the service for what is installed, as this environment selects it."""
    selected = "\n".join(f"{name}={environ.get(name, '')}" for name in _DECIDING)
    name = digest(manifest_key.encode(), str(os.geteuid()).encode(), selected.encode())
    return os.path.join(run_folder(environ), name)


def is_private(folder: str, *, make: bool = False) -> bool:
    """Say whether a folder is a real one that nobody but this user can look into.

    A folder that is not is never changed: somebody else may have put it there.

    Args:
        folder: the folder; it and the one above it are looked at.
        make: whether they shall be made where they are missing.
    """
    for place in (os.path.dirname(folder), folder):
        if make:
            try:
                os.mkdir(place, 0o700)
            except FileExistsError:
                pass
            except OSError:
                return False
        try:
            found = os.lstat(place)
        except OSError:
            return False
        safe = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
        if not safe or found.st_mode & 0o077:
            return False
    return len(os.fsencode(socket_of(folder, "x" * 31))) <= _LONGEST_PATH


def socket_of(folder: str, plugin: str = "") -> str:
    """Return the path of a plugin's socket in a service's folder; of the service's own if none."""
    return os.path.join(folder, f"{plugin}.plugin" if plugin else "service.socket")
