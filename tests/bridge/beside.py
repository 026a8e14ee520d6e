"""Look at the bridge's processes from beside: who they are, what they say to whom."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devlake_core.bridge import wire
from tests.bridge.server import PATIENCE
from tests.bridge.shims import CONFIG

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.bridge.shims import Shims

COLD = {"DEVLAKE_DAEMON": "0"}


def until(said: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Wait until something is true, and return it."""
    end = time.monotonic() + seconds
    while not (found := said()):
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)
    return found


class Running:
    """A call of a shim that goes on while the test does something.

    Attributes:
        pid: the process that the server would have started: the supervisor of the call.

    Args:
        shims: the folder.
        plugin: the plugin.
        words: the method and its arguments.
        env: variables besides those of the folder.
        command: what is executed in the plugin's folder.
        prepare: done in the child before that.
    """

    def __init__(
        self,
        shims: Shims,
        plugin: str,
        *words: Any,
        env: dict[str, str] | None = None,
        command: Sequence[str] = ("./run.sh",),
        prepare: Callable[[], Any] = int,
    ) -> None:
        texts = [word if isinstance(word, str) else json.dumps(word) for word in words]
        reader, writer = os.pipe()
        self._files = [tempfile.TemporaryFile() for _ in range(2)]  # noqa: SIM115

        def become() -> None:
            os.dup2(writer, 3)
            prepare()

        self.process = subprocess.Popen(
            [*command, *texts],
            cwd=shims.folder / plugin,
            env={**shims.env, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=self._files[0],
            stderr=self._files[1],
            # What else is open here is not inherited anyhow.
            close_fds=False,
            preexec_fn=become,
        )
        self.pid = self.process.pid
        os.close(writer)
        self._chunks: list[bytes] = []
        self._thread = threading.Thread(target=self._read, args=(reader,))
        self._thread.start()

    def _read(self, reader: int) -> None:
        while chunk := os.read(reader, 65536):
            self._chunks.append(chunk)
        os.close(reader)

    @property
    def output(self) -> str:
        """What has come on descriptor 3."""
        return b"".join(self._chunks).decode()

    def end(self, seconds: float = PATIENCE) -> tuple[int, str, str, str]:
        """Wait for its end, and return status, descriptor 3, stdout, stderr."""
        status = self.process.wait(seconds)
        self._thread.join(seconds)
        texts = []
        for file in self._files:
            file.seek(0)
            texts.append(file.read().decode())
            file.close()
        return status, self.output, texts[0], texts[1]


def is_root() -> bool:
    """Say whether we may become another user."""
    return os.geteuid() == 0


def told(stdout: str) -> dict[str, Any]:
    """Return what the misdeed `tells` printed."""
    found = re.search(r"^TOLD (\{.*)$", stdout, re.MULTILINE)
    assert found, stdout
    said: dict[str, Any] = json.loads(found[1])
    return said


def socket_of(shims: Shims, plugin: str = "") -> Path:
    """Return the socket of a plugin's keeper, or of the service."""
    name = f"{plugin}.plugin" if plugin else "service.socket"
    (path,) = shims.run.glob(f"*/{name}")
    return path


def reach(path: Path) -> socket.socket:
    """Return a connection to a keeper or service."""
    connection = socket.socket(fileno=wire.dial(str(path)).detach())
    connection.settimeout(30)
    return connection


def start_anew(shims: Shims) -> None:
    """Let the next call start a service although one was started a moment ago."""
    for path in shims.run.glob("*/start.lock"):
        os.truncate(path, 0)


def ask(path: Path, message: dict[str, Any]) -> dict[str, Any]:
    """Say something to a keeper or service, and return its answer."""
    return wire.ask(str(path), message, 30)


def state_of(shims: Shims, plugin: str) -> dict[str, Any]:
    """Return what the service says of a plugin."""
    said = ask(socket_of(shims), {"do": "status"})["plugins"]
    return next((item for item in said if item["name"] == plugin), {})


def after_loading(shims: Shims, plugin: str) -> dict[str, Any]:
    """Have the service load a plugin, and return what it says when that has ended."""
    if not list(shims.run.glob("*/service.socket")):
        start_service(shims, plugin)
    ask(socket_of(shims), {"do": "load", "plugin": plugin})

    def settled() -> dict[str, Any] | None:
        said = state_of(shims, plugin)
        return said if said.get("state") in {"ready", "cold"} else None

    found: dict[str, Any] = until(settled)
    return found


def start_service(shims: Shims, plugin: str) -> None:
    """Have a call start the service."""
    shims.shim(plugin, "test-connection", CONFIG, {"name": "x"})
    until(lambda: list(shims.run.glob("*/service.socket")))


def worker_of(shims: Shims, plugin: str = "unruly") -> int:
    """Wait until the keeper of a plugin has a worker, and return its number."""
    return int(until(lambda: state_of(shims, plugin).get("workers"))[0]["pid"])


def services(shims: Shims) -> list[int]:
    """Return the services of a folder of shims; not the keepers, which are forked from them."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            parent = int((entry / "stat").read_bytes().rpartition(b")")[2].split()[1])
        except (OSError, IndexError):
            continue
        if b"devlake_core.bridge.service" in words and os.fsencode(shims.folder) in words:
            found.append((int(entry.name), parent))
    pids = {pid for pid, _ in found}
    return [pid for pid, parent in found if parent not in pids]


def kill(pid: int) -> None:
    """Kill a process as the kernel does when memory ends."""
    os.kill(pid, signal.SIGKILL)


class Direct:
    """Make calls of a keeper without a supervisor, to make very many.

    Args:
        path: the keeper's socket.
        plugin: the plugin.
    """

    def __init__(self, path: Path, plugin: str, env: dict[str, str]) -> None:
        self.path = path
        self._request = {
            "do": "call",
            "plugin": plugin,
            "method": "test-connection",
            "path": "",
            "legacy": "",
            "environment": env,
            "folder": "/",
            "umask": 0o022,
        }

    def call(self, connection: dict[str, Any]) -> tuple[dict[str, Any], str]:
        """Make a call, and return how it ended and what the worker said."""
        with reach(self.path) as talk:
            assert talk.recv(1) == wire.READY
            return self.call_on(talk, connection)

    def call_on(
        self, talk: socket.socket, connection: dict[str, Any]
    ) -> tuple[dict[str, Any], str]:
        """Make a call on a connection on which the keeper has greeted."""
        out, out_end = os.pipe()
        log, log_end = os.pipe()
        with open(out, "rb") as said, open(log, "rb"):
            arguments = [json.dumps(CONFIG), json.dumps(connection)]
            wire.send(talk, {**self._request, "arguments": arguments}, (out_end, log_end))
            os.close(out_end)
            os.close(log_end)
            text = said.read().decode()
            (end,) = wire.Lines(talk).read()
        return end, text
