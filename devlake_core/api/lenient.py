"""Read a page that strict JSON refuses, so that one bad record does not cost the others.

What is wrong stays in its record, as JSON that a strict reader refuses in its turn: the record is
quarantined when it is extracted, its neighbours are not. A lone surrogate and bytes that are no
UTF-8 stay as escapes, NaN and infinities as what they are. Values that no reader takes (nested
deeper than 200 levels, integers of more than 4,000 digits) become NaN.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from pydantic_core import PydanticSerializationError, to_json

if TYPE_CHECKING:
    from collections.abc import Iterator

DEEPEST = 200
"""Levels; the strict reader's limit, so that what it takes is never cut."""

_MOST_DIGITS = 4000
_NAN = float("nan")
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[{]|[\]}]', re.DOTALL)


def read(body: bytes) -> Any:
    """Return the value of a body.

    Raises:
        ValueError: it is broken as a whole: cut off, or no JSON.
    """
    text = body.decode("utf-8-sig", "surrogateescape")
    return json.loads("".join(_without_depths(text)), parse_int=_integer)


def as_json(value: Any) -> bytes:
    """Return a value as compact JSON text; what UTF-8 cannot say is kept as an escape."""
    try:
        return to_json(value, inf_nan_mode="constants")
    except (PydanticSerializationError, UnicodeEncodeError):
        return json.dumps(value, default=str, separators=(",", ":")).encode()


def _integer(digits: str) -> Any:
    return int(digits) if len(digits) <= _MOST_DIGITS else _NAN


def _without_depths(text: str) -> Iterator[str]:
    """Yield the text with NaN in the place of what is nested too deeply."""
    depth = begin = 0
    for token in _TOKENS.finditer(text):
        sign = token[0]
        if sign in "[{":
            depth += 1
            if depth == DEEPEST + 1:
                yield text[begin : token.start()]
                yield "NaN"
        elif sign in "]}":
            depth -= 1
            if depth == DEEPEST:
                begin = token.end()
    # A body that ends inside is cut off: its open brackets make it fail.
    yield text[begin:] if depth <= DEEPEST else ""
