from __future__ import annotations

import json
import logging

import pytest

import devlake_core as dl
from devlake_core.bridge.methods import METHODS, answer
from devlake_core.errors import (
    Cancelled,
    ConnectionRejected,
    OutputError,
    RequestError,
    UsageError,
)
from devlake_core.redaction import forget_secrets
from tests.bridge.answering import Kept, Recorded, call, heard, host_of, sample
from tests.plugin.fakeplugin import FakeProject
from tests.plugin.shop import Shop
from tests.web import serving

__devlake_plugin__ = "fakeplugin"

CONFIG = {"log_level": ""}
SECRET = "hush-hush-hush"
SHOP = {"id": 3, "name": "c", "endpoint": "http://127.0.0.1:1", "token": SECRET}


@pytest.fixture(autouse=True)
def _level():
    before = logging.getLogger().level
    yield
    logging.getLogger().setLevel(before)
    forget_secrets()


def nulls(value):
    if isinstance(value, dict):
        return any(item is None or nulls(item) for item in value.values())
    return any(map(nulls, value)) if isinstance(value, list) else False


# --- which method -----------------------------------------------------------------------------


def test_an_unknown_method_is_named_with_those_that_there_are():
    with pytest.raises(UsageError, match="no method 'run-migrations'") as raised:
        call(Recorded(), "run-migrations", CONFIG)
    assert raised.value.exit_code == 2
    assert all(method in raised.value.hint for method in METHODS)


def test_arguments_are_looked_at_before_the_plugin_is_loaded():
    with heard() as cancel, pytest.raises(UsageError) as raised:
        answer(host_of(), "gone", "test-connection", ["{bad"], Kept(), cancel)
    assert raised.value.exit_code == 65


@pytest.mark.parametrize(
    ("word", "level"),
    [
        ("debug", logging.DEBUG),
        ("Info", logging.INFO),
        ("", logging.INFO),
        ("warn", logging.WARNING),
        ("error", logging.ERROR),
        ("panic", logging.CRITICAL),
        ("fatal", logging.CRITICAL),
        ("chatty", logging.INFO),
    ],
)
def test_the_servers_log_level_is_that_of_the_root_logger(word, level):
    call(Recorded(), "plugin-info", {"log_level": word})
    assert logging.getLogger().level == level


def test_a_cancelled_call_ends_before_it_begins():
    out = Kept()
    with heard() as cancel:
        cancel.signal = 15
        with pytest.raises(Cancelled):
            answer(host_of(Recorded()), "fake", "plugin-info", [], out, cancel)
    assert out.lines == []


# --- plugin-info ------------------------------------------------------------------------------


def test_the_recorded_plugin_is_described_as_it_was():
    path = "/dir/fake/run.sh"
    ours = call(Recorded(), "plugin-info", CONFIG, path=path).document
    theirs = sample("plugin-info")["fd3"][0]
    assert list(ours) == list(theirs)
    assert ours["plugin_path"] == path
    for key in ("name", "description", "subtask_metas", "extension"):
        assert ours[key] == theirs[key]
    assert not nulls(ours)


def test_a_large_description_is_one_document_in_lines_that_the_server_can_read():
    class Large(Recorded):
        description = "größer ☃ " * 10

        def plugin_info(self, plugin_path=""):
            texts = [f'{number}"\\ü{"x" * 100_000}' for number in range(200)]
            return {**super().plugin_info(plugin_path), "migration_scripts": texts, "gone": None}

    out = call(Large(), "plugin-info")
    assert 5 <= len(out.lines) <= 7
    found = out.document
    assert (len(found["migration_scripts"]), found["description"]) == (200, "größer ☃ " * 10)
    assert found["migration_scripts"][199].startswith('199"\\ü')
    assert "gone" not in found


# --- test-connection --------------------------------------------------------------------------


def test_a_saved_connection_is_tested_with_what_the_server_sends():
    sent = {"proxy": "", "token": "this_is_a_valid_token"}
    assert call(Recorded(), "test-connection", CONFIG, sent).values == [
        {"success": True, "message": "Valid", "status": 200}
    ]
    sent = {"name": "x", "token": "other", "rateLimitPerHour": 5, "enableGraphql": True}
    assert call(Recorded(), "test-connection", CONFIG, sent).values == [
        {"success": False, "message": "No", "status": 401}
    ]


def test_fields_that_a_saved_connection_lacks_are_an_answer():
    [found] = call(Shop(), "test-connection", {"proxy": "", "token": SECRET}).values
    assert (found["success"], found["status"]) == (False, 400)
    assert "endpoint" in found["message"]
    assert "open the connection and test it there" in found["message"]


@pytest.mark.parametrize(
    ("error", "status"),
    [(RequestError(f"no answer, token={SECRET}"), 503), (ConnectionRejected("no"), 401)],
)
def test_what_the_tool_refuses_is_an_answer_without_secrets(error, status):
    class Refused(Shop):
        def test_connection(self, connection):
            raise error

    [found] = call(Refused(), "test-connection", SHOP).values
    assert (found["success"], found["status"]) == (False, status)
    assert SECRET not in json.dumps(found)


def test_any_other_exception_of_an_author_is_a_failure():
    class Wrong(Shop):
        def test_connection(self, connection):
            raise KeyError(connection.endpoint)

    with pytest.raises(KeyError):
        call(Wrong(), "test-connection", SHOP)


@pytest.mark.parametrize(("success", "status"), [(True, 200), (False, 503)])
def test_a_status_that_http_does_not_have_is_replaced(success, status):
    class Odd(Shop):
        def test_connection(self, connection):
            return dl.TestConnectionResult(success, f"saw\n{SECRET}", 0)

    [found] = call(Odd(), "test-connection", SHOP).values
    assert found == {"success": success, "message": "saw ***", "status": status}


def test_hooks_see_the_requests_of_a_test():
    seen = []

    class Watching(Shop):
        name = "shop"

        @dl.hookimpl
        def devlake_before_request(self, call):
            seen.append((call.plugin, call.purpose, call.connection))

    with serving() as web:
        web.on("/me", {})
        sent = {**SHOP, "endpoint": web.url}
        assert call(Watching(), "test-connection", sent).document["success"] is True
    assert seen == [("shop", "test", "c")]


# --- remote-scopes ----------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 1])
def test_recorded_groups_and_scopes_are_given_again(number):
    recorded = sample("remote-scopes", number)
    assert (
        call(Recorded(), "remote-scopes", *map(json.dumps, recorded["argv"])).values
        == (recorded["fd3"])
    )


@pytest.mark.parametrize("group", [(), ("",), ("null",)])
def test_no_group_means_the_top(group):
    connection = sample("remote-scopes")["argv"][1]
    [found] = call(Recorded(), "remote-scopes", connection, *group).values
    assert found["type"] == "group"


def test_a_scope_that_the_server_could_not_read_is_named():
    class Huge(Recorded):
        def remote_scopes(self, connection, group_id):
            yield FakeProject(id="small", name="s", url="u" * (4 * 10**6))
            yield FakeProject(id="big\n", name="b", url="u" * (5 << 20))

    connection = sample("remote-scopes")["argv"][1]
    with pytest.raises(OutputError, match=r"the scope 'big' has 5,\d+,\d+ bytes") as raised:
        call(Huge(), "remote-scopes", connection, "g")
    assert raised.value.exit_code == 74
