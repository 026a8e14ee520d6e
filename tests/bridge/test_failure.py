from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import pytest

from devlake_core.bridge.failure import failure_lines
from devlake_core.bridge.methods import answer
from devlake_core.errors import (
    APIException,
    Cancelled,
    ConfigError,
    DevlakeError,
    RequestError,
    ScopeBusy,
    UsageError,
)
from devlake_core.redaction import forget_secrets
from tests.bridge.answering import Kept, Pipelines, Recorded, heard, host_of, task

__devlake_plugin__ = "fakeplugin"

STREAM = "fakepipelinestream"
SECRET = "hush-hush-hush"


@pytest.fixture(autouse=True)
def _forgetful():
    yield
    forget_secrets()


def failed(url, collect):
    """Run a stream that fails; return the lines for the server, and the exit status."""
    stream = type("Failing", (Pipelines,), {"name": STREAM, "collect": collect})
    plugin = type("FailingPlugin", (Recorded,), {"streams": [stream], "__module__": __name__})()
    host = host_of(plugin)
    context = task(url)
    context["connection"]["token"] = SECRET
    arguments = [json.dumps(context), json.dumps(STREAM)]
    with heard() as cancel:
        try:
            answer(host, "fake", "collect", arguments, Kept(), cancel)
        except BaseException as error:  # as the worker does
            return failure_lines(error, "fake", "collect", arguments, host)
    pytest.fail("it did not fail")


def test_a_mistake_of_an_author_is_told_with_file_line_subtask_and_scope(sqlite_url, caplog):
    def collect(self, state, context):
        return {}[context.connection.token.get_secret_value()]

    with caplog.at_level(logging.INFO):
        lines, status = failed(sqlite_url, collect)
    assert status == 1
    number = collect.__code__.co_firstlineno + 1
    assert lines[0] == f"KeyError: '***' (line {number} of {Path(__file__)})"
    assert lines[1] == f"plugin: fake ({__name__})"
    assert lines[2:4] == [f"subtask: collect {STREAM}", "scope: p1"]
    assert lines[4] == "hint: this is a mistake in the plugin fake: tell its author"
    assert re.fullmatch(r"trace: [0-9a-f]{8}, in the log", lines[5])
    assert len(lines) == 6
    [message] = [text for text in caplog.messages if text.startswith("trace ")]
    assert lines[5].split()[1].rstrip(",") in message
    assert "Traceback (most recent call last)" in message
    assert SECRET not in message + "".join(lines)


def test_sys_exit_of_a_plugin_is_an_error_whatever_its_number(sqlite_url):
    def collect(self, state, context):
        raise SystemExit(0)

    lines, status = failed(sqlite_url, collect)
    assert status == 1
    assert lines[0].startswith("exited without completing: sys.exit(0) was called (line ")


def test_an_endless_message_with_control_characters_becomes_one_short_line(sqlite_url):
    def collect(self, state, context):
        message = f"\x1b[31mred\x1b[0m\r\n{SECRET}\u202e" + "x\n" * 200_000
        raise RuntimeError(message)

    lines, _ = failed(sqlite_url, collect)
    assert len(lines) <= 20
    assert all(len(line) < 5000 and line.isprintable() for line in lines)
    assert lines[0].startswith("RuntimeError: red ***x x")


@pytest.mark.parametrize(
    ("error", "status", "first"),
    [
        (ConfigError("no such field", hint="mend it"), 78, "ConfigError: no such field"),
        (UsageError("argument 1", exit_code=65), 65, "UsageError: argument 1"),
        (RequestError("no answer"), 75, "RequestError: no answer"),
        (APIException(None, "status 401", exit_code=77), 77, "APIException: status 401"),
        (ScopeBusy("it is run"), 75, "ScopeBusy: it is run"),
        (Cancelled("stopped by SIGTERM", exit_code=143), 143, "Cancelled: stopped by SIGTERM"),
        (DevlakeError(), 70, "DevlakeError: DevlakeError"),
        (RuntimeError("ours"), 70, "RuntimeError: ours"),
    ],
)
def test_each_kind_of_error_has_its_status_and_its_name(error, status, first):
    lines, code = failure_lines(error, "fake", "make-pipeline", ["{bad"])
    assert code == status
    assert lines[0] == first
    assert "plugin: fake" in lines
    assert "method: make-pipeline" in lines


def test_a_plugin_that_is_not_there_is_told_too():
    host = host_of()
    with pytest.raises(UsageError) as raised:
        host.load("gone")
    lines, status = failure_lines(raised.value, "gone", "plugin-info", [], host)
    assert status == 2
    assert lines[:2] == ["UsageError: there is no plugin 'gone'", "plugin: gone"]


def test_a_hint_for_the_shell_is_none_for_the_server():
    for error in (ScopeBusy("busy"), RuntimeError("ours")):
        lines, _ = failure_lines(error, "fake", "collect")
        assert any(line.startswith("hint: ") for line in lines)
        assert "--" not in "".join(lines)
