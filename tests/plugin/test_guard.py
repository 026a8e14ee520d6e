from __future__ import annotations

import locale
import logging
import os
import signal
import socket

import pytest

from devlake_core.errors import Cancelled, PluginLoadError
from devlake_core.plugin.guard import guarded, import_guest, import_seconds, put_back
from devlake_core.plugin.records import PluginRecord


@pytest.fixture
def record():
    return PluginRecord("plugin", "tracker", "devlake-plugin-tracker", "1.2", "json:loads")


def test_a_guest_is_imported_by_its_entry_point(record):
    import json

    assert import_guest(record) is json.loads
    assert record.state == "unchecked"


@pytest.mark.parametrize(
    ("error", "cause", "words"),
    [
        (ValueError("no \x1b[31msuch"), "import", "ValueError: no such"),
        (SystemExit(3), "import", "sys.exit(3)"),
        (BaseException("bare"), "import", "BaseException: bare"),
        (ModuleNotFoundError("No module named 'left_pad'", name="left_pad"), "import", "left_pad"),
        (SyntaxError("invalid syntax"), "import", "SyntaxError"),
    ],
)
def test_whatever_a_guest_raises_marks_it_as_broken(record, error, cause, words):
    with pytest.raises(PluginLoadError) as raised, guarded(record, "while it was imported"):
        raise error
    assert raised.value.plugin == "tracker"
    assert raised.value.distribution == "devlake-plugin-tracker 1.2"
    assert raised.value.exit_code == 78
    assert "devlake-plugin-tracker 1.2" in raised.value.message
    assert words in record.reason
    assert (record.state, record.cause) == ("broken", cause)
    assert "DEVLAKE_DISABLED_PLUGINS=tracker" in record.hint


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Cancelled()])
def test_who_stops_the_run_stops_it_in_an_import_too(record, error):
    with pytest.raises(type(error)), guarded(record, "while it was imported"):
        raise error
    assert record.state == "unchecked"


def test_what_a_guest_changes_is_put_back_with_a_warning(tmp_path, caplog):
    before = {
        "folder": os.getcwd(),
        "signal": signal.getsignal(signal.SIGTERM),
        "timeout": socket.getdefaulttimeout(),
        "locale": locale.setlocale(locale.LC_ALL),
    }
    other = "C" if before["locale"] != "C" else "C.UTF-8"
    with caplog.at_level(logging.WARNING), put_back("plugin 'rude' (x 1.0)", "in collect"):
        os.chdir(tmp_path)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        socket.setdefaulttimeout(0.5)
        locale.setlocale(locale.LC_ALL, other)
    assert {
        "folder": os.getcwd(),
        "signal": signal.getsignal(signal.SIGTERM),
        "timeout": socket.getdefaulttimeout(),
        "locale": locale.setlocale(locale.LC_ALL),
    } == before
    said = [item.message for item in caplog.records]
    assert len(said) == 4
    assert all(line.startswith("plugin 'rude' (x 1.0) changed ") for line in said)
    assert all(line.endswith("in collect; put back") for line in said)


def test_a_well_behaved_guest_is_not_warned_of(caplog):
    with put_back("plugin 'kind'", "in collect"):
        pass
    assert not caplog.records


@pytest.mark.parametrize(("text", "seconds"), [("", 30), ("2.5", 2.5), ("-1", 30), ("soon", 30)])
def test_the_time_for_an_import_can_be_set(monkeypatch, text, seconds):
    monkeypatch.setenv("DEVLAKE_IMPORT_SECONDS", text)
    assert import_seconds() == seconds


def test_an_import_without_end_is_stopped_although_it_catches_exceptions(python):
    code = """
import json, time
from devlake_core.errors import PluginLoadError
from devlake_core.plugin.guard import import_guest
from devlake_core.plugin.records import PluginRecord
record = PluginRecord("plugin", "sleeper", "x", "1", "devlake_plugin_sleeper:SleeperPlugin")
try:
    import_guest(record)
except PluginLoadError:
    print(json.dumps([record.cause, record.reason]))
"""
    cause, reason = python(code, "hangs", env={"DEVLAKE_IMPORT_SECONDS": "0.3"})
    assert cause == "timeout"
    assert "within 0.3 s" in reason
