"""Answers as text in columns, or as JSON."""

from __future__ import annotations

import json
import sys
import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def write(text: str = "") -> None:
    """Write a line of the answer."""
    sys.stdout.write(f"{printable(text)}\n")


def write_json(value: Any) -> None:
    """Write the answer as JSON."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")


def write_table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write rows in columns; an empty column is left out."""
    texts = [[_text(value) for value in row] for row in rows]
    kept = [n for n in range(len(head)) if any(row[n] for row in texts)]
    lines = [[head[n].upper() for n in kept], *([row[n] for n in kept] for row in texts)]
    widths = [max(_width(line[n]) for line in lines) for n in range(len(kept))]
    for line in lines:
        cells = [
            text + " " * (width - _width(text)) for text, width in zip(line, widths, strict=True)
        ]
        write("  ".join(cells).rstrip())


def number_of(count: int, noun: str) -> str:
    """Return a number with its noun, which takes an s where it is not one."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return printable(value if isinstance(value, str) else json.dumps(value, default=str))


def printable(text: str) -> str:
    """Return a text of somebody else's without what a terminal would obey."""
    return "".join(sign if sign == "\n" or sign.isprintable() else "�" for sign in text)


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return sum(
        0 if unicodedata.combining(sign) else 1 + (unicodedata.east_asian_width(sign) in "WF")
        for sign in text
    )
