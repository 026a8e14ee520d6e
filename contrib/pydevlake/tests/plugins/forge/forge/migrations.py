import datetime
from enum import Enum
from typing import Optional

from pydantic import SecretStr

from pydevlake import Field, ScopeConfig
from pydevlake.migration import MigrationScriptBuilder, migration
from pydevlake.model import Connection, ToolModel, ToolScope
from pydevlake.pipeline_tasks import RefDiffOptions


@migration(20230501000001, name="initialize schemas for forge")
def init_schemas(b: MigrationScriptBuilder):
    class ForgeConnection(Connection):
        token: SecretStr
        organization: Optional[str]

    class RepositoryConfig(ScopeConfig):
        refdiff: Optional[RefDiffOptions]
        deployment_pattern: Optional[str]
        production_pattern: Optional[str]

    class Repository(ToolScope):
        url: str
        default_branch: Optional[str]
        parent_url: Optional[str]
        provider: Optional[str]

    class Build(ToolModel):
        class Status(Enum):
            Completed = "completed"
            InProgress = "inProgress"

        id: int = Field(primary_key=True)
        name: str
        status: Status
        start_time: Optional[datetime.datetime]
        source_version: str

    class Job(ToolModel):
        id: str = Field(primary_key=True)
        build_id: int = Field(primary_key=True)
        name: str

    b.create_tables(ForgeConnection, RepositoryConfig, Repository, Build, Job)


@migration(20230524181430)
def add_job_title(b: MigrationScriptBuilder):
    b.add_column("_tool_forge_jobs", "title", "text")
