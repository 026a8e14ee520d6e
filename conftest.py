"""Fixtures for every test of the repository, those of the plugins' distributions included."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.servers.kinds import KINDS
from tests.servers.run import VARIABLE, Run, Unavailable, database

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET_VARIABLES = ("DB_URL", "DEVLAKE_DB_URL", "ENCRYPTION_SECRET")
RUN = pytest.StashKey[Run]()

# Neither the clock nor luck decides whether a property holds.
settings.register_profile(
    "steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")


def pytest_configure(config: pytest.Config) -> None:
    """Become the owner of the servers, unless this is a worker or a run inside a test."""
    if VARIABLE not in os.environ:
        config.stash[RUN] = Run()


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the servers that this run started."""
    if RUN in config.stash:
        config.stash[RUN].end()


def left_out() -> list[str]:
    """Return one sentence for each database that the tests cannot use here."""
    return [kind.missing for kind in KINDS.values() if kind.find() is None]


def pytest_report_header() -> list[str]:
    """Tell which databases take part."""
    there = [f"{kind.name} ({kind.find()})" for kind in KINDS.values() if kind.find()]
    return [f"databases: {', '.join(['sqlite', *there])}", *(f"LEFT OUT: {s}" for s in left_out())]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say it again where a reader looks: at the end."""
    for sentence in left_out():
        terminalreporter.write_line(f"LEFT OUT: {sentence}", yellow=True)


@pytest.fixture(autouse=True)
def _own_surroundings(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Give each test an empty home, no variables of the developer's, and its directory back."""
    for name in list(os.environ):
        if name in SECRET_VARIABLES or (name.startswith("DEVLAKE_") and name != VARIABLE):
            monkeypatch.delenv(name)
    for name in [name for name in os.environ if name.startswith("XDG_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    before = Path.cwd()
    yield
    os.chdir(before)


def _server_url(name: str) -> Iterator[str]:
    try:
        with database(name) as url:
            yield url
    except Unavailable as reason:
        if os.environ.get("CI"):
            pytest.fail(f"{reason}; with CI set no database may be left out", pytrace=False)
        pytest.skip(str(reason))


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Return the URL of an SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'devlake.db'}"


@pytest.fixture
def postgresql_url() -> Iterator[str]:
    """Yield the URL of an empty PostgreSQL database."""
    yield from _server_url("postgresql")


@pytest.fixture
def mysql_url() -> Iterator[str]:
    """Yield the URL of an empty MariaDB database."""
    yield from _server_url("mysql")


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def db_url(request: pytest.FixtureRequest) -> str:
    """Return the URL of an empty database, once for each kind."""
    return str(request.getfixturevalue(f"{request.param}_url"))
