"""Be the shared service: the framework and the shared hooks are loaded, plugins in children.

One service answers the calls of one user for one folder of shims, as long as nothing that is
installed changes. It is a tree: the service forks a keeper for each plugin, which loads it and
listens on a socket of its own, and forks a worker for each call. Whatever a plugin does at import
or in a call hurts nobody but its keeper or its worker.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import functools
import gc
import importlib
import json
import logging
import os
import resource
import selectors
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING, Any

from . import place, wire
from .keeper import Keeper
from .supervisor import seconds_of

if TYPE_CHECKING:
    from devlake_core.plugin.manager import Host

log = logging.getLogger(__name__)

IDLE_SECONDS = 600.0
"""After how many seconds without a call a keeper ends; the service does when it has none."""

_AFTER_THE_LAST = 1.5
_STALE_SECONDS = 10.0
_LOAD_SECONDS = 40.0
_PAUSE_SECONDS = 60.0
_DEATHS = 3
_STOP_SECONDS = 7.0
_ASK_SECONDS = 0.05
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4
_SHARED_MODULES = (
    "devlake_core.bridge.failure",
    "devlake_core.bridge.methods",
    "devlake_core.bridge.worker",
    "devlake_core.domain",
    "devlake_core.migration",
    "devlake_core.store",
    "psycopg",
    "pymysql",
    "sqlalchemy.dialects.mysql.pymysql",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite",
    "sqlite3",
)
"""What calls need, so that all workers share the memory of it."""


class _Child:
    """Be the keeper of one plugin."""

    def __init__(self, plugin: str, pid: int, pipe: int) -> None:
        self.plugin, self.pid, self.pipe = plugin, pid, pipe
        self.state, self.reason = "loading", ""
        self.began = time.monotonic()


class Service:
    """Start keepers when they are asked for, and end with them.

    Args:
        manifest: that of the folder of shims.
        folder: where the sockets are.
        host: where the shared hooks are loaded.
    """

    def __init__(self, manifest: place.Manifest, folder: str, host: Host) -> None:
        self._manifest, self._folder, self._host = manifest, folder, host
        self._idle = seconds_of("DEVLAKE_IDLE_SECONDS", IDLE_SECONDS)
        self._children: dict[str, _Child] = {}
        self._deaths: dict[str, list[float]] = {}
        self._refused: dict[str, tuple[float, str]] = {}
        self._callers: dict[int, tuple[socket.socket, wire.Lines]] = {}
        self._selector = selectors.DefaultSelector()
        self._wake, self._wakeup = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._born = self._busy = self._looked = time.monotonic()
        self._stale = self._retiring = False
        self._kill_at = 0.0
        self._signal = 0

    def serve(self, listener: socket.socket, plugin: str = "") -> None:
        """Serve until there is nothing to do any more.

        Args:
            listener: listens on the service's socket.
            plugin: the one to load at once.
        """
        self._listener = listener
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ)
        self._selector.register(self._wake, selectors.EVENT_READ)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._noted)
        signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)
        if plugin:
            self._load(plugin)
        while not (self._retiring and not self._children):
            self._turn()
        self._unlink()

    def _noted(self, number: int, _frame: Any) -> None:
        if number != signal.SIGCHLD:
            self._signal = number

    def _turn(self) -> None:
        for key, _ in self._selector.select(0.5):
            if key.fileobj is self._listener:
                self._accept()
            elif key.fd == self._wake:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake, 4096)
            elif key.fd in self._callers:
                self._hear(key.fd)
            else:
                self._reported(key.fd)
        self._reap()
        now = time.monotonic()
        for child in self._children.values():
            if child.state == "loading" and now - child.began > _LOAD_SECONDS:
                child.reason = f"its import did not end within {_LOAD_SECONDS:g} s"
                os.kill(child.pid, signal.SIGKILL)
        if self._children:
            self._busy = now
        if now - self._looked > _STALE_SECONDS:
            self._looked = now
            self._stale = self._manifest.fresh_key() != self._manifest.key
        if self._signal:
            self._stop()
        elif self._stale or now - self._busy > _AFTER_THE_LAST * self._idle:
            self._retire()
        if self._kill_at and now > self._kill_at:
            for child in self._children.values():
                os.kill(child.pid, signal.SIGKILL)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        if not wire.same_user(connection, os.geteuid()):
            connection.close()
            return
        connection.setblocking(False)
        self._selector.register(connection, selectors.EVENT_READ)
        self._callers[connection.fileno()] = (connection, wire.Lines(connection))

    def _hear(self, number: int) -> None:
        connection, lines = self._callers[number]
        try:
            messages = lines.read()
        except BlockingIOError:
            return
        except (OSError, wire.Nonsense):
            messages, lines.ended = [], True
        for message in messages:
            answer = self._do(message)
            with contextlib.suppress(OSError):
                connection.send(wire.encode(answer))
        if lines.ended:
            self._selector.unregister(connection)
            del self._callers[number]
            connection.close()

    def _do(self, message: dict[str, Any]) -> dict[str, Any]:
        what = message.get("do")
        if what == "load":
            self._load(str(message.get("plugin")))
        elif what == "status":
            return self._status()
        elif what == "retire":
            self._retire()
        elif what == "stop":
            self._stop()
        else:
            return {"ok": False}
        return {"ok": True}

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
        pid = os.fork()
        if pid == 0:
            self._become_keeper(plugin, writer)
        os.close(writer)
        self._children[plugin] = _Child(plugin, pid, reader)
        self._selector.register(reader, selectors.EVENT_READ)

    def _refuse(self, plugin: str, reason: str) -> None:
        log.warning("%s runs cold for a while: %s", plugin, reason)
        self._refused[plugin] = (time.monotonic() + _PAUSE_SECONDS, reason)

    def _become_keeper(self, plugin: str, report: int) -> None:
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            parent = os.getppid()
            # A keeper without a service cannot be asked for its status, nor be stopped.
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
            if os.getppid() == parent:
                self._release()
                _keep(plugin, self._manifest, self._folder, self._host, report, self._idle)
        except BaseException:
            log.exception("the keeper of %s ended", plugin)
            logging.shutdown()
            os._exit(70)
        os._exit(0)

    def _release(self) -> None:
        """Close what is the service's, so that nothing of it closes what is ours later."""
        for connection, _ in self._callers.values():
            os.close(connection.detach())
        os.close(self._listener.detach())
        self._selector.close()
        for number in (self._wake, self._wakeup, *(c.pipe for c in self._children.values())):
            os.close(number)

    def _reported(self, number: int) -> None:
        child = next((c for c in self._children.values() if c.pipe == number), None)
        data = os.read(number, 4096)
        if not data:
            self._selector.unregister(number)
        elif child is not None:
            said = json.loads(data.partition(b"\n")[0])
            child.state, child.reason = said["state"], said["reason"]

    def _reap(self) -> None:
        for child in list(self._children.values()):
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if not pid:
                continue
            with contextlib.suppress(KeyError):
                self._selector.unregister(child.pipe)
            os.close(child.pipe)
            del self._children[child.plugin]
            if child.state == "unfit":
                self._refuse(child.plugin, child.reason)
            elif child.state == "loading":
                self._refuse(child.plugin, child.reason or f"it died when loaded ({status})")
            elif status:
                self._deaths.setdefault(child.plugin, []).append(time.monotonic())

    def _retire(self) -> None:
        """Take no further call, and end when those that run have ended."""
        if not self._retiring:
            self._retiring = True
            self._unlink()
            for child in self._children.values():
                os.kill(child.pid, signal.SIGTERM)

    def _stop(self) -> None:
        """End the calls that run, and end."""
        self._signal = 0
        if not self._kill_at:
            for child in self._children.values():
                self._ask(child, "stop")
            self._retire()
            self._kill_at = time.monotonic() + _STOP_SECONDS

    def _unlink(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(place.socket_of(self._folder))

    def _ask(self, child: _Child, what: str) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_ASK_SECONDS)
            try:
                connection.connect(place.socket_of(self._folder, child.plugin))
                wire.send(connection, {"do": what})
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
                **(self._ask(child, "status") if child.state == "ready" else {}),
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


def _keep(
    plugin: str, manifest: place.Manifest, folder: str, host: Host, report: int, idle: float
) -> None:
    """Load a plugin and serve its calls."""
    from devlake_core.errors import DevlakeError
    from devlake_core.runner.legacy import add_legacy

    from .worker import work

    def tell(state: str, reason: str) -> None:
        os.write(report, json.dumps({"state": state, "reason": reason[:3000]}).encode() + b"\n")

    try:
        legacy = manifest.plugins[plugin].get("legacy")
        if legacy:
            add_legacy(host, legacy)
        else:
            host.load(plugin)
    except DevlakeError as error:
        tell("unfit", error.message)
        return
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        tell("unfit", f"it started {threads - 1} threads when it was imported")
        return
    path = place.socket_of(folder, plugin)
    listener = listen(path)
    tell("ready", "")
    os.close(report)
    Keeper(functools.partial(work, host=host), plugin=plugin, idle=idle).serve(listener, path)


def listen(path: str) -> socket.socket:
    """Return a socket that listens at a path, in the place of one that nobody listens on."""
    listener = socket.socket(socket.AF_UNIX)
    # Bound under another name first: who finds it can connect.
    temporary = f"{path}.{os.getpid()}"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    listener.bind(temporary)
    listener.listen(128)
    os.rename(temporary, path)
    return listener


def serve(directory: str, plugin: str = "") -> int:
    """Be the service of a folder of shims until it is idle, stopped, or out of date.

    Args:
        directory: the folder.
        plugin: the plugin to load at once.

    Returns:
        The exit status: 0, also where another service does it already; 75 where the folder of
        the sockets cannot be used.
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
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Not even another process of this user may read its memory, through which secrets go.
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    host = _preloaded()
    if len(os.listdir("/proc/self/task")) > 1:
        log.error("shared hooks started a thread when they were loaded: all calls run cold")
        return 75
    service = Service(manifest, folder, host)
    log.info("serves %s, %s", manifest.folder, ", ".join(manifest.plugins))
    service.serve(listen(place.socket_of(folder)), plugin)
    log.info("ends")
    return 0


def _preloaded() -> Host:
    """Import what each call needs, and the shared hooks."""
    from devlake_core.plugin.manager import Host

    for name in _SHARED_MODULES:
        # Drivers are there if they are installed.
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    host = Host()
    host.load_hooks()
    gc.collect()
    gc.freeze()
    return host


def main() -> None:
    """Be started by the first call."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(process)d %(levelname)s %(message)s"
    )
    sys.exit(serve(*sys.argv[1:]))


if __name__ == "__main__":
    main()
