"""A data source whose registration hook raises after some values."""

import devlake_core as dl


class Connection(dl.Connection):
    pass


class Scope(dl.ToolScope, table=True):
    pass


class FlakyPlugin(dl.Plugin):
    connection_type = Connection
    tool_scope_type = Scope

    @dl.hookimpl
    def devlake_paginators(self):
        yield "first", object
        raise ValueError("the second one is missing")
