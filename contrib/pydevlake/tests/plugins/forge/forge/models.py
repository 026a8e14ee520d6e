import datetime
import re
from enum import Enum
from typing import List, Optional

from pydantic import SecretStr, validator
from sqlmodel import Relationship

from forge.migrations import *  # noqa: F403 - needed to be able to run migrations
from pydevlake import Field, ScopeConfig
from pydevlake.model import Connection, ToolModel, ToolScope
from pydevlake.pipeline_tasks import RefDiffOptions


class ForgeConnection(Connection):
    token: SecretStr
    organization: Optional[str]

    class Config:
        anystr_strip_whitespace = True


class RepositoryConfig(ScopeConfig):
    refdiff: Optional[RefDiffOptions]
    deployment_pattern: Optional[re.Pattern]
    production_pattern: Optional[re.Pattern]


class Repository(ToolScope, table=True):
    url: str
    default_branch: Optional[str]
    parent_url: Optional[str] = Field(source="/parent/url")
    provider: Optional[str]

    @validator("url")
    def without_credentials(cls, url):
        return re.sub(r"//[^/@]*@", "//", url)

    def is_external(self):
        return bool(self.provider)


class Build(ToolModel, table=True):
    class Status(Enum):
        Completed = "completed"
        InProgress = "inProgress"

        def __str__(self) -> str:
            return self.name

    id: int = Field(primary_key=True)
    name: str = Field(source="/definition/name")
    status: Status
    start_time: Optional[datetime.datetime]
    source_version: str
    jobs: List["Job"] = Relationship(
        back_populates="build",
        sa_relationship_kwargs={
            "primaryjoin": "and_(Job.connection_id == Build.connection_id, "
            "foreign(Job.build_id) == Build.id)"
        },
    )


class Job(ToolModel, table=True):
    id: str = Field(primary_key=True)
    build_id: int = Field(primary_key=True)
    name: str
    title: Optional[str]
    build: Optional[Build] = Relationship(
        back_populates="jobs",
        sa_relationship_kwargs={
            "primaryjoin": "and_(Job.connection_id == Build.connection_id, "
            "foreign(Job.build_id) == Build.id)"
        },
    )

    @validator("title", pre=True, always=True)
    def title_or_name(cls, title, values):
        return title or values["name"].capitalize()
