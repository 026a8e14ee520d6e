"""Real distributions, built from tests/dists, installed by pip into folders of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DISTS = ROOT / "tests" / "dists"
SHARED_HOOKS = ROOT / "contrib" / "companyhooks"

_BUILD = """
import os, sys
from hatchling.build import build_wheel
for source in sys.argv[2:]:
    os.chdir(source)
    out = os.path.join(sys.argv[1], os.path.basename(source))
    os.makedirs(out)
    build_wheel(out)
"""


class Dists:
    """Build and install the distributions of the tests, each once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sites: dict[str, Path] = {}

    def sources(self) -> list[Path]:
        folders = sorted(path.parent for path in DISTS.glob("*/pyproject.toml"))
        return [*folders, SHARED_HOOKS] if SHARED_HOOKS.exists() else folders

    def build(self) -> None:
        command = [sys.executable, "-c", _BUILD, str(self.folder / "wheels")]
        subprocess.run([*command, *map(str, self.sources())], check=True, capture_output=True)

    def site(self, name: str) -> Path:
        if name not in self.sites:
            if not self.sites:
                self.build()
            [wheel] = (self.folder / "wheels" / name).glob("*.whl")
            target = self.folder / "sites" / name
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index"]
            command += ["--no-deps", "--no-compile", "--disable-pip-version-check"]
            subprocess.run([*command, "--target", str(target), str(wheel)], check=True)
            self.sites[name] = target
        return self.sites[name]


@pytest.fixture(scope="session")
def dists(tmp_path_factory):
    return Dists(tmp_path_factory.mktemp("dists"))


@pytest.fixture
def python(dists):
    """Run code in a new Python in which some distributions are installed; return its last line."""

    def run(code, *installed, env=None, sites=(), status=0, timeout=280):
        folders = [ROOT, *(dists.site(name) for name in installed), *sites]
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders)), **(env or {})}
        done = subprocess.run(
            [sys.executable, "-P", "-c", code],
            env=environ,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert done.returncode == status, done.stderr
        run.stderr = done.stderr
        return json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else None

    return run


class Server:
    """A tool's API: what each path answers, and what was asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: dict[str, tuple[int, object]] = {}
        self.queued: dict[str, list[tuple[int, object]]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []

    def answer(self, path: str) -> tuple[int, object]:
        queue = self.queued.get(path.partition("?")[0])
        return queue.pop(0) if queue else self.answers.get(path.partition("?")[0], (404, {}))


@pytest.fixture
def server():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            found.requests.append((self.path, dict(self.headers.items())))
            status, body = found.answer(self.path)
            page = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            kind = "text/html" if isinstance(body, str) else "application/json"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        found = Server(f"http://127.0.0.1:{http.server_port}")
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield found
        http.shutdown()
        thread.join()
