from __future__ import annotations

import json
import logging
import os
import signal
import threading
import time

import pytest
from sqlalchemy import text

import devlake_core as dl
from devlake_core.api import current_runtime
from devlake_core.bridge import runtime, subtasks
from devlake_core.bridge.methods import answer
from devlake_core.errors import (
    Cancelled,
    ConfigError,
    RequestError,
    ScopeBusy,
    StoreError,
    UsageError,
)
from devlake_core.migration import migrate
from devlake_core.model import raw_data_params, registry_of
from devlake_core.redaction import forget_secrets, redact
from devlake_core.store import Store, claimed, ensure_raw
from tests.bridge.answering import Kept, Pipelines, Recorded, call, heard, host_of, sample, task
from tests.plugin.fakeplugin import FakeProject

__devlake_plugin__ = "fakeplugin"

STREAM = "fakepipelinestream"
CONFIG = {"log_level": ""}
PARAMS = raw_data_params(21, "p1")


@pytest.fixture(autouse=True)
def _level():
    before = logging.getLogger().level
    yield
    logging.getLogger().setLevel(before)
    forget_secrets()


@pytest.fixture
def prepared(db_url):
    """Return a database whose tables a server made."""
    store = Store.open(db_url)
    migrate(store, [])
    with store.transaction() as connection:
        registry_of("fakeplugin").metadata.create_all(connection)
    store.close()
    return db_url


def rows(url, query):
    store = Store.open(url)
    try:
        with store.reading() as connection:
            return [tuple(row) for row in connection.execute(text(query))]
    finally:
        store.close()


class Watched(Recorded):
    """Note what the hooks are told."""

    def __init__(self):
        self.seen = []

    @dl.hookimpl
    def devlake_before_subtask(self, subtask):
        self.seen.append(("before", subtask.verb, subtask.stream, subtask.scope))

    @dl.hookimpl
    def devlake_after_subtask(self, subtask, counts):
        self.seen.append(("after", dict(counts)))

    @dl.hookimpl
    def devlake_on_subtask_error(self, subtask, error):
        self.seen.append(("error", type(error).__name__))


def of_stream(**members):
    """Return the recorded plugin with other members of its stream."""
    stream = type("Other", (Pipelines,), {"name": STREAM, "__module__": __name__, **members})
    return type("OtherPlugin", (Watched,), {"streams": [stream], "__module__": __name__})()


# --- the recorded calls -----------------------------------------------------------------------


def test_recorded_subtasks_tell_the_recorded_progress_and_fill_the_tables(prepared):
    plugin = Watched()
    for verb in ("collect", "extract", "convert"):
        out = call(plugin, verb, CONFIG, task(prepared), f'"{STREAM}"')
        assert out.progresses == sample(verb)["fd3"]
        assert out.lines == []
        assert out.logged[0].startswith(f"{verb} {STREAM}: ")
    raw = rows(prepared, "SELECT count(*), min(params) FROM _raw_fake_fakepipelinestream")
    assert raw == [(250, PARAMS)]
    tool = "SELECT count(*), min(connection_id) FROM _tool_fakeplugin_fakepipelines"
    assert rows(prepared, tool) == [(250, 21)]
    found = rows(prepared, "SELECT min(id) FROM cicd_pipelines WHERE name = '007'")
    assert found == [("fakeplugin:FakePipeline:21:007",)]
    assert [item[:2] for item in plugin.seen[::2]] == [
        ("before", "collect"),
        ("before", "extract"),
        ("before", "convert"),
    ]
    assert plugin.seen[1][1]["records"] == 250


def test_the_domain_rows_of_the_scope_are_left_to_the_server(prepared):
    call(Recorded(), "collect", task(prepared), STREAM)
    assert rows(prepared, "SELECT count(*) FROM cicd_scopes") == [(0,)]


def test_an_sqlite_file_without_tables_gets_them_for_a_context_of_a_script(sqlite_url):
    class Plain(Recorded):
        scope_config_type = dl.Plugin.scope_config_type

    context = {"db_url": sqlite_url, "connection": {"token": "t"}}
    for verb in ("collect", "extract", "convert"):
        call(Plain(), verb, context, STREAM)
    params = raw_data_params(0, "")
    assert rows(sqlite_url, "SELECT DISTINCT params FROM _raw_fake_fakepipelinestream") == [
        (params,)
    ]
    assert rows(sqlite_url, "SELECT min(id) FROM cicd_pipelines") == [
        ("fakeplugin:FakePipeline:0:000",)
    ]


@pytest.mark.parametrize("url", ["sqlite+pysqlite:///:memory:", "sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_serves_a_single_call(url, monkeypatch, tmp_path):
    class Plain(Recorded):
        scope_config_type = dl.Plugin.scope_config_type

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    kept = call(Plain(), "collect", {"db_url": url, "connection": {"token": "t"}}, STREAM)
    assert kept.progresses[-1]["current"] == 250
    assert list(tmp_path.iterdir()) == []


def test_a_context_without_scope_has_a_blank_one_and_a_database_from_the_environment(sqlite_url):
    seen = []

    def collect(self, state, context):
        seen.append((context.scope, context.connection))
        return ()

    context = {"db_url": None, "connection": {"token": "t"}, "scope_config": {"env": "e"}}
    call(of_stream(collect=collect), "collect", context, STREAM, DB_URL=sqlite_url)
    [(scope, connection)] = seen
    assert isinstance(scope, FakeProject)
    assert (scope.id, scope.name, scope.url, scope.connection_id) == ("", "", None, 0)
    assert (connection.id, connection.name) == (None, "Test connection")


def test_options_reach_the_context(sqlite_url):
    seen = []

    def collect(self, state, context):
        seen.append((context.full_refresh, context.options["scopeName"], context.scope_id))
        return ()

    options = {**sample("collect")["argv"][1]["options"], "incremental": False}
    call(of_stream(collect=collect), "collect", task(sqlite_url, options=options), STREAM)
    assert seen == [(True, "Project 1", "p1")]


# --- what is missing --------------------------------------------------------------------------


def test_no_database_is_a_matter_of_configuration():
    with pytest.raises(ConfigError, match="names no database"):
        call(Recorded(), "collect", task(""), STREAM)


def test_an_unknown_stream_is_named_with_those_that_there_are(sqlite_url):
    with pytest.raises(UsageError, match="no stream 'pipelines'"):
        call(Recorded(), "collect", task(sqlite_url), "pipelines")


def test_a_config_that_the_scope_needs_is_named(sqlite_url):
    with pytest.raises(ConfigError, match="env has no default") as raised:
        call(Recorded(), "collect", task(sqlite_url, scope_config=None), STREAM)
    assert raised.value.hint == "give the scope a scope config"


def test_missing_tables_of_a_server_are_not_made(mysql_url):
    with pytest.raises(ConfigError, match="_tool_fakeplugin_fakepipelines"):
        call(Recorded(), "collect", task(mysql_url), STREAM)


def test_secrets_of_connection_and_database_are_shown_by_nothing():
    url = "mysql://nobody:pass-word-pass@127.0.0.1:1/x"
    with pytest.raises(StoreError) as raised:
        call(Recorded(), "collect", task(url), STREAM)
    assert "pass-word-pass" not in raised.value.message
    assert redact("pass-word-pass") == "***"


# --- while it runs ----------------------------------------------------------------------------


def test_a_failing_author_is_told_to_the_hooks_and_leaves_what_is_committed(sqlite_url):
    def collect(self, state, context):
        yield {"id": "1"}, {}
        raise RequestError

    plugin = of_stream(collect=collect)
    with pytest.raises(RequestError):
        call(plugin, "collect", task(sqlite_url), STREAM)
    assert plugin.seen[-1] == ("error", "RequestError")
    assert rows(sqlite_url, "SELECT count(*) FROM _raw_fake_fakepipelinestream") == [(1,)]


def test_warnings_and_what_is_in_quarantine_are_logged(sqlite_url, caplog):
    def collect(self, state, context):
        context.warn("two\nlines")
        for number in range(1000):
            yield {"id": f"{number}", "state": "success"}, {}
        yield {"id": "bad", "state": "no such"}, {}

    plugin = of_stream(collect=collect)
    with caplog.at_level(logging.WARNING):
        call(plugin, "collect", task(sqlite_url), STREAM)
        out = call(plugin, "extract", task(sqlite_url), STREAM)
    assert "two lines" in caplog.messages
    assert "bad records are in quarantine: _raw_fake__quarantine says why" in caplog.messages
    assert "1 quarantined" in out.logged[-1]


def test_progress_stops_a_cancelled_step(sqlite_url):
    def collect(self, state, context):
        for number in range(5000):
            yield {"id": f"{number}"}, {}
            if number == 10:
                os.kill(os.getpid(), signal.SIGTERM)

    out = Kept()
    host, arguments = host_of(of_stream(collect=collect)), [json.dumps(task(sqlite_url)), STREAM]
    with heard() as cancel, cancel.heard(), pytest.raises(Cancelled) as raised:
        answer(host, "fake", "collect", arguments, out, cancel)
    assert raised.value.exit_code == 143
    assert out.progresses == []


def test_long_pauses_and_answers_of_the_tool_are_signs_of_life(sqlite_url, monkeypatch):
    monkeypatch.setattr(runtime, "SIGN_SECONDS", 0.05)

    def collect(self, state, context):
        current_runtime.get().pause(0.3, "a limit")
        return ()

    out = call(of_stream(collect=collect), "collect", task(sqlite_url), STREAM)
    assert out.signs >= 6


def test_another_run_of_the_scope_is_waited_for_with_signs_of_life(prepared, monkeypatch):
    monkeypatch.setattr(subtasks, "SIGN_SECONDS", 0.1)
    store = Store.open(prepared)
    ensure_raw(store, "fake")
    taken, done = threading.Event(), threading.Event()

    def hold():
        with claimed(store, "fake", PARAMS):
            taken.set()
            done.wait(20)
        store.close()

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert taken.wait(20)
        began = time.monotonic()
        with pytest.raises(ScopeBusy):
            call(Recorded(), "collect", task(prepared, options={"wait": 0.5}), STREAM)
        assert 0.4 <= time.monotonic() - began < 60
        threading.Timer(0.5, done.set).start()
        out = call(Recorded(), "collect", task(prepared), STREAM)
    finally:
        done.set()
        holder.join()
    assert out.signs >= 3
    assert out.progresses[-1]["current"] == 250
