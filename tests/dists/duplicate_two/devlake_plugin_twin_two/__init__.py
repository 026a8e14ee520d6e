"""A data source called twin, like another one."""

import devlake_core as dl


class Connection(dl.Connection):
    pass


class Scope(dl.ToolScope, table=True):
    pass


class TwinPlugin(dl.Plugin):
    connection_type = Connection
    tool_scope_type = Scope
    name = "twin"
