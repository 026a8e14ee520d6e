"""Tasks of the server's own plugins that a plan often needs after a scope's."""

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from devlake_core.model import ToolScope
from devlake_core.model.naming import camel_case

from .messages import PipelineTask

if TYPE_CHECKING:
    from pydantic import AnyUrl


def _repo_id(repo: "ToolScope | str") -> str:
    return repo.domain_id() if isinstance(repo, ToolScope) else repo


def gitextractor(
    url: str,
    repo_name: str,
    scope_id: "ToolScope | str",
    proxy: "AnyUrl | str | None" = None,
    no_shallow_clone: bool = False,
) -> PipelineTask:
    """Return the task that clones a repository and reads its commits.

    Args:
        url: the clone URL. It is kept in the plan, so a token in it is too.
        repo_name: what people read.
        scope_id: the scope, or its domain id.
        proxy: the connection's proxy.
        no_shallow_clone: whether the whole history is needed.
    """
    options: dict[str, Any] = {
        "url": str(url),
        "name": repo_name,
        "repoId": _repo_id(scope_id),
        "proxy": None if proxy is None else str(proxy),
        "noShallowClone": no_shallow_clone,
    }
    return PipelineTask(plugin="gitextractor", options=options)


class RefDiffOptions(BaseModel):
    """Say which tags are compared."""

    model_config = ConfigDict(alias_generator=camel_case, validate_by_name=True)

    tags_limit: int | None = 10
    tags_order: str | None = "reverse semver"
    tags_pattern: str | None = r"/v\d+\.\d+(\.\d+(-rc)*\d*)*$/"


def refdiff(repo_id: "ToolScope | str", options: RefDiffOptions | None = None) -> PipelineTask:
    """Return the task that finds the commits between releases.

    Args:
        repo_id: the scope, or its domain id; a tool's own id finds nothing.
        options: which tags are compared.
    """
    chosen = RefDiffOptions() if options is None else options
    said = chosen.model_dump(by_alias=True)
    return PipelineTask(plugin="refdiff", options={"repoId": _repo_id(repo_id), **said})
