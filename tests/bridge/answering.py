"""Answer calls of the server without its processes: a recorded plugin and a list for results."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import devlake_core as dl
from devlake_core.bridge.methods import answer
from devlake_core.plugin.manager import Host
from devlake_core.runner.cancel import Cancel
from tests.plugin.fakeplugin import FakePipelineStream, FakePlugin, FakeProject

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__devlake_plugin__ = "fakeplugin"

SAMPLES = json.loads(
    (Path(__file__).resolve().parents[1] / "data/devlake/wire-samples.json").read_text()
)["calls"]


def sample(method: str, number: int = 0) -> dict[str, Any]:
    """Return a recorded call."""
    return [call for call in SAMPLES if call["method"] == method][number]


class Kept:
    """Keep what a call gives."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.progresses: list[dict[str, int]] = []
        self.signs = 0
        self.logged: list[str] = []

    def result(self, line: bytes) -> None:
        assert b"\n" not in line
        assert len(line) <= 4 << 20
        self.lines.append(line)

    def progress(self, increment: int, current: int, total: int) -> None:
        self.progresses.append({"increment": increment, "current": current, "total": total})

    def alive(self) -> None:
        self.signs += 1

    def log(self, text: str) -> None:
        self.logged.append(text)

    @property
    def document(self) -> Any:
        """Return what the server reads of a call: all lines, put together."""
        return json.loads(b"".join(self.lines))

    @property
    def values(self) -> list[Any]:
        """Return what the server reads of a stream: each line."""
        return [json.loads(line) for line in self.lines]


class Pipelines(FakePipelineStream):
    """Give the 250 records of the recording."""

    name = "fakepipelinestream"

    def collect(self, state, context):
        for number in range(250):
            yield {"id": f"{number:03}", "state": "success"}, {}


class Recorded(FakePlugin):
    """Be the recorded plugin, its tool included."""

    streams = [Pipelines]

    def remote_scope_groups(self, connection):
        yield dl.RemoteScopeGroup(id="group1", name="Group 1")

    def remote_scopes(self, connection, group_id):
        yield FakeProject(id="p1", name="Project 1", url="http://fake.org/api/project/p1")

    def test_connection(self, connection):
        token = connection.token.get_secret_value()
        status = 200 if token == "this_is_a_valid_token" else 401
        return dl.TestConnectionResult(status == 200, "Valid" if status == 200 else "No", status)


def host_of(*plugins: dl.Plugin) -> Host:
    """Return a host of plugins that are no distributions."""
    host = Host([])
    for plugin in plugins:
        host.add(plugin)
    return host


@contextmanager
def heard() -> Iterator[Cancel]:
    """Give what hears signals, and close it after the block."""
    cancel = Cancel()
    try:
        yield cancel
    finally:
        cancel.close()


def call(
    plugin: dl.Plugin, method: str, *arguments: Any, path: str = "", **environment: str
) -> Kept:
    """Call a method; arguments that are no text are written as JSON."""
    out = Kept()
    texts = [item if isinstance(item, str) else json.dumps(item) for item in arguments]
    with heard() as cancel:
        answer(
            host_of(plugin),
            plugin.name,
            method,
            texts,
            out,
            cancel,
            path=path,
            environment=environment,
        )
    return out


def task(url: str, **more: Any) -> Mapping[str, Any]:
    """Return the recorded context of a subtask, on another database."""
    return {**sample("collect")["argv"][1], "db_url": url, **more}
