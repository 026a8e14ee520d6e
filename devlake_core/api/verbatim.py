"""Find the text of a page's records in its body, so that they are kept as they came.

The parser that reads a page gives values alone: how a number was spelled, which characters were
escaped and where there was space is lost. So a record is written anew and compared with the body
first, which is all there is to do for a page of compact JSON. In any other page the records are
looked up with the standard library's scanner, which tells where a value ends. A text is taken only
if it says what the record in hand says, so a list that an author made anew, or a record that a
hook changed, is written as it is.
"""

from __future__ import annotations

import json
import re
from itertools import islice
from math import isfinite, nan
from typing import TYPE_CHECKING, Any

from .lenient import as_json

if TYPE_CHECKING:
    from collections.abc import Iterator

_SPACE = re.compile(r"[ \t\r\n]*")
_BETWEEN = re.compile(r"[ \t\r\n]*[\[,]?[ \t\r\n]*")
# A page that only the lenient reader understood, or one whose value a hook made.
_NOT_THERE = (StopIteration, ValueError, IndexError, RecursionError)


def _finite(text: str) -> float:
    """Return a number, NaN for one that is too large: it equals none, so its text is not taken.

    The strict reader makes an infinity of it; written anew it is one that extract refuses.
    """
    number = float(text)
    return number if isfinite(number) else nan


_scan: Any = json.JSONDecoder(parse_float=_finite).scan_once  # type: ignore[attr-defined]


def texts(body: bytes, page: Any, records: list[Any]) -> Iterator[bytes]:
    """Yield each record's JSON text.

    Args:
        body: the page's body.
        page: its value.
        records: the page's records, which are parts of that value or made from them.
    """
    at = body.find(as_json(records[0])) if records else -1
    for number, record in enumerate(records):
        text = as_json(record)
        if at < 0 or not body.startswith(text, at):
            yield from islice(_looked_up(body, page, records), number, None)
            return
        yield text
        at += len(text) + 1  # the comma


def _looked_up(body: bytes, page: Any, records: list[Any]) -> Iterator[bytes]:
    text, at = _beginning(body, page, records)
    for record in records:
        found = None
        if at >= 0:
            try:
                begin = _BETWEEN.match(text, at).end()  # type: ignore[union-attr]
                value, at = _scan(text, begin)
                if value == record:
                    found = text[begin:at]
            except _NOT_THERE:
                at = -1
        yield as_json(record) if found is None else found.encode()


def _beginning(body: bytes, page: Any, records: list[Any]) -> tuple[str, int]:
    """Return the page's text and where its records begin, -1 where that is not known."""
    path = _path(page, records)
    if path is None and len(records) == 1:
        path = _path(page, records[0])  # a page of one record has no array around it
    if path is None:
        return "", -1
    try:
        text = body.decode("utf-8-sig")
        at = _after_space(text, 0)
        for name in path:
            at = _member(text, at, name)
    except _NOT_THERE:
        return "", -1
    return text, at


def _path(value: Any, wanted: Any) -> list[str] | None:
    """Return the names that lead from an object down to a value inside it."""
    if value is wanted:
        return []
    for name, inner in value.items() if isinstance(value, dict) else ():
        path = _path(inner, wanted) if isinstance(inner, dict | list) else None
        if path is not None:
            return [name, *path]
    return None


def _member(text: str, at: int, name: str) -> int:
    """Return where the value of an object's member begins."""
    while True:
        found, at = _scan(text, _after_space(text, at + 1))
        at = _after_space(text, _after_space(text, at) + 1)
        if found == name:
            return at
        at = _after_space(text, _scan(text, at)[1])


def _after_space(text: str, at: int) -> int:
    return _SPACE.match(text, at).end()  # type: ignore[union-attr]
