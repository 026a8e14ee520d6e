from __future__ import annotations

import pytest

import devlake_core as dl
from devlake_core.errors import PluginLoadError
from devlake_core.plugin.validity import check_plugin, warnings_of
from tests.plugin.shop import Lines, Orders, Shelf, Shop, ShopConnection

__devlake_plugin__ = "shop"


def refused(plugin, name="shop"):
    with pytest.raises(PluginLoadError) as raised:
        check_plugin(plugin, name)
    return raised.value.message


def test_a_sound_plugin_passes():
    check_plugin(Shop(), "shop")
    assert warnings_of(Shop()) == []


def test_a_declared_name_that_differs_from_the_entry_points_is_refused():
    class Named(Shop):
        name = "store"

    assert refused(Named()) == "its name is 'store', its entry point's is 'shop'"


def test_a_package_of_another_name_is_refused_with_the_cure():
    with pytest.raises(PluginLoadError) as raised:
        check_plugin(Shop(), "bazaar")
    assert "__devlake_plugin__ = 'bazaar'" in raised.value.hint


def test_two_streams_of_one_name_are_refused():
    class Again(dl.Stream):
        name = "orders"

    class Twice(Shop):
        streams = [Orders, Again]

    assert refused(Twice()) == "two streams are called 'orders'"


@pytest.mark.parametrize("name", ["scopes", "Bad", "bad-name", "1st", ""])
def test_stream_names_that_make_no_table_name_are_refused(name):
    stream = type("Odd", (dl.Stream,), {"name": name})
    plugin = type("Odd", (Shop,), {"streams": [stream]})
    assert refused(plugin()).startswith("a stream cannot be called")


def test_a_substream_without_its_parent_is_refused():
    class Orphan(Shop):
        streams = [Lines]

    assert "parent_stream of stream 'lines' is 'orders'" in refused(Orphan())


def test_a_tool_model_without_a_key_of_its_own_is_refused():
    class Keyless(dl.ToolModel, table=True):
        __tablename__ = "_tool_shop_keyless"
        title: str

    class Stream(dl.Stream):
        tool_model = Keyless

    class Odd(Shop):
        streams = [Stream]

    assert refused(Odd()) == "tool model Keyless has no key of its own"


@pytest.mark.parametrize("missing", ["connection_type", "tool_scope_type"])
def test_a_missing_type_is_refused(missing):
    assert missing in refused(type("Odd", (Shop,), {missing: None})())


@pytest.mark.parametrize(
    ("one", "other"), [("a-b", "x"), ("1abc", "x"), ("a b", "x"), ("foo", "Foo"), ("ab", "a_b")]
)
def test_field_names_that_gos_structs_do_not_take_are_refused(one, other):
    fields = {
        "__module__": Shop.__module__,
        "__annotations__": {"first": str, "second": str},
        "first": dl.Field(alias=one),
        "second": dl.Field(alias=other),
    }
    model = type(ShopConnection)("OddConnection", (ShopConnection,), fields)
    assert "OddConnection" in refused(type("Odd", (Shop,), {"connection_type": model})())


def test_a_secret_in_clear_is_warned_of():
    class Careless(dl.Connection):
        endpoint: str
        token: str
        api_key: str | None = None
        password: dl.SecretStr
        monkey: str | None = None

    class Odd(Shop):
        connection_type = Careless
        tool_scope_type = Shelf

    assert [line.split("'")[1] for line in warnings_of(Odd())] == ["token", "api_key"]
