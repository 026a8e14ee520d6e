"""Find the keeper that does a call: the plugin's in the shared service, else one of our own.

A call never waits for the service. If the plugin's keeper is not there, the call runs in a keeper
of its own at once, and the service is asked, or started, to have one for the next call.
"""

from __future__ import annotations

import _socket
import fcntl
import os
import sys
import time
from signal import SIGKILL

from . import place, wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .call import Call
    from .place import Manifest

READY_SECONDS = 1.0
_AGAIN_SECONDS = 10.0
_LARGEST_LOG = 1 << 20
_MODULES = ("-P", "-m")  # -P: the folder that the caller is in is no place to import from


class Link:
    """Be connected to a keeper that has a call in hand, by a socket and two pipes.

    Attributes:
        connection: the socket on which it says how the call ended.
        out: where the worker's results and errors are read; -1 once it was closed.
        log: where is read what the worker and its children print; -1 once it was closed.
        child: the keeper's process, if it is one of our own.
    """

    def __init__(self, connection: Any) -> None:
        self.connection, self.child = connection, 0
        self.out, self._out_end = os.pipe()
        self.log, self.log_end = os.pipe()

    def give(self, call: Call) -> None:
        """Give the keeper the call.

        Raises:
            OSError: it has not got all of it.
        """
        try:
            ends = (self._out_end, self.log_end)
            wire.send(self.connection, call.request(os.environ), ends)
        finally:
            os.close(self._out_end)
            os.close(self.log_end)

    def closed(self, which: str) -> None:
        """Close a pipe that has come to its end."""
        os.close(getattr(self, which))
        setattr(self, which, -1)

    def kill(self) -> None:
        """End a keeper of our own that ends nothing itself."""
        if self.child:
            os.kill(self.child, SIGKILL)

    def close(self) -> None:
        """Close everything; a keeper of our own ends by that."""
        self.connection.close()
        for which in ("out", "log"):
            if getattr(self, which) >= 0:
                self.closed(which)
        if self.child:
            os.waitpid(self.child, 0)


def connect(call: Call, manifest: Manifest) -> Link:
    """Give a call to a keeper, and return the link to it.

    Args:
        call: what shall be done.
        manifest: that of the folder of shims.
    """
    folder = place.service_folder(manifest.key)
    if not _wanted():
        return own_keeper(call, manifest.interpreter)
    link = _warm(call, folder)
    if link is None:
        link = own_keeper(call, manifest.interpreter)
        _ask_for(call.plugin, folder, manifest)
    return link


def own_keeper(call: Call, interpreter: str) -> Link:
    """Start a keeper that does this call and nothing else."""

    def become() -> None:
        environ = {key: text for key, text in os.environ.items() if key not in place.SECRETS}
        try:
            os.execve(interpreter, [interpreter, *_MODULES, "devlake_core.bridge.keeper"], environ)
        except OSError as error:
            os.write(2, f"{interpreter} cannot be run: {error.strerror}\n".encode())

    return forked_keeper(call, become)


def forked_keeper(call: Call, become: Callable[[], None]) -> Link:
    """Fork a keeper for this call.

    Args:
        call: what shall be done.
        become: what the child does; its end of the connection is descriptor 0.
    """
    ours, theirs = _socket.socketpair()
    link = Link(ours)
    link.child = os.fork()
    if link.child == 0:
        try:
            os.setsid()
            os.dup2(theirs.fileno(), 0)
            os.dup2(link.log_end, 1)
            os.dup2(link.log_end, 2)
            os.closerange(3, 1 << 16)
            become()
        finally:
            os._exit(78)
    theirs.close()
    try:
        link.give(call)
    except OSError:
        return link  # it died already: what it said is in the log, and the supervisor finds it lost
    return link


def _wanted() -> bool:
    choice = os.environ.get("DEVLAKE_DAEMON", "auto")
    return choice == "1" or (choice != "0" and sys.platform == "linux")


def _warm(call: Call, folder: str) -> Link | None:
    """Give a call to the plugin's keeper; None if it has not got all of it, so never begins it."""
    link = connection = None
    try:
        connection = wire.dial(place.socket_of(folder, call.plugin))
        connection.settimeout(READY_SECONDS)
        if connection.recv(1) == wire.READY:
            link = Link(connection)
            link.give(call)
            connection.settimeout(None)
            return link
    except OSError:
        # It is not there, or hangs.
        pass
    opened = link or connection
    if opened is not None:
        opened.close()
    return None


def _ask_for(plugin: str, folder: str, manifest: Manifest) -> None:
    """Have the plugin loaded for the next call; nothing that fails here is our call's concern."""
    try:
        try:
            connection = wire.dial(place.socket_of(folder))
        except OSError:
            if place.is_private(folder, make=True):
                _start_service(plugin, folder, manifest)
        else:
            wire.send(connection, {"do": "load", "plugin": plugin})
            connection.close()
    except OSError:
        return


def _start_service(plugin: str, folder: str, manifest: Manifest) -> None:
    lock = os.open(os.path.join(folder, "start.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        found = os.fstat(lock)
        if found.st_size and 0 <= time.time() - found.st_mtime < _AGAIN_SECONDS:
            return
        os.pwrite(lock, b"x", 0)
        child = os.fork()
        if child == 0:
            _become_service(plugin, folder, manifest)
        os.waitpid(child, 0)
    finally:
        os.close(lock)


def _become_service(plugin: str, folder: str, manifest: Manifest) -> None:
    try:
        os.setsid()
        if os.fork():
            os._exit(0)
        os.umask(0o077)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
        log = os.open(os.path.join(folder, "service.log"), flags, 0o600)
        if os.fstat(log).st_size > _LARGEST_LOG:
            os.ftruncate(log, 0)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        # The host's pipes must not live as long as we do.
        os.closerange(3, 1 << 16)
        os.chdir("/")
        environ = {key: text for key, text in os.environ.items() if key not in place.SECRETS}
        words = [manifest.interpreter, *_MODULES, "devlake_core.bridge.service"]
        os.execve(manifest.interpreter, [*words, manifest.folder, plugin], environ)
    finally:
        os._exit(78)
