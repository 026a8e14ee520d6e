"""The plugin that the wire samples were recorded with, on devlake_core.

Its name and its package differ, as pydevlake's plugins may: the package names the tables.
"""

from datetime import datetime
from enum import Enum
from typing import Optional

import devlake_core as dl
from devlake_core.domain import devops

__devlake_plugin__ = "fakeplugin"


class FakeConnection(dl.Connection):
    token: dl.SecretStr


class FakeProject(dl.ToolScope, table=True):
    url: str


class FakeScopeConfig(dl.ScopeConfig):
    env: str


class FakePipelineState(Enum):
    PENDING = "pending"
    RUNNING = "running"
    FAILURE = "failure"
    SUCCESS = "success"


class FakePipeline(dl.ToolModel, table=True):
    id: str = dl.Field(primary_key=True)
    started_at: Optional[datetime]
    finished_at: Optional[datetime]
    state: FakePipelineState


class FakePipelineStream(dl.Stream):
    tool_model = FakePipeline
    domain_types = [dl.DomainType.CICD]
    domain_models = [devops.CICDPipeline]

    def convert(self, pipeline, ctx):
        yield devops.CICDPipeline(name=pipeline.id)


class FakePlugin(dl.Plugin):
    name = "fake"
    connection_type = FakeConnection
    tool_scope_type = FakeProject
    scope_config_type = FakeScopeConfig
    streams = [FakePipelineStream]

    def domain_scopes(self, project):
        yield devops.CicdScope(name=project.name, url="http://fake.org/api/project/project_1")
