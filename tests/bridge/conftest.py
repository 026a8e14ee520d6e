"""DevLake's server, played by the Go program of `contrib/go`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.bridge import gotools
from tests.bridge.gohost import GoHost
from tests.bridge.server import Server
from tests.bridge.shims import UNRULY, synced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.bridge.shims import Shims

# The first test pays for Go's standard library, compiled with the race detector.
BUILD_SECONDS = 600


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests that may have to build something the time for it."""
    for item in items:
        uses_go = "go" in getattr(item, "fixturenames", ())
        if uses_go and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(BUILD_SECONDS))


@pytest.fixture(scope="session")
def go() -> Callable[..., str]:
    """Return a function that runs Go in our module and returns what it says."""
    if gotools.find() is None:
        if os.environ.get("CI"):
            pytest.fail(f"{gotools.MISSING}; with CI set it may not be left out", pytrace=False)
        pytest.skip(gotools.MISSING)

    def run(*words: str, folder: Path = gotools.MODULE, command: str = "go") -> str:
        done = gotools.run(*words, folder=folder, command=command)
        assert done.returncode == 0, done.stdout
        return done.stdout

    return run


@pytest.fixture(scope="session")
def go_binary(go: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the host program of the tests, with the race detector where it can be."""
    return gotools.build(tmp_path_factory.mktemp("go") / "hostdriver", *gotools.races())


@pytest.fixture
def go_host(go_binary: Path) -> Iterator[GoHost]:
    """Yield a running host; a panic or a data race in it fails the test."""
    host = GoHost(go_binary)
    yield host
    host.close()


@pytest.fixture(scope="module")
def unruly_shims() -> Iterator[Shims]:
    """Yield a folder of shims with the plugin `unruly`."""
    with synced(UNRULY) as shims:
        yield shims


@pytest.fixture(scope="session")
def lasting_shims() -> Iterator[Shims]:
    """Yield the same for tests that leave it as it was."""
    with synced(UNRULY) as shims:
        yield shims


@pytest.fixture(params=["warm", "cold"])
def server(
    request: pytest.FixtureRequest, go_host: GoHost, lasting_shims: Shims
) -> Iterator[Server]:
    """Yield a server that calls `unruly`, once in the shared service and once without."""
    server = Server(go_host, lasting_shims, request.param)
    if server.mode == "cold":
        yield server
        return
    lasting_shims.warm("unruly")
    before = server.calls_of_keeper()
    yield server
    assert server.calls_of_keeper() != before, "the calls were cold"
