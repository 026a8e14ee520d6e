"""What a stream's ``collect`` may yield beside pydevlake's ``(record, state)``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple


class Record(NamedTuple):
    """Be a raw record with the request that it came from.

    Attributes:
        data: the record's JSON text, as bytes, kept as it came.
        url: the URL of the page that it was on.
        input: what the author wants to remember of the request, as a JSON-able value.
    """

    data: bytes
    url: str = ""
    input: Any = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Say, instead of a record, that a state stands for everything yielded so far.

    A stream that pages yields one at the end of each page, so that a run that was stopped goes on
    at the next page; also where a page held no record.

    Attributes:
        state: the state, a JSON-able mapping.
    """

    state: dict[str, Any]


class Progress(NamedTuple):
    """Say how far a subtask is.

    Attributes:
        current: records done so far.
        increment: records done since the last report.
        total: records to do, 0 where it is not known.
    """

    current: int
    increment: int
    total: int = 0
