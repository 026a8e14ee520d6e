"""Be the shared service: the framework and the shared hooks are loaded, plugins in children.

One service answers the calls of one user for one folder of shims, as long as nothing that is
installed changes. It is a tree: the service forks a keeper for each plugin, which loads it and
listens on a socket of its own, and forks a worker for each call. Whatever a plugin does at import
or in a call hurts nobody but its keeper or its worker.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import logging
import os
import re
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

from devlake_core import forking

from . import place, wire
from .call import seconds_of
from .loading import LOAD_SECONDS, Child, keep, preload, unfit
from .loop import Loop, Talk, listen
from .process import hide, kill_session

if TYPE_CHECKING:
    import socket

    from devlake_core.plugin.manager import Host

log = logging.getLogger(__name__)

IDLE_SECONDS = 600.0
"""After how many seconds without a call a keeper ends; the service does when it has none."""

_AFTER_THE_LAST = 1.5
_LOOK_SECONDS = 10.0
_PAUSE_SECONDS = 60.0
_DEATHS = 3
_STOP_SECONDS = 7.0
_DEAD_SECONDS = 60.0
_LOCK = "service.lock"
_FOLDER = re.compile("[0-9a-f]{16}")


class Service(Loop):
    """Start keepers when they are asked for, and end with them.

    Args:
        manifest: that of the folder of shims.
        folder: where the sockets are.
        host: where the shared hooks are loaded.
        lock: the descriptor of the lock that says that this service runs.
    """

    def __init__(self, manifest: place.Manifest, folder: str, host: Host, lock: int) -> None:
        super().__init__()
        self._manifest, self._folder, self._host, self._lock = manifest, folder, host, lock
        self._idle = seconds_of("DEVLAKE_IDLE_SECONDS", IDLE_SECONDS)
        self._look = min(self._idle, _LOOK_SECONDS)
        self._deaths: dict[str, list[float]] = {}
        self._refused: dict[str, tuple[float, str]] = {}
        self._born = self._busy = self._looked = time.monotonic()
        self._stale = False
        self._ending = 0

    def serve(self, listener: socket.socket, plugin: str = "") -> None:
        """Serve until there is nothing to do any more.

        Args:
            listener: listens on the service's socket.
            plugin: the one to load at once.
        """
        self.listen(listener, place.socket_of(self._folder))
        self.wake_on_signals()
        if plugin:
            self._load(plugin)
        while self.children or not self._ending:
            self.turn()
            self._look_after(time.monotonic())
        # Not before: one that finishes its calls can still be asked, and stopped.
        self.deafen()

    def heard(self, talk: Talk, message: dict[str, Any]) -> None:
        """Do what a message asks for."""
        answer: dict[str, Any] = {"ok": True}
        do = message.get("do")
        if do == "load":
            self._load(str(message.get("plugin")))
        elif do == "loaded" and message.get("pid") in self.children:
            self.children[message["pid"]].loaded(str(message.get("problem")))
        elif do == "status":
            answer = self._status()
        elif do == "retire":
            self._end(signal.SIGTERM)
        elif do == "stop":
            self._end(signal.SIGINT)
        else:
            answer["ok"] = False
        talk.say(wire.encode(answer))

    def died(self, child: Child, status: int, *, left: bool) -> None:
        """Note the end of a keeper; what its plugin started when it was imported ended with it."""
        now = time.monotonic()
        if child.state == "unfit":
            self._refuse(child.plugin, child.reason)
        elif child.state == "loading" and not self._ending:
            late = child.kill_at is not None and now >= child.kill_at
            reason = f"its import did not end within {LOAD_SECONDS:g} s"
            self._refuse(
                child.plugin, reason if late else f"it died when it was imported ({status})"
            )
        elif status:
            deaths = self._deaths.setdefault(child.plugin, [])
            deaths[:] = [*(then for then in deaths if now - then < _PAUSE_SECONDS), now]
            if len(deaths) >= _DEATHS:
                self._refuse(child.plugin, f"its keeper died {_DEATHS} times within a minute")

    def _look_after(self, now: float) -> None:
        """End this service when its time has come."""
        if self.children:
            self._busy = now
        if now - self._looked > self._look:
            self._looked = now
            self._stale = self._manifest.is_stale() or not self.can_be_found()
        if self.signal:
            self._end(signal.SIGINT)
        elif self._stale or now - self._busy > _AFTER_THE_LAST * self._idle:
            self._end(signal.SIGTERM)

    def _end(self, number: int) -> None:
        """Load nothing more; let keepers finish their calls (SIGTERM) or end them (SIGINT)."""
        if self._ending in {number, signal.SIGINT}:
            return
        self._ending = number
        for child in self.children.values():
            os.kill(child.pid, number)
            if number == signal.SIGINT:
                child.kill_at = time.monotonic() + _STOP_SECONDS

    def _load(self, plugin: str) -> None:
        """Fork a keeper for a plugin, unless there is one, or none that works."""
        self._busy = now = time.monotonic()
        known = plugin in self._manifest.plugins
        refused, _ = self._refused.get(plugin, (0.0, ""))
        there = [child for child in self.children.values() if child.plugin == plugin]
        if self._ending or not known or now < refused:
            return
        if any(child.state != "retiring" for child in there):
            return
        child = Child(plugin, self._folder)
        try:
            # A keeper without a service cannot be asked for its status, nor be stopped.
            child.pid = self.fork(child, functools.partial(self._keep, plugin), signal.SIGTERM)
        except OSError as error:
            self._refuse(plugin, f"no process can be started for it: {error.strerror}")

    def _refuse(self, plugin: str, reason: str) -> None:
        log.warning("%s runs cold for a while: %s", plugin, reason)
        self._refused[plugin] = (time.monotonic() + _PAUSE_SECONDS, reason)

    def _keep(self, plugin: str) -> None:
        service = os.getppid()
        # A keeper may outlive a service that was killed, and must not be in the next one's way.
        os.close(self._lock)
        keep(plugin, self._manifest, self._folder, self._host, self._idle)
        if os.getppid() != service:
            # Nobody ends what the plugin started when it was imported.
            kill_session(os.getpid())

    def _status(self) -> dict[str, Any]:
        now = time.monotonic()
        plugins = [child.status() for child in self.children.values()]
        kept = {item["name"] for item in plugins}
        plugins += [
            {"name": name, "pid": 0, "state": "cold", "reason": reason}
            for name, (until, reason) in self._refused.items()
            if now < until and name not in kept
        ]
        return {
            "pid": os.getpid(),
            "seconds": round(now - self._born, 1),
            "key": self._manifest.key,
            "folder": self._manifest.folder,
            "stale": self._stale,
            "retiring": bool(self._ending),
            "plugins": sorted(plugins, key=lambda it: (it["name"], it["state"] == "retiring")),
        }


def sweep(own: str) -> None:
    """Remove the folders of services that are no more: each installation had one of its own.

    Args:
        own: the folder of this service.
    """
    root = os.path.dirname(own)
    for name in os.listdir(root):
        folder = os.path.join(root, name)
        if folder == own or not _FOLDER.fullmatch(name) or not place.is_private(folder):
            continue
        # Used by others meanwhile, or not ours to remove: then it stays.
        with contextlib.suppress(OSError):
            _remove(folder)


def _remove(folder: str) -> None:
    names = sorted(os.listdir(folder), key=lambda name: name == _LOCK)
    times = [os.stat(os.path.join(folder, name)).st_mtime for name in ("", *names)]
    if time.time() - max(times) < _DEAD_SECONDS:
        return  # a call may have made it a moment ago, for a service that is starting
    lock = os.open(os.path.join(folder, _LOCK), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        # Whoever starts there meanwhile takes us for a service that runs.
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for name in dict.fromkeys([*names, _LOCK]):
            os.unlink(os.path.join(folder, name))
        os.rmdir(folder)
    finally:
        os.close(lock)


def serve(directory: str, plugin: str = "") -> int:
    """Be the service of a folder of shims until it is idle, stopped, or out of date.

    Args:
        directory: the folder.
        plugin: the plugin to load at once.

    Returns:
        The exit status: 0, also where another service does it already; 75 where there cannot be
        one now, so that all calls run cold.
    """
    manifest = place.Manifest(directory)
    folder = place.service_folder(manifest.key)
    if not place.is_private(folder, make=True):
        log.error("%s is not a private folder of this user, or its path is too long", folder)
        return 75
    lock = os.open(os.path.join(folder, _LOCK), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        log.info("another service runs already")
        return 0
    for name in place.SECRETS:
        os.environ.pop(name, None)
    hide()
    forking.begin()
    host = preload()
    problem = unfit()
    if problem or manifest.is_stale():
        log.error("all calls run cold: %s", problem or "what is installed is changing")
        return 75
    log.info("serves %s, %s", manifest.folder, ", ".join(manifest.plugins))
    sweep(folder)
    service = Service(manifest, folder, host, lock)
    service.serve(listen(place.socket_of(folder)), plugin)
    log.info("ends")
    return 0


def main() -> None:
    """Be started by the first call."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(process)d %(levelname)s %(message)s"
    )
    sys.exit(serve(*sys.argv[1:]))


if __name__ == "__main__":
    main()
