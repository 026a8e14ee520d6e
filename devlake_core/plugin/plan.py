"""The pipeline for some scopes: which tasks in which order, and the domain rows of the scopes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic_core import to_jsonable_python

from devlake_core.errors import PluginError
from devlake_core.model import ScopeConfig, ToolScope, raw_data_params, raw_table_name
from devlake_core.model.naming import camel_case
from devlake_core.model.types import as_utc

from .messages import Pipeline, PipelineTask, listed
from .tables import give_tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devlake_core.model import Connection, DomainScope

    from .base import Plugin

ScopeConfigPair = tuple[ToolScope, ScopeConfig | None]
"""A scope with its config, as plans are made of them."""

SERVER_SCOPES = ("Repo", "CqProject", "CicdScope", "Board")
"""The kinds of domain scopes that DevLake's server can decode."""

# Go reads JSON by the names in its structs: a Repo's are ours, the others' have no underscore,
# and one is called otherwise.
_GO_NAMES = {("CqProject", "commit_sha"): "revision"}


def scopes_table(plugin: str) -> str:
    """Return the raw table's name that the rows of ``domain_scopes`` have as their origin."""
    return raw_table_name(plugin, "scopes")


def domain_scopes(plugin: Plugin, scope: ToolScope, connection_id: int | None) -> list[DomainScope]:
    """Return the domain rows that stand for a scope, with id and origin filled in."""
    give_tables(plugin)
    if scope.connection_id is None:
        scope.connection_id = connection_id
    rows = listed(plugin.domain_scopes(scope))
    for row in rows:
        row.id = scope.domain_id()
        row.raw_data_table = scopes_table(plugin.name)
        row.raw_data_params = raw_data_params(connection_id, scope.id)
    return rows


def make_pipeline(
    plugin: Plugin,
    pairs: Sequence[ScopeConfigPair],
    connection: Connection,
) -> Pipeline:
    """Return the plan for scopes with their configs, and their domain scopes for the server.

    Raises:
        PluginError: ``domain_scopes`` gives a kind of row that the server does not know.
    """
    give_tables(plugin)
    for scope, _ in pairs:
        if scope.connection_id is None:
            scope.connection_id = connection.id
    plan = [list(stage) for stage in plugin.make_pipeline_plan(pairs, connection)]
    domain_ids = {scope.id: scope.domain_id() for scope, _ in pairs}
    for stage in plan:
        for task in stage:
            _mend_repo_id(task, domain_ids)
    rows = [row for scope, _ in pairs for row in domain_scopes(plugin, scope, connection.id)]
    return Pipeline(plan, [_for_server(plugin, row) for row in rows])


def _mend_repo_id(task: PipelineTask, domain_ids: dict[str, str]) -> None:
    """Give refdiff the repository's domain id where a plugin gave it the tool's own.

    refdiff looks commits up by domain id; with the tool's id it finds none and says nothing.
    """
    repo_id = task.options.get("repoId")
    if task.plugin in {"refdiff", "gitextractor"} and repo_id in domain_ids:
        task.options["repoId"] = domain_ids[repo_id]


def _for_server(plugin: Plugin, row: DomainScope) -> dict[str, str]:
    kind = next((cls.__name__ for cls in type(row).__mro__ if cls.__name__ in SERVER_SCOPES), None)
    if kind is None:
        message = (
            f"domain_scopes() of plugin {plugin.name!r} gives a {type(row).__name__}, which "
            f"DevLake's server does not know as a scope"
        )
        raise PluginError(message, plugin=plugin.name, hint=f"give {', '.join(SERVER_SCOPES)}")
    values: dict[str, Any] = {}
    for name, info in type(row).model_fields.items():
        value = getattr(row, name)
        if value is None:
            continue
        key = info.alias or _GO_NAMES.get((kind, name), name)
        if kind != "Repo" and not key.startswith("_"):
            key = camel_case(key)
        # Go wants a zone in each time.
        values[key] = as_utc(value) if hasattr(value, "tzinfo") else value
    return {"type_name": kind, "data": json.dumps(to_jsonable_python(values), ensure_ascii=False)}
