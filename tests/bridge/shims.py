"""A folder of shims as an operator makes it, and the service behind it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

UNRULY = Path(__file__).parent / "unruly" / "main.py"
CONFIG = {"log_level": "info"}


@dataclass
class Shims:
    """A folder of shims, with a run folder of its own.

    Attributes:
        folder: the folder.
        run: the folder of the services' sockets.
        env: the variables to call shims with.
    """

    folder: Path
    run: Path
    env: dict[str, str]

    def devlake(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the command line on it."""
        command = [sys.executable, "-m", "devlake_core.cli.main", *words]
        return subprocess.run(command, env=self.env, capture_output=True, text=True, check=check)

    def shim(
        self,
        plugin: str,
        *words: Any,
        env: dict[str, str] | None = None,
        timeout: float = 100,
        prefix: Sequence[str] = (),
    ) -> tuple[int, str, str, str]:
        """Call a shim as the server does, and return status, descriptor 3, stdout, stderr."""
        texts = [word if isinstance(word, str) else json.dumps(word) for word in words]
        reader, writer = os.pipe()
        # Read into a file: a pipe that is full would stop the child.
        child = subprocess.Popen(
            [*prefix, "./run.sh", *texts],
            cwd=self.folder / plugin,
            env={**self.env, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=lambda: os.dup2(writer, 3),
            pass_fds=(3,),
        )
        os.close(writer)
        import threading

        chunks: list[bytes] = []

        def read() -> None:
            while chunk := os.read(reader, 65536):
                chunks.append(chunk)
            os.close(reader)

        thread = threading.Thread(target=read)
        thread.start()
        stdout, stderr = child.communicate(timeout=timeout)
        thread.join(timeout)
        return child.returncode, b"".join(chunks).decode(), stdout.decode(), stderr.decode()

    def status(self) -> list[dict[str, Any]]:
        """Return what the services say of themselves."""
        found: list[dict[str, Any]] = json.loads(self.devlake("serve", "status", "--json").stdout)
        return found

    def warm(self, plugin: str, seconds: float = 60) -> None:
        """Call until the plugin's keeper is there."""
        end = time.monotonic() + seconds
        said: Any = ""
        while not list(self.run.glob(f"*/{plugin}.plugin")):
            assert time.monotonic() < end, f"{said}\n{self.logs()}"
            said = self.shim(plugin, "remote-scopes", CONFIG, {"name": "warm"}, "")
            time.sleep(0.2)

    def logs(self) -> str:
        """Return what the services logged."""
        return "\n".join(path.read_text() for path in self.run.glob("*/service.log"))

    def stop(self) -> None:
        """End the services."""
        self.devlake("serve", "stop", check=False)
        end = time.monotonic() + 30
        while any(map(_is_heard, self.run.glob("*/*.socket"))) and time.monotonic() < end:
            time.sleep(0.05)


def _is_heard(path: Path) -> bool:
    """Say whether somebody listens at a socket; who was killed left it behind."""
    with socket.socket(socket.AF_UNIX) as talk:
        return talk.connect_ex(str(path)) == 0


def make(place: Path, run: Path, legacy: list[Path], **env: str) -> Shims:
    """Sync a folder, and return it."""
    # A server keeps compiled files, and has no such variables of a developer's.
    unwanted = ("DEVLAKE_", "PYTHONDONTWRITEBYTECODE", "DB_URL", "ENCRYPTION_SECRET")
    variables = {key: text for key, text in os.environ.items() if not key.startswith(unwanted)}
    shims = Shims(place, run, {**variables, "DEVLAKE_RUNDIR": str(run), **env})
    words = [word for path in legacy for word in ("--legacy", str(path))]
    shims.devlake("bridge", "sync", str(place), *words)
    return shims


@contextmanager
def synced(*legacy: Path, **env: str) -> Iterator[Shims]:
    """Sync a folder with a short name that every user may read; end its services afterwards.

    Without a warm call first, and with DEVLAKE_DAEMON=0, calls run cold.
    """
    place = Path(tempfile.mkdtemp(prefix="dl", dir="/tmp"))
    place.chmod(0o755)
    try:
        shims = make(place / "shims", place / "run", list(legacy), **env)
        try:
            yield shims
        finally:
            shims.stop()
    finally:
        shutil.rmtree(place)
