"""The metaclass and base of every model: plain, validated rows that have a table.

A ``table=True`` class of ours is a SQLModel class with its own SQLAlchemy ``Table`` and no ORM
mapping: its constructor is pydantic's, it is read and written by Core, and it costs a tenth of a
mapped instance. ``orm=True`` (inherited) gives SQLModel's mapped class.
"""

import sys
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Union,
    dataclass_transform,
    get_args,
    get_origin,
)

from pydantic import ConfigDict
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from sqlalchemy import MetaData, Table
from sqlalchemy.orm import class_mapper, registry
from sqlmodel import SQLModel
from sqlmodel._compat import finish_init, get_annotations
from sqlmodel.main import RelationshipInfo, SQLModelMetaclass

from .field import Field
from .naming import package_name
from .table import table_of

if TYPE_CHECKING:
    from collections.abc import Callable

_registries: dict[str, "registry"] = {}


def registry_of(package: str) -> "registry":
    """Return the registry of a plugin's tables, so that two plugins may use one class name."""
    if package not in _registries:
        _registries[package] = registry(metadata=MetaData())
    return _registries[package]


def _allows_none(annotation: Any, module_name: str) -> bool:
    if isinstance(annotation, str):
        names = vars(sys.modules[module_name]) if module_name in sys.modules else {}
        try:
            annotation = eval(annotation, dict(names))
        except Exception:
            text = annotation.replace(" ", "")
            return text.startswith(("Optional[", "typing.Optional[")) or "|None" in text
    origin = get_origin(annotation)
    if origin is Annotated:
        return _allows_none(get_args(annotation)[0], module_name)
    return origin in {Union, type(int | None)} and type(None) in get_args(annotation)


def _default_to_none(namespace: dict[str, Any]) -> None:
    """Give each ``Optional`` field without a default the default None, as pydantic 1 did."""
    for name, annotation in get_annotations(namespace).items():
        value = namespace.get(name, PydanticUndefined)
        if name.startswith("_") or isinstance(value, RelationshipInfo):
            continue
        if isinstance(value, FieldInfo):
            undecided = value.default is PydanticUndefined and value.default_factory is None
            if undecided and _allows_none(annotation, namespace["__module__"]):
                value.default = None
                value._attributes_set["default"] = None
        elif value is PydanticUndefined and _allows_none(annotation, namespace["__module__"]):
            namespace[name] = None


@dataclass_transform(kw_only_default=True, field_specifiers=(Field,))
class RowMeta(SQLModelMetaclass):
    """Build a class's table without mapping the class.

    Class keywords: ``table`` (it has a table), ``orm`` (it is mapped), ``shared`` (its rows are
    named by more than one record).
    """

    def __new__(  # noqa: D102
        cls,
        name: str,
        bases: tuple[type[Any], ...],
        namespace: dict[str, Any],
        *,
        table: bool = False,
        orm: bool | None = None,
        shared: bool | None = None,
        **kwargs: Any,
    ) -> Any:
        _default_to_none(namespace)
        new: Any = super().__new__(cls, name, bases, namespace, **kwargs)
        if orm is not None:
            type.__setattr__(new, "__orm__", orm)
        if shared is not None:
            type.__setattr__(new, "__shared__", shared)
        relationships = (
            namespace.get("__sqlmodel_relationships__") or new.__sqlmodel_relationships__
        )
        if relationships and not new.__orm__:
            message = (
                f"{name}.{next(iter(relationships))} is a Relationship, which only a mapped class "
                f"can have: write `class {name}(…, table=True, orm=True)`, and the same on the "
                "other side"
            )
            raise TypeError(message)
        if table:
            _give_table(new)
        elif "table" in new.model_config:
            new.model_config["table"] = False
        return new

    def __init__(
        cls, name: str, bases: tuple[type[Any], ...], namespace: dict[str, Any], **_: Any
    ) -> None:
        """Map the class where it is an ORM class."""
        super().__init__(name, bases, namespace)

    if not TYPE_CHECKING:  # a type checker would take any misspelt attribute for good

        def __getattr__(cls, name: str) -> Any:
            """Return a field's column, so that ``Issue.subject == "x"`` works in statements."""
            table = cls.__dict__.get("__table__")
            if table is not None and "__mapper__" not in cls.__dict__:
                if name in table.columns:
                    return table.columns[name]
                if name == "__clause_element__":
                    raise TypeError(_not_mapped(cls.__name__, f"select({cls.__name__}.__table__)"))
            return super().__getattr__(name)


def _not_mapped(name: str, instead: str) -> str:
    return (
        f"{name} is a plain row, not an ORM class: use {instead}, or declare it with "
        f"`class {name}(…, table=True, orm=True)`"
    )


def _give_table(new: Any) -> None:
    reg = registry_of(package_name(new.__module__))
    known = getattr(reg.metadata.tables.get(str(new.__tablename__)), "info", {}).get("model")
    identity = f"{new.__module__}.{new.__qualname__}"
    if known not in (None, identity):
        message = f"{identity} and {known} have the same table {new.__tablename__!r}"
        raise TypeError(message)
    table = table_of(new, reg.metadata)
    table.info["model"] = identity
    if not new.__orm__:
        type.__setattr__(new, "__table__", table)
        return
    new.model_config["table"] = True
    new.model_config["read_from_attributes"] = True
    type.__setattr__(new, "_sa_registry", reg)
    type.__setattr__(new, "metadata", reg.metadata)
    type.__setattr__(new, "__table__", table)


class _NoInstanceState:
    """Refuse a plain row that is given to a Session (mapped instances have their own state)."""

    def __get__(self, instance: Any, owner: Any) -> Any:
        if instance is None or owner.__orm__:
            # SQLAlchemy asks classes too, and instances that it is about to map.
            raise AttributeError(owner.__name__)
        raise TypeError(_not_mapped(owner.__name__, "devlake_core's Core statements"))


class Row(SQLModel, metaclass=RowMeta):
    """Be the base of every model of ours.

    The constructor validates, takes field names and aliases, makes text of a number where text is
    wanted, and names what it does not know.
    """

    model_config = ConfigDict(  # type: ignore[assignment]
        extra="forbid",
        validate_by_name=True,
        validate_by_alias=True,
        coerce_numbers_to_str=True,
        arbitrary_types_allowed=True,
        protected_namespaces=(),
        use_enum_values=False,
    )

    __orm__: ClassVar[bool] = False
    __shared__: ClassVar[bool] = False
    __table__: ClassVar[Table]

    def __init__(self, **data: Any) -> None:
        """Make a row of validated values.

        Raises:
            pydantic.ValidationError: a value is missing, unknown or of a wrong type.
        """
        if not self.__orm__ or not self.model_config.get("table"):
            self.__pydantic_validator__.validate_python(data, self_instance=self)
        elif finish_init.get():
            _init_mapped(self, data)

    # Without this mark pydantic would take the long way round through the constructor.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle and copy by value."""
        if self.__orm__:
            return super().__reduce_ex__(protocol)
        return _restore, (type(self), dict(self.__dict__), set(self.__pydantic_fields_set__))


type.__setattr__(Row, "_sa_instance_state", _NoInstanceState())


def _restore(model: type[Row], values: dict[str, Any], fields_set: set[str]) -> Row:
    row: Row = model.__new__(model)
    object.__setattr__(row, "__dict__", values)
    object.__setattr__(row, "__pydantic_fields_set__", fields_set)
    return row


def _init_mapped(row: Row, data: dict[str, Any]) -> None:
    """Validate a mapped row's values before SQLAlchemy's attributes take them."""
    relations = {name: data.pop(name) for name in row.__sqlmodel_relationships__ if name in data}
    before = dict(row.__dict__)
    row.__pydantic_validator__.validate_python(data, self_instance=row)
    fields_set = set(row.__pydantic_fields_set__)
    values = dict(row.__dict__)
    object.__setattr__(row, "__dict__", before)
    for name, value in {**values, **relations}.items():
        setattr(row, name, value)
    object.__setattr__(row, "__pydantic_fields_set__", fields_set)


def row_maker(model: type[Row], names: tuple[str, ...]) -> "Callable[[Any], Any]":
    """Return a function that makes a row of values read from the table, without validation.

    Args:
        model: the class of the rows.
        names: the fields, in the order of the values; fields left out have their default.
    """
    missing = {
        name: info.get_default(call_default_factory=True)
        for name, info in model.model_fields.items()
        if name not in names
    }
    if model.__orm__:
        class_mapper(model)  # nobody may have made an instance so far
        manager = getattr(model, "_sa_class_manager")  # noqa: B009 - set by the mapping

        def mapped(values: Any) -> Any:
            row = manager.new_instance()
            row.__dict__.update(missing)
            row.__dict__.update(zip(names, values, strict=False))
            return row

        return mapped

    new, put = object.__new__, object.__setattr__
    fields_set = set(names)

    def plain(values: Any) -> Any:
        row = new(model)
        put(row, "__dict__", dict(zip(names, values, strict=False), **missing))
        put(row, "__pydantic_fields_set__", fields_set)
        put(row, "__pydantic_extra__", None)
        put(row, "__pydantic_private__", None)
        return row

    return plain
