"""Tasks of the server's own plugins."""

from typing import Any

from pydantic import AliasChoices, AliasGenerator, ConfigDict

from devlake_core.model.naming import camel_case
from devlake_core.plugin import PipelineTask
from devlake_core.plugin import pipeline_tasks as core
from devlake_core.plugin.pipeline_tasks import gitextractor, refdiff

__all__ = [
    "PipelineTask",
    "RefDiffOptions",
    "gitextractor",
    "refdiff",
]


def _both(name: str) -> AliasChoices:
    return AliasChoices(name, camel_case(name))


def _undescribed(schema: dict[str, Any]) -> None:
    schema.pop("description", None)


class RefDiffOptions(core.RefDiffOptions):
    """Say which tags are compared, in the names that pydevlake told the server."""

    model_config = ConfigDict(
        alias_generator=AliasGenerator(validation_alias=_both, serialization_alias=camel_case),
        json_schema_extra=_undescribed,
    )
