"""A call is begun once: by the keeper that has all of it, or else by one of its own."""

import json
import os
import signal
import socket
import threading

import pytest

from devlake_core.bridge import wire
from tests.bridge.beside import (
    Direct,
    Running,
    after_loading,
    reach,
    socket_of,
    start_service,
    state_of,
    told,
    until,
    worker_of,
)
from tests.bridge.server import connection, gone_after
from tests.bridge.shims import CONFIG, UNRULY, synced


@pytest.fixture
def own_shims():
    """Yield a folder of shims with a service of its own."""
    with synced(UNRULY) as shims:
        start_service(shims, "unruly")
        yield shims


class Impostor:
    """Listen in a keeper's place; say so much, and read all that comes until it is let go.

    Args:
        path: the socket's.
        greeting: what is said to whoever connects.
    """

    def __init__(self, path, greeting):
        self.heard = b""
        self._greeting = greeting
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{path}.new")
        self._listener.listen()
        os.rename(f"{path}.new", path)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        talk, _ = self._listener.accept()
        with talk, self._listener:
            talk.sendall(self._greeting)
            while chunk := talk.recv(65536):
                self.heard += chunk
                if self.heard.endswith(b"\n"):
                    break

    def said(self):
        self._thread.join(60)
        return self.heard


def tells(shims):
    return shims.shim("unruly", "test-connection", CONFIG, connection("tells"))


def keeper_file(shims):
    return socket_of(shims).parent / "unruly.plugin"


def test_a_keeper_that_does_not_greet_is_told_nothing(own_shims):
    assert after_loading(own_shims, "unruly")["state"] == "ready"
    keeper = Impostor(keeper_file(own_shims), b"")
    status, _, log, errors = tells(own_shims)
    assert (status, keeper.said()) == (0, b""), errors
    assert told(log)["pid"]


def test_a_call_that_a_keeper_has_is_begun_nowhere_else(own_shims):
    assert after_loading(own_shims, "unruly")["state"] == "ready"
    keeper = Impostor(keeper_file(own_shims), wire.READY)
    status, output, log, errors = tells(own_shims)
    assert json.loads(keeper.said())["method"] == "test-connection"
    assert (status, output) == (70, ""), errors
    assert "TOLD" not in log
    assert "unruly test-connection: the process that ran it was ended" in errors


def test_a_keeper_that_retires_serves_whom_it_has_greeted(own_shims):
    keeper = after_loading(own_shims, "unruly")["pid"]
    direct = Direct(keeper_file(own_shims), "unruly", {"PATH": os.defpath})
    with reach(keeper_file(own_shims)) as talk:
        assert talk.recv(1) == wire.READY
        os.kill(keeper, signal.SIGTERM)
        until(lambda: not keeper_file(own_shims).exists())
        end, text = direct.call_on(talk, connection())
    assert end["exit"] == 0, text
    gone_after(keeper)


def test_a_keeper_that_retires_is_succeeded_at_once(own_shims):
    first = after_loading(own_shims, "unruly")["pid"]
    call = Running(own_shims, "unruly", "test-connection", CONFIG, connection("slow 60"))
    worker = worker_of(own_shims)
    os.kill(first, signal.SIGTERM)
    until(lambda: state_of(own_shims, "unruly")["state"] == "retiring")
    second = after_loading(own_shims, "unruly")
    assert second["pid"] != first
    _, _, log, _ = tells(own_shims)
    assert told(log)["ppid"] == second["pid"]
    assert call.process.poll() is None
    call.process.terminate()
    assert call.end()[0] == 143
    gone_after(worker)
    gone_after(first)
    assert state_of(own_shims, "unruly")["pid"] == second["pid"]


def test_a_stopped_keeper_does_nothing_that_was_done_without_it(own_shims):
    keeper = after_loading(own_shims, "unruly")["pid"]
    os.kill(keeper, signal.SIGSTOP)
    try:
        _, _, log, _ = tells(own_shims)
        assert told(log)["ppid"] != keeper
    finally:
        os.kill(keeper, signal.SIGCONT)
    until(lambda: state_of(own_shims, "unruly").get("calls") is not None)
    assert state_of(own_shims, "unruly")["calls"] == 0
