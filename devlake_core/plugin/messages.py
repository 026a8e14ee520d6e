"""What authors return and the server is told, as plain values; ``as_dict`` is the wire's shape."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devlake_core.api import Response
    from devlake_core.model import ToolScope


@dataclass
class RemoteScopeGroup:
    """Name a group of scopes in the tool: an organisation, a folder.

    Attributes:
        id: what ``remote_scopes`` is asked with.
        name: what people read.
        parent_id: the group that it is in, where groups are nested.
    """

    id: str
    name: str
    parent_id: str | None = None

    def __post_init__(self) -> None:
        """Take numbers as text."""
        self.id = str(self.id)
        self.parent_id = None if self.parent_id is None else str(self.parent_id)

    def as_dict(self) -> dict[str, Any]:
        """Return it as the server reads it."""
        parent = {} if self.parent_id is None else {"parentId": self.parent_id}
        return {"id": self.id, "name": self.name, "type": "group", **parent}


@dataclass
class RemoteScope:
    """Name a scope in the tool, with the group that it was found in."""

    scope: ToolScope
    parent_id: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as the server reads it."""
        parent = {} if self.parent_id is None else {"parentId": self.parent_id}
        data = self.scope.model_dump(mode="json", by_alias=True, exclude_none=True)
        return {
            "id": str(self.scope.id),
            "name": self.scope.name,
            "type": "scope",
            **parent,
            "data": data,
        }


@dataclass(frozen=True)
class RemoteQuery:
    """Ask for a part of what a tool has.

    Attributes:
        group_id: the group to look into; None for the top.
        search: text that names should contain.
        page: where to go on, as the page before said; None for the first.
    """

    group_id: str | None = None
    search: str | None = None
    page: Any = None


@dataclass
class RemotePage:
    """Answer a query.

    Attributes:
        items: groups and scopes.
        next: where to go on; None on the last page.
    """

    items: Sequence[RemoteScopeGroup | ToolScope]
    next: Any = None


@dataclass
class TestConnectionResult:
    """Say whether a connection works.

    Attributes:
        success: whether it does.
        message: why not, or that it does.
        status: the HTTP status that the server answers with.
    """

    __test__: ClassVar[bool] = False  # pytest would take it for a test class

    success: bool
    message: str
    status: int

    @staticmethod
    def from_api_response(response: Response, message: str | None = None) -> TestConnectionResult:
        """Return what an answer of the tool says: success is status 200.

        Args:
            response: the tool's answer to an authenticated request.
            message: what to say instead of the usual words.
        """
        status = int(response.status)
        success = status == 200
        words = "Connection successful" if success else "Connection failed"
        return TestConnectionResult(success, message or words, status)

    def as_dict(self) -> dict[str, Any]:
        """Return it as the server reads it."""
        return {"success": self.success, "message": self.message, "status": int(self.status)}


TestConnection = TestConnectionResult
"""Another name of ``TestConnectionResult``, which pydevlake's guide uses."""


@dataclass
class PipelineTask:
    """Be one task of a pipeline: what the server runs of which plugin, and with what.

    Attributes:
        plugin: the name of any plugin that the server has.
        skip_on_fail: whether the pipeline goes on when it fails.
        subtasks: names of subtasks; none means the plugin's default.
        options: what the plugin wants to know.
    """

    plugin: str
    skip_on_fail: bool = False
    subtasks: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return it as the server reads it."""
        return {
            "plugin": self.plugin,
            "skipOnFail": self.skip_on_fail,
            "subtasks": list(self.subtasks),
            "options": dict(self.options),
        }


@dataclass
class Pipeline:
    """Be the plan for some scopes of a connection, with the domain rows that stand for them.

    Attributes:
        plan: stages one after the other; the tasks of one stage may run at once.
        scopes: ``{"type_name": …, "data": "<JSON>"}`` for each domain scope.
    """

    plan: list[list[PipelineTask]]
    scopes: list[dict[str, str]]

    def as_dict(self) -> dict[str, Any]:
        """Return it as the server reads it."""
        plan = [[task.as_dict() for task in stage] for stage in self.plan]
        return {"plan": plan, "scopes": self.scopes}


@dataclass(frozen=True)
class SubtaskMeta:
    """Describe one verb of one stream.

    Attributes:
        verb: collect, extract or convert.
        stream: the stream's name.
        plugin: the plugin's name.
        domain_types: the values of the kinds of data that it gives.
    """

    verb: str
    stream: str
    plugin: str
    domain_types: tuple[str, ...]

    @property
    def name(self) -> str:
        """Return the name that plans use: ``Collect Users``."""
        return f"{self.verb.capitalize()} {self.stream.capitalize()}"

    def as_dict(self) -> dict[str, Any]:
        """Return it as the server reads it."""
        return {
            "name": self.name,
            "entry_point_name": self.verb,
            "arguments": [self.stream],
            "required": False,
            "enabled_by_default": False,
            "description": f"{self.verb.capitalize()} {self.plugin} {self.stream}",
            "domain_types": list(self.domain_types),
        }


def listed(values: Any) -> list[Any]:
    """Return what an author gave as a list; None means none, one value is one."""
    if values is None:
        return []
    # A row can be iterated over too, by field.
    one = hasattr(values, "model_dump") or not hasattr(values, "__iter__")
    return [values] if one else list(values)
