"""A small plugin for the tests of this room, written as an author would."""

from collections.abc import Iterable

import devlake_core as dl
from devlake_core.domain import code, devops, ticket

__devlake_plugin__ = "shop"


class ShopConnection(dl.Connection):
    endpoint: str
    token: dl.SecretStr


class Shelf(dl.ToolScope, table=True):
    url: str | None = None


class ShopConfig(dl.ScopeConfig, table=True):
    pattern: str | None = None


class Order(dl.ToolModel, table=True):
    id: int = dl.Field(primary_key=True)
    title: str


class Line(dl.ToolModel, table=True):
    id: int = dl.Field(primary_key=True)
    order_id: int = dl.Field(parent="id")


class Label(dl.ToolModel, table=True):
    """Belongs to no stream."""

    name: str = dl.Field(primary_key=True)


class Orders(dl.Stream[Order]):
    domain_types = [dl.DomainType.TICKET]
    domain_models = [ticket.Issue]

    def convert(self, order, ctx):
        yield ticket.Issue(title=order.title)


class Lines(dl.Substream[Line, Order]):
    parent_stream = Orders
    domain_types = [dl.DomainType.CICD]

    def convert(self, line, ctx):
        return None

    def should_run_on(self, scope):
        return scope.id != "closed"


class Papers(dl.Stream):
    """Keeps raw rows alone."""

    domain_types = [dl.DomainType.TICKET]


class ShopAPI(dl.API):
    check = "me"


class Shop(dl.Plugin):
    connection_type = ShopConnection
    tool_scope_type = Shelf
    scope_config_type = ShopConfig
    api_type = ShopAPI
    streams = [Lines, Papers, Orders]

    def domain_scopes(self, shelf: Shelf) -> Iterable[dl.DomainScope]:
        yield ticket.Board(name=shelf.name, url=shelf.url)
        yield devops.CicdScope(name=shelf.name)
        yield code.Repo(name=shelf.name, forked_from="x")

    def remote_scope_groups(self, connection):
        return [dl.RemoteScopeGroup(id=7, name="Seven"), dl.RemoteScopeGroup(id="8", name="Eight")]

    def remote_scopes(self, connection, group_id):
        yield dl.RemoteScopeGroup(id="9", name="Nested")
        yield Shelf(id=f"{group_id}&1", name="First")
        yield Shelf(id="closed", name="Second", url="http://shop/2")


def shelf(key="s&1", **values):
    return Shelf(id=key, name=f"Shelf {key}", connection_id=3, **values)


def connection(**values):
    return ShopConnection(**{"id": 3, "name": "c", "endpoint": "http://x", "token": "t", **values})
