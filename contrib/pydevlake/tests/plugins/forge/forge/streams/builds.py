from typing import Iterable

import pydevlake.domain_layer.devops as devops
from forge.api import ForgeAPI
from forge.models import Build
from pydevlake import Context, DomainType, Stream


class Builds(Stream):
    tool_model = Build
    domain_types = [DomainType.CICD]
    domain_models = [devops.CICDPipeline, devops.CiCDPipelineCommit]

    def collect(self, state, context) -> Iterable[tuple[object, dict]]:
        for build in ForgeAPI(context.connection).builds(context.scope.id):
            yield build, state

    def convert(self, b: Build, ctx: Context):
        status = devops.CICDStatus.DONE
        if b.status == Build.Status.InProgress:
            status = devops.CICDStatus.IN_PROGRESS
        yield devops.CICDPipeline(
            name=b.name,
            status=status,
            original_status=str(b.status),
            created_date=b.start_time,
            cicd_scope_id=ctx.scope.domain_id(),
            quality_gate="unknown to DevLake",
        )
        yield devops.CiCDPipelineCommit(
            pipeline_id=b.domain_id(),
            commit_sha=b.source_version,
            branch=", ".join(job.name for job in sorted(b.jobs, key=lambda job: job.id)),
        )
