from forge.api import ForgeAPI
from forge.models import ForgeConnection, Repository, RepositoryConfig
from forge.streams.builds import Builds
from forge.streams.jobs import Jobs
from pydevlake import DomainType, Plugin, RemoteScopeGroup, TestConnectionResult
from pydevlake.api import APIException
from pydevlake.domain_layer.code import Repo
from pydevlake.domain_layer.devops import CicdScope
from pydevlake.pipeline_tasks import gitextractor, refdiff


class ForgePlugin(Plugin):
    @property
    def connection_type(self):
        return ForgeConnection

    @property
    def tool_scope_type(self):
        return Repository

    @property
    def scope_config_type(self):
        return RepositoryConfig

    @property
    def streams(self):
        return [Builds, Jobs]

    def domain_scopes(self, repository: Repository):
        yield Repo(name=repository.name, url=repository.url, forked_from=repository.parent_url)
        yield CicdScope(name=repository.name, description=repository.name, url=repository.url)

    def remote_scope_groups(self, connection) -> list[RemoteScopeGroup]:
        for project in ForgeAPI(connection).profile().json["projects"]:
            yield RemoteScopeGroup(id=project, name=project.capitalize())

    def remote_scopes(self, connection, group_id: str) -> list[Repository]:
        for raw in ForgeAPI(connection).repositories(group_id):
            repository = Repository(**raw)
            if repository.default_branch:
                repository.parent_url = raw.get("parent", {}).get("url")
                yield repository

    def test_connection(self, connection: ForgeConnection) -> TestConnectionResult:
        message = None
        try:
            response = ForgeAPI(connection).profile()
        except APIException as error:
            response = error.response
            if response.status == 401:
                message = "Invalid token"
        return TestConnectionResult.from_api_response(response, message)

    def extra_tasks(self, scope: Repository, config: RepositoryConfig, connection):
        if DomainType.CODE in config.domain_types and not scope.is_external():
            yield gitextractor(scope.url, scope.name, scope.domain_id(), connection.proxy)

    def extra_stages(self, pairs: list[tuple[Repository, RepositoryConfig]], _):
        for scope, config in pairs:
            if DomainType.CODE in config.domain_types and not scope.is_external():
                yield [refdiff(scope.id, config.refdiff)]


if __name__ == "__main__":
    ForgePlugin.start()
