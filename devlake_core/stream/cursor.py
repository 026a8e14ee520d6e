"""How far a stream has been read, as a value of its records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from devlake_core.model.pointer import MISSING, find, parts_of

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_OVERLAP = timedelta(minutes=5)


@dataclass(frozen=True)
class Cursor:
    """Name the value by which the next run asks only for what is new.

    Attributes:
        pointer: a JSON pointer (RFC 6901) into the raw record, to a time or a number that grows.
        order: how the records come: ascending, descending, or None for no promise. A cursor
            advances within a pass only if they ascend; otherwise at its end.
        overlap: how far a time stays behind the tool's clock at the start of the pass, because a
            record may become visible later than its time says.
    """

    pointer: str
    order: Literal["asc", "desc"] | None = None
    overlap: timedelta = DEFAULT_OVERLAP

    def value(self, record: Any) -> Any:
        """Return the record's value as a datetime or number; None where it has none."""
        found = find(record, self._parts)
        return None if found is MISSING else parse(found)

    def greatest(self, records: Sequence[Any], high: Any) -> Any:
        """Return the greatest value of a page's records and of what was seen before.

        Where they ascend it is the last one's that has a value.
        """
        for record in reversed(records):
            value = self.value(record)
            high = later(value, high)
            if value is not None and self.order == "asc":
                break
        return high

    @cached_property
    def _parts(self) -> list[str]:
        return parts_of(self.pointer)


def parse(value: Any) -> Any:
    """Return a cursor's value in a form that can be compared: an aware datetime, a number, text."""
    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            return value or None
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found
    return value


def dump(value: Any) -> Any:
    """Return a cursor's value as JSON takes it."""
    return value.isoformat() if isinstance(value, datetime) else value


def later(one: Any, other: Any) -> Any:
    """Return the greater of two cursor values; one that is None or of another kind loses."""
    if one is None:
        return other
    if other is None or type(one) is not type(other):
        return one
    return max(one, other)
