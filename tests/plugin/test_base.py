from __future__ import annotations

import subprocess
import sys

import pytest

import devlake_core as dl
from devlake_core.errors import UsageError
from devlake_core.plugin.validity import check_plugin
from tests.plugin.conftest import ROOT
from tests.plugin.shop import Lines, Orders, Shelf, Shop, ShopAPI, ShopConnection

__devlake_plugin__ = "shop"


def test_a_plugin_without_a_name_bears_its_packages():
    assert Shop().name == "shop"
    assert Shop().description == "shop plugin"


def test_types_and_streams_may_be_properties():
    class ByProperty(dl.Plugin):
        @property
        def name(self):
            return "shop"

        @property
        def connection_type(self):
            return ShopConnection

        @property
        def tool_scope_type(self):
            return Shelf

        @property
        def streams(self):
            return [Lines, Orders]

    plugin = ByProperty()
    check_plugin(plugin, "shop")
    assert [stream.name for stream in plugin.all_streams] == ["orders", "lines"]


def test_streams_may_be_instances():
    class Made(Shop):
        streams = [Orders("shop")]

    assert Made().get_stream("orders").raw_model_table == "_raw_shop_orders"


def test_a_plugins_own_constructor_need_not_call_ours():
    class Own(Shop):
        def __init__(self):
            self.mine = True

    plugin = Own()
    plugin.extend([], [])
    assert len(plugin.all_streams) == 3


def test_an_unknown_stream_is_named_with_what_is_near():
    with pytest.raises(UsageError, match="plugin 'shop' has no stream 'order'") as raised:
        Shop().get_stream("order")
    assert raised.value.hint == "did you mean orders?"


def test_subtasks_are_named_as_the_server_knows_them():
    names = [meta.name for meta in Shop().subtasks]
    assert names[:3] == ["Collect Orders", "Extract Orders", "Convert Orders"]
    assert Shop().subtasks[0].as_dict() == {
        "name": "Collect Orders",
        "entry_point_name": "collect",
        "arguments": ["orders"],
        "required": False,
        "enabled_by_default": False,
        "description": "Collect shop orders",
        "domain_types": ["TICKET"],
    }


def test_a_plugin_registers_its_attributes_by_hooks():
    shop = Shop()
    assert shop.devlake_connection_types() == [("shop", ShopConnection)]
    assert shop.devlake_scopes() == [("shop", Shelf)]
    assert shop.devlake_streams("shop") == Shop.streams
    assert shop.devlake_streams("other") == []


def test_a_word_of_the_command_line_means_no_scope_unless_the_plugin_says_so():
    assert Shop().scope_from_argument("x") is None


def test_start_answers_the_server_and_ends_the_process():
    code = "from tests.plugin.shop import Shop; Shop.start()"
    done = subprocess.run(
        [sys.executable, "-c", code, "no-such-method"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 2
    assert "no method 'no-such-method'" in done.stderr
    assert "plugin-info" in done.stderr


def test_the_apis_class_is_the_contexts():
    assert Shop().api_type is ShopAPI
