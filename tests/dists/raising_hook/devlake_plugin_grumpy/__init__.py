"""A data source that raises when one of its requests is made."""

import devlake_core as dl


class Connection(dl.Connection):
    endpoint: str


class Scope(dl.ToolScope, table=True):
    pass


class Thing(dl.ToolModel, table=True):
    id: int = dl.Field(primary_key=True)


class Things(dl.RestStream[Thing]):
    records = "/items"

    def request(self, ctx):
        return dl.Request("/issues")


class GrumpyPlugin(dl.Plugin):
    connection_type = Connection
    tool_scope_type = Scope
    api_type = dl.API
    streams = [Things]

    def remote_scopes(self, connection, group_id):
        yield Scope(id="1", name="One")

    @dl.hookimpl
    def devlake_before_request(self, call):
        raise KeyError("no such header")
