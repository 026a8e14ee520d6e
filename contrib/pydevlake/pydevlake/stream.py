"""Streams as pydevlake's plugins write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devlake_core import stream as core

from .extractor import autoextract
from .model import DomainType, RawModel, raw_model_of
from .subtasks import Collector, Convertor, Extractor, SubstreamCollector, Subtask

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

__all__ = ["DomainType", "Stream", "Substream"]


class Stream(core.Stream[Any]):
    """Collect, extract and convert one kind of record."""

    overwrites_ids = True

    # The server's blueprints name all three subtasks of each stream.
    converts = True

    def extract(self, raw_data: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Return a row of the tool model."""
        return autoextract(raw_data, self.tool_model)

    @property
    def extracts_itself(self) -> bool:
        """Return whether the author wrote ``extract``."""
        return type(self).extract is not Stream.extract

    @property
    def subtasks(self) -> list[Subtask]:
        """Return the three verbs of this stream."""
        return [self.collector, self.extractor, self.convertor]

    @property
    def collector(self) -> Subtask:
        """Return what collects this stream's records."""
        return Collector(self)

    @property
    def extractor(self) -> Subtask:
        """Return what extracts this stream's records."""
        return Extractor(self)

    @property
    def convertor(self) -> Subtask:
        """Return what converts this stream's rows."""
        return Convertor(self)

    def raw_model(self, session: Session) -> type[RawModel]:
        """Return the class of this stream's raw rows; their table is made if it is missing."""
        model = raw_model_of(self.raw_model_table)
        model.__table__.create(session.connection(), checkfirst=True)  # type: ignore[attr-defined]
        return model


class Substream(Stream, core.Substream[Any, Any]):
    """Collect records for each row of a parent stream."""

    collect = core.Substream.collect

    @property
    def collector(self) -> Subtask:
        """Return what collects this stream's records."""
        return SubstreamCollector(self)
