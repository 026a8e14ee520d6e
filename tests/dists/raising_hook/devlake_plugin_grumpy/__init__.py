"""A data source that raises when one of its requests is made."""

import devlake_core as dl


class Connection(dl.Connection):
    pass


class Scope(dl.ToolScope, table=True):
    pass


class GrumpyPlugin(dl.Plugin):
    connection_type = Connection
    tool_scope_type = Scope

    @dl.hookimpl
    def devlake_before_request(self, call):
        raise KeyError("no such header")
