from __future__ import annotations

import pytest

import devlake_core as dl
from devlake_core.errors import ConfigError, PluginError, UsageError
from devlake_core.plugin.connect import connection_of, try_connection
from tests.plugin.shop import Shop, ShopConnection

__devlake_plugin__ = "shop"

SECRET = "hush-hush-hush"


def values(url="http://127.0.0.1:1", **more):
    return {"name": "c", "endpoint": url, "token": SECRET, "proxy": "", **more}


def test_the_apis_check_is_asked_by_default(server):
    server.answers["/me"] = (200, {"name": "me"})
    result = try_connection(Shop(), values(server.url))
    assert result.as_dict() == {"success": True, "message": "Connection successful", "status": 200}


@pytest.mark.parametrize("status", [401, 403, 404])
def test_what_the_tool_refuses_is_an_answer_with_its_status(server, status):
    server.answers["/me"] = (status, {"message": "no"})
    result = try_connection(Shop(), ShopConnection(**values(server.url)))
    assert (result.success, result.status) == (False, status)
    assert SECRET not in result.message


def test_a_tool_that_does_not_answer_is_503():
    result = try_connection(Shop(), values())
    assert (result.success, result.status) == (False, 503)
    assert result.message


def test_a_saved_connection_that_the_server_sends_in_part_is_400_with_the_cure():
    result = try_connection(Shop(), {"proxy": "", "token": SECRET, "name": "c"})
    assert (result.success, result.status) == (False, 400)
    assert "endpoint" in result.message
    assert result.message.endswith("open the connection and test it there")
    assert SECRET not in result.message


def test_wrong_fields_are_named_without_their_values():
    with pytest.raises(ConfigError) as raised:
        connection_of(Shop(), values(endpiont="x", token=SECRET, proxy="no url"))
    assert "endpiont" in raised.value.message
    assert "proxy" in raised.value.message
    assert SECRET not in raised.value.message
    assert raised.value.__context__ is None


def test_a_plugin_without_a_test_says_so():
    class Untestable(Shop):
        api_type = None

    with pytest.raises(UsageError, match="neither test_connection"):
        try_connection(Untestable(), values())


def test_an_answer_of_a_wrong_kind_names_the_plugin():
    class Odd(Shop):
        def test_connection(self, connection):
            return True

    with pytest.raises(PluginError, match=r"test_connection\(\) of plugin 'shop' gives bool"):
        try_connection(Odd(), values())


def test_both_names_of_the_result_are_one_class():
    assert dl.TestConnection is dl.TestConnectionResult
