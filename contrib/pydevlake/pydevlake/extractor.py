"""From a raw record to a row of a tool model."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from devlake_core.errors import RecordError
from devlake_core.subtask.default_extraction import DefaultExtraction

if TYPE_CHECKING:
    from devlake_core.model import ToolModel

    Model = TypeVar("Model", bound=ToolModel)

_extraction = cache(DefaultExtraction)


class ExtractionError(RecordError, ValueError):
    """Say what is wrong with a record, also to an author who expects a ``ValueError``."""


def autoextract(json: dict[str, Any], model_cls: type[Model]) -> Model:
    """Return a row whose fields are found in a record by name, alias or ``source``.

    Raises:
        ExtractionError: a value is missing or of a wrong type.
    """
    try:
        values = _extraction(model_cls).from_value(json)
    except RecordError as error:
        raise ExtractionError(error.message, pointer=error.pointer) from None
    return model_cls(**{name: value for name, value in values.items() if value is not None})
