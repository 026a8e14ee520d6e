from __future__ import annotations

import pytest

import devlake_core as dl
from devlake_core.errors import PluginError
from tests.plugin.shop import Shelf, Shop, connection

__devlake_plugin__ = "shop"


def listing(plugin, group=None):
    return [item.as_dict() for item in plugin.make_remote_scopes(connection(), group)]


@pytest.mark.parametrize("top", [None, ""])
def test_the_top_level_lists_groups(top):
    assert listing(Shop(), top) == [
        {"id": "7", "name": "Seven", "type": "group"},
        {"id": "8", "name": "Eight", "type": "group"},
    ]


def test_a_group_lists_its_groups_and_scopes_with_their_origin():
    nested, first, second = listing(Shop(), "7")
    assert nested == {"id": "9", "name": "Nested", "type": "group", "parentId": "7"}
    assert first == {
        "id": "7&1",
        "name": "First",
        "type": "scope",
        "parentId": "7",
        "data": {
            "_raw_data_params": '{"ConnectionId":3,"ScopeId":"7\\u00261"}',
            "_raw_data_table": "_raw_shop_scopes",
            "connectionId": 3,
            "id": "7&1",
            "name": "First",
        },
    }
    assert second["data"]["url"] == "http://shop/2"


def test_a_plugin_without_groups_lists_its_scopes_at_the_top():
    class Flat(dl.Plugin):
        name = "shop"

        def remote_scopes(self, connection, group_id):
            return [Shelf(id="1", name="One")]

    [scope] = listing(Flat())
    assert (scope["id"], scope["type"]) == ("1", "scope")
    assert "parentId" not in scope


def test_none_means_that_there_is_nothing():
    class Empty(Shop):
        def remote_scope_groups(self, connection):
            return None

        def remote_scopes(self, connection, group_id):
            return None

    assert listing(Empty()) == listing(Empty(), "7") == []


def test_all_pages_of_browse_are_asked_for():
    class Paged(Shop):
        def browse(self, connection, query):
            number = query.page or 1
            shelf = Shelf(id=f"{query.group_id}{number}", name="x")
            return dl.RemotePage([shelf], next=number + 1 if number < 3 else None)

    assert [item["id"] for item in listing(Paged(), "g")] == ["g1", "g2", "g3"]


def test_pages_that_go_in_a_circle_are_an_error():
    class Circle(Shop):
        def browse(self, connection, query):
            return dl.RemotePage([], next="b" if query.page == "a" else "a")

    with pytest.raises(PluginError, match="'a' a second time"):
        listing(Circle(), "g")


def test_a_search_keeps_what_has_the_text_in_its_name():
    found = Shop().browse(connection(), dl.RemoteQuery(search="SEV"))
    assert [item.name for item in found.items] == ["Seven"]
