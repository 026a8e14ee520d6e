"""Pipelines, deployments and releases."""

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict
from sqlalchemy import Index

from devlake_core.model import DomainModel, DomainScope, Field, NoPKModel
from devlake_core.model.naming import camel_case
from devlake_core.model.types import EnumText

from .deployment_patterns import CICDEnvironment as CICDEnvironment
from .deployment_patterns import CICDType as CICDType
from .deployment_patterns import DeploymentPatterns as DeploymentPatterns
from .fields import (
    Decimal,
    Flag,
    Indexed255,
    Indexed500,
    Key255,
    LongText,
    Text100,
    Text255,
    Text500,
    Time,
)


class CICDResult(StrEnum):
    """Name the ways a run can end; a run that has no result yet has the default."""

    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    RESULT_DEFAULT = ""


class CICDStatus(StrEnum):
    """Name the states of a run."""

    IN_PROGRESS = "IN_PROGRESS"
    DONE = "DONE"
    STATUS_OTHER = "OTHER"


Result = Annotated[CICDResult | None, Field(sa_type=EnumText(CICDResult, 100))]
Status = Annotated[CICDStatus | None, Field(sa_type=EnumText(CICDStatus, 100))]
Kind = Annotated[CICDType | None, Field(sa_type=EnumText(CICDType, 100))]


class CICDDeployment(DomainModel, table=True):
    """Describe a deployment."""

    __tablename__ = "cicd_deployments"

    cicd_scope_id: Indexed255 = None
    result: Result = None
    original_result: Text100 = None
    status: Status = None
    original_status: Text100 = None
    environment: Text255 = None
    original_environment: Text255 = None
    created_date: Time = None
    queued_date: Time = None
    queued_duration_sec: Decimal = None
    started_date: Time = None
    finished_date: Time = None
    duration_sec: Decimal = None
    subtask_name: Text255 = None
    display_title: LongText = None
    url: LongText = None
    name: LongText = None


class CICDPipeline(DomainModel, table=True):
    """Describe one run of a pipeline."""

    __tablename__ = "cicd_pipelines"

    result: Result = None
    original_result: Text100 = None
    status: Status = None
    original_status: Text100 = None
    type: Kind = None
    created_date: Time = None
    queued_date: Time = None
    queued_duration_sec: Decimal = None
    started_date: Time = None
    finished_date: Time = None
    duration_sec: Decimal = None
    environment: Text255 = None
    cicd_scope_id: LongText = None
    name: LongText = None
    display_title: LongText = None
    url: LongText = None
    is_child: Flag = None


class CICDTask(DomainModel, table=True):
    """Describe one job of a pipeline's run."""

    __tablename__ = "cicd_tasks"

    name: Text255 = None
    pipeline_id: Indexed255 = None
    result: Result = None
    original_result: Text100 = None
    status: Status = None
    original_status: Text100 = None
    type: Kind = None
    created_date: Time = None
    queued_date: Time = None
    queued_duration_sec: Decimal = None
    started_date: Time = None
    finished_date: Time = None
    duration_sec: Decimal = None
    environment: Text255 = None
    cicd_scope_id: LongText = None


class CiCDPipelineCommit(NoPKModel, table=True):
    """Link a pipeline's run to a commit that it ran for."""

    __tablename__ = "cicd_pipeline_commits"
    # Renamed tables keep the index of their old name; this one has a new one beside it.
    __indexes__ = (lambda: Index("idx_cicd_pipeline_repos_raw_data_params", "raw_data_params"),)

    pipeline_id: Key255
    commit_sha: Key255
    branch: Text255 = None
    repo_url: Text500 = None
    repo_id: Indexed255 = None
    commit_msg: LongText = None
    display_title: LongText = None
    url: LongText = None


class CicdDeploymentCommit(DomainModel, table=True):
    """Link a deployment to a commit that it brought to an environment."""

    __tablename__ = "cicd_deployment_commits"

    commit_sha: Key255
    cicd_scope_id: Indexed255 = None
    cicd_deployment_id: Text255 = None
    name: Text255 = None
    result: Result = None
    original_result: Text100 = None
    status: Status = None
    original_status: Text100 = None
    environment: Text255 = None
    original_environment: Text255 = None
    created_date: Time = None
    queued_date: Time = None
    queued_duration_sec: Decimal = None
    started_date: Time = None
    finished_date: Time = None
    duration_sec: Decimal = None
    ref_name: Text255 = None
    repo_id: Text255 = None
    repo_url: Indexed500 = None
    prev_success_deployment_commit_id: Text255 = None
    commit_msg: LongText = None
    subtask_name: Text255 = None
    display_title: LongText = None
    url: LongText = None


class CicdRelease(DomainModel, table=True, shared=True):
    """Describe a release."""

    __tablename__ = "cicd_releases"

    published_at: Time = None
    cicd_scope_id: Indexed255 = None
    name: Text255 = None
    display_title: Text255 = None
    description: LongText = None
    url: LongText = None
    is_draft: Flag = None
    is_latest: Flag = None
    is_prerelease: Flag = None
    author_id: Text255 = None
    repo_id: Text255 = None
    tag_name: LongText = None
    commit_sha: LongText = None


class CicdScope(DomainScope, table=True):
    """Describe what pipelines belong to, such as a repository or a job.

    ``createdDate``, as pydevlake spells it, is taken for ``created_date`` too.
    """

    model_config = ConfigDict(alias_generator=camel_case)  # type: ignore[assignment]

    __tablename__ = "cicd_scopes"

    name: Text255 = None
    description: LongText = None
    url: Text255 = None
    created_date: Time = None
    updated_date: Time = None
