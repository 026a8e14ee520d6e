"""What an author says of a field beside its type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlmodel
from pydantic_core import PydanticUndefined

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo


@dataclass(frozen=True)
class Origin:
    """Say where the default extraction finds a field's value.

    Attributes:
        source: a JSON pointer (RFC 6901) into the raw record; a ``*`` stands for each item.
        parent: the name of a field of the parent's tool model.
        scope: the name of a field of the scope.
        auto_increment: whether the database numbers the rows; None leaves it to the database.
    """

    source: str | None = None
    parent: str | None = None
    scope: str | None = None
    auto_increment: bool | None = None


def Field(
    default: Any = PydanticUndefined,
    *,
    primary_key: bool = False,
    auto_increment: bool | None = None,
    source: str | None = None,
    parent: str | None = None,
    scope: str | None = None,
    **kwargs: Any,
) -> Any:
    """Describe a field: SQLModel's ``Field`` plus where its value comes from.

    Args:
        default: the value where the record has none.
        primary_key: whether it is part of the row's key.
        auto_increment: whether the database numbers the rows.
        source: a JSON pointer into the raw record, for a value that is nested or named otherwise.
        parent: the field of the parent's tool model that the value is taken from.
        scope: the field of the scope that the value is taken from.
        **kwargs: what SQLModel's ``Field`` takes (``max_length``, ``index``, ``sa_type`` …).

    Raises:
        TypeError: more than one of ``source``, ``parent`` and ``scope`` is given.
    """
    if sum(value is not None for value in (source, parent, scope)) > 1:
        message = "Field takes one of source=, parent= and scope="
        raise TypeError(message)
    if source is not None and not source.startswith("/"):
        message = f"source={source!r} is no JSON pointer: it must begin with '/'"
        raise ValueError(message)
    if primary_key:
        kwargs["primary_key"] = True
    info: FieldInfo = sqlmodel.Field(default, **kwargs)
    info.metadata.append(Origin(source, parent, scope, auto_increment))
    return info


def origin_of(info: FieldInfo) -> Origin:
    """Return what was said of the field's origin; an empty Origin where nothing was."""
    for item in info.metadata:
        if isinstance(item, Origin):
            return item
    extra = info.json_schema_extra
    if isinstance(extra, dict) and isinstance(extra.get("source"), str):
        return Origin(source=str(extra["source"]))
    return Origin()
