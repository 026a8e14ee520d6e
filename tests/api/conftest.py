"""A web server for each test, a connection to it, and a run that does not really wait."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pytest
from pydantic import SecretStr

import devlake_core.api as api
from tests.web import serving

TOKEN = SecretStr("CANARY-t0ken")


@dataclass
class Link:
    """A connection as far as a client looks at one."""

    endpoint: str | None = None
    token: SecretStr | None = TOKEN
    proxy: str | None = None
    name: str = "link"


class Watched(api.NullRuntime):
    """Surroundings that note what is asked of them; pauses take no time."""

    def __init__(self):
        self.pauses = []
        self.counts = Counter()
        self.calls = []
        self.before = self.after = self.resolve = lambda call: None

    def before_request(self, call):
        self.calls.append(call)
        self.before(call)

    def after_response(self, call):
        self.after(call)

    def resolve_response(self, call):
        return self.resolve(call)

    def pause(self, seconds, why):
        self.pauses.append(seconds)

    def count(self, name, number=1):
        self.counts[name] += number


@pytest.fixture(autouse=True)
def _no_proxy_of_this_machine(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def web():
    with serving() as found:
        yield found


@pytest.fixture
def other():
    """Another host: another port is another origin."""
    with serving() as found:
        yield found


@pytest.fixture
def link(web):
    return Link(web.url)


@pytest.fixture
def runtime():
    watched = Watched()
    token = api.current_runtime.set(watched)
    yield watched
    api.current_runtime.reset(token)
