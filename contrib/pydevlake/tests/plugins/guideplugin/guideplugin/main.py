from typing import Iterable, Optional

from pydantic import SecretStr

import pydevlake as dl
from guideplugin.api import MyAPI
from guideplugin.models import Comment, User
from guideplugin.streams.comments import UserComments
from guideplugin.streams.users import Users
from pydevlake.domain_layer.devops import CicdScope
from pydevlake.migration import Dialect, MigrationScriptBuilder, migration


class MyPluginConnection(dl.Connection):
    url: str
    token: SecretStr


class MyPluginScopeConfig(dl.ScopeConfig):
    issue_type_regex: Optional[str]


class MyPluginToolScope(dl.ToolScope):
    description: str
    url: str


@migration(20230501000001, name="initialize schemas for Plugin")
def init_schemas(b: MigrationScriptBuilder):
    class MyPluginConnection(dl.Connection):
        url: str
        token: SecretStr

    class MyPluginScopeConfig(dl.ScopeConfig):
        issue_type_regex: Optional[str]

    class MyPluginToolScope(dl.ToolScope):
        description: str
        url: str

    b.create_tables(MyPluginConnection, MyPluginScopeConfig, MyPluginToolScope, User, Comment)


@migration(20230524181430, name="add pk to comments table")
def change_primary_key(b: MigrationScriptBuilder):
    table = Comment.__tablename__
    b.execute(f"ALTER TABLE {table} DROP PRIMARY KEY", Dialect.MYSQL)
    b.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey", Dialect.POSTGRESQL)
    b.execute(f"ALTER TABLE {table} ADD PRIMARY KEY (id, connection_id)")


class MyPlugin(dl.Plugin):
    connection_type = MyPluginConnection
    tool_scope_type = MyPluginToolScope
    scope_config_type = MyPluginScopeConfig
    streams = [Users, UserComments]

    def domain_scopes(self, tool_scope: MyPluginToolScope) -> Iterable[dl.DomainScope]:
        yield CicdScope(
            name=tool_scope.name,
            description=tool_scope.description,
            url=tool_scope.url,
        )

    def remote_scope_groups(self, connection: MyPluginConnection) -> Iterable[dl.RemoteScopeGroup]:
        yield dl.RemoteScopeGroup(id="g", name="G")

    def remote_scopes(self, connection, group_id: str) -> Iterable[MyPluginToolScope]:
        yield MyPluginToolScope(id="p", name="P", description="d", url="http://x/p")

    def test_connection(self, connection: MyPluginConnection) -> dl.TestConnectionResult:
        api = MyAPI(connection.url, connection.token.get_secret_value())
        return dl.TestConnectionResult.from_api_response(api.users())


if __name__ == "__main__":
    MyPlugin.start()
