"""What an author writes for one kind of record: Stream, and Substream for children."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeAlias

from typing_extensions import TypeVar

from devlake_core.model import DomainTable, DomainType, raw_table_name

from .generics import type_argument

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .context import Context

JSON: TypeAlias = Any
Rows: TypeAlias = "Iterable[DomainTable]"

ModelT = TypeVar("ModelT", default=Any)
ParentT = TypeVar("ParentT", default=Any)

VERBS = ("collect", "extract", "convert")


class Stream(Generic[ModelT]):
    """Collect, extract and convert one kind of record.

    Class attributes:
        tool_model: the table class of the extracted rows (or in brackets: ``Stream[Issue]``).
        domain_types: the kinds of data it gives; they follow from ``domain_models``, else all.
        domain_models: the domain classes that ``convert`` yields.
        raw_from: another stream whose raw rows this one reads, instead of collecting.
        records: a JSON pointer to the records in a page or, with ``raw_from``, in a raw row.
        record_key: JSON pointers to the values of the tool model's key in the raw record, where
            the default extraction would not find them.
        overwrites_ids: whether the first row of each domain class gets the tool row's id, whatever
            id it has.
    """

    if TYPE_CHECKING:
        # Read-only, so that a class attribute and a property of the author's both fit.
        @property
        def name(self) -> str: ...  # noqa: D102
        @property
        def tool_model(self) -> type[ModelT]: ...  # noqa: D102
        @property
        def domain_types(self) -> Sequence[DomainType]: ...  # noqa: D102
        @property
        def domain_models(self) -> Sequence[type[DomainTable]]: ...  # noqa: D102
        @property
        def raw_from(self) -> type[Stream[Any]] | None: ...  # noqa: D102
        @property
        def records(self) -> str | None: ...  # noqa: D102
        @property
        def record_key(self) -> str | Sequence[str] | None: ...  # noqa: D102
    else:
        tool_model = None
        domain_types = None
        domain_models = ()
        raw_from = None
        records = None
        record_key = None

    parent_stream: ClassVar[Any] = None
    overwrites_ids: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Take name and tool model from the class where the author did not say them."""
        super().__init_subclass__(**kwargs)
        if "name" not in cls.__dict__:
            cls.name = cls.__name__.lower()  # type: ignore[method-assign,assignment]
        if getattr(cls, "tool_model", None) is None:
            found = type_argument(cls, Stream, 0)
            if found is not None:
                cls.tool_model = found  # type: ignore[method-assign]

    def __init__(self, plugin_name: str) -> None:
        self.plugin_name = plugin_name

    @property
    def qualified_name(self) -> str:
        """Return ``<plugin>_<stream>``."""
        return f"{self.plugin_name}_{self.name}"

    @property
    def raw_model_table(self) -> str:
        """Return the name of the raw table that this stream reads."""
        source = self.raw_from
        name = self.name if source is None else stream_name(source)
        return raw_table_name(self.plugin_name, name)

    @property
    def effective_domain_types(self) -> list[DomainType]:
        """Return the kinds of data that this stream gives."""
        if self.domain_types is not None:
            return list(self.domain_types)
        found = [
            kind
            for model in self.domain_models or ()
            if (kind := _domain_type_of(model)) is not None
        ]
        return list(dict.fromkeys(found)) or list(DomainType)

    # `*args, **kwargs` of Any are how a type checker is told that an override may take more.
    def collect(
        self, state: dict[str, Any], context: Context, /, *args: Any, **kwargs: Any
    ) -> Iterable[Any]:
        """Yield ``(record, new_state)`` for each record of the tool.

        A state stands for everything up to and including its record.
        """
        message = f"stream {self.name!r} has no collect()"
        raise NotImplementedError(message)

    def extract(self, raw_data: JSON, /, *args: Any, **kwargs: Any) -> Any:
        """Return a row of the tool model, a dict for the default extraction, many, or None."""
        return raw_data

    def convert(self, tool_model: ModelT, context: Context, /) -> Any:
        """Return or yield the domain rows of a tool row: none, one or many."""
        return None

    def should_run_on(self, scope: Any) -> bool:
        """Return whether this stream makes sense for a scope."""
        return True

    @property
    def collects(self) -> bool:
        """Return whether this stream asks the tool, rather than read another's raw rows."""
        return self.raw_from is None

    @property
    def converts(self) -> bool:
        """Return whether the author wrote ``convert``."""
        return type(self).convert is not Stream.convert

    @property
    def extracts_itself(self) -> bool:
        """Return whether the author wrote ``extract``."""
        return type(self).extract is not Stream.extract


class Substream(Stream[ModelT], Generic[ModelT, ParentT]):
    """Collect records for each row of a parent stream's tool model.

    Class attributes:
        parent_stream: the stream class whose rows are the parents.
    """

    def collect(self, state: dict[str, Any], context: Context, parent: ParentT, /) -> Iterable[Any]:
        """Yield ``(record, new_state)`` for each record of one parent."""
        message = f"stream {self.name!r} has no collect()"
        raise NotImplementedError(message)


def stream_name(stream: Any) -> str:
    """Return the name of a stream class or instance."""
    return str(stream.name)


def takes_context(function: Any, before: int) -> bool:
    """Return whether an author's method takes the context after so many other arguments."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(function).parameters.values()
    if any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters):
        return True
    return sum(p.kind in kinds for p in parameters) > before


_MODULE_TYPES = {
    "ticket": DomainType.TICKET,
    "devops": DomainType.CICD,
    "codequality": DomainType.CODE_QUALITY,
    "crossdomain": DomainType.CROSS,
}


def _domain_type_of(model: type[DomainTable]) -> DomainType | None:
    """Return the kind of data that a domain class belongs to; None where it is nobody's."""
    parts = model.__module__.split(".")
    for part in parts:
        if part in _MODULE_TYPES:
            return _MODULE_TYPES[part]
    if "code" in parts:
        reviewed = str(model.__tablename__).startswith("pull_request")
        return DomainType.CODE_REVIEW if reviewed else DomainType.CODE
    return None
