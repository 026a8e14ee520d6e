import json
from datetime import datetime, timedelta
from typing import Iterable

from fakeplugin.migrations import *  # noqa: F403 - so that they are found
from fakeplugin.models import FakeConnection, FakePipeline, FakeProject, FakeScopeConfig

import pydevlake as dl
from pydevlake.domain_layer.devops import (
    CICDPipeline,
    CICDResult,
    CicdScope,
    CICDStatus,
    CICDType,
)

TOKEN = "this_is_a_valid_token"
STATES = list(FakePipeline.State)
BEGIN = datetime(2023, 1, 10, 11)

RESULTS = {
    FakePipeline.State.SUCCESS: CICDResult.SUCCESS,
    FakePipeline.State.FAILURE: CICDResult.FAILURE,
}


class FakePipelineStream(dl.Stream):
    tool_model = FakePipeline
    domain_types = [dl.DomainType.CICD]
    domain_models = [CICDPipeline]

    def collect(self, state, context) -> Iterable[tuple[object, dict]]:
        for number in range(250):
            pipeline = FakePipeline(
                id=number,
                state=STATES[number % len(STATES)],
                started_at=BEGIN,
                finished_at=BEGIN + timedelta(minutes=3) if number % 2 else None,
            )
            yield json.loads(pipeline.json()), {}

    def convert(self, pipeline: FakePipeline, context) -> Iterable[CICDPipeline]:
        done = pipeline.state in RESULTS
        duration = None
        if pipeline.finished_at is not None:
            duration = (pipeline.finished_at - pipeline.started_at).seconds
        yield CICDPipeline(
            id=1,
            name=pipeline.id,
            status=CICDStatus.DONE if done else CICDStatus.IN_PROGRESS,
            result=RESULTS.get(pipeline.state),
            created_date=pipeline.started_at,
            finished_date=pipeline.finished_at,
            duration_sec=duration,
            environment=context.scope_config.env,
            type=CICDType.BUILD,
            cicd_scope_id=context.scope.domain_id(),
        )


class FakePlugin(dl.Plugin):
    @property
    def connection_type(self):
        return FakeConnection

    @property
    def tool_scope_type(self):
        return FakeProject

    @property
    def scope_config_type(self):
        return FakeScopeConfig

    @property
    def streams(self):
        return [FakePipelineStream]

    def domain_scopes(self, project: FakeProject):
        name = "_".join(project.name.lower().split())
        yield CicdScope(id=1, name=project.name, url=f"http://fake.org/api/project/{name}")

    def remote_scope_groups(self, connection: FakeConnection):
        return [dl.RemoteScopeGroup(id="group1", name="Group 1")]

    def remote_scopes(self, connection: FakeConnection, group_id: str):
        if group_id != "group1":
            return []
        return [FakeProject(id="p1", name="Project 1", url="http://fake.org/api/project/p1")]

    def test_connection(self, connection: FakeConnection):
        if connection.token.get_secret_value() == TOKEN:
            return dl.TestConnectionResult(
                success=True, message="Connection successful", status=200
            )
        return dl.TestConnectionResult(success=False, message="Invalid token", status=401)


if __name__ == "__main__":
    FakePlugin.start()
