"""A small plugin whose tool is a list."""

import devlake_core as dl
from devlake_core.domain import ticket

__devlake_plugin__ = "stall"

ORDERS = [{"id": 1, "title": "Tea", "lines": ["two"]}, {"id": 2, "title": "Milk"}]


class StallConnection(dl.Connection):
    token: dl.SecretStr


class Stall(dl.ToolScope, table=True):
    pass


class Order(dl.ToolModel, table=True):
    id: int = dl.Field(primary_key=True)
    title: str
    lines: list[str] = dl.Field(default_factory=list)


class Line(dl.ToolModel, table=True):
    order_id: int = dl.Field(primary_key=True)
    number: int = dl.Field(primary_key=True)


class Orders(dl.Stream):
    tool_model = Order
    domain_models = [ticket.Issue, ticket.IssueLabel]

    def collect(self, state, context):
        for order in ORDERS:
            yield order, state

    def convert(self, order, context):
        yield ticket.Issue(title=order.title)
        for line in order.lines:
            yield ticket.IssueLabel(issue_id=order.domain_id(), label_name=line)


class Lines(dl.Substream):
    tool_model = Line
    parent_stream = Orders

    def collect(self, state, context, parent):
        for number, _ in enumerate(parent.lines):
            yield {"order_id": parent.id, "number": number}, state


class StallAPI(dl.API):
    base_url = "http://127.0.0.1:9"


class Shop(dl.Plugin):
    connection_type = StallConnection
    tool_scope_type = Stall
    api_type = StallAPI
    streams = [Orders, Lines]

    def test_connection(self, connection):
        good = connection.token.get_secret_value() == "t"
        return dl.TestConnectionResult(
            good, "fine" if good else "wrong token", 200 if good else 401
        )

    def remote_scope_groups(self, connection):
        yield dl.RemoteScopeGroup("empty", "Empty")
        yield dl.RemoteScopeGroup("full", "Full")

    def remote_scopes(self, connection, group_id):
        if group_id == "full":
            yield Stall(id="s", name="S")

    def domain_scopes(self, scope):
        yield ticket.Board(name=scope.name)
