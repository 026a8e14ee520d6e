"""What pydantic 1 and pydevlake let a model's author do, on top of devlake_core's rows."""

import re
import sys
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from pydantic import ConfigDict

from devlake_core import logger
from devlake_core.model import Row, ToolScope
from devlake_core.model.base import RowMeta
from devlake_core.model.naming import DECLARATION
from devlake_core.model.table import said

from .json_schema import PydanticOne, like_pydevlake

Values = dict[str, Any]

_RENAMED = {
    "allow_population_by_field_name": "validate_by_name",
    "anystr_lower": "str_to_lower",
    "anystr_strip_whitespace": "str_strip_whitespace",
    "anystr_upper": "str_to_upper",
    "keep_untouched": "ignored_types",
    "max_anystr_length": "str_max_length",
    "min_anystr_length": "str_min_length",
    "orm_mode": "from_attributes",
    "schema_extra": "json_schema_extra",
    "validate_all": "validate_default",
}
"""What pydantic 2 calls the settings of pydantic 1's ``class Config``."""

WANTED = "wanted"
"""Marks a field that the server is told to want, although a row may lack it."""


class LenientMeta(RowMeta):
    """Understand ``class Config``, and name tables after the plugin's folder."""

    def __new__(  # noqa: D102
        cls, name: str, bases: tuple[type[Any], ...], namespace: dict[str, Any], **kwargs: Any
    ) -> Any:
        _declare(namespace["__module__"])
        _keep_books(name, namespace)
        config = namespace.pop("Config", None)
        if config is not None:
            said = {key: getattr(config, key) for key in dir(config) if not key.startswith("_")}
            given = {_RENAMED.get(key, key): value for key, value in said.items()}
            known = {key: v for key, v in given.items() if key in ConfigDict.__annotations__}
            if len(known) < len(given):
                logger.warning(
                    "%s.Config: no effect any more: %s", name, sorted({*given} - {*known})
                )
            namespace["model_config"] = {**known, **namespace.get("model_config", {})}
        new: Any = super().__new__(cls, name, bases, namespace, **kwargs)
        if kwargs.get("table") and issubclass(new, ToolScope):
            _want_less(new)
        return new


def _keep_books(name: str, namespace: Values) -> None:
    """Let a record lack the times of a row, which an author may have declared as the record's."""
    for field in ("created_at", "updated_at"):
        if field in namespace.get("__annotations__", {}) and field not in namespace:
            namespace[field] = None
            logger.warning(
                "%s.%s is the time of the row, never the record's: declare the record's under "
                "another name, with `source`",
                name,
                field,
            )


def _want_less(scope: Any) -> None:
    """Let a scope lack what is no key, as pydevlake and the server's tables do.

    A plugin finds its scopes in more than one place, and not each of them tells all.
    """
    wanted = [
        info
        for name, info in scope.model_fields.items()
        if info.is_required()
        and name not in ToolScope.model_fields
        and not said(info, "primary_key")
    ]
    for info in wanted:
        info.default = None
        info.metadata.append(WANTED)
    if wanted and scope.__pydantic_complete__:
        scope.model_rebuild(force=True)


def _declare(module_name: str) -> None:
    """Name a package after its project's folder where that has another name.

    That is how pydevlake named tables, but for those declared in ``main.py``, which it ran as a
    script: they were named after the folder that is the package.
    """
    parts = module_name.split(".")
    module, package = sys.modules.get(module_name), sys.modules.get(parts[0])
    file = getattr(module, "__file__", None)
    if len(parts) == 1 or file is None:
        return
    inner = Path(file).resolve().parents[len(parts) - 2]
    project = inner.parent
    if not (project / "run.sh").is_file() or re.fullmatch(r"\w+", project.name, re.ASCII) is None:
        return
    if project.name != inner.name and getattr(package, DECLARATION, project.name) == project.name:
        setattr(package, DECLARATION, project.name)
        if Path(file).name == "main.py":
            setattr(module, DECLARATION, inner.name)


class Lenient(Row, metaclass=LenientMeta, orm=True):
    """Be a mapped row that takes keywords it does not know, and says so once."""

    model_config: ClassVar[Any] = ConfigDict(extra="ignore")

    def __init__(self, **data: Any) -> None:
        """Make a row of validated values.

        Raises:
            pydantic.ValidationError: a value is missing or of a wrong type.
        """
        if self.model_config.get("extra") == "ignore":
            for name in data.keys() - _names(type(self)):
                _say_unknown(type(self).__name__, name)
        super().__init__(**data)

    # Without this mark pydantic would take the long way round through the constructor.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    def dict(self, **options: Any) -> Values:
        """Return the values by field name."""
        return self.model_dump(**options)

    def json(self, **options: Any) -> str:
        """Return the values as JSON; secrets are masked."""
        return self.model_dump_json(**options)

    @classmethod
    def model_json_schema(cls, *args: Any, **options: Any) -> Values:
        """Return the JSON schema as pydantic 1 wrote it."""
        schema = super().model_json_schema(*args, **{"schema_generator": PydanticOne, **options})
        wanted = {
            key
            for name, info in cls.model_fields.items()
            if WANTED in info.metadata
            for key in (name, info.alias)
        }
        return like_pydevlake(schema, wanted)


@cache
def _names(model: type[Row]) -> frozenset[str]:
    fields = model.model_fields
    aliases = (getattr(info, "alias", None) for info in fields.values())
    return frozenset([*fields, *filter(None, aliases), *model.__sqlmodel_relationships__])


@cache
def _say_unknown(model: str, name: str) -> None:
    logger.warning("%s has no field %r: left out", model, name)
