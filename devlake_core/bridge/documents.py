"""Write JSON as lines that DevLake's server can read, which has a limit for each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic_core import to_jsonable_python

from devlake_core.errors import OutputError, PluginError
from devlake_core.plugin.clean import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 4 << 20
"""How many bytes a line may have: the server stops to read a pipe at a line of 5 MiB."""

_ENCODER = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=to_jsonable_python
)


def one_line(value: Any, what: str) -> bytes:
    """Return a value as one line.

    Args:
        value: JSON-able.
        what: what it is, for the error.

    Raises:
        OutputError: it is longer than the server reads.
        PluginError: it holds what JSON cannot.
    """
    line = _encoded(value, what)
    if len(line) > LONGEST:
        raise _too_long(what, len(line))
    return line


def document(value: Any, what: str) -> Iterator[bytes]:
    """Yield the lines of a document; put together without separators they are its JSON.

    Args:
        value: JSON-able.
        what: what it is, for the error.

    Raises:
        OutputError: a single text in it is longer than the server reads.
        PluginError: it holds what JSON cannot.
    """
    whole = _encoded(value, what)
    if len(whole) <= LONGEST:
        yield whole
        return
    line = bytearray()
    for token in _ENCODER.iterencode(value):
        piece = _octets(token)
        if len(piece) > LONGEST:
            inner = f"a text in {what}"
            raise _too_long(inner, len(piece))
        if len(line) + len(piece) > LONGEST:
            yield bytes(line)
            line.clear()
        line += piece
    yield bytes(line)


def without_nulls(value: Any) -> Any:
    """Return a value without the keys that are null, in every depth."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def _encoded(value: Any, what: str) -> bytes:
    try:
        return _octets(_ENCODER.encode(value))
    except (TypeError, ValueError, RecursionError) as error:
        # Only what an author gave can be so: names of things and options are theirs.
        message = f"{what} cannot be written as JSON: {clean(error)}"
        raise PluginError(message, hint="give plain values") from None


def _octets(text: str) -> bytes:
    # Half of a surrogate pair is no character; the server would replace it too.
    return text.encode("utf-8", "replace")


def _too_long(what: str, length: int) -> OutputError:
    message = f"{what} has {length:,} bytes of JSON; DevLake's server reads {LONGEST:,} at once"
    return OutputError(message, hint="give less of it: leave out fields that are not needed")
