"""Be the shared service: the framework and the shared hooks are loaded, plugins in children.

One service answers the calls of one user for one folder of shims, as long as nothing that is
installed changes. It is a tree: the service forks a keeper for each plugin, which loads it and
listens on a socket of its own, and forks a worker for each call. Whatever a plugin does at import
or in a call hurts nobody but its keeper or its worker.
"""

from __future__ import annotations

import fcntl
import functools
import logging
import os
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING, Any

from devlake_core import forking

from . import place, wire
from .call import seconds_of
from .loading import Child, keep, preload, unfit
from .loop import Loop, Talk, listen
from .process import die_with, hide

if TYPE_CHECKING:
    from typing import NoReturn

    from devlake_core.plugin.manager import Host

log = logging.getLogger(__name__)

IDLE_SECONDS = 600.0
"""After how many seconds without a call a keeper ends; the service does when it has none."""

_AFTER_THE_LAST = 1.5
_LOOK_SECONDS = 10.0
_LOAD_SECONDS = 40.0
_PAUSE_SECONDS = 60.0
_DEATHS = 3
_STOP_SECONDS = 7.0
_ASK_SECONDS = 0.05


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
        self._children: dict[str, Child] = {}
        self._deaths: dict[str, list[float]] = {}
        self._refused: dict[str, tuple[float, str]] = {}
        self._born = self._busy = self._looked = time.monotonic()
        self._stale = self._retiring = False
        self._kill_at = 0.0

    def serve(self, listener: socket.socket, plugin: str = "") -> None:
        """Serve until there is nothing to do any more.

        Args:
            listener: listens on the service's socket.
            plugin: the one to load at once.
        """
        self.listen(listener, place.socket_of(self._folder))
        with self.woken():
            if plugin:
                self._load(plugin)
            while self._children or not self._retiring:
                self.turn(0.5)
                self._reap()
                self._look_after(time.monotonic())
            # Not before: one that finishes its calls can still be asked, and stopped.
            self.deafen()

    def heard(self, talk: Talk, message: dict[str, Any]) -> None:
        """Do what a message asks for."""
        answer: dict[str, Any] = {"ok": True}
        do = message.get("do")
        if do == "load":
            self._load(str(message.get("plugin")))
        elif do == "status":
            answer = self._status()
        elif do == "retire":
            self._retire()
        elif do == "stop":
            self._stop()
        else:
            answer["ok"] = False
        talk.say(wire.encode(answer))

    def _look_after(self, now: float) -> None:
        """End what takes too long, and this service when its time has come."""
        for child in self._children.values():
            if child.state == "loading" and now - child.began > _LOAD_SECONDS:
                child.reason = f"its import did not end within {_LOAD_SECONDS:g} s"
                os.kill(child.pid, signal.SIGKILL)
        if self._children:
            self._busy = now
        if now - self._looked > self._look:
            self._looked = now
            self._stale = self._manifest.is_stale() or not self.can_be_found()
        if self.signal:
            self._stop()
        elif self._stale or now - self._busy > _AFTER_THE_LAST * self._idle:
            self._retire()
        if self._kill_at and now > self._kill_at:
            for child in self._children.values():
                os.kill(child.pid, signal.SIGKILL)

    def _load(self, plugin: str) -> None:
        """Fork a keeper for a plugin, unless there is one, or none that works."""
        self._busy = now = time.monotonic()
        refused, _ = self._refused.get(plugin, (0.0, ""))
        known = plugin in self._manifest.plugins
        if plugin in self._children or self._retiring or not known or now < refused:
            return
        self._deaths[plugin] = [t for t in self._deaths.get(plugin, []) if now - t < _PAUSE_SECONDS]
        if len(self._deaths[plugin]) >= _DEATHS:
            self._refuse(plugin, f"its keeper died {_DEATHS} times within a minute")
            return
        reader, writer = os.pipe()
        service = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            os.close(reader)
            os.close(writer)
            self._refuse(plugin, f"no process can be started for it: {error.strerror}")
            return
        if pid == 0:
            os.close(reader)
            self._become_keeper(service, plugin, writer)
        os.close(writer)
        child = self._children[plugin] = Child(plugin, pid, reader)
        self.watch(reader, functools.partial(self._reported, child))

    def _refuse(self, plugin: str, reason: str) -> None:
        log.warning("%s runs cold for a while: %s", plugin, reason)
        self._refused[plugin] = (time.monotonic() + _PAUSE_SECONDS, reason)

    def _become_keeper(self, service: int, plugin: str, report: int) -> NoReturn:
        status = 70
        try:
            # A keeper without a service cannot be asked for its status, nor be stopped.
            die_with(service, signal.SIGTERM)
            self.release()
            # A keeper may outlive a service that was killed, and must not be in the next one's way.
            for number in (self._lock, *(child.pipe for child in self._children.values())):
                os.close(number)
            keep(plugin, self._manifest, self._folder, self._host, report, self._idle)
            status = 0
        except BaseException:
            log.exception("the keeper of %s ended", plugin)
        finally:
            os._exit(status)

    def _reported(self, child: Child) -> None:
        if not child.read():
            self.unwatch(child.pipe)

    def _reap(self) -> None:
        for child in list(self._children.values()):
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if not pid:
                continue
            self.unwatch(child.pipe)
            while child.read():
                pass
            os.close(child.pipe)
            del self._children[child.plugin]
            if child.state == "unfit":
                self._refuse(child.plugin, child.reason)
            elif child.state == "loading" and not self._retiring:
                how = os.waitstatus_to_exitcode(status)
                self._refuse(child.plugin, child.reason or f"it died when it was imported ({how})")
            elif status:
                self._deaths.setdefault(child.plugin, []).append(time.monotonic())

    def _retire(self) -> None:
        """Take no further call, and end when those that run have ended."""
        if not self._retiring:
            self._retiring = True
            for child in self._children.values():
                os.kill(child.pid, signal.SIGTERM)

    def _stop(self) -> None:
        """End the calls that run, and end."""
        self.signal = 0
        if not self._kill_at:
            self._kill_at = time.monotonic() + _STOP_SECONDS
            self._retiring = True
            # One that retires has no socket any more, and hears this all the same.
            for child in self._children.values():
                os.kill(child.pid, signal.SIGINT)

    def _ask(self, child: Child) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_ASK_SECONDS)
            try:
                connection.connect(place.socket_of(self._folder, child.plugin))
                wire.send(connection, {"do": "status"})
                found = wire.Lines(connection).read()
            except (OSError, wire.Nonsense):
                return {}
            return found[0] if found else {}

    def _status(self) -> dict[str, Any]:
        now = time.monotonic()
        plugins = [
            {
                "name": child.plugin,
                "pid": child.pid,
                "state": child.state,
                "reason": child.reason,
                **(self._ask(child) if child.state == "ready" else {}),
            }
            for child in self._children.values()
        ]
        plugins += [
            {"name": name, "pid": 0, "state": "cold", "reason": reason}
            for name, (until, reason) in self._refused.items()
            if now < until and name not in self._children
        ]
        return {
            "pid": os.getpid(),
            "seconds": round(now - self._born, 1),
            "key": self._manifest.key,
            "folder": self._manifest.folder,
            "stale": self._stale,
            "retiring": self._retiring,
            "plugins": sorted(plugins, key=lambda item: str(item["name"])),
        }


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
    lock = os.open(os.path.join(folder, "service.lock"), os.O_RDWR | os.O_CREAT, 0o600)
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
