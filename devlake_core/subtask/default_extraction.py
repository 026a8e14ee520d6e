"""The default extraction: a raw record validated into the fields of a tool model.

The bytes of a record are validated by pydantic's JSON parser straight into a dictionary, without
an object in between: for each model one validator is made whose fields know where to look.
"""

from itertools import product
from typing import Annotated, Any, NotRequired

from annotated_types import MaxLen
from pydantic import AliasChoices, AliasPath, ConfigDict, TypeAdapter, ValidationError
from pydantic import Field as PydanticField
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, from_json
from typing_extensions import TypedDict

from devlake_core.errors import RecordError
from devlake_core.model import BOOK_KEEPING, ToolModel, origin_of
from devlake_core.model.pointer import MISSING, find, parts_of

_typed_dict: Any = TypedDict
_CONFIG = ConfigDict(coerce_numbers_to_str=True, allow_inf_nan=False, extra="ignore")


def _paths(pointer: str) -> list[AliasPath]:
    """Return a pointer as pydantic's paths; a number may mean an item or a property."""
    readings = [(part, int(part)) if part.isdigit() else (part,) for part in parts_of(pointer)]
    return [AliasPath(*choice) for choice in product(*readings)]  # type: ignore[arg-type]


def _places(name: str, info: FieldInfo) -> AliasChoices:
    source = origin_of(info).source
    if source is not None:
        return AliasChoices(*_paths(source))
    names = [name, info.alias, info.validation_alias]
    return AliasChoices(*dict.fromkeys(n for n in names if isinstance(n, str)))


def _has_default(info: FieldInfo) -> bool:
    return info.default is not PydanticUndefined or info.default_factory is not None


def _allows_none(info: FieldInfo) -> bool:
    return info.default is None or type(None) in getattr(info.annotation, "__args__", ())


def described(error: ValidationError) -> str:
    """Return what is wrong with a record, without its values: they may be secret."""
    items = error.errors(include_input=False, include_url=False, include_context=False)
    texts = [f"{'/'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in items[:3]]
    more = f" (and {len(items) - 3} more)" if len(items) > 3 else ""
    return "; ".join(texts) + more


class DefaultExtraction:
    """Make dictionaries of a tool model's fields from raw records.

    Attributes:
        validates: whether the model's author wrote validators, which ``check`` is to call once a
            row is whole.

    Args:
        model: the tool model.
        only: the fields to read, where not all are wanted.
        base: values of other fields, which each dictionary is to begin with.
    """

    def __init__(
        self,
        model: type[ToolModel],
        only: tuple[str, ...] | None = None,
        base: dict[str, Any] | None = None,
    ) -> None:
        self.model = model
        fields = {
            name: info
            for name, info in model.model_fields.items()
            if name not in BOOK_KEEPING
            and name != "connection_id"
            and origin_of(info).parent is None
            and origin_of(info).scope is None
            and (only is None or name in only)
        }
        self._wild = {
            name: parts_of(source)
            for name, info in fields.items()
            if (source := origin_of(info).source) is not None and "*" in parts_of(source)
        }
        adapter = self._make_adapter(fields)
        # The adapter's own methods do no more than pass on eight arguments.
        self._validate_json = adapter.validator.validate_json
        self._validate_python = adapter.validator.validate_python
        self._begin = (base or {}) | {
            name: info.default
            for name, info in fields.items()
            if info.default is not PydanticUndefined
        }
        self._factories = {
            name: info for name, info in fields.items() if info.default_factory is not None
        }
        self._null_is_default = [
            name for name, info in fields.items() if _has_default(info) and not _allows_none(info)
        ]
        decorators = model.__pydantic_decorators__
        self.validates = bool(
            decorators.field_validators or decorators.model_validators or decorators.validators
        )
        self._checked = [name for name in model.model_fields if name not in BOOK_KEEPING]

    def _make_adapter(self, fields: dict[str, FieldInfo]) -> TypeAdapter[Any]:
        annotations: dict[str, Any] = {}
        for name, info in fields.items():
            # A text too long for its column is cut when it is written, not refused here.
            kept = [m for m in info.metadata if not isinstance(m, MaxLen)]
            inner: Any = Annotated[info.annotation, *kept] if kept else info.annotation
            if _has_default(info) and not _allows_none(info):
                inner = inner | None if not kept else Annotated[info.annotation | None, *kept]  # type: ignore[operator]
            places = AliasChoices(name) if name in self._wild else _places(name, info)
            field: Any = Annotated[inner, PydanticField(validation_alias=places)]
            annotations[name] = NotRequired[field] if _has_default(info) else field
        # Made at run time, which type checkers do not follow.
        shape: Any = _typed_dict(self.model.__name__, annotations)
        shape.__pydantic_config__ = _CONFIG
        return TypeAdapter(shape)

    def from_bytes(self, data: bytes) -> dict[str, Any]:
        """Return the fields of a record given as JSON text.

        Raises:
            RecordError: the text is no JSON, or a value is missing or of a wrong type.
        """
        if self._wild:
            return self.from_value(decoded(data))
        try:
            return self._finish(self._validate_json(data))
        except ValidationError as error:
            raise RecordError(described(error)) from None

    def from_value(self, value: Any) -> dict[str, Any]:
        """Return the fields of a record that is decoded already.

        Raises:
            RecordError: a value is missing or of a wrong type.
        """
        if self._wild and isinstance(value, dict):
            found = {name: find(value, parts) for name, parts in self._wild.items()}
            value = {**value, **{k: v for k, v in found.items() if v is not MISSING}}
        try:
            return self._finish(self._validate_python(value))
        except ValidationError as error:
            raise RecordError(described(error)) from None

    def _finish(self, values: dict[str, Any]) -> dict[str, Any]:
        for name in self._null_is_default:
            if values.get(name, 0) is None:
                del values[name]
        row = self._begin | values
        for name, info in self._factories.items():
            if name not in values:
                row[name] = info.get_default(call_default_factory=True)
        return row

    def check(self, row: dict[str, Any]) -> None:
        """Let the validators of the model's author see a whole row, and take what they make of it.

        Raises:
            RecordError: one of them refused it.
        """
        try:
            checked = self.model(**{name: row[name] for name in self._checked})
        except ValidationError as error:
            raise RecordError(described(error)) from None
        row |= {name: getattr(checked, name) for name in self._checked}


def decoded(data: bytes) -> Any:
    """Return a raw record as Python values.

    Raises:
        RecordError: it is no JSON, or holds NaN, an infinity or a lone surrogate.
    """
    try:
        return from_json(data, allow_inf_nan=False)
    except ValueError as error:
        message = f"no valid JSON: {error}"
        raise RecordError(message) from None
