"""How to read a scope."""

from typing import Annotated, Any

from pydantic import BeforeValidator

from .domain_type import DomainType
from .field import Field
from .tables import Model, ToolTable


def _none_is_all(value: Any) -> Any:
    return list(DomainType) if value is None else value


class ScopeConfig(ToolTable, Model):
    """Hold which kinds of data a scope gives, and what a plugin needs to interpret them."""

    name: str = Field(default="default")
    domain_types: Annotated[list[DomainType], BeforeValidator(_none_is_all)] = Field(
        default=list(DomainType), alias="entities", sa_column_kwargs={"name": "entities"}
    )
    connection_id: int | None = None
