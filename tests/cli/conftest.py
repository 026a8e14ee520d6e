"""The real command in processes of its own, with data sources of the tests beside it."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUESTS = Path(__file__).parent / "guests"
CANARY = "CANARY-7c1f0a52-ßecret&value"


def install(site: Path, name: str, entry: str, source: Path = GUESTS, version: str = "1.0") -> None:
    """Put a package into a folder as pip would leave it."""
    package = entry.partition(":")[0].partition(".")[0]
    (site / package).symlink_to(source / package)
    info = site / f"devlake_plugin_{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: devlake-plugin-{name}\nVersion: {version}\nSummary: {name}\n"
    )
    (info / "entry_points.txt").write_text(f"[devlake.plugins]\n{name} = {entry}\n")


class Done:
    """What a call of the command left."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def all(self) -> str:
        return self.out + self.err


class Devlake:
    """Call ``devlake`` in a folder."""

    def __init__(self, folder: Path, site: Path) -> None:
        self.folder = folder
        self.site = site
        self.environ: dict[str, str] = {}
        self.started: list[subprocess.Popen[str]] = []

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-P", "-m", "devlake_core.cli.main", *words]

    @property
    def env(self) -> dict[str, str]:
        path = os.pathsep.join(map(str, (ROOT, self.site)))
        plugins = {"DEVLAKE_DISABLED_PLUGINS": "gitrepo"}
        return {**os.environ, "PYTHONPATH": path, **plugins, **self.environ}

    def __call__(self, *words: str, stdin: str = "", code: int | None = 0, **env: str) -> Done:
        done = subprocess.run(
            self.command(*words),
            cwd=self.folder,
            env={**self.env, **env},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        if code is not None:
            assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
        return Done(done.returncode, done.stdout, done.stderr)

    def start(self, *words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            self.command(*words),
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def rows(self, query: str, *values: object) -> list[tuple]:
        with sqlite3.connect(self.folder / "devlake.db") as database:
            return database.execute(query, values).fetchall()

    def dump(self) -> dict[str, list[tuple]]:
        """Return all tool and domain rows, without their times."""
        found = {}
        for (table,) in self.rows("SELECT name FROM sqlite_master WHERE type = 'table'"):
            if table.startswith(("_tool_", "_raw_")) or not table.startswith("_"):
                columns = [
                    name
                    for (_, name, *_) in self.rows(f"PRAGMA table_info({table})")
                    if name not in {"created_at", "updated_at", "_raw_data_id", "id", "raw_id"}
                    or (name == "id" and not table.startswith("_raw_"))
                ]
                names = ", ".join(f'"{name}"' for name in columns)
                rows = self.rows(f'SELECT {names} FROM "{table}"')
                if rows and not table.endswith(("__state", "_sequence")):
                    found[table] = sorted(rows, key=repr)
        return found


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "site"
    folder.mkdir()
    install(folder, "tracker", "devlake_plugin_tracker:TrackerPlugin")
    install(folder, "acrobat", "devlake_plugin_acrobat:AcrobatPlugin")
    return folder


@pytest.fixture
def devlake(tmp_path, site):
    folder = tmp_path / "here"
    folder.mkdir()
    made = Devlake(folder, site)
    yield made
    for process in made.started:
        process.kill()
        if not process.stdout.closed:
            process.communicate()


class Tool:
    """The tracker's API: what it has, and what was asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.key = CANARY
        self.groups = {"g1": ["b1", "b2"], "g2": ["b3"]}
        self.issues = {"b1": [1, 2, 3], "b2": [4], "b3": []}
        self.status = 200
        self.echo = ""
        self.asked: list[str] = []
        self.open = threading.Event()
        self.open.set()

    def answer(self, path: str, query: str) -> object:
        parts = path.strip("/").split("/")
        if parts == ["me"]:
            return {"name": "me"}
        if parts == ["groups"]:
            return {"items": [{"id": key, "name": f"Group {key}"} for key in self.groups]}
        if parts[0] == "groups":
            return {"items": [{"id": b, "name": f"Board {b}"} for b in self.groups[parts[1]]]}
        if parts == ["issues"]:
            board = query.partition("board=")[2].partition("&")[0]
            return {"items": [{"id": n, "subject": f"Issue {n}"} for n in self.issues[board]]}
        number = int(parts[1])
        return {"items": [{"id": number * 10, "body": f"on {number}"}]}


@pytest.fixture
def tool():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            path, _, query = self.path.partition("?")
            found.asked.append(self.path)
            found.open.wait(250)
            given = self.headers["X-Api-Key"] or ""
            right = given in {found.key, found.key.encode().decode("latin-1")}
            status = found.status if right or found.status != 200 else 401
            body = found.answer(path, query) if status == 200 else {"error": found.echo or "no"}
            page = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(page)))
            with suppress(ConnectionError):  # whoever asked may have been stopped
                self.end_headers()
                self.wfile.write(page)

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        found = Tool(f"http://127.0.0.1:{http.server_port}")
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield found
        http.shutdown()
        thread.join()


@pytest.fixture
def connected(devlake, tool):
    """Return the command with a saved connection to the tool."""
    devlake("connections", "add", "tracker", "--name", "main", "--endpoint", tool.url,
            "--token-stdin", stdin=f"{CANARY}\n")  # fmt: skip
    return devlake


def wait_until(check, process=None, seconds=150.0):
    """Wait until something is so; a process of which it is expected must not end before."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "it did not happen in time"
        if process is not None and process.poll() is not None:
            assert check(), (process.returncode, *process.communicate())
            return
        time.sleep(0.05)


def end(process, number=signal.SIGTERM):
    """Send a signal; return exit code and output once it was heeded.

    What is stopped here would go on for minutes by itself; how busy the machine is does not matter.
    """
    process.send_signal(number)
    out, err = process.communicate(timeout=90)
    return process.returncode, out, err
