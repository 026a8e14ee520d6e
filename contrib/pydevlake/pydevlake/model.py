"""The models that pydevlake's plugins are made of."""

from datetime import UTC, datetime
from functools import cache
from typing import ClassVar

from sqlalchemy.orm import registry

from devlake_core import model as core
from devlake_core.model import DomainType, Field, domain_id, raw_data_params
from devlake_core.store import raw_table
from devlake_core.store.runs import runs_table

from .rows import Lenient

__all__ = [
    "Connection",
    "DomainModel",
    "DomainScope",
    "DomainType",
    "Field",
    "Model",
    "NoPKModel",
    "RawModel",
    "ScopeConfig",
    "SubtaskRun",
    "ToolModel",
    "ToolScope",
    "ToolTable",
    "domain_id",
    "raw_data_params",
]


class Model(core.Model, Lenient):
    """Have a number as key, given by the database."""


class ToolTable(core.ToolTable, Lenient):
    """Be a table of the tool layer."""


class NoPKModel(core.NoPKModel, Lenient):
    """Remember the raw row that a row comes from."""

    def set_updated_at(self) -> None:
        """Note the time of a change."""
        self.updated_at = datetime.now(UTC)


class Connection(core.Connection, ToolTable, Model):
    """Hold what a plugin needs to reach its tool."""


class ScopeConfig(core.ScopeConfig, ToolTable, Model):
    """Hold which kinds of data a scope gives, and how to read it."""


class ToolModel(core.ToolModel, ToolTable, NoPKModel):
    """Be a record of the tool."""


class ToolScope(core.ToolScope, ToolModel):
    """Be a scope: what is collected as a unit."""


class DomainModel(core.DomainModel, NoPKModel):
    """Be a row of DevLake's domain layer with an id."""


class DomainScope(core.DomainScope, DomainModel):
    """Be a domain row that stands for a scope."""


class RawModel:
    """Be a raw row; each stream's table has a class of its own, see ``Stream.raw_model``."""

    __tablename__: ClassVar[str]

    id: int
    params: str
    data: bytes
    url: str | None
    input: bytes | None
    created_at: datetime | None


class SubtaskRun:
    """Be an entry of the log of runs."""

    __tablename__ = "_pydevlake_subtask_runs"

    id: int
    subtask_name: str
    connection_id: int
    started: datetime
    completed: datetime | None
    state: str | None


_registry = registry()
_registry.map_imperatively(SubtaskRun, runs_table())


@cache
def raw_model_of(table: str) -> type[RawModel]:
    """Return the class of a raw table's rows."""
    model = type("RawModel", (RawModel,), {"__tablename__": table})
    _registry.map_imperatively(model, raw_table(table))
    return model
