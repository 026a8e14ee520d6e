from typing import Iterable

from pydantic import SecretStr

import devlake_core as dl
from devlake_core.domain.devops import CicdScope
from myplugin.api import MyAPI
from myplugin.streams.comments import UserComments
from myplugin.streams.users import Users


class MyPluginConnection(dl.Connection):
    url: str
    token: SecretStr


class MyPluginToolScope(dl.ToolScope):
    description: str
    url: str


class MyPlugin(dl.Plugin):
    connection_type = MyPluginConnection
    tool_scope_type = MyPluginToolScope
    streams = [Users, UserComments]

    def domain_scopes(self, tool_scope: MyPluginToolScope) -> Iterable[dl.DomainScope]:
        yield CicdScope(
            name=tool_scope.name,
            description=tool_scope.description,
            url=tool_scope.url,
        )

    def remote_scope_groups(self, connection: MyPluginConnection) -> Iterable[dl.RemoteScopeGroup]:
        for raw_group in self._api(connection).groups().json:
            yield dl.RemoteScopeGroup(id=raw_group["id"], name=raw_group["name"])

    def remote_scopes(self, connection, group_id: str) -> Iterable[MyPluginToolScope]:
        if group_id == "empty":
            return None
        return [
            MyPluginToolScope(
                id=raw_scope["id"],
                name=raw_scope["name"],
                description=raw_scope["description"],
                url=raw_scope["url"],
            )
            for raw_scope in self._api(connection).projects(group_id).json
        ]

    def test_connection(self, connection: MyPluginConnection) -> dl.TestConnectionResult:
        return dl.TestConnection.from_api_response(self._api(connection).users())

    def _api(self, connection):
        return MyAPI(connection.url, connection.token.get_secret_value())


if __name__ == "__main__":
    MyPlugin.start()
