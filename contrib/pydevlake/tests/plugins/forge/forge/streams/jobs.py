from typing import Iterable

import pydevlake.domain_layer.devops as devops
from forge.api import ForgeAPI
from forge.models import Build, Job
from forge.streams.builds import Builds
from pydevlake import Context, DomainType, Substream


class Jobs(Substream):
    tool_model = Job
    domain_types = [DomainType.CICD]
    parent_stream = Builds

    def collect(self, state, context, parent: Build) -> Iterable[tuple[object, dict]]:
        response = ForgeAPI(context.connection).jobs(context.scope.id, parent.id)
        for job in response.json["records"]:
            job["build_id"] = parent.id
            job["x_request_url"] = response.get_url_with_query_string()
            job["x_request_input"] = {"build_id": parent.id}
            yield job, state

    def extract(self, raw_data: dict) -> Job:
        job = super().extract(raw_data)
        job.name = job.name.lower()
        return job

    def convert(self, j: Job, ctx: Context) -> Iterable[devops.CICDTask]:
        kind = devops.CICDType.BUILD
        pattern = ctx.scope_config.deployment_pattern
        if pattern is not None and pattern.search(j.name):
            kind = devops.CICDType.DEPLOYMENT
        yield devops.CICDTask(
            id="overwritten",
            name=j.title,
            type=kind,
            original_status=j.build.name,
            pipeline_id=j.build.domain_id(),
        )
        yield devops.CICDTask(id=f"forge:second:{j.id}", name="again")
