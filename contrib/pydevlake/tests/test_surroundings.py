"""Debugger, log level, and the database's URL in the environment."""

from __future__ import annotations

import logging
import os
import sys
import types

import pytest

import pydevlake
from devlake_core.store import Store
from pydevlake.config import set_config
from pydevlake.db_url import db_url_for
from pydevlake.helpers import debugger


@pytest.fixture
def ide(monkeypatch):
    """Return the calls of stand-ins for the debuggers' packages, which are not installed here."""
    calls = []
    pycharm, debugpy = types.ModuleType("pydevd_pycharm"), types.ModuleType("debugpy")
    pycharm.settrace = lambda **said: calls.append(said)
    debugpy.connect = lambda address: calls.append(address)
    monkeypatch.setitem(sys.modules, "pydevd_pycharm", pycharm)
    monkeypatch.setitem(sys.modules, "debugpy", debugpy)
    monkeypatch.setenv("PYTHON_DEBUG_HOST", "laptop")
    monkeypatch.setenv("PYTHON_DEBUG_PORT", "5678")
    return calls


def test_no_debugger_is_used_unless_one_is_asked_for(ide, monkeypatch):
    monkeypatch.delenv("USE_PYTHON_DEBUGGER", raising=False)
    debugger.init()
    assert ide == []


def test_pycharm_and_debugpy_are_connected_to_where_they_listen(ide, monkeypatch):
    monkeypatch.setenv("USE_PYTHON_DEBUGGER", "PyCharm")
    debugger.init()
    monkeypatch.setenv("USE_PYTHON_DEBUGGER", "debugpy")
    debugger.init()
    assert ide == [{"host": "laptop", "port": 5678, "suspend": False}, ("laptop", 5678)]


@pytest.mark.parametrize(
    ("kind", "port", "words"),
    [
        ("vim", "1", "USE_PYTHON_DEBUGGER is 'vim'"),
        ("pycharm", "many", "no debugger at laptop:many"),
        ("pycharm", "1", "no debugger at laptop:1: refused"),
    ],
)
def test_a_debugger_that_fails_is_logged_and_the_plugin_runs(
    ide, monkeypatch, caplog, kind, port, words
):
    def refuse(**_):
        message = "refused"
        raise ConnectionRefusedError(message)

    monkeypatch.setattr(sys.modules["pydevd_pycharm"], "settrace", refuse)
    monkeypatch.setenv("USE_PYTHON_DEBUGGER", kind)
    monkeypatch.setenv("PYTHON_DEBUG_PORT", port)
    debugger.init()
    assert words in caplog.text


def test_a_debugger_that_is_not_installed_is_named(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "debugpy", None)
    monkeypatch.setenv("USE_PYTHON_DEBUGGER", "debugpy")
    debugger.init()
    assert "debugpy is not installed" in caplog.text


def test_the_servers_log_level_is_taken(monkeypatch):
    before = pydevlake.logger.level
    try:
        for name, level in (("debug", logging.DEBUG), ("ERROR", logging.ERROR), ("", logging.INFO)):
            set_config({"log_level": name})
            assert pydevlake.logger.level == level
    finally:
        pydevlake.logger.setLevel(before)


def plugin_in(tmp_path, monkeypatch, source):
    """Return a plugin whose module is a file with this source."""
    name = f"surroundings_{tmp_path.name}"
    file = tmp_path / "main.py"
    file.write_text(source, "utf-8")
    module = types.ModuleType(name)
    module.__file__ = str(file)
    monkeypatch.setitem(sys.modules, name, module)
    return type("HavingPlugin", (pydevlake.Plugin,), {"__module__": name})()


@pytest.fixture
def store(postgresql_url):
    found = Store.open(postgresql_url)
    yield found
    found.close()


def test_a_plugin_that_reads_db_url_gets_it_with_a_warning(store, tmp_path, monkeypatch, caplog):
    plugin = plugin_in(tmp_path, monkeypatch, "import os\nurl = os.environ['DB_URL']\n")
    with db_url_for(plugin, store):
        url = os.environ["DB_URL"]
    assert "DB_URL" not in os.environ
    assert url.startswith("postgres://")
    assert store.url.database in url
    assert "plugin having reads DB_URL" in caplog.text


def test_a_plugin_that_does_not_read_db_url_gets_none(store, tmp_path, monkeypatch):
    with db_url_for(plugin_in(tmp_path, monkeypatch, "pass\n"), store):
        assert "DB_URL" not in os.environ
